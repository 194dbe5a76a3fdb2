/// Adapters, training, classification and evaluation.
package dev.fenlei.lora;
