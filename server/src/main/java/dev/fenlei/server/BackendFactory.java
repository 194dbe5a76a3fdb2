package dev.fenlei.server;

import dev.fenlei.engine.compute.Backend;
import dev.fenlei.lora.classify.Classifier;
import java.io.IOException;
import java.nio.file.Path;

/// Chooses what computes a model.
@FunctionalInterface
public interface BackendFactory {

    /// Opens the backend for a model directory; the service closes it.
    Backend open(Path model) throws IOException;

    /// The CPU with one thread per processor, in the precision that suits the model.
    static BackendFactory cpu() {
        return Classifier::cpu;
    }
}
