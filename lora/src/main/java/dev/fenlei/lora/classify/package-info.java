/// Classification: the prompt, the scoring of labels, decisions.
package dev.fenlei.lora.classify;
