package dev.fenlei.lora.adapter;

import dev.fenlei.engine.compute.Backend;
import dev.fenlei.engine.model.Parameter;
import dev.fenlei.engine.tensor.DType;

/// Something trained and how PEFT keeps it on disk.
///
/// @param parameter with the name of PEFT
/// @param layout the form on disk
/// @param optional whether it may be absent: PEFT trains the biases of `lora_only` without writing them
record AdapterTensor(Parameter parameter, Layout layout, boolean optional) {

    /// The beginning of every name on disk.
    static final String PREFIX = "base_model.model.";

    /// How a tensor lies on disk.
    enum Layout {
        /// As in memory.
        MATRIX,
        /// With rows and columns changed.
        TURNED,
        /// Without the first dimension.
        VECTOR
    }

    /// A new tensor of zeros.
    ///
    /// @param name without [#PREFIX]
    static AdapterTensor zeros(Backend backend, String name, int rows, int columns, Layout layout) {
        return new AdapterTensor(
                new Parameter(
                        PREFIX + name,
                        backend.allocate(DType.F32, rows, columns),
                        backend.allocate(DType.F32, rows, columns),
                        false),
                layout,
                false);
    }

    String name() {
        return parameter.name();
    }

    int diskRows() {
        return layout == Layout.TURNED ? parameter.value().columns() : parameter.value().rows();
    }

    int diskColumns() {
        return layout == Layout.TURNED ? parameter.value().rows() : parameter.value().columns();
    }
}
