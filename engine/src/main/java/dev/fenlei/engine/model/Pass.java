package dev.fenlei.engine.model;

import dev.fenlei.engine.compute.Backend;
import dev.fenlei.engine.tensor.Workspace;

/// What one pass through the model works with.
///
/// @param backend carries out the operations
/// @param workspace holds everything the pass produces; reset by the caller when the pass is over
/// @param training whether a backward pass will follow and dropout acts
/// @param dropoutKey the key of this pass's dropout masks; every module mixes its own number into it
public record Pass(Backend backend, Workspace workspace, boolean training, long dropoutKey) {

    /// A pass without backward and without dropout.
    public static Pass inference(Backend backend, Workspace workspace) {
        return new Pass(backend, workspace, false, 0);
    }
}
