package dev.fenlei.lora.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.fenlei.lora.testing.Shared;
import java.io.IOException;
import java.nio.file.Files;
import java.util.Locale;
import org.junit.jupiter.api.Test;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

class ScheduleTest {

    @Test
    void ratesAreThoseOfTransformers() throws IOException {
        JsonNode cases = JsonMapper.shared()
                .readTree(Files.readString(Shared.golden("schedule").resolve("cases.json")));
        assertThat(cases.size()).isPositive();
        for (JsonNode run : cases) {
            String name = run.path("scheduler").asString();
            Schedule schedule = Schedule.valueOf(name.replace("_with_warmup", "").toUpperCase(Locale.ROOT));
            int warmup = run.path("warmup_steps").asInt();
            int total = run.path("training_steps").asInt();
            double base = run.path("base_lr").asDouble();
            assertThat(run.path("lr").size()).isEqualTo(total);
            for (int step = 0; step <= total; step++) {
                double expected = (step < total ? run.path("lr").path(step) : run.path("after_last_step")).asDouble();
                assertThat(base * schedule.factor(step, warmup, total))
                        .as("%s, warm-up %d, step %d of %d", name, warmup, step, total)
                        .isCloseTo(expected, within(1e-15));
            }
        }
    }

    @Test
    void warmupRisesInAStraightLine() {
        for (Schedule schedule : Schedule.values()) {
            assertThat(schedule.factor(0, 4, 10)).isZero();
            assertThat(schedule.factor(1, 4, 10)).isEqualTo(0.25);
            assertThat(schedule.factor(4, 4, 10)).isEqualTo(1);
            assertThat(schedule.factor(0, 0, 10)).isEqualTo(1);
        }
    }

    @Test
    void factorsStayBetweenZeroAndOneAtAnyStep() {
        for (Schedule schedule : Schedule.values()) {
            for (int step = 0; step < 30; step++) {
                assertThat(schedule.factor(step, 12, 10)).as("warm-up longer than the run").isBetween(0.0, 1.0);
                assertThat(schedule.factor(step, 2, 10)).isBetween(0.0, 1.0);
            }
        }
    }
}
