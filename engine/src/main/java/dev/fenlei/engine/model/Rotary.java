package dev.fenlei.engine.model;

import dev.fenlei.engine.compute.Backend;
import dev.fenlei.engine.tensor.DType;
import dev.fenlei.engine.tensor.Tensor;
import java.util.Arrays;

/// Rotary position embedding over the whole head, half-split layout (`rotate_half`).
///
/// Frequencies and angles are rounded to single precision exactly where `transformers` rounds them, so that long texts
/// give the same values as there.
final class Rotary {

    private static final int MIN_POSITIONS = 512;

    private final Backend backend;
    private final int headDim;
    private final float[] inverseFrequencies;
    private final float factor;
    private Tensor cos;
    private Tensor sin;

    Rotary(Backend backend, ModelConfig config) {
        this.backend = backend;
        this.headDim = config.headDim();
        this.inverseFrequencies = config.ropeScaling().inverseFrequencies(headDim, config.ropeTheta());
        this.factor = config.ropeScaling().attentionFactor();
        this.cos = table(MIN_POSITIONS, true);
        this.sin = table(MIN_POSITIONS, false);
    }

    private Tensor table(int positions, boolean cosine) {
        Tensor table = backend.allocate(DType.F32, positions, inverseFrequencies.length);
        float[] values = new float[Math.toIntExact(table.size())];
        for (int p = 0, n = 0; p < positions; p++) {
            for (float frequency : inverseFrequencies) {
                float angle = p * frequency;
                values[n++] = factor * (float) (cosine ? Math.cos(angle) : Math.sin(angle));
            }
        }
        table.copyFrom(values);
        return table;
    }

    /// Rotates the heads of `x` (t × heads·d) in place, and scales them where the scaling of the frequencies says so.
    void forward(Tensor x, int[] positions) {
        ensure(positions);
        backend.rotary(x, positions, cos, sin, headDim, false);
    }

    /// The transpose of [#forward] for gradients, in place.
    void backward(Tensor dx, int[] positions) {
        backend.rotary(dx, positions, cos, sin, headDim, true);
    }

    private void ensure(int[] positions) {
        int needed = Arrays.stream(positions).max().orElse(0) + 1;
        if (needed > cos.rows()) {
            int size = Math.max(needed, 2 * cos.rows());
            cos = table(size, true);
            sin = table(size, false);
        }
    }
}
