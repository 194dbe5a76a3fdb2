/// The backend that computes on NVIDIA GPUs: the CUDA driver and cuBLAS, called through the Foreign Function & Memory API.
package dev.fenlei.engine.compute.cuda;
