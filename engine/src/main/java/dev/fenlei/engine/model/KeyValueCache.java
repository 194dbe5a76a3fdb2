package dev.fenlei.engine.model;

import dev.fenlei.engine.tensor.Tensor;
import dev.fenlei.engine.tensor.Workspace;
import java.util.ArrayList;
import java.util.List;

/// Keys and values of the rows that went through the model before, for every layer.
///
/// A pass sees the first `prefixLength` rows that its batch's mask names and appends its own behind them, unless the cache
/// is [#frozen()]: a frozen one is a common prefix that many batches share.
public final class KeyValueCache {

    /// One layer's rows.
    ///
    /// @param keys capacity × keyValueSize
    /// @param values capacity × keyValueSize
    /// @param writable whether passes append to it
    record Layer(Tensor keys, Tensor values, boolean writable) {}

    private final List<Layer> layers;

    private KeyValueCache(List<Layer> layers) {
        this.layers = layers;
    }

    /// @param memory holds the rows for as long as the cache is used
    /// @param capacity the most rows it can hold
    public KeyValueCache(Workspace memory, ModelConfig config, int capacity) {
        this(new ArrayList<>());
        for (int i = 0; i < config.layers(); i++) {
            layers.add(new Layer(
                    memory.take(capacity, config.keyValueSize()),
                    memory.take(capacity, config.keyValueSize()),
                    true));
        }
    }

    /// The same rows, to which passes do not append.
    public KeyValueCache frozen() {
        return new KeyValueCache(
                layers.stream().map(l -> new Layer(l.keys(), l.values(), false)).toList());
    }

    /// The most rows it can hold.
    public int capacity() {
        return layers.getFirst().keys().rows();
    }

    Layer layer(int index) {
        return layers.get(index);
    }
}
