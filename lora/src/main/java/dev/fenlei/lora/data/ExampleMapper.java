package dev.fenlei.lora.data;

import dev.fenlei.lora.data.RowSource.Fields;
import dev.fenlei.lora.data.RowSource.Unusable;
import java.util.HashSet;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/// Gives the fields of a row their meaning and checks them.
final class ExampleMapper {

    private static final String ID = "id";
    private static final String TEXT = "text";
    private static final String INPUT = "input";
    private static final List<String> LABELS = List.of("output", "label");
    private static final String CANDIDATES = "category";

    /// The prompt of the original Fudan recipe, as an instruction triple's `input`. The last mark counts, as the text
    /// may contain one.
    private static final Pattern PROMPT = Pattern.compile("\\s*文本[:：](.*)[,，]\\s*(?:类型选型|类别选项|类型选项)[:：](.*)",
            Pattern.DOTALL);

    private final String source;
    private final DataOptions options;
    private final List<String> labels;
    private final Set<String> labelSet;

    /// @param labels the label set, empty when none is known
    ExampleMapper(String source, DataOptions options, List<String> labels) {
        this.source = source;
        this.options = options;
        this.labels = labels;
        this.labelSet = new HashSet<>(labels);
    }

    /// The names of all columns that can matter.
    static Set<String> columns(DataOptions options) {
        Set<String> names = new LinkedHashSet<>();
        names.add(ID);
        names.addAll(options.textColumn() == null ? List.of(TEXT, INPUT) : List.of(options.textColumn()));
        names.addAll(options.labelColumn() == null ? LABELS : List.of(options.labelColumn()));
        names.add(options.candidatesColumn() == null ? CANDIDATES : options.candidatesColumn());
        return names;
    }

    /// The name of the text column among those that exist, or null when there is none.
    static @Nullable String textColumn(DataOptions options, Set<String> existing) {
        if (options.textColumn() != null) {
            return existing.contains(options.textColumn()) ? options.textColumn() : null;
        }
        return existing.contains(TEXT) ? TEXT : existing.contains(INPUT) ? INPUT : null;
    }

    Example map(Fields row) {
        Map<String, Object> values = row.values();
        String textColumn = textColumn(options, values.keySet());
        if (textColumn == null) {
            String wanted = options.textColumn() == null ? TEXT : options.textColumn();
            throw error(row, wanted, "the text is missing; the row has " + values.keySet());
        }
        String text = string(row, textColumn, values.get(textColumn));
        String candidatesColumn = options.candidatesColumn() == null ? CANDIDATES : options.candidatesColumn();
        List<String> candidates = candidates(row, candidatesColumn, values.get(candidatesColumn));
        if (textColumn.equals(INPUT) && options.textColumn() == null && candidates.isEmpty()) {
            Matcher prompt = PROMPT.matcher(text);
            if (prompt.matches()) {
                text = prompt.group(1);
                candidates = candidates(row, INPUT, prompt.group(2));
            }
        }
        if (text.isBlank()) {
            throw error(row, textColumn, "the text is empty; remove the row");
        }
        Object id = values.get(ID);
        return new Example(id instanceof String s ? s : null, text, candidates, label(row, candidates), row.line());
    }

    private @Nullable String label(Fields row, List<String> candidates) {
        String column = options.labelColumn() != null
                ? options.labelColumn()
                : LABELS.stream().filter(row.values()::containsKey).findFirst().orElse("label");
        Object value = row.values().get(column);
        String label = value == null ? "" : string(row, column, value).strip();
        if (label.isEmpty()) {
            if (options.labelRequired()) {
                throw error(row, column, "the label is missing; the row has " + row.values().keySet());
            }
            return null;
        }
        if (label.length() > DataOptions.MAX_LABEL_LENGTH) {
            throw error(
                    row, column, "the label has " + label.length() + " characters, at most "
                            + DataOptions.MAX_LABEL_LENGTH);
        }
        if (!labels.isEmpty() && !labelSet.contains(label)) {
            label = named(row, column, label);
        }
        if (options.labelRequired() && !candidates.isEmpty() && !candidates.contains(label)) {
            throw error(
                    row,
                    column,
                    "the label \"" + label + "\" is not among the row's candidates " + shortened(candidates)
                            + "; correct one of the two");
        }
        return label;
    }

    /// A label that is not a name of the label set: an index into it, or an error where the label matters.
    private String named(Fields row, String column, String label) {
        if (label.length() <= 4 && label.chars().allMatch(c -> c >= '0' && c <= '9')) {
            int index = Integer.parseInt(label);
            if (index < labels.size()) {
                return labels.get(index);
            }
        }
        if (options.labelRequired()) {
            throw error(
                    row,
                    column,
                    "\"" + label + "\" is neither one of the " + labels.size() + " labels " + shortened(labels)
                            + " nor an index from 0 to " + (labels.size() - 1));
        }
        return label;
    }

    private List<String> candidates(Fields row, String column, @Nullable Object value) {
        List<String> candidates = switch (value) {
            case null -> List.of();
            case String text -> parse(row, column, text);
            case List<?> list -> LabelLists.clean(list.stream().map(String::valueOf).toList());
            default -> throw error(row, column, "a list or a string is needed, this is " + kind(value));
        };
        if (candidates.size() > DataOptions.MAX_CANDIDATES) {
            throw error(
                    row, column, candidates.size() + " candidates, at most " + DataOptions.MAX_CANDIDATES
                            + " are possible");
        }
        for (String candidate : candidates) {
            if (candidate.length() > DataOptions.MAX_LABEL_LENGTH) {
                throw error(row, column, "a candidate is longer than " + DataOptions.MAX_LABEL_LENGTH + " characters");
            }
        }
        return candidates;
    }

    private List<String> parse(Fields row, String column, String text) {
        try {
            return LabelLists.parse(text);
        } catch (IllegalArgumentException e) {
            throw error(row, column, e.getMessage() + "; write 财经,科技 or ['财经', '科技']");
        }
    }

    private String string(Fields row, String column, @Nullable Object value) {
        if (value instanceof String text) {
            return text;
        }
        throw error(row, column, "a string is needed, this is " + kind(value));
    }

    private static String kind(@Nullable Object value) {
        return value instanceof Unusable unusable ? unusable.kind() : value instanceof List ? "a list" : "missing";
    }

    private static String shortened(List<String> labels) {
        return labels.size() <= 20 ? labels.toString() : labels.subList(0, 20) + "…";
    }

    private DataException error(Fields row, String field, String problem) {
        return new DataException(source, row.line(), field, problem);
    }
}
