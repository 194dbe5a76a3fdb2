package dev.fenlei.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.PrintWriter;
import java.io.StringWriter;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;

class ProgressTest {

    private final StringWriter out = new StringWriter();
    private final AtomicLong nanos = new AtomicLong();

    private Progress progress(boolean terminal, long total) {
        return new Progress(new PrintWriter(out), terminal, "training", total, "examples", nanos::get);
    }

    private void seconds(long seconds) {
        nanos.addAndGet(seconds * 1_000_000_000L);
    }

    @Test
    void elsewhereThanOnATerminalALineEveryFewSeconds() {
        try (Progress progress = progress(false, 1000)) {
            for (int second = 1; second <= 11; second++) {
                seconds(1);
                progress.note("loss 0." + second);
                progress.advance(50);
            }
        }
        assertThat(out.toString().lines()).containsExactly(
                "training  25% 250/1000 examples, 50/s, 0:15 left, loss 0.5",
                "training  50% 500/1000 examples, 50/s, 0:10 left, loss 0.10",
                "training  55% 550/1000 examples, 50/s, 0:09 left, loss 0.11");
    }

    @Test
    void whatWasSaidIsNotSaidAgainAtTheEnd() {
        try (Progress progress = progress(false, 1000)) {
            seconds(5);
            progress.advance(1000);
            progress.close();
        }
        assertThat(out.toString().lines()).hasSize(1);
    }

    @Test
    void onATerminalOneLineIsDrawnAgain() {
        try (Progress progress = progress(true, 100)) {
            seconds(1);
            progress.advance(50);
            progress.message("saved");
            seconds(1);
            progress.advance(50);
        }
        assertThat(out.toString()).contains("\rtraining [############............]  50%", "\rsaved".substring(1))
                .contains("100% 100/100 examples, 50/s, 0:02").endsWith(System.lineSeparator());
    }

    @Test
    void anUnknownTotalShowsCountAndTime() {
        try (Progress progress = progress(false, 0)) {
            seconds(70);
            progress.advance(7);
        }
        assertThat(out.toString().lines().toList().getFirst()).isEqualTo("training 7 examples, 0.10/s, 1:10");
    }

    @Test
    void longTimesHaveHours() {
        assertThat(Progress.clock(3 * 3600 + 62)).isEqualTo("3:01:02");
    }
}
