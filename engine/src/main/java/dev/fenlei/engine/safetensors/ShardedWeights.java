package dev.fenlei.engine.safetensors;

import dev.fenlei.engine.safetensors.SafetensorsException.Kind;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/// Several safetensors files bound together by a `model.safetensors.index.json`, as `transformers` writes large models.
final class ShardedWeights implements Weights {

    private static final long MAX_INDEX_BYTES = 64L << 20;

    private final Path index;
    private final Map<String, SafetensorsFile> fileOf;
    private final Map<String, SafetensorsFile> files;

    private ShardedWeights(Path index, Map<String, SafetensorsFile> fileOf, Map<String, SafetensorsFile> files) {
        this.index = index;
        this.fileOf = fileOf;
        this.files = files;
    }

    static ShardedWeights open(Path index) throws IOException {
        if (Files.size(index) > MAX_INDEX_BYTES) {
            throw new SafetensorsException(
                    index, Kind.InvalidIndex, "the index is larger than " + MAX_INDEX_BYTES + " bytes");
        }
        JsonNode map;
        try {
            map = JsonMapper.shared().readTree(Files.readString(index)).path("weight_map");
        } catch (JacksonException e) {
            throw new SafetensorsException(index, Kind.InvalidIndex, "not JSON: " + e.getOriginalMessage());
        }
        if (!map.isObject()) {
            throw new SafetensorsException(index, Kind.InvalidIndex, "field 'weight_map' is missing");
        }
        Map<String, SafetensorsFile> files = new LinkedHashMap<>();
        Map<String, SafetensorsFile> fileOf = new LinkedHashMap<>();
        try {
            for (Map.Entry<String, JsonNode> entry : map.properties()) {
                String shard = entry.getValue().asString("");
                SafetensorsFile file = files.get(shard);
                if (file == null) {
                    file = openShard(index, entry.getKey(), shard);
                    files.put(shard, file);
                }
                if (!file.names().contains(entry.getKey())) {
                    throw new SafetensorsException(
                            index,
                            Kind.TensorNotFound,
                            "weight_map places tensor '" + entry.getKey() + "' in " + shard + ", which lacks it");
                }
                fileOf.put(entry.getKey(), file);
            }
            return new ShardedWeights(index, Collections.unmodifiableMap(fileOf), files);
        } catch (IOException | RuntimeException e) {
            files.values().forEach(SafetensorsFile::close);
            throw e;
        }
    }

    private static SafetensorsFile openShard(Path index, String tensor, String shard) throws IOException {
        // A name with a separator could leave the model's directory.
        if (shard.isEmpty() || shard.contains("/") || shard.contains("\\") || shard.equals("..")) {
            throw new SafetensorsException(
                    index, Kind.InvalidIndex, "weight_map gives tensor '" + tensor + "' the file name '" + shard + "'");
        }
        Path path = index.resolveSibling(shard);
        if (!Files.exists(path)) {
            throw new NoSuchFileException(
                    path.toString(), null, "this shard is named in " + index.getFileName() + " but is not there");
        }
        return SafetensorsFile.open(path);
    }

    private SafetensorsFile shard(String name) throws SafetensorsException {
        SafetensorsFile file = fileOf.get(name);
        if (file == null) {
            throw new SafetensorsException(index, Kind.TensorNotFound, "there is no tensor '" + name + "'");
        }
        return file;
    }

    @Override
    public Set<String> names() {
        return fileOf.keySet();
    }

    @Override
    public TensorInfo info(String name) throws SafetensorsException {
        return shard(name).info(name);
    }

    @Override
    public Path file(String name) throws SafetensorsException {
        return shard(name).path();
    }

    @Override
    public MemorySegment bytes(String name) throws SafetensorsException {
        return shard(name).bytes(name);
    }

    @Override
    public void close() {
        files.values().forEach(SafetensorsFile::close);
    }
}
