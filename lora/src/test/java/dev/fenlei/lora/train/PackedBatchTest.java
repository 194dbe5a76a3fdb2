package dev.fenlei.lora.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.List;
import org.junit.jupiter.api.Test;

class PackedBatchTest {

    @Test
    void examplesLieEndToEndAndEveryRowPredictsTheNextToken() {
        PackedBatch batch = PackedBatch.of(List.of(
                new TrainingExample(new int[] {10, 11, 12, 13, 14}, 3),
                new TrainingExample(new int[] {20, 21, 22}, 1)));
        assertThat(batch.batch().ids()).containsExactly(10, 11, 12, 13, 20, 21);
        assertThat(batch.batch().positions()).containsExactly(0, 1, 2, 3, 0, 1);
        assertThat(batch.batch().mask().sequenceStart()).containsExactly(0, 0, 0, 0, 4, 4);
        assertThat(batch.batch().mask().linearEnd()).containsExactly(1, 2, 3, 4, 5, 6);
        assertThat(batch.batch().mask().hasTree()).isFalse();
        assertThat(batch.batch().outputs()).containsExactly(2, 3, 4, 5);
        assertThat(batch.targets()).containsExactly(13, 14, 21, 22);
    }

    @Test
    void theSmallestExampleIsOneRow() {
        PackedBatch batch = PackedBatch.of(List.of(new TrainingExample(new int[] {1, 2}, 1)));
        assertThat(batch.batch().rows()).isEqualTo(1);
        assertThat(batch.batch().outputs()).containsExactly(0);
        assertThat(batch.targets()).containsExactly(2);
    }

    @Test
    void anExampleWithoutLabelIsRefused() {
        for (int start : new int[] {-1, 0, 3, 4}) {
            assertThatThrownBy(() -> new TrainingExample(new int[] {1, 2, 3}, start))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessageContaining("no token to learn");
        }
    }

    @Test
    void aShorterLastWindowIsAStepOfItsOwn() {
        TrainingSettings settings = TrainingSettings.of(2, 4, 4, 1e-4, 1);
        assertThat(settings.totalSteps(16)).isEqualTo(2);
        assertThat(settings.totalSteps(17)).isEqualTo(4);
        assertThat(settings.totalSteps(3914)).isEqualTo(2 * 245);
        assertThat(settings.totalSteps(1)).isEqualTo(2);
    }
}
