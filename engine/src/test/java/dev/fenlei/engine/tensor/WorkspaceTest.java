package dev.fenlei.engine.tensor;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;

class WorkspaceTest {

    private static final int COLUMNS = 1 << 18; // 1 MiB as F32, the smallest block

    @Test
    void tensorsAreAlignedAndDoNotOverlap() {
        try (Workspace workspace = new Workspace()) {
            Tensor a = workspace.take(3, 5);
            Tensor b = workspace.take(DType.BF16, 1, 1);
            Tensor c = workspace.take(2, 7);
            assertThat(a.address() % 64).isZero();
            assertThat(b.address()).isEqualTo(a.address() + 64);
            assertThat(c.address()).isEqualTo(b.address() + 64);
            assertThat(b.dtype()).isEqualTo(DType.BF16);
            assertThat(c.memory().byteSize()).isEqualTo(56);
        }
    }

    @Test
    void aReleaseTakesBackWhatCameAfterTheMark() {
        try (Workspace workspace = new Workspace()) {
            Tensor kept = workspace.take(1, 16);
            Workspace.Mark outer = workspace.mark();
            Tensor first = workspace.take(1, 16);
            Workspace.Mark inner = workspace.mark();
            workspace.take(1, 16);
            workspace.release(inner);
            assertThat(workspace.take(1, 16).address()).isEqualTo(first.address() + 64);
            workspace.release(outer);
            assertThat(workspace.take(1, 16).address()).isEqualTo(first.address());
            workspace.reset();
            assertThat(workspace.take(1, 16).address()).isEqualTo(kept.address());
        }
    }

    @Test
    void theSecondStepOfTheSameSizeAllocatesNothing() {
        try (Workspace workspace = new Workspace()) {
            assertThat(workspace.heldBytes()).isZero();
            step(workspace);
            long held = workspace.heldBytes();
            assertThat(held).isPositive();
            for (int i = 0; i < 3; i++) {
                workspace.reset();
                step(workspace);
            }
            assertThat(workspace.heldBytes()).isEqualTo(held);
        }
    }

    /// Several blocks, and one tensor that is larger than the block it would lie in.
    private static void step(Workspace workspace) {
        for (int i = 0; i < 10; i++) {
            workspace.take(1, COLUMNS);
        }
        Workspace.Mark mark = workspace.mark();
        workspace.take(17, COLUMNS);
        workspace.release(mark);
        workspace.take(7, COLUMNS);
    }

    @Test
    void sizesThatOverflowAreRefused() {
        try (Workspace workspace = new Workspace()) {
            assertThatThrownBy(() -> workspace.take(Integer.MAX_VALUE, Integer.MAX_VALUE))
                    .isInstanceOf(ArithmeticException.class);
        }
    }
}
