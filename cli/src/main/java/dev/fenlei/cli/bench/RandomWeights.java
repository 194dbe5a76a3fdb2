package dev.fenlei.cli.bench;

import dev.fenlei.engine.compute.Philox;
import dev.fenlei.engine.compute.cpu.WorkerPool;
import dev.fenlei.engine.model.ModelFiles;
import dev.fenlei.engine.safetensors.DurableFiles;
import dev.fenlei.engine.safetensors.SafetensorsWriter;
import dev.fenlei.engine.tensor.BFloat16;
import dev.fenlei.engine.tensor.DType;
import dev.fenlei.engine.tensor.Tensor;
import dev.fenlei.engine.tensor.Workspace;
import dev.fenlei.lora.pretrain.ModelShape;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.LongConsumer;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

/// Writes a model directory of a published model's shape with random BF16 weights, for measurements: the work and the bytes
/// are those of the real model, the answers are noise.
///
/// Weights are uniform with the deviation that new models have, norms 1, biases 0; they are a function of the seed. Shard by
/// shard, tensor by tensor, so that no more than the largest tensor lies in memory.
public final class RandomWeights {

    /// The size of a shard, as `transformers` writes them.
    public static final long SHARD_BYTES = 5_000_000_000L;

    /// 2·√3 deviations are the width of a uniform distribution.
    private static final float WIDTH = (float) (ModelShape.DEVIATION * 2 * Math.sqrt(3));

    private static final int VALUES_PER_BLOCK = 8;
    private static final int BLOCKS_PER_TASK = 1 << 14;

    private final WorkerPool pool;
    private final long seed;
    private final long shardBytes;

    /// @param shardBytes the most bytes of a file, if it holds more than one tensor
    public RandomWeights(WorkerPool pool, long seed, long shardBytes) {
        this.pool = pool;
        this.seed = seed;
        this.shardBytes = shardBytes;
    }

    /// The bytes of all weights.
    public static long bytes(ModelShape shape) {
        return shape.weights().stream().mapToLong(RandomWeights::bytes).sum();
    }

    private static long bytes(ModelShape.Weight weight) {
        return (long) weight.rows() * weight.columns() * DType.BF16.bytes();
    }

    /// Writes configuration, tokenizer and weights.
    ///
    /// @param tokenizer the model directory whose tokenizer is copied
    /// @param endToken the id that ends a text
    /// @param written hears of the bytes of every tensor made; may throw to end early
    public void write(ModelShape shape, Path tokenizer, int endToken, Path out, LongConsumer written)
            throws IOException {
        Files.createDirectories(out);
        ModelFiles.copyTokenizer(tokenizer, out);
        shape.writeConfig(out, endToken, DType.BF16);
        List<List<ModelShape.Weight>> shards = shards(shape.weights());
        ObjectNode index = JsonMapper.shared().createObjectNode();
        index.putObject("metadata").put("total_size", bytes(shape));
        ObjectNode map = index.putObject("weight_map");
        for (int i = 0; i < shards.size(); i++) {
            String name = shards.size() == 1
                    ? "model.safetensors"
                    : String.format(Locale.ROOT, "model-%05d-of-%05d.safetensors", i + 1, shards.size());
            try (Workspace workspace = new Workspace()) {
                List<SafetensorsWriter.Entry> entries = shards.get(i).stream()
                        .map(weight -> entry(weight, workspace, written))
                        .toList();
                SafetensorsWriter.write(out.resolve(name), Map.of("format", "pt"), entries);
            }
            shards.get(i).forEach(weight -> map.put(weight.name(), name));
        }
        if (shards.size() > 1) {
            DurableFiles.write(
                    out.resolve("model.safetensors.index.json"), JsonMapper.shared().writeValueAsBytes(index));
        }
    }

    private List<List<ModelShape.Weight>> shards(List<ModelShape.Weight> weights) {
        List<List<ModelShape.Weight>> shards = new ArrayList<>();
        long filled = Long.MAX_VALUE;
        for (ModelShape.Weight weight : weights) {
            if (filled > shardBytes - bytes(weight)) {
                shards.add(new ArrayList<>());
                filled = 0;
            }
            shards.getLast().add(weight);
            filled += bytes(weight);
        }
        return shards;
    }

    private SafetensorsWriter.Entry entry(ModelShape.Weight weight, Workspace workspace, LongConsumer written) {
        long[] dimensions = weight.vector()
                ? new long[] {weight.columns()}
                : new long[] {weight.rows(), weight.columns()};
        return new SafetensorsWriter.Entry(weight.name(), DType.BF16, dimensions, () -> {
            // Written before the next one is asked for.
            workspace.reset();
            Tensor tensor = workspace.take(DType.BF16, weight.rows(), weight.columns());
            fill(weight, tensor.memory());
            written.accept(tensor.byteSize());
            return tensor;
        });
    }

    private void fill(ModelShape.Weight weight, MemorySegment memory) {
        long count = memory.byteSize() / DType.BF16.bytes();
        if (weight.vector()) {
            short value = BFloat16.fromFloat(weight.role() == ModelShape.Role.NORM ? 1 : 0);
            for (long i = 0; i < count; i++) {
                memory.setAtIndex(ValueLayout.JAVA_SHORT, i, value);
            }
            return;
        }
        long key = Philox.mix(seed, weight.name().hashCode());
        long blocks = Math.ceilDiv(count, VALUES_PER_BLOCK);
        pool.parallel(Math.toIntExact(Math.ceilDiv(blocks, BLOCKS_PER_TASK)), task -> {
            int[] words = new int[4];
            long end = Math.min(blocks, (task + 1L) * BLOCKS_PER_TASK);
            for (long block = (long) task * BLOCKS_PER_TASK; block < end; block++) {
                Philox.block(key, block, words);
                long first = block * VALUES_PER_BLOCK;
                for (int i = 0; i < VALUES_PER_BLOCK && first + i < count; i++) {
                    // 16 bits are plenty for a number that is rounded to 8.
                    short bits = (short) (words[i >> 1] >>> (i % 2 * Short.SIZE));
                    memory.setAtIndex(
                            ValueLayout.JAVA_SHORT, first + i, BFloat16.fromFloat((bits + 0.5f) * 0x1p-16f * WIDTH));
                }
            }
        });
    }
}
