/// Pre-training of small models from text.
package dev.fenlei.lora.pretrain;
