package dev.fenlei.lora.data;

import dev.hardwood.InputFile;
import dev.hardwood.metadata.ColumnChunk;
import dev.hardwood.metadata.CompressionCodec;
import dev.hardwood.metadata.RowGroup;
import dev.hardwood.reader.ParquetFileReader;
import dev.hardwood.reader.RowReader;
import dev.hardwood.row.PqList;
import dev.hardwood.schema.ColumnProjection;
import dev.hardwood.schema.SchemaNode;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/// Rows of a Parquet file, only the columns that can matter. A file that fails in its middle gives one error and ends.
final class ParquetRows implements RowSource {

    private final String source;
    private final ParquetFileReader file;
    private final RowReader rows;
    private final List<String> columns;
    private long number;
    private boolean ended;

    /// @param wanted the names of the columns that are read when the file has them
    ParquetRows(Path path, String source, Collection<String> wanted) throws IOException {
        this.source = source;
        try {
            file = ParquetFileReader.open(InputFile.of(path));
        } catch (IOException | RuntimeException e) {
            throw new DataException(source, 0, null, "not a Parquet file that can be read: " + e.getMessage(), e);
        }
        try {
            columns = file.getFileSchema().getRootNode().children().stream()
                    .map(SchemaNode::name)
                    .filter(wanted::contains)
                    .toList();
            if (columns.isEmpty()) {
                throw new DataException(source, 0, null, "has none of the columns " + wanted
                        + "; name the text column");
            }
            rows = file.buildRowReader()
                    .projection(ColumnProjection.columns(columns.toArray(String[]::new)))
                    .build();
        } catch (RuntimeException | LinkageError e) {
            file.close();
            throw e instanceof DataException known ? known : broken(e);
        }
    }

    @Override
    public @Nullable Fields next() {
        if (ended) {
            return null;
        }
        number++;
        try {
            if (!rows.hasNext()) {
                ended = true;
                return null;
            }
            rows.next();
            Map<String, Object> values = new HashMap<>();
            for (String column : columns) {
                if (!rows.isNull(column)) {
                    values.put(column, value(rows.getValue(column)));
                }
            }
            return new Fields(number, values);
        } catch (RuntimeException | LinkageError e) {
            ended = true;
            throw broken(e);
        }
    }

    /// The names of the label column's classes, which Hugging Face data sets keep in the file's key-value metadata.
    @Override
    public List<String> classNames() {
        String json = file.getFileMetaData().keyValueMetadata().get("huggingface");
        if (json == null) {
            return List.of();
        }
        List<String> names = new ArrayList<>();
        try {
            JsonNode features = JsonMapper.shared().readTree(json).path("info").path("features");
            for (String column : columns) {
                for (JsonNode name : features.path(column).path("names")) {
                    names.add(name.asString());
                }
            }
        } catch (JacksonException e) {
            return List.of(); // a foreign program's note; the data is complete without it
        }
        return names;
    }

    @Override
    public void close() throws IOException {
        rows.close();
        file.close();
    }

    private static Object value(Object value) {
        if (value instanceof String || value instanceof Number || value instanceof Boolean) {
            return value.toString();
        }
        if (!(value instanceof PqList list)) {
            return new Unusable("a " + value.getClass().getSimpleName());
        }
        List<String> items = new ArrayList<>(list.size());
        for (Object item : list.values()) {
            if (!(item instanceof String text)) {
                return new Unusable("a list that does not hold texts only");
            }
            items.add(text);
        }
        return items;
    }

    private DataException broken(Throwable e) {
        for (RowGroup group : file.getFileMetaData().rowGroups()) {
            for (ColumnChunk chunk : group.columns()) {
                CompressionCodec codec = chunk.metaData().codec();
                if (codec != CompressionCodec.UNCOMPRESSED && codec != CompressionCodec.GZIP) {
                    return new DataException(
                            source,
                            number,
                            null,
                            "cannot be read (" + e.getMessage() + "); it is packed with " + codec
                                    + ", which needs that codec's jar on the class path (for SNAPPY"
                                    + " org.xerial.snappy:snappy-java); or write it with gzip or without compression",
                            e);
                }
            }
        }
        return new DataException(source, number, null, "the Parquet file is damaged: " + e.getMessage(), e);
    }
}
