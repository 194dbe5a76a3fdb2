package dev.fenlei.lora.adapter;

import dev.fenlei.engine.compute.Backend;
import dev.fenlei.engine.model.Pass;
import dev.fenlei.engine.tensor.DType;
import dev.fenlei.engine.tensor.Tensor;
import dev.fenlei.engine.tensor.Workspace;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/// The factors `c = m / ‖W + s·B·A‖` by which DoRA (Liu et al. 2024) scales the n outputs of an adapted map. As in PEFT the
/// norm is a constant in the backward pass (section 4.3 of the paper).
///
/// The sum is never formed: `‖w + s·b·A‖² = ‖w‖² + 2s·⟨b, A·w⟩ + s²·b·(A·Aᵀ)·bᵀ` for every output, where the first term is
/// frozen.
final class DoraFactors {

    private final AdapterTensor magnitude;
    private final Tensor factors;
    private final Tensor inverseNorms;
    private final Function<Backend, double[]> frozenSquares;
    private double @Nullable [] squares;
    private boolean current;

    /// @param module its name
    /// @param size n
    /// @param frozenSquares computes `‖w‖²` of every output of the frozen map; called once, when needed
    DoraFactors(Backend backend, String module, int size, Function<Backend, double[]> frozenSquares) {
        this.frozenSquares = frozenSquares;
        magnitude = AdapterTensor.zeros(
                backend, module + ".lora_magnitude_vector", 1, size, AdapterTensor.Layout.VECTOR);
        factors = backend.allocate(DType.F32, 1, size);
        inverseNorms = backend.allocate(DType.F32, 1, size);
    }

    /// m, 1 × n.
    AdapterTensor magnitude() {
        return magnitude;
    }

    /// Sets m to the norms of the frozen map.
    void initialize(Backend backend) {
        double[] frozen = squares(backend);
        float[] m = new float[frozen.length];
        for (int i = 0; i < m.length; i++) {
            m[i] = (float) Math.sqrt(frozen[i]);
        }
        magnitude.parameter().value().copyFrom(m);
    }

    private double[] squares(Backend backend) {
        double[] result = squares;
        if (result == null) {
            result = frozenSquares.apply(backend);
            squares = result;
        }
        return result;
    }

    /// Whether the factors need not be computed again: those of a pass without training hold until a pass trains.
    boolean areCurrent(Pass pass) {
        return current && !pass.training();
    }

    /// Computes the factors.
    ///
    /// @param products `A·w` of every output, n × r
    /// @param gram `A·Aᵀ`, r × r
    /// @param b n × r
    void update(Pass pass, Tensor products, Tensor gram, Tensor b, double scaling) {
        double[] frozen = squares(pass.backend());
        int rank = b.columns();
        float[] p = products.toArray();
        float[] g = gram.toArray();
        float[] up = b.toArray();
        float[] m = magnitude.parameter().value().toArray();
        float[] c = new float[m.length];
        float[] inverses = new float[m.length];
        for (int i = 0; i < frozen.length; i++) {
            double cross = 0;
            double own = 0;
            for (int k = 0; k < rank; k++) {
                cross += (double) up[i * rank + k] * p[i * rank + k];
                double row = 0;
                for (int l = 0; l < rank; l++) {
                    row += (double) g[k * rank + l] * up[i * rank + l];
                }
                own += up[i * rank + k] * row;
            }
            double norm = Math.sqrt(Math.max(0, frozen[i] + 2 * scaling * cross + scaling * scaling * own));
            double inverse = norm == 0 ? 0 : 1 / norm; // such an output is 0 whatever its factor
            inverses[i] = (float) inverse;
            c[i] = (float) (m[i] * inverse);
        }
        inverseNorms.copyFrom(inverses);
        factors.copyFrom(c);
        current = !pass.training();
    }

    /// `y = c ∘ z + beta·y`.
    void scale(Pass pass, Tensor z, float beta, Tensor y) {
        pass.backend().scaleColumns(z, factors, beta, y);
    }

    /// Accumulates the gradient of m.
    ///
    /// @param dy the gradient of `c ∘ z`
    void backward(Pass pass, Tensor dy, Tensor z) {
        Workspace.Mark mark = pass.workspace().mark();
        Tensor dots = pass.workspace().take(1, z.columns());
        pass.backend().fill(dots, 0);
        pass.backend().columnDots(dy, z, dots);
        pass.backend().scaleColumns(dots, inverseNorms, 1, magnitude.parameter().gradient());
        pass.workspace().release(mark);
    }
}
