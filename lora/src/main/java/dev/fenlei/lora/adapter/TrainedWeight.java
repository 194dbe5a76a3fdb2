package dev.fenlei.lora.adapter;

import dev.fenlei.engine.compute.Backend;
import dev.fenlei.engine.model.Weight;
import dev.fenlei.engine.tensor.Tensor;
import java.util.List;

/// A tensor of the base model that is trained in full in place of the frozen one: a bias, or one of `modules_to_save`.
record TrainedWeight(Weight weight, AdapterTensor copy) implements AdaptedModule {

    /// @param name on disk, without the prefix
    /// @param optional whether a file may leave it out
    static TrainedWeight create(Backend backend, Weight weight, String name, boolean optional) {
        return new TrainedWeight(
                weight,
                new AdapterTensor(
                        weight.copy(backend, AdapterTensor.PREFIX + name),
                        weight.isVector() ? AdapterTensor.Layout.VECTOR : AdapterTensor.Layout.MATRIX,
                        optional));
    }

    @Override
    public String target() {
        return weight.name();
    }

    @Override
    public List<AdapterTensor> tensors() {
        return List.of(copy);
    }

    /// It is a copy of the frozen one from the beginning.
    @Override
    public void initialize(Backend backend, long key) {}

    @Override
    public void select() {
        weight.replace(copy.parameter());
    }

    @Override
    public void merge(Backend backend, Tensor merged) {
        backend.copy(copy.parameter().value(), merged);
    }
}
