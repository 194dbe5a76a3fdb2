package dev.fenlei.engine.compute.cuda;

import dev.fenlei.engine.tensor.DType;
import dev.fenlei.engine.tensor.Device;
import dev.fenlei.engine.tensor.Tensor;
import dev.fenlei.engine.tensor.Workspace;
import java.lang.foreign.MemorySegment;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.List;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// The first GPU: its context, one stream for everything, cuBLAS, the kernels, and scratch memory.
///
/// Whatever is launched runs in the order of the calls, after they return. So scratch may be handed out anew as soon as the call
/// that used it has returned: what comes later runs later.
///
/// A context belongs to the thread that has made it current; every operation begins with [#begin()], which makes it so, and one
/// thread at a time may use it. A thread of the GPU's own would cost a handover per operation, which takes longer than a launch.
final class Gpu implements Device, AutoCloseable {

    private static final Logger LOG = LoggerFactory.getLogger(Gpu.class);

    /// cuBLAS's scratch: what NVIDIA recommends for cards before Hopper, and from Hopper on.
    private static final long WORKSPACE_BYTES = 4L << 20;
    private static final long HOPPER_WORKSPACE_BYTES = 32L << 20;
    private static final int HOPPER = 9;

    /// Distances of rows in scratch are multiples of 16 bytes, with which tensor cores are fed fastest.
    private static final int STRIDE_MULTIPLE = 8;

    private final CudaDriver driver;
    private final Cublas cublas;
    private final Deque<Runnable> toClose = new ArrayDeque<>();
    private final String name;
    private final long context;
    private final long stream;
    private final long handle;
    private final Kernels kernels;
    private final Staging staging;
    private final Workspace scratch;

    private Gpu(CudaDriver driver, Cublas cublas, int device) throws CudaUnavailableException {
        this.driver = driver;
        this.cublas = cublas;
        try {
            name = driver.deviceName(device);
            context = driver.retainPrimaryContext(device);
            toClose.push(() -> driver.releasePrimaryContext(device));
            driver.setCurrent(context);
            stream = driver.createStream();
            toClose.push(() -> driver.destroyStream(stream));
            handle = cublas.create();
            toClose.push(() -> cublas.destroy(handle));
            cublas.setStream(handle, stream);
            DeviceArena arena = new DeviceArena(this);
            toClose.push(arena::close);
            boolean hopper = driver.attribute(CudaDriver.COMPUTE_CAPABILITY, device) >= HOPPER;
            long bytes = hopper ? HOPPER_WORKSPACE_BYTES : WORKSPACE_BYTES;
            cublas.setWorkspace(handle, arena.allocate(bytes, 256).address(), bytes);
            kernels = new Kernels(driver, stream);
            toClose.push(kernels::unload);
            staging = new Staging(driver, stream);
            toClose.push(staging::free);
            scratch = newWorkspace();
            toClose.push(scratch::close);
        } catch (CudaUnavailableException | RuntimeException e) {
            close();
            throw e;
        }
    }

    /// Opens the first GPU.
    ///
    /// @throws CudaUnavailableException if CUDA cannot be used here
    static Gpu open(CudaLibraries libraries) throws CudaUnavailableException {
        CudaDriver driver = libraries.driver();
        try {
            driver.init();
            int device = CudaStatus.requireUsable(driver);
            return new Gpu(driver, libraries.cublas(driver.version()), device);
        } catch (CudaException | CudaMemoryException e) {
            throw new CudaUnavailableException(String.valueOf(e.getMessage()));
        }
    }

    String name() {
        return name;
    }

    Kernels kernels() {
        return kernels;
    }

    /// Must begin every operation: takes the scratch of the one before back.
    void begin() {
        if (toClose.isEmpty()) {
            throw new IllegalStateException("the GPU is closed");
        }
        driver.setCurrent(context);
        scratch.reset();
    }

    /// Memory that an operation's own steps need, until the next operation.
    Workspace scratch() {
        return scratch;
    }

    Workspace newWorkspace() {
        return new Workspace(new DeviceArena(this), this);
    }

    /// @throws CudaMemoryException if there is not so much
    long allocate(long bytes) {
        driver.setCurrent(context);
        try {
            return driver.allocate(bytes);
        } catch (CudaException e) {
            if (e.status() != CudaDriver.OUT_OF_MEMORY) {
                throw e;
            }
            throw new CudaMemoryException("the memory of " + name + " does not suffice: " + mebibytes(bytes)
                    + " more were needed, " + mebibytes(driver.freeMemory())
                    + " are free. Less is needed with smaller batches, shorter texts, activations that are computed again "
                    + "in the backward pass, or a smaller model");
        }
    }

    private static String mebibytes(long bytes) {
        return (bytes + (1 << 20) - 1 >> 20) + " MiB";
    }

    void free(List<Long> addresses) {
        // The memory of a context that is closed went with it.
        if (!addresses.isEmpty() && !toClose.isEmpty()) {
            driver.setCurrent(context);
            driver.synchronize(stream);
            addresses.forEach(driver::free);
        }
    }

