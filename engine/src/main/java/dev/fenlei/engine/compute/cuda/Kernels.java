package dev.fenlei.engine.compute.cuda;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import dev.fenlei.engine.tensor.Tensor;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.Map;
import java.util.Objects;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;

/// The product's own kernels: CUDA C in `engine/src/main/cuda`, shipped as PTX, which the driver compiles for the card at hand.
///
/// The driver cannot know how many arguments a launch should have. Here the PTX is asked, and a launch with others is refused.
final class Kernels {

    private static final String RESOURCE = "kernels.ptx";
    private static final Pattern ENTRY = Pattern.compile("\\.entry (\\w+)\\(([^)]*)\\)");
    private static final Pattern PARAMETER = Pattern.compile("\\.param \\.(\\w+)");

    /// `CU_JIT_ERROR_LOG_BUFFER` and `CU_JIT_ERROR_LOG_BUFFER_SIZE_BYTES`.
    private static final int[] LOG_OPTIONS = {5, 6};
    private static final int LOG_BYTES = 8192;

    /// The most arguments that any kernel has.
    private static final int MOST_ARGUMENTS = 32;

    private static final int MOST_ROWS_OF_BLOCKS = 65_535;

    /// The most threads of a block in kernels that take columns side by side.
    private static final int BLOCK = 256;
    private static final int WARP = 32;

    /// @param parameters the types of its parameters, one letter each: l for 64 bits, i for int, f for float
    private record Kernel(String name, long function, String parameters) {}

    private final CudaDriver driver;
    private final long stream;
    private final long module;
    private final Map<String, Kernel> kernels = new HashMap<>();
    private final Launch launch = new Launch();

    /// Compiles the kernels in the current context.
    ///
    /// @param stream into which they are launched
    /// @throws CudaUnavailableException if the driver does not take them
    Kernels(CudaDriver driver, long stream) throws CudaUnavailableException {
        this(driver, stream, resource());
    }

    /// @param ptx of the kernels
    Kernels(CudaDriver driver, long stream, String ptx) throws CudaUnavailableException {
        this.driver = driver;
        this.stream = stream;
        try (Arena arena = Arena.ofConfined()) {
            module = load(driver, ptx, arena);
            for (MatchResult entry : ENTRY.matcher(ptx).results().toList()) {
                String name = entry.group(1);
                StringBuilder parameters = new StringBuilder();
                PARAMETER.matcher(entry.group(2)).results().forEach(type -> parameters.append(letter(type.group(1))));
                kernels.put(name, new Kernel(
                        name, driver.function(module, arena.allocateFrom(name)), parameters.toString()));
            }
        }
    }

