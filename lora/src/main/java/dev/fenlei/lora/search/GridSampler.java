package dev.fenlei.lora.search;

import dev.fenlei.engine.compute.Philox;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.Set;

/// Every combination of some values of each parameter, in an order that the seed shuffles, so that a search that ends early has
/// looked everywhere. Points that a trial of the study has tried are left out.
public final class GridSampler implements Sampler {

    static final int MAX_SIZE = 100_000;

    private final int points;
    private final long seed;

    /// @param points of a range that has more values: its ends and what lies evenly between
    public GridSampler(int points, long seed) {
        if (points < 2 || points > 1000) {
            throw new IllegalArgumentException("a grid has 2 to 1000 points of a range, not " + points);
        }
        this.points = points;
        this.seed = seed;
    }

    @Override
    public Optional<Map<String, Double>> sample(SearchSpace space, StudyState study, int number) {
        Set<Map<String, Double>> tried = new HashSet<>();
        study.trials().forEach(trial -> tried.add(trial.parameters()));
        return grid(space).stream().filter(point -> !tried.contains(point)).findFirst();
    }

    /// All points in the order in which they are tried.
    ///
    /// @throws SearchException if there are too many
    List<Map<String, Double>> grid(SearchSpace space) {
        List<Map<String, Double>> grid = List.of(Map.of());
        for (Map.Entry<String, Distribution> parameter : space.distributions().entrySet()) {
            List<Double> values = values(parameter.getValue());
            if ((long) grid.size() * values.size() > MAX_SIZE) {
                throw new SearchException("the grid has more than " + MAX_SIZE + " points; use fewer per range");
            }
            List<Map<String, Double>> next = new ArrayList<>();
            for (Map<String, Double> point : grid) {
                for (double value : values) {
                    Map<String, Double> more = new LinkedHashMap<>(point);
                    more.put(parameter.getKey(), value);
                    next.add(more);
                }
            }
            grid = next;
        }
        List<Map<String, Double>> shuffled = new ArrayList<>(grid);
        Collections.shuffle(shuffled, new Random(Philox.mix(seed, 0)));
        return shuffled;
    }

    private List<Double> values(Distribution distribution) {
        List<Double> values = new ArrayList<>();
        switch (distribution) {
            case CategoricalDistribution categorical -> {
                for (int i = 0; i < categorical.choices().size(); i++) {
                    values.add((double) i);
                }
            }
            case RangeDistribution range -> {
                int count = (int) Math.min(range.size(), points);
                double from = range.coordinate(range.low());
                double to = range.coordinate(range.high());
                for (int i = 0; i < count; i++) {
                    values.add(range.value(count == 1 ? from : from + (to - from) * i / (count - 1)));
                }
            }
        }
        return values.stream().distinct().toList();
    }
}
