package dev.fenlei.lora.data;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.zip.GZIPOutputStream;
import org.jspecify.annotations.Nullable;

/// The smallest writer of Parquet that tests need: one row group, one plain page a column, all columns optional. The
/// format is that
/// of parquet-format's `parquet.thrift` in Thrift's compact encoding.
final class ParquetFixture {

    private static final int BYTE_ARRAY = 6;
    private static final int INT64 = 2;
    private static final int OPTIONAL = 1;
    private static final int REPEATED = 2;
    private static final int UTF8 = 0;
    private static final int LIST = 3;
    private static final int RLE = 3;

    static final int UNCOMPRESSED = 0;
    static final int SNAPPY = 1;
    static final int GZIP = 2;

    private record Column(String name, int type, boolean list, List<?> values) {
        List<String> path() {
            return list ? List.of(name, "list", "element") : List.of(name);
        }
    }

    private final List<Column> columns = new ArrayList<>();
    private final Map<String, String> metadata = new LinkedHashMap<>();

    ParquetFixture texts(String name, List<? extends @Nullable String> values) {
        columns.add(new Column(name, BYTE_ARRAY, false, values));
        return this;
    }

    ParquetFixture numbers(String name, List<? extends @Nullable Long> values) {
        columns.add(new Column(name, INT64, false, values));
        return this;
    }

    ParquetFixture lists(String name, List<? extends @Nullable List<String>> values) {
        columns.add(new Column(name, BYTE_ARRAY, true, values));
        return this;
    }

    ParquetFixture metadata(String key, String value) {
        metadata.put(key, value);
        return this;
    }

    void write(Path file, int codec) throws IOException {
        int rows = columns.getFirst().values().size();
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        out.writeBytes("PAR1".getBytes(StandardCharsets.US_ASCII));
        List<Thrift> chunks = new ArrayList<>();
        for (Column column : columns) {
            int offset = out.size();
            int values = page(column, codec, out);
            Thrift chunk = new Thrift()
                    .number(1, column.type())
                    .numbers(2, List.of(0, RLE))
                    .texts(3, column.path())
                    .number(4, codec)
                    .longNumber(5, values)
                    .longNumber(6, out.size() - offset)
                    .longNumber(7, out.size() - offset)
                    .longNumber(9, offset);
            chunks.add(new Thrift().longNumber(2, offset).struct(3, chunk));
        }
        Thrift group = new Thrift().structs(1, chunks).longNumber(2, out.size()).longNumber(3, rows);
        List<Thrift> notes = metadata.entrySet().stream()
                .map(entry -> new Thrift().text(1, entry.getKey()).text(2, entry.getValue()))
                .toList();
        byte[] footer = new Thrift()
                .number(1, 2)
                .structs(2, schema())
                .longNumber(3, rows)
                .structs(4, List.of(group))
                .structs(5, notes)
                .end();
        out.writeBytes(footer);
        out.writeBytes(littleEndian(footer.length));
        out.writeBytes("PAR1".getBytes(StandardCharsets.US_ASCII));
        Files.write(file, out.toByteArray());
    }

    private List<Thrift> schema() {
        List<Thrift> schema = new ArrayList<>();
        schema.add(new Thrift().text(4, "schema").number(5, columns.size()));
        for (Column column : columns) {
            String name = column.name();
            if (column.list()) {
                schema.add(new Thrift().number(3, OPTIONAL).text(4, name).number(5, 1).number(6, LIST));
                schema.add(new Thrift().number(3, REPEATED).text(4, "list").number(5, 1));
                name = "element";
            }
            Thrift leaf = new Thrift().number(1, column.type()).number(3, OPTIONAL).text(4, name);
            schema.add(column.type() == BYTE_ARRAY ? leaf.number(6, UTF8) : leaf);
        }
        return schema;
    }

