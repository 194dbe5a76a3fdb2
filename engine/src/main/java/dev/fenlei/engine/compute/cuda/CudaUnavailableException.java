package dev.fenlei.engine.compute.cuda;

/// CUDA cannot be used here; the reason is one line for the user, in the words of the dynamic linker or of the driver.
public final class CudaUnavailableException extends Exception {

    private static final long serialVersionUID = 1;

    private final String reason;
    private final boolean driverThere;

    CudaUnavailableException(String reason) {
        this(reason, true);
    }

    CudaUnavailableException(String reason, boolean driverThere) {
        super(reason);
        this.reason = reason;
        this.driverThere = driverThere;
    }

    /// Why.
    public String reason() {
        return reason;
    }

    /// Whether there is an NVIDIA driver, so that somebody may expect a GPU to compute.
    public boolean isDriverThere() {
        return driverThere;
    }
}
