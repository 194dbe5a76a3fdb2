package dev.fenlei.lora.run;

import dev.fenlei.lora.evaluate.Calibration;
import dev.fenlei.lora.evaluate.Evaluation;
import java.util.LinkedHashMap;
import java.util.Map;
import tools.jackson.databind.JsonNode;

/// How good an adapter is on the validation data after a step.
///
/// @param step the optimizer steps done
/// @param epoch how far in the data, in epochs
/// @param accuracy right answers / rows
/// @param macroF1 the mean F1 over all labels
/// @param nll the mean negative log-likelihood of the right label, in nats
public record ValidationScore(int step, double epoch, double accuracy, double macroF1, double nll) {

    static ValidationScore of(int step, double epoch, Evaluation evaluation) {
        Calibration calibration = evaluation.calibration();
        return new ValidationScore(
                step,
                epoch,
                evaluation.metrics().accuracy(),
                evaluation.metrics().macro().f1(),
                calibration == null ? Double.NaN : calibration.logLoss());
    }

    /// The line of `metrics.jsonl`.
    Map<String, Object> toJson() {
        Map<String, Object> json = new LinkedHashMap<>();
        json.put("step", step);
        json.put("epoch", epoch);
        json.put("validation_accuracy", accuracy);
        json.put("validation_macro_f1", macroF1);
        json.put("validation_nll", nll);
        return json;
    }

    static ValidationScore fromJson(JsonNode json) {
        return new ValidationScore(
                json.path("step").asInt(),
                json.path("epoch").asDouble(),
                json.path("validation_accuracy").asDouble(),
                json.path("validation_macro_f1").asDouble(),
                json.path("validation_nll").asDouble());
    }
}
