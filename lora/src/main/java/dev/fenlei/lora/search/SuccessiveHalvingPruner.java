package dev.fenlei.lora.search;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.ToIntFunction;
import tools.jackson.databind.JsonNode;

/// Asynchronous successive halving (Li et al. 2020), as Optuna has it: a trial that reaches a rung goes on if it is among the best
/// of those that reached it before, the share being 1 / the reduction factor.
///
/// Rung k is at step `minResource · reductionFactor^(earlyStoppingRate + k)`. What a trial had at a rung is noted in its system
/// attributes as `completed_rung_k`, as Optuna notes it.
///
/// @param minResource steps before the first rung
/// @param reductionFactor at least 2
/// @param earlyStoppingRate how much later the first rung is
record SuccessiveHalvingPruner(int minResource, int reductionFactor, int earlyStoppingRate) implements Pruner {

    SuccessiveHalvingPruner {
        if (minResource < 1 || reductionFactor < 2 || earlyStoppingRate < 0) {
            throw new IllegalArgumentException("impossible rungs");
        }
    }

    @Override
    public Verdict judge(StudyState study, Trial trial) {
        Integer step = trial.lastStep();
        if (step == null) {
            return Verdict.GO_ON;
        }
        double value = trial.intermediate().lastEntry().getValue();
        Map<String, Double> reached = new HashMap<>();
        ToIntFunction<Integer> stepOf = rung -> (int) Math.min(
                Integer.MAX_VALUE, minResource * Math.pow(reductionFactor, (double) earlyStoppingRate + rung));
        int rung = 0;
        while (trial.systemAttributes().containsKey(key(rung))) {
            rung++;
        }
        while (step >= stepOf.applyAsInt(rung)) {
            if (Double.isNaN(value)) {
                return new Verdict(true, reached);
            }
            reached.put(key(rung), value);
            if (!amongTheBest(study, key(rung), value)) {
                return new Verdict(true, reached);
            }
            rung++;
        }
        return new Verdict(false, reached);
    }

    private boolean amongTheBest(StudyState study, String key, double value) {
        List<Double> values = new ArrayList<>(List.of(value));
        for (Trial other : study.trials()) {
            Double reached = other.system(key, JsonNode::asDouble);
            if (reached != null) {
                values.add(reached);
            }
        }
        values.sort(study.direction()::compare);
        return !study.direction().better(values.get(Math.max(0, values.size() / reductionFactor - 1)), value);
    }

    private static String key(int rung) {
        return "completed_rung_" + rung;
    }
}
