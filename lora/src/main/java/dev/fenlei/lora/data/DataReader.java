package dev.fenlei.lora.data;

import java.io.BufferedInputStream;
import java.io.Closeable;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HashSet;
import java.util.Iterator;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.NoSuchElementException;
import java.util.Set;
import java.util.zip.GZIPInputStream;
import org.jspecify.annotations.Nullable;

/// Reads examples one by one, so that a file may be larger than memory. A bad row comes as a [DataRow] with an error
/// and does not
/// end the reading; whoever wants to stop at the first calls [DataRow#orThrow()].
///
/// ```java
/// try (DataReader reader = DataReader.open(path, DataOptions.labelled())) {
///     while (reader.hasNext()) {
///         Example example = reader.next().orThrow();
///     }
/// }
/// ```
///
/// Files that cannot be used at all (no such column, no class file, not Parquet) are refused by `open` with a
/// [DataException].
/// Not for use by several threads.
public final class DataReader implements Iterator<DataRow>, Closeable {

    private static final List<String> CLASS_FILES = List.of("class.txt", "classes.txt");

    private final String source;
    private final RowSource rows;
    private final ExampleMapper mapper;
    private final long maxRows;
    private final List<String> labels;
    private long count;
    private boolean ended;
    private @Nullable DataRow ahead;

    private DataReader(String source, RowSource rows, DataOptions options, List<String> labels) {
        this.source = source;
        this.rows = rows;
        this.mapper = new ExampleMapper(source, options, labels);
        this.maxRows = options.maxRows();
        this.labels = labels;
    }

    /// Opens a file; its form follows from its name, and for `.txt` and `.tsv` from its first line.
    ///
    /// @throws IOException   when the file cannot be read
    /// @throws DataException when it cannot be used
    public static DataReader open(Path file, DataOptions options) throws IOException {
        String source = file.toString();
        if (!Files.isRegularFile(file)) {
            throw new DataException(source, 0, null, "there is no such file");
        }
        DataFormat format = DataFormat.ofName(String.valueOf(file.getFileName()))
                .orElseThrow(() -> new DataException(
                        source, 0, null, "the file name does not say the format; it must end with "
                                + DataFormat.EXTENSIONS));
        if (format == DataFormat.PARQUET) {
            RowSource rows = new ParquetRows(file, source, ExampleMapper.columns(options));
            return new DataReader(source, rows, options, labels(format, file, options, rows));
        }
        if (format == DataFormat.TSV) {
            format = sniff(file, options);
        }
        List<String> labels = labels(format, file, options, null);
        return new DataReader(source, text(stream(file), source, format, options), options, labels);
    }

    /// Reads text from a stream, which the reader closes. [DataFormat#PARQUET] needs a file.
    ///
    /// @param name what messages call the stream
    public static DataReader open(InputStream in, String name, DataFormat format, DataOptions options)
            throws IOException {
        if (format == DataFormat.PARQUET) {
            throw new IllegalArgumentException("Parquet can be read from a file only");
        }
        List<String> labels = labels(format, null, options, null);
        return new DataReader(name, text(in, name, format, options), options, labels);
    }

    /// Reads a class file: one class name a line, empty lines left out.
    ///
    /// @throws DataException when a name stands there twice or there are more than [DataOptions#MAX_CANDIDATES]
    public static List<String> readClassFile(Path file) throws IOException {
        Set<String> names = new LinkedHashSet<>();
        int maxLineBytes = DataOptions.MAX_LABEL_LENGTH * 4;
        try (Utf8Lines lines = new Utf8Lines(Files.newInputStream(file), file.toString(), maxLineBytes)) {
            for (String line = lines.next(); line != null; line = lines.next()) {
                String name = line.strip();
                if (!name.isEmpty() && !names.add(name)) {
                    throw new DataException(file.toString(), lines.number(), null, "the class \"" + name
                            + "\" stands here twice");
                }
                if (names.size() > DataOptions.MAX_CANDIDATES) {
                    throw new DataException(
                            file.toString(), lines.number(), null, "more than " + DataOptions.MAX_CANDIDATES
                                    + " classes");
                }
            }
        }
        if (names.isEmpty()) {
            throw new DataException(file.toString(), 0, null, "the class file is empty");
        }
        return List.copyOf(names);
    }