    /// Writes the page and gives the number of its values, nulls and empty lists among them.
    private static int page(Column column, int codec, ByteArrayOutputStream out) throws IOException {
        ByteArrayOutputStream repetitions = new ByteArrayOutputStream();
        ByteArrayOutputStream definitions = new ByteArrayOutputStream();
        ByteArrayOutputStream data = new ByteArrayOutputStream();
        int values = 0;
        for (Object value : column.values()) {
            List<?> items = value instanceof List<?> list ? list : value == null ? List.of() : List.of(value);
            for (int i = 0; i < Math.max(1, items.size()); i++) {
                level(repetitions, i == 0 ? 0 : 1);
                int depth = column.list() ? items.isEmpty() ? 1 : 3 : 1;
                level(definitions, value == null ? 0 : depth);
                values++;
            }
            items.forEach(item -> plain(item, data));
        }
        ByteArrayOutputStream page = new ByteArrayOutputStream();
        if (column.list()) {
            page.writeBytes(littleEndian(repetitions.size()));
            repetitions.writeTo(page);
        }
        page.writeBytes(littleEndian(definitions.size()));
        definitions.writeTo(page);
        data.writeTo(page);
        byte[] packed = codec == GZIP ? gzip(page.toByteArray()) : page.toByteArray();
        Thrift dataHeader = new Thrift().number(1, values).number(2, 0).number(3, RLE).number(4, RLE);
        out.writeBytes(new Thrift()
                .number(1, 0)
                .number(2, page.size())
                .number(3, packed.length)
                .struct(5, dataHeader)
                .end());
        out.writeBytes(packed);
        return values;
    }

    /// A run of one.
    private static void level(ByteArrayOutputStream out, int level) {
        out.write(1 << 1);
        out.write(level);
    }

    private static void plain(Object value, ByteArrayOutputStream out) {
        if (value instanceof Long number) {
            out.writeBytes(ByteBuffer.allocate(8).order(ByteOrder.LITTLE_ENDIAN).putLong(number).array());
        } else {
            byte[] bytes = value.toString().getBytes(StandardCharsets.UTF_8);
            out.writeBytes(littleEndian(bytes.length));
            out.writeBytes(bytes);
        }
    }

    private static byte[] gzip(byte[] bytes) throws IOException {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        try (GZIPOutputStream gzip = new GZIPOutputStream(out)) {
            gzip.write(bytes);
        }
        return out.toByteArray();
    }

    private static byte[] littleEndian(int value) {
        return ByteBuffer.allocate(4).order(ByteOrder.LITTLE_ENDIAN).putInt(value).array();
    }

    /// A struct in Thrift's compact protocol; fields are to be given in rising order.
    private static final class Thrift {
        private final ByteArrayOutputStream out = new ByteArrayOutputStream();
        private int last;

        Thrift number(int field, int value) {
            header(field, 5);
            varint(zigzag(value));
            return this;
        }

        Thrift longNumber(int field, long value) {
            header(field, 6);
            varint(zigzag(value));
            return this;
        }

        Thrift text(int field, String value) {
            header(field, 8);
            string(value);
            return this;
        }

        Thrift struct(int field, Thrift value) {
            header(field, 12);
            out.writeBytes(value.end());
            return this;
        }

        Thrift numbers(int field, List<Integer> values) {
            list(field, 5, values.size());
            values.forEach(value -> varint(zigzag(value)));
            return this;
        }

        Thrift texts(int field, List<String> values) {
            list(field, 8, values.size());
            values.forEach(this::string);
            return this;
        }

        Thrift structs(int field, List<Thrift> values) {
            list(field, 12, values.size());
            values.forEach(value -> out.writeBytes(value.end()));
            return this;
        }

        byte[] end() {
            out.write(0);
            return out.toByteArray();
        }

        private void header(int field, int type) {
            out.write(((field - last) << 4) | type);
            last = field;
        }

        private void list(int field, int type, int size) {
            header(field, 9);
            out.write((Math.min(size, 15) << 4) | type);
            if (size >= 15) {
                varint(size);
            }
        }

        private void string(String value) {
            byte[] bytes = value.getBytes(StandardCharsets.UTF_8);
            varint(bytes.length);
            out.writeBytes(bytes);
        }

        private void varint(long value) {
            long rest = value;
            while (rest >>> 7 != 0) {
                out.write((int) (rest & 0x7F) | 0x80);
                rest >>>= 7;
            }
            out.write((int) rest);
        }

        private static long zigzag(long value) {
            return (value << 1) ^ (value >> 63);
        }
    }
}
