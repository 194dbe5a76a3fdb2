package dev.fenlei.lora.classify;

import static org.assertj.core.api.Assertions.assertThat;

import dev.fenlei.engine.compute.AttentionMask;
import java.util.List;
import org.junit.jupiter.api.Test;

class LabelTrieTest {

    @Test
    void commonBeginningsAreOneRow() {
        LabelTrie trie = new LabelTrie(List.of(new int[] {1, 2, 3}, new int[] {1, 2}, new int[] {1, 4}, new int[] {5}));
        assertThat(trie.labels()).isEqualTo(4);
        assertThat(trie.rows()).isEqualTo(5);
        assertThat(trie.path(0)).containsExactly(1, 2, 3);
        assertThat(trie.path(1)).containsExactly(1, 2);
        assertThat(trie.path(2)).containsExactly(1, 4);
        assertThat(trie.path(3)).containsExactly(5);
        assertThat(List.of(trie.token(0), trie.token(1), trie.token(2), trie.token(3), trie.token(4)))
                .containsExactly(1, 2, 3, 4, 5);
        assertThat(List.of(trie.parent(0), trie.parent(1), trie.parent(2), trie.parent(3), trie.parent(4)))
                .containsExactly(AttentionMask.ROOT, 0, 1, 0, AttentionMask.ROOT);
        assertThat(List.of(trie.depth(0), trie.depth(1), trie.depth(2), trie.depth(3), trie.depth(4)))
                .containsExactly(1, 2, 3, 2, 1);
    }

    /// A token that occurs under two parents is two rows; a label that occurs twice is one.
    @Test
    void rowsAreSharedByBeginningOnly() {
        LabelTrie trie = new LabelTrie(List.of(new int[] {1, 7}, new int[] {2, 7}, new int[] {1, 7}, new int[] {7, 7}));
        assertThat(trie.rows()).isEqualTo(6);
        assertThat(trie.path(2)).isEqualTo(trie.path(0));
        for (int row = 0; row < trie.rows(); row++) {
            assertThat(trie.parent(row)).as("parents come first").isLessThan(row);
        }
    }
}
