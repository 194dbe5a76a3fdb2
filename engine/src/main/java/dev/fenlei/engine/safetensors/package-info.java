/// Weights on disk: the safetensors format, mapped into memory and written safely.
package dev.fenlei.engine.safetensors;
