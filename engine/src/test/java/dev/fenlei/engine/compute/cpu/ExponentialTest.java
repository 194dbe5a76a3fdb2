package dev.fenlei.engine.compute.cpu;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class ExponentialTest {

    @Test
    void isWithinOneUnitInTheLastPlace() {
        int n = 200_003;
        float[] x = new float[n];
        float[] y = new float[n];
        for (int i = 0; i < n; i++) {
            x[i] = y[i] = -87 + 175f * i / n;
        }
        Exponential.apply(y, 0, n, 0, new float[Lanes.COUNT]);
        double worst = 0;
        for (int i = 0; i < n; i++) {
            double expected = Math.exp(x[i]);
            worst = Math.max(worst, Math.abs(y[i] - expected) / Math.ulp((float) expected));
            assertThat(Exponential.of(x[i])).isEqualTo(y[i]);
        }
        assertThat(worst).isLessThan(1.0);
    }

    @Test
    void handlesExtremesTheSameInVectorAndTail() {
        float[] special = {0, -0f, Float.NEGATIVE_INFINITY, Float.POSITIVE_INFINITY, Float.NaN, -1e30f, 1e30f, 1e-30f};
        float[] x = new float[Lanes.COUNT * special.length];
        for (int i = 0; i < x.length; i++) {
            x[i] = special[i % special.length];
        }
        Exponential.apply(x, 0, x.length, 0, new float[Lanes.COUNT]);
        for (int i = 0; i < x.length; i++) {
            assertThat(Float.valueOf(x[i])).isEqualTo(Float.valueOf(Exponential.of(special[i % special.length])));
        }
        assertThat(x[0]).isEqualTo(1);
        assertThat(x[2]).isBetween(0f, 1.2e-38f);
        assertThat(x[3]).isGreaterThan(2e38f).isFinite();
        assertThat(x[4]).isNaN();
    }
}
