package dev.fenlei.engine.safetensors;

import dev.fenlei.engine.safetensors.SafetensorsException.Kind;
import java.math.BigInteger;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import tools.jackson.core.JacksonException;
import tools.jackson.core.StreamReadConstraints;
import tools.jackson.core.StreamReadFeature;
import tools.jackson.core.json.JsonFactory;
import tools.jackson.databind.DeserializationFeature;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/// The JSON header of a safetensors file, checked as the format demands: known types, sizes that follow from the shapes,
/// data that is covered exactly once without holes.
///
/// @param tensors by name, in the order of the data
record Header(Map<String, TensorInfo> tensors, Map<String, String> metadata) {

    /// The limit of the reference implementation.
    static final int MAX_BYTES = 100_000_000;

    private static final Map<String, Integer> BITS = Map.ofEntries(
            Map.entry("BOOL", 8),
            Map.entry("F4", 4),
            Map.entry("F6_E2M3", 6),
            Map.entry("F6_E3M2", 6),
            Map.entry("U8", 8),
            Map.entry("I8", 8),
            Map.entry("F8_E5M2", 8),
            Map.entry("F8_E4M3", 8),
            Map.entry("F8_E8M0", 8),
            Map.entry("I16", 16),
            Map.entry("U16", 16),
            Map.entry("F16", 16),
            Map.entry("BF16", 16),
            Map.entry("I32", 32),
            Map.entry("U32", 32),
            Map.entry("F32", 32),
            Map.entry("F64", 64),
            Map.entry("I64", 64),
            Map.entry("U64", 64),
            Map.entry("C64", 64));

    private static final BigInteger MAX_UNSIGNED = BigInteger.TWO.pow(64).subtract(BigInteger.ONE);

