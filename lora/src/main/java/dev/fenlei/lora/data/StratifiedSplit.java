package dev.fenlei.lora.data;

import java.util.ArrayList;
import java.util.Collections;
import java.util.Comparator;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.TreeMap;

/// A split in which every label keeps its share. The same examples, fraction and seed give the same split on every
/// machine.
///
/// Of each label at least one example is kept. Parts of examples are given to the labels with the largest remainders,
/// so that the
/// whole comes as close to the fraction as this allows. Both parts stay in the order of the data.
///
/// @param kept the larger part, to train on
/// @param held the part held out, to validate on
public record StratifiedSplit(List<Example> kept, List<Example> held) {

    public StratifiedSplit {
        kept = List.copyOf(kept);
        held = List.copyOf(held);
    }

    /// Splits the examples; those without a label count as one class.
    ///
    /// @param fraction the share to hold out, between 0 and 1
    public static StratifiedSplit of(List<Example> examples, double fraction, long seed) {
        if (!(fraction >= 0 && fraction < 1)) {
            throw new IllegalArgumentException("The fraction to hold out must be at least 0 and below 1, not "
                    + fraction);
        }
        Map<String, List<Integer>> rowsByLabel = new TreeMap<>();
        for (int i = 0; i < examples.size(); i++) {
            String label = examples.get(i).label();
            rowsByLabel.computeIfAbsent(label == null ? "" : label, _ -> new ArrayList<>()).add(i);
        }
        Random random = new Random(seed); // its sequence is part of its specification
        List<Stratum> strata = new ArrayList<>();
        int total = 0;
        for (List<Integer> rows : rowsByLabel.values()) {
            Collections.shuffle(rows, random);
            Stratum stratum = new Stratum(rows, rows.size() * fraction);
            strata.add(stratum);
            total += stratum.whole();
        }
        int missing = (int) Math.round(examples.size() * fraction) - total;
        Set<Integer> held = new HashSet<>();
        strata.sort(Comparator.comparingDouble(Stratum::remainder).reversed()); // stable: ties stay in label order
        for (Stratum stratum : strata) {
            boolean oneMore = missing > 0 && stratum.remainder() > 0 && stratum.whole() + 1 < stratum.rows().size();
            missing -= oneMore ? 1 : 0;
            held.addAll(stratum.rows().subList(0, stratum.whole() + (oneMore ? 1 : 0)));
        }
        List<Example> keptRows = new ArrayList<>();
        List<Example> heldRows = new ArrayList<>();
        for (int i = 0; i < examples.size(); i++) {
            (held.contains(i) ? heldRows : keptRows).add(examples.get(i));
        }
        return new StratifiedSplit(keptRows, heldRows);
    }

    private record Stratum(List<Integer> rows, double share) {
        int whole() {
            return (int) share;
        }

        double remainder() {
            return share - whole();
        }
    }
}
