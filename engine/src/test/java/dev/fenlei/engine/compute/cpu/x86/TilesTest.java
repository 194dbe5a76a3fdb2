package dev.fenlei.engine.compute.cpu.x86;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.fenlei.engine.tensor.BFloat16;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.function.Consumer;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/// Checks the emulated tiles' configuration, shapes and order of sums.
class TilesTest {

    private static final long CONFIGURATION = 0x100;
    private static final long DATA = 0x1000;
    private static final int WORDS = 64;

    private final ByteBuffer configuration = buffer(64);
    private final ByteBuffer data = buffer(WORDS * Integer.BYTES);
    private final EmulatedMemory memory = new EmulatedMemory()
            .readOnly("the configuration", CONFIGURATION, configuration.array())
            .writable("the data", DATA, data.array());
    private final Tiles tiles = new Tiles(memory);

    private static ByteBuffer buffer(int bytes) {
        return ByteBuffer.allocate(bytes).order(ByteOrder.LITTLE_ENDIAN);
    }

    /// Tile 0 gets 2 × 3 words, tile 1 gets 2 × 1, tile 2 gets 1 × 3, tile 3 nothing.
    @BeforeEach
    void describe() {
        configuration.put(0, (byte) 1);
        shape(0, 2, 12);
        shape(1, 2, 4);
        shape(2, 1, 12);
    }

    private void shape(int tile, int rows, int rowBytes) {
        configuration.putShort(16 + 2 * tile, (short) rowBytes);
        configuration.put(48 + tile, (byte) rows);
    }

    private void configure() {
        tiles.configure(CONFIGURATION);
    }

    private static void assertFault(String message, Runnable what) {
        assertThatThrownBy(what::run).isInstanceOf(EmulationFault.class).hasMessageContaining(message);
    }

    @Test
    void nothingWorksWithoutConfiguration() {
        assertFault("no tile configuration", () -> tiles.zero(0));
        assertFault("no tile configuration", () -> tiles.load(0, DATA, 12));
        assertFault("no tile configuration", () -> tiles.store(0, DATA, 12));
        assertFault("no tile configuration", () -> tiles.multiply(0, 1, 2));
        configure();
        tiles.zero(0);
        assertFault("tile 3 is not configured", () -> tiles.zero(3));
        tiles.release();
        assertFault("no tile configuration", () -> tiles.zero(0));
    }

    @Test
    void movesOnlyWhatIsConfigured() {
        for (int i = 0; i < WORDS; i++) {
            data.putInt(i * 4, 100 + i);
        }
        configure();
        tiles.load(0, DATA, 20);
        tiles.store(0, DATA + 40 * 4, 16);
        int[] expected = {100, 101, 102, 143, 105, 106, 107, 147};
        for (int i = 0; i < expected.length; i++) {
            assertThat(data.getInt((40 + i) * 4)).as("word " + i).isEqualTo(expected[i]);
        }
        // The last row may end with the memory.
        tiles.store(0, DATA + (WORDS - 8) * 4, 20);
        assertFault("no 12 bytes", () -> tiles.store(0, DATA + (WORDS - 7) * 4, 20));
    }

    @Test
    void configuringClears() {
        data.putInt(0, 7);
        configure();
        tiles.load(2, DATA, 0);
        configure();
        tiles.store(2, DATA, 0);
        assertThat(data.getInt(0)).isZero();
    }

    @Test
    void refusesWrongConfigurations() {
        refuses("palette", c -> c.put(0, (byte) 2));
        refuses("byte 1 ", c -> c.put(1, (byte) 1));
        refuses("byte 15 ", c -> c.put(15, (byte) 1));
        refuses("byte 32 ", c -> c.put(32, (byte) 64));
        refuses("byte 63 ", c -> c.put(63, (byte) 16));
        refuses("tile 7 is too large", c -> c.put(55, (byte) 17));
        refuses("tile 7 is too large", c -> c.putShort(30, (short) 68));
        refuses("tile 3 has no rows", c -> c.putShort(22, (short) 64));
        refuses("tile 3 has no rows", c -> c.put(51, (byte) 16));
        configuration.put(0, (byte) 0);
        configure();
        assertThat(tiles.configured()).isFalse();
    }

    private void refuses(String message, Consumer<ByteBuffer> fault) {
        byte[] before = configuration.array().clone();
        fault.accept(configuration);
        assertFault(message, this::configure);
        configuration.put(0, before);
    }

    @Test
    void refusesProductsWhoseShapesDoNotFit() {
        configure();
        tiles.multiply(0, 1, 2);
        assertFault("twice", () -> tiles.multiply(0, 1, 1));
        assertFault("twice", () -> tiles.multiply(0, 0, 2));
        assertFault("twice", () -> tiles.multiply(0, 1, 0));
        assertFault("shapes", () -> tiles.multiply(0, 2, 1));
        assertFault("shapes", () -> tiles.multiply(1, 0, 2));
    }

    /// 1 + (2²⁴ + 1) + (−2²⁴): only where the lower and the upper products are added up apart, each from zero, does
    /// nothing get lost but the one in the upper sum.
    @Test
    void addsUpLowerAndUpperProductsApart() {
        shape(0, 1, 4);
        shape(1, 1, 8);
        shape(2, 2, 4);
        configure();
        data.putFloat(0, 1);
        float[] a = {0x1p12f, 1, 0x1p12f, 1};
        float[] b = {0x1p12f, 1, -0x1p12f, 1};
        for (int i = 0; i < 4; i++) {
            data.putShort(16 + 2 * i, BFloat16.fromFloat(a[i]));
            data.putShort(32 + 2 * i, BFloat16.fromFloat(b[i]));
        }
        tiles.load(0, DATA, 0);
        tiles.load(1, DATA + 16, 0);
        tiles.load(2, DATA + 32, 4);
        tiles.multiply(0, 1, 2);
        tiles.store(0, DATA, 0);
        assertThat(data.getFloat(0)).isEqualTo(1 + 2);
    }
}
