package dev.fenlei.lora.adapter;

import java.util.Locale;

/// Which biases of the base model are trained beside the adapter.
public enum Bias {
    /// None of them.
    NONE,
    /// Those of the modules that are adapted.
    LORA_ONLY,
    /// All of them.
    ALL;

    /// The value of the setting `bias`.
    public String toJson() {
        return name().toLowerCase(Locale.ROOT);
    }
}
