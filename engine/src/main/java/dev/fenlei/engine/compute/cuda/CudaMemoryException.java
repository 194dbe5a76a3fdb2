package dev.fenlei.engine.compute.cuda;

/// The GPU's memory does not suffice. The message says how much was needed, and what to do.
public final class CudaMemoryException extends RuntimeException {

    private static final long serialVersionUID = 1;

    CudaMemoryException(String message) {
        super(message);
    }
}
