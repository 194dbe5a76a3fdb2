package dev.fenlei.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

class InterruptionTest {

    private final Interruption interruption = new Interruption(Duration.ofSeconds(20));

    @Test
    @Timeout(10)
    void theCommandIsAskedAndWaitedFor() throws InterruptedException {
        List<String> order = new ArrayList<>();
        Thread signal = new Thread(() -> {
            interruption.request();
            order.add("process ends");
        });
        interruption.onRequest(signal::interrupt).close();
        interruption.onRequest(() -> order.add("first registered"));
        interruption.onRequest(() -> {
            order.add("last registered");
            throw new IllegalStateException("a failing action does not keep the others from running");
        });
        assertThatCode(interruption::throwIfRequested).doesNotThrowAnyException();
        signal.start();
        while (!interruption.requested()) {
            Thread.onSpinWait();
        }
        assertThatThrownBy(interruption::throwIfRequested).isInstanceOf(InterruptedCommandException.class);
        assertThat(signal.join(Duration.ofMillis(50))).isFalse();
        order.add("command ends");
        interruption.finish(0);
        signal.join();
        assertThat(order)
                .containsExactlyInAnyOrder("last registered", "first registered", "command ends", "process ends")
                .endsWith("process ends");
    }

    @Test
    void aFinishedCommandIsNotAskedAnyMore() {
        interruption.finish(0);
        interruption.request();
        assertThat(interruption.requested()).isFalse();
    }
}
