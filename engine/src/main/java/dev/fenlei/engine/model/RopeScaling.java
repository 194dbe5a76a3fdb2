package dev.fenlei.engine.model;

/// How the rotary frequencies of a model are stretched for texts longer than those it was first trained on: the `rope_scaling`
/// or `rope_parameters` of `config.json`.
///
/// Values are rounded to single precision where `transformers` (`modeling_rope_utils.py`) rounds them.
public sealed interface RopeScaling {

    /// The angles per position of the d/2 pairs of a head.
    ///
    /// @param headDim d
    /// @param theta base of the frequencies
    float[] inverseFrequencies(int headDim, double theta);

    /// The factor of queries and keys.
    default float attentionFactor() {
        return 1;
    }

    /// The number of positions of a model whose `max_position_embeddings` is `maxPositions`.
    default int positions(int maxPositions) {
        return maxPositions;
    }

    /// `1 / theta^(2i/d)` for i below d/2 (Su et al. 2021).
    private static float[] unscaled(int headDim, double theta) {
        float[] frequencies = new float[headDim / 2];
        for (int i = 0; i < frequencies.length; i++) {
            frequencies[i] = 1f / (float) Math.pow(theta, (float) (2 * i) / headDim);
        }
        return frequencies;
    }

    private static int times(int positions, double factor) {
        return (int) Math.min(Integer.MAX_VALUE, Math.floor(positions * factor));
    }

    /// No scaling. Also the type `dynamic`, which stretches only what is longer than `max_position_embeddings`.
    record None() implements RopeScaling {

        @Override
        public float[] inverseFrequencies(int headDim, double theta) {
            return unscaled(headDim, theta);
        }
    }

    /// All frequencies are divided by a factor (Chen et al. 2023), and as many times more positions are there.
    record Linear(double factor) implements RopeScaling {

        @Override
        public float[] inverseFrequencies(int headDim, double theta) {
            float[] frequencies = unscaled(headDim, theta);
            for (int i = 0; i < frequencies.length; i++) {
                frequencies[i] /= (float) factor;
            }
            return frequencies;
        }

        @Override
        public int positions(int maxPositions) {
            return times(maxPositions, factor);
        }
    }

    /// Llama 3.1: frequencies that turn fewer than `lowFrequencyFactor` times in the original length are divided by the factor,
    /// those that turn more than `highFrequencyFactor` times are kept, those between are interpolated.
    ///
    /// @param originalPositions the length of the first training
    record Llama3(double factor, double lowFrequencyFactor, double highFrequencyFactor, int originalPositions)
            implements
                RopeScaling {

        @Override
        public float[] inverseFrequencies(int headDim, double theta) {
            float[] frequencies = unscaled(headDim, theta);
            float stretch = (float) factor;
            for (int i = 0; i < frequencies.length; i++) {
                float wavelength = (float) (2 * Math.PI) / frequencies[i];
                if (wavelength > (float) (originalPositions / lowFrequencyFactor)) {
                    frequencies[i] /= stretch;
                } else if (wavelength >= (float) (originalPositions / highFrequencyFactor)) {
                    float kept = (originalPositions / wavelength - (float) lowFrequencyFactor)
                            / (float) (highFrequencyFactor - lowFrequencyFactor);
                    frequencies[i] = (1 - kept) * frequencies[i] / stretch + kept * frequencies[i];
                }
            }
            return frequencies;
        }
    }

    /// YaRN (Peng et al. 2023): between the pairs that turn `betaFast` and `betaSlow` times in the original length, a ramp leads
    /// from kept frequencies to divided ones; queries and keys are scaled.
    ///
    /// @param originalPositions the length of the first training; `factor` times as many positions are there
    /// @param truncate whether the ends of the ramp are rounded to whole pairs
    record Yarn(
            double factor, int originalPositions, double betaFast, double betaSlow, boolean truncate,
            float attentionFactor) implements RopeScaling {

        @Override
        public float[] inverseFrequencies(int headDim, double theta) {
            float[] frequencies = new float[headDim / 2];
            double low = pair(betaFast, headDim, theta);
            double high = pair(betaSlow, headDim, theta);
            low = Math.max(0, truncate ? Math.floor(low) : low);
            high = Math.min(headDim - 1, truncate ? Math.ceil(high) : high);
            float length = (float) (low == high ? 0.001 : high - low);
            for (int i = 0; i < frequencies.length; i++) {
                float power = (float) Math.pow(theta, (float) (2 * i) / headDim);
                float ramp = Math.clamp((i - (float) low) / length, 0f, 1f);
                float kept = 1 - ramp;
                frequencies[i] = 1 / ((float) factor * power) * (1 - kept) + 1 / power * kept;
            }
            return frequencies;
        }

        /// The pair that turns so many times in the original length; not a whole number.
        private double pair(double turns, int headDim, double theta) {
            return headDim * Math.log(originalPositions / (turns * 2 * Math.PI)) / (2 * Math.log(theta));
        }

        @Override
        public int positions(int maxPositions) {
            return Math.max(maxPositions, times(originalPositions, factor));
        }
    }
}
