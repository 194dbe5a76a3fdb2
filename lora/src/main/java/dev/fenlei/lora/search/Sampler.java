package dev.fenlei.lora.search;

import java.util.Map;
import java.util.Optional;

/// Chooses the points of a search space to try. Whatever is random is a function of a seed and the number of the trial, so
/// that a study that goes on after an interruption goes on as it would have.
public interface Sampler {

    /// The point that a new trial is to try.
    ///
    /// @param study what is known so far
    /// @param number of the new trial
    /// @return internal values of all parameters; empty if there is nothing left to try
    Optional<Map<String, Double>> sample(SearchSpace space, StudyState study, int number);
}
