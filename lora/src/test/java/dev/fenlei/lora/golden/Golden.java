package dev.fenlei.lora.golden;

import static org.assertj.core.api.Assertions.assertThat;

import dev.fenlei.engine.safetensors.SafetensorsFile;
import java.io.IOException;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Assumptions;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/// One folder of reference values: `expected.safetensors` and the `manifest.json` that states the tolerances.
record Golden(Path folder, JsonNode manifest, SafetensorsFile expected) implements AutoCloseable {

    static Path root() {
        Path root = Path.of(System.getProperty("fenlei.golden", "../../shared/golden"));
        Assumptions.assumeTrue(Files.isDirectory(root), () -> "skipped: no golden values at " + root);
        return root;
    }

    static Path shared(String name) {
        Path path = Path.of(System.getProperty("fenlei.shared", "../../shared")).resolve(name);
        Assumptions.assumeTrue(Files.exists(path), () -> "skipped: no " + path);
        return path;
    }

    /// The sub-folders of one kind whose `config.json` or manifest passes a test.
    static List<String> folders(String kind) throws IOException {
        try (Stream<Path> folders = Files.list(root().resolve(kind))) {
            return folders.map(f -> f.getFileName().toString()).sorted().toList();
        }
    }

    static Golden open(String name) throws IOException {
        Path folder = root().resolve(name);
        return new Golden(
                folder,
                JsonMapper.shared().readTree(Files.readString(folder.resolve("manifest.json"))),
                SafetensorsFile.open(folder.resolve("expected.safetensors")));
    }

    boolean has(String name) {
        return expected.names().contains(name);
    }

    int[] ids(String name) throws IOException {
        long[] values = expected.bytes(name).toArray(ValueLayout.JAVA_LONG_UNALIGNED);
        int[] ids = new int[values.length];
        for (int i = 0; i < ids.length; i++) {
            ids[i] = Math.toIntExact(values[i]);
        }
        return ids;
    }

    float[] values(String name) throws IOException {
        return expected.tensor(name).toArray();
    }

    /// Compares with a stored tensor by the manifest's rule.
    void check(String name, float... actual) throws IOException {
        JsonNode entry = manifest.path("tensors").path(name);
        JsonNode group = manifest.path("groups").path(entry.path("group").asString());
        JsonNode tolerance = entry.has("tolerance") ? entry.get("tolerance") : group.path("tolerance");
        check(name, values(name), actual, group, tolerance);
    }

    /// Compares by the tolerance that a group gives by name.
    void check(String name, String group, float[] expectedValues, float[] actual) {
        JsonNode node = manifest.path("groups").path(group);
        JsonNode tolerance = node.path("tolerance");
        check(name, expectedValues, actual, node, tolerance.isObject() ? tolerance.path(name) : tolerance);
    }

    private void check(String name, float[] b, float[] a, JsonNode group, JsonNode tolerance) {
        assertThat(a).as(name).hasSameSizeAs(b);
        if (tolerance.isNull()) {
            return;
        }
        assertThat(tolerance.isNumber()).as("tolerance of " + name + ": " + tolerance).isTrue();
        boolean l2 = group.path("measure").asString("max").equals("l2");
        double difference = 0;
        double size = 0;
        for (int i = 0; i < b.length; i++) {
            double d = (double) a[i] - b[i];
            assertThat(a[i]).as(name).isFinite();
            difference = l2 ? difference + d * d : Math.max(difference, Math.abs(d));
            size = l2 ? size + (double) b[i] * b[i] : Math.max(size, Math.abs(b[i]));
        }
        double bound = tolerance.asDouble();
        if (l2) {
            difference = Math.sqrt(difference);
            size = Math.sqrt(size);
        }
        assertThat(difference)
                .as("%s: %s difference, %.2g of the size %.3g, allowed %.1g", name, l2 ? "l2" : "greatest",
                        difference / size, size, bound)
                .isLessThanOrEqualTo(bound * size);
    }

    @Override
    public void close() {
        expected.close();
    }
}
