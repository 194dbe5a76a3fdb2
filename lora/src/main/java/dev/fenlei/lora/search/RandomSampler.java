package dev.fenlei.lora.search;

import dev.fenlei.engine.compute.Philox;
import java.util.Map;
import java.util.Optional;
import java.util.SplittableRandom;

/// Every point as likely as any other.
public final class RandomSampler implements Sampler {

    private final long seed;

    public RandomSampler(long seed) {
        this.seed = seed;
    }

    @Override
    public Optional<Map<String, Double>> sample(SearchSpace space, StudyState study, int number) {
        return Optional.of(space.uniform(new SplittableRandom(Philox.mix(seed, number))));
    }
}
