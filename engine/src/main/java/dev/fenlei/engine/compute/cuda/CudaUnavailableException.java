package dev.fenlei.engine.compute.cuda;

/// CUDA cannot be used here; the reason is one line for the user, in the words of the dynamic linker or of the driver.
public final class CudaUnavailableException extends Exception {

    private static final long serialVersionUID = 1;

    private final String reason;

    CudaUnavailableException(String reason) {
        super(reason);
        this.reason = reason;
    }

    /// Why.
    public String reason() {
        return reason;
    }
}