    /// The label set known beforehand: of the options, the class file, or the Parquet file; empty when none says it.
    public List<String> labels() {
        return labels;
    }

    @Override
    public boolean hasNext() {
        if (ahead == null && !ended) {
            ahead = read();
            ended |= ahead == null;
        }
        return ahead != null;
    }

    /// The next row.
    ///
    /// @throws UncheckedIOException when the file cannot be read further (also a damaged `.gz`)
    @Override
    public DataRow next() {
        if (!hasNext() || ahead == null) {
            throw new NoSuchElementException();
        }
        DataRow row = ahead;
        ahead = null;
        return row;
    }

    @Override
    public void close() throws IOException {
        rows.close();
    }

    private @Nullable DataRow read() {
        DataRow row = parse();
        if (row != null && count++ == maxRows) {
            ended = true;
            String problem = "more than " + maxRows + " rows; raise the limit or split the file";
            return new DataRow(row.line(), null, new DataException(source, row.line(), null, problem));
        }
        return row;
    }

    private @Nullable DataRow parse() {
        try {
            RowSource.Fields fields = rows.next();
            return fields == null ? null : new DataRow(fields.line(), mapper.map(fields), null);
        } catch (DataException e) {
            return new DataRow(e.line(), null, e);
        } catch (IOException e) {
            throw new UncheckedIOException(source + ": " + e.getMessage(), e);
        }
    }

    private static RowSource text(InputStream in, String source, DataFormat format, DataOptions options)
            throws IOException {
        Utf8Lines lines = new Utf8Lines(in, source, DataOptions.MAX_LINE_BYTES);
        if (format == DataFormat.JSONL) {
            return new JsonLines(lines, source);
        }
        if (format == DataFormat.INDEXED) {
            return new IndexedLines(lines, options.textColumn(), options.labelColumn());
        }
        DelimitedLines table = new DelimitedLines(lines, source, format == DataFormat.CSV ? ',' : '\t');
        if (!table.header().isEmpty() && ExampleMapper.textColumn(options, new HashSet<>(table.header())) == null) {
            lines.close();
            throw new DataException(
                    source,
                    1,
                    options.textColumn() == null ? "text" : options.textColumn(),
                    "the header has no such column but " + table.header() + "; name the column of the text");
        }
        return table;
    }

    private static InputStream stream(Path file) throws IOException {
        InputStream in = Files.newInputStream(file);
        if (!String.valueOf(file.getFileName()).toLowerCase(Locale.ROOT).endsWith(".gz")) {
            return in;
        }
        try {
            return new GZIPInputStream(new BufferedInputStream(in, 1 << 16), 1 << 16);
        } catch (IOException e) {
            in.close();
            throw new DataException(file.toString(), 0, null, "not a gzip file: " + e.getMessage(), e);
        }
    }

    /// Tells the forms of `.txt` and `.tsv` apart by the first line.
    private static DataFormat sniff(Path file, DataOptions options) throws IOException {
        try (Utf8Lines lines = new Utf8Lines(stream(file), file.toString(), DataOptions.MAX_LINE_BYTES)) {
            String first = lines.next();
            if (first == null || first.stripLeading().startsWith("{")) {
                return DataFormat.JSONL;
            }
            List<String> cells = Arrays.stream(first.split("\t", -1)).map(String::strip).toList();
            boolean header = ExampleMapper.textColumn(options, new HashSet<>(cells)) != null;
            return header ? DataFormat.TSV : DataFormat.INDEXED;
        }
    }

    private static List<String> labels(
            DataFormat format, @Nullable Path file, DataOptions options, @Nullable RowSource rows) throws IOException {
        if (!options.labels().isEmpty()) {
            return options.labels();
        }
        if (options.classFile() != null) {
            return readClassFile(options.classFile());
        }
        if (rows != null) {
            return rows.classNames();
        }
        if (format != DataFormat.INDEXED) {
            return List.of();
        }
        for (String name : CLASS_FILES) {
            Path beside = file == null ? null : file.resolveSibling(name);
            if (beside != null && Files.isRegularFile(beside)) {
                return readClassFile(beside);
            }
        }
        if (options.labelRequired()) {
            throw new DataException(
                    String.valueOf(file),
                    0,
                    null,
                    "its labels are class indices, but there is no class.txt beside it; name the class file");
        }
        return List.of();
    }
}
