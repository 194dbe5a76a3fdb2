package dev.fenlei.lora.search;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.fenlei.lora.testing.Shared;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.assertj.core.data.Offset;
import org.junit.jupiter.api.Test;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.StringNode;

/// Splits, kernels and densities against those that Optuna computed.
class GoldenTpeTest {

    private static final Offset<Double> EXACT = within(1e-9);

    private static JsonNode golden(String name) {
        return JsonMapper.shared().readTree(Shared.golden("optuna/tpe.json").toFile()).path(name);
    }

    private static double[] doubles(JsonNode array) {
        return array.valueStream().mapToDouble(JsonNode::asDouble).toArray();
    }

    private static void assertNumbers(List<Trial> trials, JsonNode expected) {
        assertThat(trials).extracting(Trial::number)
                .containsExactlyElementsOf(expected.valueStream().map(JsonNode::asInt).toList());
    }

    private static void assertKernels(ParzenEstimator estimator, JsonNode expected) {
        assertThat(estimator.weights()).containsExactly(doubles(expected.path("weights")), EXACT);
        expected.forEachEntry((name, kernels) -> {
            if (kernels.has("mu")) {
                var gaussians = (ParzenEstimator.Gaussians) estimator.kernels(name);
                assertThat(gaussians.mu()).as(name).containsExactly(doubles(kernels.path("mu")), EXACT);
                assertThat(gaussians.sigma()).as(name).containsExactly(doubles(kernels.path("sigma")), EXACT);
            } else if (kernels.has("category_weights")) {
                var histograms = (ParzenEstimator.Histograms) estimator.kernels(name);
                JsonNode rows = kernels.path("category_weights");
                assertThat(histograms.weights()).as(name).hasNumberOfRows(rows.size());
                for (int i = 0; i < rows.size(); i++) {
                    assertThat(histograms.weights()[i]).containsExactly(doubles(rows.path(i)), EXACT);
                }
            }
        });
    }

    private static void assertDensities(
            ParzenEstimator l, ParzenEstimator g, List<Map<String, Double>> points, JsonNode expected) {
        for (int i = 0; i < points.size(); i++) {
            double logL = l.logDensity(points.get(i));
            double logG = g.logDensity(points.get(i));
            assertThat(logL).as("l at %s", points.get(i)).isCloseTo(expected.path("log_l").path(i).asDouble(), EXACT);
            assertThat(logG).as("g at %s", points.get(i)).isCloseTo(expected.path("log_g").path(i).asDouble(), EXACT);
            assertThat(logL - logG).isCloseTo(expected.path("acquisition").path(i).asDouble(), EXACT);
        }
    }

    private static Trial trial(
            int number, TrialState state, double value, Map<String, Double> parameters,
            Map<String, Distribution> space, JsonNode intermediate) {
        TreeMap<Integer, Double> reports = new TreeMap<>();
        intermediate.forEachEntry((step, report) -> reports.put(Integer.valueOf(step), report.asDouble()));
        return new Trial(
                number, number, state, value, parameters, space, reports, Map.of(), Map.of(), null, null);
    }

    private static StudyState study(Direction direction, List<Trial> trials) {
        return new StudyState(0, "golden", direction, Map.of(), trials);
    }

    @Test
    void oneLogarithmicParameterAtFiftyPoints() {
        JsonNode one = golden("one_parameter");
        Map<String, Distribution> space = Map.of(
                "learning_rate",
                RangeDistribution.logFloats(one.path("low").asDouble(), one.path("high").asDouble()));
        List<Trial> trials = new ArrayList<>();
        for (JsonNode json : one.path("trials")) {
            trials.add(trial(
                    json.path("number").asInt(), TrialState.COMPLETE, json.path("value").asDouble(),
                    Map.of("learning_rate", json.path("learning_rate").asDouble()), space, json.path("none")));
        }
        TpeSampler.Split split = TpeSampler.split(study(Direction.MINIMIZE, trials));
        JsonNode expected = one.path("multivariate_true");
        assertNumbers(split.good(), expected.path("below"));
        assertNumbers(split.others(), expected.path("above"));
        ParzenEstimator l = TpeSampler.estimator(space, split.good());
        ParzenEstimator g = TpeSampler.estimator(space, split.others());
        assertKernels(l, expected.path("kernels_l"));
        assertKernels(g, expected.path("kernels_g"));
        List<Map<String, Double>> points = one.path("points").valueStream()
                .map(point -> Map.of("learning_rate", point.asDouble()))
                .toList();
        assertThat(points).hasSize(50);
        assertDensities(l, g, points, expected);
    }

