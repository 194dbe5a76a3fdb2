package dev.fenlei.lora.adapter;

import dev.fenlei.engine.compute.Backend;
import dev.fenlei.engine.compute.Philox;
import dev.fenlei.engine.tensor.Tensor;
import java.util.List;

/// What an adapter does to one tensor of the model.
interface AdaptedModule {

    /// The name on disk of the tensor of the base model, for example `model.layers.0.self_attn.q_proj.weight`.
    String target();

    /// What is trained.
    List<AdapterTensor> tensors();

    /// Sets what is trained to its first values, with which the model answers as without the adapter.
    ///
    /// @param key of the random numbers
    void initialize(Backend backend, long key);

    /// Lets the model use it.
    void select();

    /// Turns the tensor of the base model into the adapted one.
    ///
    /// @param merged the base model's elements, F32
    void merge(Backend backend, Tensor merged);

    /// Fills a matrix with uniform numbers within `±1/√columns` (He et al. 2015 with a = √5).
    static void fillUniform(Tensor tensor, long key) {
        float bound = (float) (1 / Math.sqrt(tensor.columns()));
        float[] values = new float[Math.toIntExact(tensor.size())];
        int[] words = new int[4];
        for (int i = 0; i < values.length; i++) {
            if ((i & 3) == 0) {
                Philox.block(key, i >>> 2, words);
            }
            values[i] = bound * (2 * Philox.uniform(words[i & 3]) - 1);
        }
        tensor.copyFrom(values);
    }
}
