package dev.fenlei.engine.compute.cuda;

/// A call of the CUDA driver or of cuBLAS that failed.
///
/// The driver reports some failures, such as a kernel's access outside its memory, at a later call than the one at fault.
public final class CudaException extends RuntimeException {

    private static final long serialVersionUID = 1;

    private final int status;

    /// @param function what was called
    /// @param status what it returned
    /// @param words the name and meaning of the status
    CudaException(String function, int status, String words) {
        super(function + " failed: " + words + " (" + status + ")");
        this.status = status;
    }

    /// The `CUresult` or `cublasStatus_t`.
    public int status() {
        return status;
    }
}