    @Test
    void threeParametersOfAllKindsTogether() {
        JsonNode three = golden("three_parameters");
        Map<String, Distribution> space = new LinkedHashMap<>();
        double[] rate = doubles(three.path("learning_rate"));
        space.put("learning_rate", RangeDistribution.logFloats(rate[0], rate[1]));
        space.put("rank", RangeDistribution.integers(
                three.path("rank").path(0).asLong(), three.path("rank").path(1).asLong()));
        List<JsonNode> choices = new ArrayList<>();
        three.path("optimizer").forEach(choices::add);
        space.put("optimizer", new CategoricalDistribution(choices));
        List<Trial> trials = new ArrayList<>();
        for (JsonNode json : three.path("trials")) {
            JsonNode parameters = json.path("params");
            trials.add(trial(
                    json.path("number").asInt(),
                    TrialState.valueOf(json.path("state").asString()),
                    json.path("value").asDouble(Double.NaN),
                    Map.of(
                            "learning_rate", parameters.path("learning_rate").asDouble(),
                            "rank", parameters.path("rank").asDouble(),
                            "optimizer",
                            (double) choices.indexOf(StringNode.valueOf(parameters.path("optimizer").asString()))),
                    space,
                    json.path("intermediate_values")));
        }
        TpeSampler.Split split = TpeSampler.split(study(Direction.MAXIMIZE, trials));
        JsonNode expected = three.path("multivariate_true");
        assertNumbers(split.good(), expected.path("below"));
        assertNumbers(split.others(), expected.path("above"));
        ParzenEstimator l = TpeSampler.estimator(space, split.good());
        ParzenEstimator g = TpeSampler.estimator(space, split.others());
        assertKernels(l, expected.path("kernels_l"));
        ParzenEstimator asInOptuna = withWidths(g, "rank", expected.path("kernels_g"));
        assertKernels(asInOptuna, expected.path("kernels_g"));
        List<Map<String, Double>> points = new ArrayList<>();
        JsonNode at = three.path("points");
        for (int i = 0; i < at.path("rank").size(); i++) {
            Map<String, Double> point = new LinkedHashMap<>();
            for (String name : space.keySet()) {
                point.put(name, at.path(name).path(i).asDouble());
            }
            points.add(point);
        }
        assertThat(points).hasSize(20);
        assertDensities(l, asInOptuna, points, expected);
    }

    /// Which of several equal observations has which width depends in Optuna on an unstable sort. This gives them the widths that
    /// they had there, after seeing that they are the same widths.
    private static ParzenEstimator withWidths(ParzenEstimator estimator, String name, JsonNode expected) {
        var gaussians = (ParzenEstimator.Gaussians) estimator.kernels(name);
        double[] widths = doubles(expected.path(name).path("sigma"));
        assertThat(byPlace(gaussians.mu(), gaussians.sigma())).isEqualTo(byPlace(gaussians.mu(), widths));
        Map<String, ParzenEstimator.Kernels> kernels = new LinkedHashMap<>();
        kernels.put("learning_rate", estimator.kernels("learning_rate"));
        kernels.put(name, new ParzenEstimator.Gaussians(gaussians.range(), gaussians.mu(), widths));
        kernels.put("optimizer", estimator.kernels("optimizer"));
        return new ParzenEstimator(estimator.weights(), kernels);
    }

    private static Map<Double, List<Double>> byPlace(double[] mu, double[] sigma) {
        Map<Double, List<Double>> byPlace = new TreeMap<>();
        for (int i = 0; i < mu.length; i++) {
            byPlace.computeIfAbsent(mu[i], _ -> new ArrayList<>()).add(Math.rint(sigma[i] * 1e9) / 1e9);
        }
        byPlace.values().forEach(widths -> widths.sort(null));
        return byPlace;
    }
}
