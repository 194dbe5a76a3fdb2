package dev.fenlei.engine.model;

import dev.fenlei.engine.compute.Backend;
import dev.fenlei.engine.tensor.Tensor;
import org.jspecify.annotations.Nullable;

/// One tensor of the model: frozen, or replaced by a trained one, which can be taken back at any time between passes.
public final class Weight {

    private final String name;
    private final Tensor frozen;
    private final boolean vector;
    private @Nullable Parameter replacement;

    /// @param name its name on disk, for example `model.norm.weight`
    /// @param frozen its elements as they are on disk, any type
    /// @param vector whether it is a bias or a norm's weight
    Weight(String name, Tensor frozen, boolean vector) {
        this.name = name;
        this.frozen = frozen;
        this.vector = vector;
    }

    /// Its name on disk.
    public String name() {
        return name;
    }

    /// The name of the module that it belongs to, for example `model.norm`.
    public String module() {
        return name.substring(0, name.lastIndexOf('.'));
    }

    /// Whether it is a bias.
    public boolean isBias() {
        return name.endsWith(".bias");
    }

    /// Whether it is a bias or a norm's weight, which have one dimension on disk.
    public boolean isVector() {
        return vector;
    }

    /// The elements as they are on disk, of any type, where the backend computes.
    public Tensor frozen() {
        return frozen;
    }

    /// The elements in use, of any type.
    public Tensor value() {
        return replacement == null ? frozen : replacement.value();
    }

    /// A single-precision copy of the frozen elements that can be trained.
    ///
    /// @param copyName the name of the copy
    public Parameter copy(Backend backend, String copyName) {
        return Parameter.copyOf(backend, copyName, frozen, vector);
    }

    /// Uses other elements in place of the frozen ones.
    ///
    /// @param parameter of the same shape; null goes back to the frozen ones
    public void replace(@Nullable Parameter parameter) {
        if (parameter != null
                && (parameter.value().rows() != frozen.rows() || parameter.value().columns() != frozen.columns())) {
            throw new IllegalArgumentException(name + " is " + frozen + ", its replacement " + parameter.value());
        }
        replacement = parameter;
    }

    /// Uses a copy in place of the frozen elements, and returns it.
    Parameter train(Backend backend) {
        Parameter copy = copy(backend, name);
        replacement = copy;
        return copy;
    }

    /// Where to add gradients; null while the elements in use are frozen.
    @Nullable
    Tensor gradient() {
        return replacement == null ? null : replacement.gradient();
    }
}
