/// Training: examples into packed batches, batches into gradients, gradients into steps.
package dev.fenlei.lora.train;
