package dev.fenlei.engine.compute.cuda;

import static org.assertj.core.api.Assertions.assertThat;

import dev.fenlei.engine.compute.AttentionContract;
import dev.fenlei.engine.compute.Backend;
import dev.fenlei.engine.compute.BackendContract;
import dev.fenlei.engine.compute.Precision;
import dev.fenlei.engine.testing.CudaEmulator;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Nested;

/// The contract on the emulated GPU: once with every kernel run in three orders of threads and blocks, which must agree bit for
/// bit, and once with nothing done before somebody waits for it.
class CudaBackendTest {

    @Nested
    class InThreeSchedules extends BackendContract {
        @Override
        protected Backend create() {
            return open("schedule", CudaEmulator.Schedule.ALL.ordinal());
        }
    }

    @Nested
    class Lazily extends BackendContract {
        @Override
        protected Backend create() {
            return open("lazy", 1);
        }
    }

    @Nested
    class AttentionInThreeSchedules extends AttentionContract {
        @Override
        protected Backend create() {
            return open("schedule", CudaEmulator.Schedule.ALL.ordinal());
        }
    }

    private static Backend open(String setting, long value) {
        nothingIsHeld();
        CudaEmulator.reset();
        CudaEmulator.set(setting, value);
        return CudaEmulator.open(Precision.F32);
    }

    /// Whatever the tests before have opened is given back.
    @AfterAll
    static void nothingIsHeld() {
        assertThat(CudaEmulator.held()).isZero();
    }
}
