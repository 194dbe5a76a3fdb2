package dev.fenlei.cli.bench;

import dev.fenlei.lora.pretrain.ModelShape;
import java.util.Arrays;
import java.util.Locale;

/// Shapes of published models, from their `config.json`.
public enum KnownShape {
    QWEN1_5_0_5B(new ModelShape(151_936, 1024, 2816, 24, 16, 16, 32_768, 1e6, true)),
    QWEN1_5_1_8B(new ModelShape(151_936, 2048, 5504, 24, 16, 16, 32_768, 1e6, false)),
    QWEN1_5_4B(new ModelShape(151_936, 2560, 6912, 40, 20, 20, 32_768, 5e6, false)),
    QWEN1_5_7B(new ModelShape(151_936, 4096, 11_008, 32, 32, 32, 32_768, 1e6, false)),
    QWEN2_5_0_5B(new ModelShape(151_936, 896, 4864, 24, 14, 2, 32_768, 1e6, true)),
    QWEN2_5_1_5B(new ModelShape(151_936, 1536, 8960, 28, 12, 2, 32_768, 1e6, true)),
    QWEN2_5_3B(new ModelShape(151_936, 2048, 11_008, 36, 16, 2, 32_768, 1e6, true)),
    QWEN2_5_7B(new ModelShape(152_064, 3584, 18_944, 28, 28, 4, 32_768, 1e6, false));

    private final ModelShape shape;

    KnownShape(ModelShape shape) {
        this.shape = shape;
    }

    /// The shape of this name.
    ///
    /// @throws IllegalArgumentException if there is none
    public static KnownShape of(String name) {
        return Arrays.stream(values())
                .filter(known -> known.toString().equalsIgnoreCase(name))
                .findFirst()
                .orElseThrow(() -> new IllegalArgumentException(
                        "--shape " + name + " is not known; there are " + Arrays.toString(values())));
    }

    /// The sizes.
    public ModelShape shape() {
        return shape;
    }

    /// The model's name on the hub, in lower case: `qwen1.5-0.5b`.
    @Override
    public String toString() {
        return name().toLowerCase(Locale.ROOT)
                .replaceFirst("_", ".")
                .replaceFirst("_", "-")
                .replace('_', '.');
    }
}
