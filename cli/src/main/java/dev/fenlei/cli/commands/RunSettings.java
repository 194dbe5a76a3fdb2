package dev.fenlei.cli.commands;

import dev.fenlei.engine.compute.Backend;
import dev.fenlei.lora.adapter.LoraConfig;
import dev.fenlei.lora.run.RunPlan;
import dev.fenlei.lora.train.TrainingSettings;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;

/// What a run was trained with, under the names by which `run.json` has it.
final class RunSettings {

    private RunSettings() {}

    static Map<String, Object> of(
            TrainingSettings settings,
            RunPlan plan,
            LoraConfig lora,
            Backend backend,
            ModelOptions modelOptions,
            DataColumns columns,
            int maxLength) {
        Map<String, Object> all = new LinkedHashMap<>();
        all.put("epochs", settings.epochs());
        all.put("batch_size", settings.batchSize());
        all.put("grad_accum", settings.accumulation());
        all.put("lr", settings.learningRate());
        all.put("schedule", settings.schedule().name().toLowerCase(Locale.ROOT));
        all.put("warmup_steps", settings.warmupSteps());
        all.put("weight_decay", settings.weightDecay());
        all.put("beta2", settings.beta2());
        all.put("max_grad_norm", settings.maxGradNorm());
        all.put("seed", settings.seed());
        all.put("threads", modelOptions.threads);
        all.put("backend", backend.name());
        all.put("quantization", modelOptions.quantization.name().toLowerCase(Locale.ROOT));
        all.put("max_length", maxLength);
        all.put("candidates", columns.candidates);
        all.put("lora_r", lora.rank());
        all.put("lora_alpha", lora.alpha());
        all.put("lora_dropout", lora.dropout());
        all.put("target_modules", lora.targets().toJson());
        all.put("use_dora", lora.dora());
        all.put("bias", lora.bias().toJson());
        all.put("modules_to_save", lora.modulesToSave());
        all.put("eval_steps", plan.evalSteps());
        all.put("metric", plan.metric().toString());
        all.put("patience", plan.patience());
        if (settings.loraPlus() != null) {
            all.put("lora_plus_ratio", settings.loraPlus().ratio());
        }
        return all;
    }
}
