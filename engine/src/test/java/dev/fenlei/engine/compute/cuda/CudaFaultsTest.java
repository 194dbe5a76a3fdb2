package dev.fenlei.engine.compute.cuda;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.fenlei.engine.testing.CudaEmulator;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/// The emulator finds each mistake that it is there to find: kernels of `faults.cuh` with one mistake each, PTX that is not that of
/// the sources, and a host that does not wait.
class CudaFaultsTest {

    private static final int COUNT = 64;

    private CudaDriver driver = start();
    private long stream;

    private static CudaDriver start() {
        try {
            return CudaLibrariesTest.emulator().driver();
        } catch (CudaUnavailableException e) {
            throw new AssertionError(e.reason(), e);
        }
    }

    @BeforeEach
    void open() {
        CudaEmulator.reset();
        driver.init();
        driver.setCurrent(driver.retainPrimaryContext(0));
        stream = driver.createStream();
    }

    @AfterEach
    void forget() {
        CudaEmulator.reset();
    }

    @Test
    void aMissingBarrier() {
        CudaEmulator.schedule(CudaEmulator.Schedule.ALL);
        assertThatThrownBy(() -> run("missing_barrier", 1, COUNT / 2))
                .isInstanceOf(CudaException.class)
                .hasMessageContaining("missing_barrier: the result depends on the order in which threads run")
                .hasMessageContaining("CUDA_ERROR_LAUNCH_FAILED");
    }

    @Test
    void aWriteOfSeveralBlocksToOnePlace() {
        CudaEmulator.schedule(CudaEmulator.Schedule.ALL);
        assertThatThrownBy(() -> run("last_block_wins", 3, COUNT)).hasMessageContaining("depends on the order");
    }

    @Test
    void aBarrierThatNotAllThreadsReach() {
        assertThatThrownBy(() -> run("barrier_in_a_branch", 1, COUNT))
                .hasMessageContaining("deadlock: 32 of 64 threads wait at the barrier");
    }

    @Test
    void aWriteOutOfBounds() {
        assertThatThrownBy(() -> run("one_too_far", 1, COUNT))
                .hasMessageContaining("something was written beside an allocation of 256 bytes")
                .hasMessageContaining("CUDA_ERROR_ILLEGAL_ADDRESS");
    }

    @Test
    void aReadOfWhatNobodyWrote() {
        float[] result = run("uninitialised_read", 1, COUNT);
        assertThat(result[0]).isNaN();
        assertThat(Arrays.copyOfRange(result, 1, COUNT)).containsOnly(1f);
    }

    @Test
    void aContextStaysBrokenAfterAnError() {
        assertThatThrownBy(() -> run("one_too_far", 1, COUNT)).isInstanceOf(CudaException.class);
        assertThatThrownBy(() -> driver.allocate(8)).hasMessageContaining("CUDA_ERROR_ILLEGAL_ADDRESS");
    }

    @Test
    void ptxThatIsNotThatOfTheSources() throws IOException {
        String ptx = Files.readString(
                CudaEmulator.engine("src/main/resources/dev/fenlei/engine/compute/cuda/kernels.ptx"),
                StandardCharsets.US_ASCII);
        assertThatThrownBy(() -> new Kernels(driver, stream, ptx.replace(".param .f32 fill_param_4", ".param .u32 x")))
                .isInstanceOf(CudaUnavailableException.class)
                .hasMessageContaining("the PTX of fill does not belong to its source: it is stale");
        assertThatThrownBy(() -> new Kernels(driver, stream, ptx.replace(".version 7.0", ".version 9.0")))
                .isInstanceOf(CudaUnavailableException.class)
                .hasMessageContaining("CUDA_ERROR_UNSUPPORTED_PTX_VERSION");
    }

    @Test
    void aHostThatReadsTooEarly() {
        CudaEmulator.set("lazy", 1);
        long address = driver.allocate(4);
        MemorySegment pinned = driver.allocateHost(4);
        driver.clear(address, 4, stream);
        driver.copyToHost(pinned, address, 4, stream);
        assertThat(pinned.get(ValueLayout.JAVA_INT, 0)).isEqualTo(-1);
        driver.synchronize(stream);
        assertThat(pinned.get(ValueLayout.JAVA_INT, 0)).isZero();
    }

    @Test
    void aStagingBufferThatIsOverwrittenTooEarly() {
        CudaEmulator.set("lazy", 1);
        long address = driver.allocate(4);
        MemorySegment pinned = driver.allocateHost(4);
        pinned.set(ValueLayout.JAVA_INT, 0, 7);
        driver.copyToDevice(address, pinned, 4, stream);
        pinned.set(ValueLayout.JAVA_INT, 0, 8);
        driver.copyToHost(pinned.asSlice(0), address, 4, stream);
        driver.synchronize(stream);
        assertThat(pinned.get(ValueLayout.JAVA_INT, 0)).isNotEqualTo(7);
    }

    @Test
    void aCopyFromMemoryThatTheSystemMayMove() {
        long address = driver.allocate(4);
        try (Arena arena = Arena.ofConfined()) {
            assertThatThrownBy(() -> driver.copyToDevice(address, arena.allocate(4), 4, stream))
                    .hasMessageContaining("CUDA_ERROR_INVALID_VALUE");
        }
    }

    @Test
    void aThreadWithoutTheContext() throws InterruptedException {
        Throwable[] thrown = new Throwable[1];
        Thread thread = Thread.ofPlatform().unstarted(() -> driver.allocate(8));
        thread.setUncaughtExceptionHandler((_, e) -> thrown[0] = e);
        thread.start();
        thread.join();
        assertThat(thrown[0]).hasMessageContaining("CUDA_ERROR_INVALID_CONTEXT");
    }

    @Test
    void launchesWithOtherArgumentsThanTheKernelHas() throws CudaUnavailableException {
        Kernels kernels = new Kernels(driver, stream);
        assertThatThrownBy(() -> kernels.launch("fill").integer(1)).hasMessageContaining("no argument 0 of type i");
        assertThatThrownBy(() -> kernels.launch("fill").wide(0).run(1, 1, 32)).hasMessageContaining("has 5 parameters");
        assertThatThrownBy(() -> kernels.launch("absent")).hasMessage("there is no kernel absent");
    }

    /// Runs a kernel of the signature `(float* x, int count)` on ones.
    ///
    /// @return the elements afterwards
    private float[] run(String kernel, int blocks, int threads) {
        String ptx = ".version 7.0\n.target sm_80\n.visible .entry %s(\n.param .u64 %s_param_0,\n.param .u32 %s_param_1\n)\n"
                .formatted(kernel, kernel, kernel);
        long address = driver.allocate(4L * COUNT);
        MemorySegment pinned = driver.allocateHost(4L * COUNT);
        float[] ones = new float[COUNT];
        Arrays.fill(ones, 1);
        pinned.copyFrom(MemorySegment.ofArray(ones));
        driver.copyToDevice(address, pinned, 4L * COUNT, stream);
        try {
            new Kernels(driver, stream, ptx).launch(kernel).wide(address).integer(COUNT).run(blocks, 1, threads);
        } catch (CudaUnavailableException e) {
            throw new AssertionError(e);
        }
        driver.synchronize(stream);
        driver.copyToHost(pinned, address, 4L * COUNT, stream);
        driver.synchronize(stream);
        return pinned.toArray(ValueLayout.JAVA_FLOAT);
    }
}
