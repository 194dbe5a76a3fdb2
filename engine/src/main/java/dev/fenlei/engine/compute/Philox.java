package dev.fenlei.engine.compute;

/// The counter-based generator Philox4x32-10 (Salmon et al., SC 2011): four random 32-bit words are a pure function of a
/// key and a counter, so that any thread can compute any element of a stream and nothing has to be stored.
public final class Philox {

    /// The number of rounds.
    public static final int ROUNDS = 10;

    /// Rounds of [#half]: the fewest with which the generator passes the tests of TestU01 (Salmon et al., table 2).
    public static final int MASK_ROUNDS = 7;

    /// The factor of word 0.
    public static final int M0 = 0xD2511F53;

    /// The factor of word 2.
    public static final int M1 = 0xCD9E8D57;

    /// What is added to the lower half of the key after each round.
    public static final int W0 = 0x9E3779B9;

    /// What is added to the upper half of the key after each round.
    public static final int W1 = 0xBB67AE85;

    private Philox() {}

    /// Fills `out[0..3]` with the four words at `counter` of the stream `key`.
    public static void block(long key, long counter, int[] out) {
        block(key, counter, ROUNDS, out);
    }

    private static void block(long key, long counter, int rounds, int[] out) {
        int k0 = (int) key;
        int k1 = (int) (key >>> 32);
        int c0 = (int) counter;
        int c1 = (int) (counter >>> 32);
        int c2 = 0;
        int c3 = 0;
        for (int round = 0; round < rounds; round++) {
            long p0 = (M0 & 0xFFFFFFFFL) * (c0 & 0xFFFFFFFFL);
            long p1 = (M1 & 0xFFFFFFFFL) * (c2 & 0xFFFFFFFFL);
            int n0 = (int) (p1 >>> 32) ^ c1 ^ k0;
            int n2 = (int) (p0 >>> 32) ^ c3 ^ k1;
            c1 = (int) p1;
            c3 = (int) p0;
            c0 = n0;
            c2 = n2;
            k0 += W0;
            k1 += W1;
        }
        out[0] = c0;
        out[1] = c1;
        out[2] = c2;
        out[3] = c3;
    }

    /// The 16-bit number that decides about element `i` of a dropout mask: of the block at counter `i >>> 3`, the lower halves of
    /// the four words and then their upper halves.
    ///
    /// @param words room for a block
    public static int half(long key, long i, int[] words) {
        block(key, i >>> 3, MASK_ROUNDS, words);
        return words[(int) i & 3] >>> ((int) i & 4) * 4 & 0xFFFF;
    }

    /// Mixes two numbers into a key for an independent stream (the finaliser of SplitMix64, Steele et al. 2014).
    public static long mix(long a, long b) {
        long z = a + 0x9E3779B97F4A7C15L * (b + 1);
        z = (z ^ (z >>> 30)) * 0xBF58476D1CE4E5B9L;
        z = (z ^ (z >>> 27)) * 0x94D049BB133111EBL;
        return z ^ (z >>> 31);
    }

    /// A word as a number in [0, 1) with 24 bits.
    public static float uniform(int word) {
        return (word >>> 8) * 0x1p-24f;
    }

    /// Fills `values` with normal numbers of this deviation from the stream `key` (Box & Muller 1958).
    public static void normal(long key, double deviation, float[] values) {
        int[] words = new int[4];
        for (int i = 0; i < values.length; i++) {
            block(key, i, words);
            double radius = Math.sqrt(-2 * Math.log(1 - uniform(words[0])));
            values[i] = (float) (deviation * radius * Math.cos(2 * Math.PI * uniform(words[1])));
        }
    }
}
