/// Fine-tuning as a run: its folder, its checkpoints, its history, its validation, and going on after an interruption.
package dev.fenlei.lora.run;
