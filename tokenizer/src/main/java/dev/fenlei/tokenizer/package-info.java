/// Text to token ids and back, and chat templates.
package dev.fenlei.tokenizer;