    /// The address of a tensor of the device.
    ///
    /// @throws IllegalArgumentException if it lies in host memory
    static long address(Tensor x) {
        if (x.device() == null) {
            throw new IllegalArgumentException(x + " lies in host memory; only copies take such tensors");
        }
        return x.address();
    }

    /// Fills with bytes of 0.
    void clear(MemorySegment memory) {
        driver.setCurrent(context);
        driver.clear(memory.address(), memory.byteSize(), stream);
    }

    /// Numbers in scratch.
    ///
    /// @return their address
    long integers(int... values) {
        Tensor place = scratch.take(DType.F32, 1, Math.max(1, values.length)); // an int takes as much as a float
        staging.upload(MemorySegment.ofArray(values), place.address());
        return place.address();
    }

    /// Copies bytes to the device.
    void upload(MemorySegment from, MemorySegment to) {
        staging.upload(from, to.address());
    }

    /// Copies bytes from the device, and waits for them.
    void download(MemorySegment from, MemorySegment to) {
        staging.download(from.address(), to);
    }

    /// `to = from`, converted where the types differ; rows of I8 get scales that suit them.
    void copy(Tensor from, Tensor to) {
        int columns = from.columns();
        if (to.dtype() == DType.I8) {
            kernels.launch("quantise_rows").typed(from).matrix(to).scales(to).integer(columns)
                    .run(from.rows(), 1, Kernels.threadsFor(columns));
            return;
        }
        kernels.launch("copy").typed(from).wide(address(to)).integer(to.dtype().ordinal()).wide(to.stride())
                .shape(from.rows(), columns)
                .overElements(from.rows(), columns);
    }

    /// Scratch whose rows lie so far apart that tensor cores are fed fastest.
    Tensor padded(DType dtype, int rows, int columns) {
        return scratch.take(dtype, rows, paddedStride(columns)).columns(0, columns);
    }

    static int paddedStride(int columns) {
        return Math.multiplyExact(Math.ceilDiv(columns, STRIDE_MULTIPLE), STRIDE_MULTIPLE);
    }

    /// The tensor itself if it has a type, else a copy in scratch.
    Tensor as(DType dtype, Tensor x) {
        if (x.dtype() == dtype || x.size() == 0) {
            return x;
        }
        Tensor converted = padded(dtype, x.rows(), x.columns());
        copy(x, converted);
        return converted;
    }

    /// `c = alpha · op(a) · op(b) + beta · c`; `a` and `b` of one type.
    void multiply(Tensor a, boolean transposeA, Tensor b, boolean transposeB, float alpha, float beta, Tensor c) {
        int k = transposeA ? a.rows() : a.columns();
        if (c.size() > 0) {
            multiplyBatch(a, 0, transposeA, b, 0, transposeB, k, alpha, beta, c, 0, 1);
        }
    }

    /// The same for a batch of matrices of equal shapes, which lie so many elements apart.
    void multiplyBatch(
            Tensor a, long strideA, boolean transposeA, Tensor b, long strideB, boolean transposeB, int k, float alpha,
            float beta, Tensor c, long strideC, int batch) {
        cublas.multiply(
                handle, operand(a, strideA), transposeA, operand(b, strideB), transposeB, c.rows(), c.columns(), k,
                alpha,
                beta, operand(c, strideC), batch);
    }

    private static Cublas.Matrix operand(Tensor x, long batchStride) {
        return new Cublas.Matrix(address(x), x.dtype(), x.stride(), batchStride);
    }

    @Override
    public void read(Tensor from, MemorySegment to) {
        if (from.size() == 0) {
            return;
        }
        begin();
        Tensor whole = from;
        if (!from.isContiguous()) {
            whole = scratch.take(from.dtype(), from.rows(), from.columns());
            move(from, whole);
        }
        download(whole.memory(), to.asSlice(0, from.byteSize()));
    }

    @Override
    public void write(MemorySegment from, Tensor to) {
        if (to.size() == 0) {
            return;
        }
        begin();
        Tensor whole = to.isContiguous() ? to : scratch.take(to.dtype(), to.rows(), to.columns());
        upload(from.asSlice(0, to.byteSize()), whole.memory());
        if (!to.isContiguous()) {
            move(whole, to);
        }
    }

    /// Moves elements as they are, those of I8 without their scales.
    private void move(Tensor from, Tensor to) {
        kernels.launch("move_rows").matrix(from).matrix(to).integer(from.dtype().bytes())
                .shape(from.rows(), from.columns())
                .overElements(from.rows(), from.columns());
    }

    @Override
    public void close() {
        // A context that an error has ended refuses these calls too; what remains goes with the process.
        while (!toClose.isEmpty()) {
            try {
                toClose.pop().run();
            } catch (CudaException e) {
                LOG.debug("while closing: {}", e.getMessage());
            }
        }
    }
}
