package dev.fenlei.engine.compute.cpu.x86;

import java.util.Arrays;

/// The tile registers of AMX. Their configuration says how many rows of how many bytes each of them has; what is beyond is
/// zero.
///
/// See Intel, *Architectures Software Developer's Manual*, volume 1, chapter 18.
final class Tiles {

    private static final int COUNT = 8;
    private static final int MAX_ROWS = 16;
    private static final int MAX_ROW_BYTES = 64;
    private static final int CONFIGURATION_BYTES = 64;
    private static final int WORDS = MAX_ROW_BYTES / Integer.BYTES;

    private final EmulatedMemory memory;
    private final int[] rows = new int[COUNT];
    private final int[] rowBytes = new int[COUNT];

    /// Tile, row, word of 32 bits.
    private final int[][][] contents = new int[COUNT][MAX_ROWS][WORDS];

    private boolean configured;

    Tiles(EmulatedMemory memory) {
        this.memory = memory;
    }

    boolean configured() {
        return configured;
    }

    /// `ldtilecfg`: palette, first row, 14 reserved bytes; bytes per row of 8 tiles with room for 16, as 16-bit numbers; rows
    /// of 8 tiles with room for 16.
    void configure(long address) {
        byte[] from = memory.bytes(address, CONFIGURATION_BYTES);
        release();
        require(from[0] == 0 || from[0] == 1, "there is no palette " + from[0]);
        if (from[0] == 0) {
            return;
        }
        for (int i = 1; i < CONFIGURATION_BYTES; i++) {
            boolean known = i >= 16 && i < 32 || i >= 48 && i < 56;
            require(known || from[i] == 0, "byte " + i + " of the configuration is not zero");
        }
        for (int tile = 0; tile < COUNT; tile++) {
            rowBytes[tile] = from[16 + 2 * tile] & 0xFF | (from[17 + 2 * tile] & 0xFF) << 8;
            rows[tile] = from[48 + tile] & 0xFF;
            require(rows[tile] <= MAX_ROWS && rowBytes[tile] <= MAX_ROW_BYTES, "tile " + tile + " is too large");
            require((rows[tile] == 0) == (rowBytes[tile] == 0), "tile " + tile + " has no rows, or rows of no bytes");
            require(rowBytes[tile] % Integer.BYTES == 0, "tile " + tile + " has rows of a part of a word");
        }
        configured = true;
    }

    void release() {
        configured = false;
        for (int tile = 0; tile < COUNT; tile++) {
            clear(tile);
        }
    }

    void zero(int tile) {
        requireUsable(tile);
        clear(tile);
    }

    /// Rows `distance` bytes apart.
    void load(int tile, long address, long distance) {
        requireUsable(tile);
        clear(tile);
        for (int row = 0; row < rows[tile]; row++) {
            int[] words = memory.words(address + row * distance, rowBytes[tile] / Integer.BYTES);
            System.arraycopy(words, 0, contents[tile][row], 0, words.length);
        }
    }

    /// Rows `distance` bytes apart.
    void store(int tile, long address, long distance) {
        requireUsable(tile);
        for (int row = 0; row < rows[tile]; row++) {
            int[] words = new int[rowBytes[tile] / Integer.BYTES];
            System.arraycopy(contents[tile][row], 0, words, 0, words.length);
            memory.words(address + row * distance, words);
        }
    }

    /// `tdpbf16ps`: for each element of `to`, the sums of the lower and of the upper products, each begun at zero, are added
    /// to one another, and then to the element.
    void multiply(int to, int a, int b) {
        requireUsable(to);
        requireUsable(a);
        requireUsable(b);
        require(to != a && to != b && a != b, "a tile twice");
        require(
                rows[to] == rows[a] && rowBytes[to] == rowBytes[b] && rowBytes[a] == rows[b] * Integer.BYTES,
                "the shapes do not fit");
        for (int row = 0; row < rows[to]; row++) {
            for (int column = 0; column < rowBytes[to] / Integer.BYTES; column++) {
                float low = 0;
                float high = 0;
                for (int k = 0; k < rows[b]; k++) {
                    int left = contents[a][row][k];
                    int right = contents[b][k][column];
                    low = Bf16Arithmetic.fma(Bf16Arithmetic.low(left), Bf16Arithmetic.low(right), low);
                    high = Bf16Arithmetic.fma(Bf16Arithmetic.high(left), Bf16Arithmetic.high(right), high);
                }
                float before = Float.intBitsToFloat(contents[to][row][column]);
                float after = Bf16Arithmetic.add(before, Bf16Arithmetic.add(low, high));
                contents[to][row][column] = Float.floatToRawIntBits(after);
            }
        }
    }

    private void clear(int tile) {
        for (int[] row : contents[tile]) {
            Arrays.fill(row, 0);
        }
    }

    private void requireUsable(int tile) {
        require(configured, "there is no tile configuration");
        require(rows[tile] > 0, "tile " + tile + " is not configured");
    }

    private static void require(boolean condition, String otherwise) {
        if (!condition) {
            throw new EmulationFault(otherwise);
        }
    }
}