    private static String resource() {
        try (InputStream in = Objects.requireNonNull(Kernels.class.getResourceAsStream(RESOURCE), RESOURCE)) {
            return new String(in.readAllBytes(), StandardCharsets.US_ASCII);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static long load(CudaDriver driver, String ptx, Arena arena) throws CudaUnavailableException {
        MemorySegment log = arena.allocate(LOG_BYTES);
        MemorySegment values = arena.allocate(ADDRESS, 2);
        values.setAtIndex(ADDRESS, 0, log);
        values.setAtIndex(ADDRESS, 1, MemorySegment.ofAddress(LOG_BYTES)); // a number where the table has addresses
        try {
            return driver.loadModule(
                    arena.allocateFrom(ptx), LOG_OPTIONS.length, arena.allocateFrom(JAVA_INT, LOG_OPTIONS), values);
        } catch (CudaException e) {
            throw new CudaUnavailableException("the driver does not take the kernels: " + e.getMessage()
                    + "; " + log.getString(0).strip());
        }
    }

    private static char letter(String type) {
        return switch (type) {
            case "u64" -> 'l';
            case "u32" -> 'i';
            case "f32" -> 'f';
            default -> throw new IllegalStateException("a parameter of type " + type);
        };
    }

    /// Threads of a block that goes over so many columns: whole warps, not many more than columns.
    static int threadsFor(int columns) {
        return Math.clamp(Math.ceilDiv(columns, WARP) * (long) WARP, WARP, BLOCK);
    }

    void unload() {
        driver.unloadModule(module);
    }

    /// Begins a launch; the arguments follow in the order of the kernel's parameters.
    Launch launch(String name) {
        Kernel kernel = kernels.get(name);
        if (kernel == null) {
            throw new IllegalStateException("there is no kernel " + name);
        }
        return launch.begin(kernel);
    }

    /// The arguments of one launch. There is one object for all, as one launch is prepared at a time.
    final class Launch {

        private final MemorySegment values = Arena.ofAuto().allocate(JAVA_LONG, MOST_ARGUMENTS);
        private final MemorySegment addresses = Arena.ofAuto().allocate(ADDRESS, MOST_ARGUMENTS);
        private Kernel kernel = new Kernel("", 0, "");
        private int count;

        private Launch() {
            for (int i = 0; i < MOST_ARGUMENTS; i++) {
                addresses.setAtIndex(ADDRESS, i, values.asSlice((long) i * Long.BYTES));
            }
        }

        private Launch begin(Kernel next) {
            kernel = next;
            count = 0;
            return this;
        }

        private int next(char type) {
            if (count >= kernel.parameters.length() || kernel.parameters.charAt(count) != type) {
                throw new IllegalStateException(
                        kernel.name + "(" + kernel.parameters + ") has no argument " + count + " of type " + type);
            }
            return count++;
        }

        /// A device address, or a number of 64 bits.
        Launch wide(long value) {
            values.setAtIndex(JAVA_LONG, next('l'), value);
            return this;
        }

        Launch integer(int value) {
            values.set(JAVA_INT, (long) next('i') * Long.BYTES, value);
            return this;
        }

        Launch real(float value) {
            values.set(JAVA_FLOAT, (long) next('f') * Long.BYTES, value);
            return this;
        }

        /// The address of a matrix whose type the kernel knows, and the distance of its rows.
        Launch matrix(Tensor x) {
            return wide(Gpu.address(x)).wide(x.stride());
        }

        /// The address of a vector.
        Launch vector(Tensor x) {
            return wide(Gpu.address(x));
        }

        /// The address of a matrix, its type, the distance of its rows, and the address of their scales.
        Launch typed(Tensor x) {
            return wide(Gpu.address(x)).integer(x.dtype().ordinal()).wide(x.stride()).scales(x);
        }

        /// The address of the scales of an I8 matrix's rows, 0 for other types.
        Launch scales(Tensor x) {
            return wide(x.scales() == null ? 0 : Gpu.address(x.scales()));
        }

        /// The address of a vector, and its type.
        Launch typedVector(Tensor x) {
            return wide(Gpu.address(x)).integer(x.dtype().ordinal());
        }

        Launch shape(int rows, int columns) {
            return integer(rows).integer(columns);
        }

        /// One thread per column, and as many rows of blocks as there are rows, or as there may be.
        void overElements(int rows, int columns) {
            int threads = threadsFor(columns);
            run(Math.ceilDiv(columns, threads), Math.min(rows, MOST_ROWS_OF_BLOCKS), threads);
        }

        /// Launches, unless there is nothing to do.
        ///
        /// @param gridX blocks in the first dimension
        /// @param gridY blocks in the second, at most 65,535
        /// @param block threads in a block, a multiple of 32
        void run(int gridX, int gridY, int block) {
            if (count != kernel.parameters.length()) {
                throw new IllegalStateException(kernel.name + " has " + kernel.parameters.length() + " parameters, got "
                        + count + " arguments");
            }
            if (gridX > 0 && gridY > 0) {
                driver.launch(kernel.name, kernel.function, gridX, gridY, block, stream, addresses);
            }
        }
    }
}
