package dev.fenlei.engine.compute.cpu.x86;

import dev.fenlei.engine.tensor.BFloat16;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.reflect.Method;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.function.DoubleSupplier;

/// Operands of one call of a [TileKernel], to be multiplied by the emulator, by the processor, and by a plain loop.
///
/// The buffers end with the last element that may be read or written. The gaps between the rows of `a` are NaN.
final class TileProblem {

    /// Where the emulator finds the tile configuration.
    static final long CONFIGURATION = 0x0123_4567_89AB_CDEFL;

    /// Addresses with many bits, so that sums carry.
    private static final long A = 0x1234_5678_9ABFL;
    private static final long B = 0x2345_6789_ABEDL;
    private static final long TILE = 0x3456_789A_BCDDL;
    private static final byte[] CONFIGURED = configuration();
    private static final int COLUMNS = TileKernel.COLUMNS;
    private static final int SLOT = 4;

    private final int rows;
    private final int pitch;
    private final int depth;
    private final int groups;
    private final boolean accumulating;
    private final byte[] a;
    private final byte[] b;
    private final byte[] tile;

    /// @param rowsOfGroup the rows of the kernel's groups
    /// @param depth slots
    /// @param gap bytes between the end of a row of `a` and the next row
    /// @param numbers what the operands are made of
    TileProblem(int rowsOfGroup, int depth, int gap, int groups, boolean accumulating, DoubleSupplier numbers) {
        this.rows = rowsOfGroup * groups;
        this.depth = depth;
        this.pitch = depth * SLOT + gap;
        this.groups = groups;
        this.accumulating = accumulating;
        a = new byte[(rows - 1) * pitch + depth * SLOT];
        Arrays.fill(a, (byte) 0xFF);
        for (int row = 0; row < rows; row++) {
            for (int k = 0; k < 2 * depth; k++) {
                view(a).putShort(row * pitch + 2 * k, BFloat16.fromFloat((float) numbers.getAsDouble()));
            }
        }
        b = new byte[depth * COLUMNS * SLOT];
        for (int i = 0; i < b.length; i += Short.BYTES) {
            view(b).putShort(i, BFloat16.fromFloat((float) numbers.getAsDouble()));
        }
        tile = new byte[rows * COLUMNS * Float.BYTES];
        for (int i = 0; i < tile.length; i += Float.BYTES) {
            // When overwriting, what was there must not matter.
            view(tile).putFloat(i, accumulating ? (float) numbers.getAsDouble() : Float.NaN);
        }
    }

    boolean accumulating() {
        return accumulating;
    }

    /// The tile as the definition has it, with sums in float64.
    float[] reference() {
        float[] result = new float[rows * COLUMNS];
        for (int row = 0; row < rows; row++) {
            for (int column = 0; column < COLUMNS; column++) {
                int place = row * COLUMNS + column;
                double sum = accumulating ? view(tile).getFloat(place * Float.BYTES) : 0;
                for (int k = 0; k < 2 * depth; k++) {
                    sum += (double) a(row, k) * b(k, column);
                }
                result[place] = (float) sum;
            }
        }
        return result;
    }

    /// The sum of the magnitudes of an element's terms: what its rounding errors are measured by.
    double magnitude(int place) {
        double sum = accumulating ? Math.abs(view(tile).getFloat(place * Float.BYTES)) : 0;
        for (int k = 0; k < 2 * depth; k++) {
            sum += Math.abs((double) a(place / COLUMNS, k) * b(k, place % COLUMNS));
        }
        return sum;
    }

    private float a(int row, int k) {
        return BFloat16.toFloat(view(a).getShort(row * pitch + 2 * k));
    }

    private float b(int k, int column) {
        return BFloat16.toFloat(view(b).getShort(k / 2 * COLUMNS * SLOT + column * SLOT + k % 2 * Short.BYTES));
    }

    /// The tile that the emulator makes of it. Only the tile can be written to, and there is no memory around the operands.
    float[] emulated(byte[] code) {
        byte[] result = tile.clone();
        EmulatedMemory memory = new EmulatedMemory().readOnly("a", A, a).readOnly("b", B, b)
                .readOnly("the configuration", CONFIGURATION, CONFIGURED).writable("the tile", TILE, result);
        // Even wrong code ends sooner or later than this.
        int steps = 2 * code.length * depth * groups;
        new Emulator(code, memory).maxSteps(steps).call(A, pitch, B, depth, TILE, groups);
        return floats(result);
    }

    /// The tile that this processor makes of it.
    float[] real(TileKernel kernel) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment nativeTile = copy(arena, tile);
            kernel.multiply(
                    copy(arena, a).address(), pitch, copy(arena, b).address(), depth, nativeTile.address(), groups,
                    accumulating);
            return floats(nativeTile.toArray(ValueLayout.JAVA_BYTE));
        }
    }

    private static MemorySegment copy(Arena arena, byte[] bytes) {
        MemorySegment copy = arena.allocate(bytes.length, 64);
        MemorySegment.copy(bytes, 0, copy, ValueLayout.JAVA_BYTE, 0, bytes.length);
        return copy;
    }

    private static float[] floats(byte[] bytes) {
        float[] floats = new float[bytes.length / Float.BYTES];
        view(bytes).asFloatBuffer().get(floats);
        return floats;
    }

    private static ByteBuffer view(byte[] bytes) {
        return ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
    }

    /// The tile configuration that the kernel uses.
    private static byte[] configuration() {
        try {
            Method method = TileKernel.class.getDeclaredMethod("amxConfiguration");
            method.setAccessible(true);
            return ((MemorySegment) method.invoke(null)).toArray(ValueLayout.JAVA_BYTE);
        } catch (ReflectiveOperationException e) {
            throw new LinkageError(e.getMessage(), e);
        }
    }

    @Override
    public String toString() {
        return rows + " rows in " + groups + " groups, depth " + depth + ", pitch " + pitch
                + (accumulating ? ", accumulating" : "");
    }
}
