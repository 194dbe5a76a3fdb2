package dev.fenlei.lora.data;

import de.siegmar.fastcsv.reader.CsvParseException;
import de.siegmar.fastcsv.reader.CsvReader;
import java.io.IOException;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/// CSV or TSV (RFC 4180 quoting) under a header line. The lines of a row are gathered here and parsed one row at a
/// time, so that
/// a bad row is one bad row and not the end of the file. Empty lines are skipped.
final class DelimitedLines implements RowSource {

    private final Utf8Lines lines;
    private final String source;
    private final char separator;
    private final CsvReader.CsvReaderBuilder parser;
    private final List<String> header;

    DelimitedLines(Utf8Lines lines, String source, char separator) throws IOException {
        this.lines = lines;
        this.source = source;
        this.separator = separator;
        this.parser = CsvReader.builder().fieldSeparator(separator).maxBufferSize(DataOptions.MAX_LINE_BYTES + 2);
        String first = gather();
        this.header = first == null
                ? List.of()
                : parse(first, lines.number()).stream().map(String::strip).toList();
        if (new LinkedHashSet<>(header).size() != header.size()) {
            throw new DataException(source, 1, null, "the header names a column twice: " + header);
        }
    }

    /// The columns, in order.
    List<String> header() {
        return header;
    }

    @Override
    public @Nullable Fields next() throws IOException {
        long line = lines.number() + 1;
        String row = gather();
        while (row != null && row.isEmpty()) {
            line = lines.number() + 1;
            row = gather();
        }
        if (row == null) {
            return null;
        }
        List<String> cells = parse(row, line);
        if (cells.size() != header.size()) {
            throw new DataException(
                    source,
                    line,
                    null,
                    "the row has " + cells.size() + " fields, the header " + header.size()
                            + "; put a field that holds the separator between double quotes");
        }
        Map<String, Object> values = new HashMap<>();
        for (int i = 0; i < cells.size(); i++) {
            if (!cells.get(i).isEmpty()) {
                values.put(header.get(i), cells.get(i));
            }
        }
        return new Fields(line, values);
    }

    @Override
    public void close() throws IOException {
        lines.close();
    }

    /// The lines of one row: more than one when a quoted field holds line ends.
    private @Nullable String gather() throws IOException {
        String line = lines.next();
        if (line == null || line.indexOf('"') < 0) {
            return line;
        }
        long start = lines.number();
        boolean open = endsInsideQuotes(line, false);
        if (!open) {
            return line;
        }
        StringBuilder row = new StringBuilder(line);
        while (open) {
            line = lines.next();
            if (line == null) {
                throw new DataException(source, start, null, "the quote of a field is never closed");
            }
            if (row.length() + line.length() >= DataOptions.MAX_LINE_BYTES) {
                throw new DataException(
                        source,
                        start,
                        null,
                        "the row is longer than " + DataOptions.MAX_LINE_BYTES + " characters; is a quote not closed?");
            }
            row.append('\n').append(line);
            open = endsInsideQuotes(line, true);
        }
        return row.toString();
    }

    /// Whether a quoted field is still open at the end of the line. Only a quote at the start of a field opens one; a
    /// doubled
    /// quote closes and opens again, which comes out right.
    private boolean endsInsideQuotes(String line, boolean inside) {
        boolean fieldStart = !inside;
        boolean open = inside;
        for (int i = 0; i < line.length(); i++) {
            char c = line.charAt(i);
            if (open) {
                if (c == '"') {
                    boolean doubled = i + 1 < line.length() && line.charAt(i + 1) == '"';
                    open = doubled;
                    i += doubled ? 1 : 0;
                }
                fieldStart = false;
            } else {
                open = c == '"' && fieldStart;
                fieldStart = c == separator;
            }
        }
        return open;
    }

    private List<String> parse(String row, long line) {
        try {
            return parser.ofSingleCsvRecord(row).getFields();
        } catch (CsvParseException e) {
            throw new DataException(
                    source,
                    line,
                    null,
                    "not a row of " + (separator == ',' ? "CSV" : "TSV") + ": " + e.getMessage()
                            + "; write a quote inside a quoted field twice",
                    e);
        }
    }
}
