package dev.fenlei.lora.search;

import java.util.Map;

/// Gives up trials that promise nothing, by what they reported on their way.
@FunctionalInterface
public interface Pruner {

    /// What a pruner says about a trial.
    ///
    /// @param prune whether to give it up
    /// @param attributes what to note about it, for later judgements
    record Verdict(boolean prune, Map<String, Double> attributes) {

        static final Verdict GO_ON = new Verdict(false, Map.of());
        static final Verdict PRUNE = new Verdict(true, Map.of());

        static Verdict of(boolean prune) {
            return prune ? PRUNE : GO_ON;
        }
    }

    /// Gives up nothing.
    Pruner NONE = (_, _) -> Verdict.GO_ON;

    /// Judges a running trial, of which the last report has not been judged.
    Verdict judge(StudyState study, Trial trial);
}
