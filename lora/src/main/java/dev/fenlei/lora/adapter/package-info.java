/// LoRA adapters in PEFT form.
package dev.fenlei.lora.adapter;