    private static final JsonMapper JSON = JsonMapper.builder(JsonFactory.builder()
            .streamReadConstraints(StreamReadConstraints.builder()
                    .maxNestingDepth(8)
                    .maxStringLength(10_000_000)
                    .maxDocumentLength(MAX_BYTES)
                    .build())
            .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
            .build())
            .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS)
            .build();

    /// @param json the header's bytes
    /// @param dataBytes the length of the data section
    static Header parse(Path file, ByteBuffer json, long dataBytes) throws SafetensorsException {
        String text;
        try {
            text = StandardCharsets.UTF_8.newDecoder().decode(json).toString();
        } catch (CharacterCodingException e) {
            throw new SafetensorsException(file, Kind.InvalidHeader, "the header is not UTF-8");
        }
        JsonNode root;
        try {
            root = JSON.readTree(text);
        } catch (JacksonException e) {
            throw new SafetensorsException(
                    file, Kind.InvalidHeaderDeserialization, "the header is not JSON: " + e.getOriginalMessage());
        }
        if (root == null || !root.isObject()) {
            throw new SafetensorsException(
                    file, Kind.InvalidHeaderDeserialization, "the header is not a JSON object");
        }
        Map<String, String> metadata = Map.of();
        List<TensorInfo> tensors = new ArrayList<>();
        for (Map.Entry<String, JsonNode> entry : root.properties()) {
            if (entry.getKey().equals("__metadata__")) {
                metadata = metadata(file, entry.getValue());
            } else {
                tensors.add(tensor(file, entry.getKey(), entry.getValue()));
            }
        }
        tensors.sort(Comparator.comparingLong(TensorInfo::begin).thenComparingLong(TensorInfo::end));
        return new Header(validate(file, tensors, dataBytes), metadata);
    }

    private static Map<String, String> metadata(Path file, JsonNode node) throws SafetensorsException {
        if (!node.isObject()) {
            throw malformed(file, "__metadata__", "is not an object");
        }
        Map<String, String> result = new LinkedHashMap<>();
        for (Map.Entry<String, JsonNode> entry : node.properties()) {
            if (!entry.getValue().isString()) {
                throw malformed(file, "__metadata__." + entry.getKey(), "is not a string");
            }
            result.put(entry.getKey(), entry.getValue().stringValue());
        }
        return Collections.unmodifiableMap(result);
    }

    private static TensorInfo tensor(Path file, String name, JsonNode node) throws SafetensorsException {
        JsonNode dtype = node.get("dtype");
        JsonNode shape = node.get("shape");
        JsonNode offsets = node.get("data_offsets");
        if (dtype == null || !dtype.isString() || !BITS.containsKey(dtype.stringValue())) {
            throw malformed(file, name + ".dtype", "is missing or unknown: " + dtype);
        }
        if (shape == null || !shape.isArray() || shape.size() > 64) {
            throw malformed(file, name + ".shape", "is missing or not a list of sizes");
        }
        if (offsets == null || !offsets.isArray() || offsets.size() != 2) {
            throw malformed(file, name + ".data_offsets", "is missing or not a pair");
        }
        long[] sizes = new long[shape.size()];
        for (int i = 0; i < sizes.length; i++) {
            sizes[i] = unsigned(file, name, "shape", shape.get(i));
        }
        return new TensorInfo(
                name,
                dtype.stringValue(),
                sizes,
                unsigned(file, name, "data_offsets", offsets.get(0)),
                unsigned(file, name, "data_offsets", offsets.get(1)));
    }

    private static long unsigned(Path file, String name, String field, JsonNode node) throws SafetensorsException {
        BigInteger value = node.isIntegralNumber() ? node.bigIntegerValue() : BigInteger.valueOf(-1);
        if (value.signum() < 0 || value.compareTo(MAX_UNSIGNED) > 0) {
            throw malformed(file, name + "." + field, "holds " + node + ", which is not an unsigned 64-bit number");
        }
        if (value.bitLength() > 63) {
            throw new SafetensorsException(
                    file, Kind.ValidationOverflow, "tensor '" + name + "': " + field + " " + value + " is too large");
        }
        return value.longValue();
    }

    private static Map<String, TensorInfo> validate(Path file, List<TensorInfo> tensors, long dataBytes)
            throws SafetensorsException {
        Map<String, TensorInfo> byName = new LinkedHashMap<>();
        long position = 0;
        for (TensorInfo info : tensors) {
            String where = "tensor '" + info.name() + "'";
            if (info.begin() != position || info.end() < info.begin()) {
                throw new SafetensorsException(
                        file,
                        Kind.InvalidOffset,
                        where + " lies at bytes " + info.begin() + " to " + info.end() + ", expected to begin at "
                                + position);
            }
            long bits;
            try {
                long size = 1;
                for (long dimension : info.shape()) {
                    size = Math.multiplyExact(size, dimension);
                }
                bits = Math.multiplyExact(size, (long) BITS.getOrDefault(info.dtype(), 0));
            } catch (ArithmeticException e) {
                throw new SafetensorsException(
                        file, Kind.ValidationOverflow, where + " has the impossible shape " + info.shapeText());
            }
            if (bits % 8 != 0) {
                throw new SafetensorsException(file, Kind.MisalignedSlice, where + " does not end on a whole byte");
            }
            if (bits / 8 != info.byteSize()) {
                throw new SafetensorsException(
                        file,
                        Kind.TensorInvalidInfo,
                        where + " of shape " + info.shapeText() + " and type " + info.dtype() + " needs " + bits / 8
                                + " bytes, the header gives it " + info.byteSize());
            }
            position = info.end();
            byName.put(info.name(), info);
        }
        if (position != dataBytes) {
            throw new SafetensorsException(
                    file,
                    Kind.MetadataIncompleteBuffer,
                    "the header describes " + position + " bytes of data, the file has " + dataBytes
                            + (dataBytes < position ? ": the file is cut short, fetch it again" : ""));
        }
        return Collections.unmodifiableMap(byName);
    }

    private static SafetensorsException malformed(Path file, String field, String what) {
        return new SafetensorsException(file, Kind.InvalidHeaderDeserialization, "field '" + field + "' " + what);
    }
}
