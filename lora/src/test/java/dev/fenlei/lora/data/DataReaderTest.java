package dev.fenlei.lora.data;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.nio.charset.Charset;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.zip.GZIPOutputStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class DataReaderTest {

    private static final DataOptions LABELLED = DataOptions.labelled();

    @TempDir
    @SuppressWarnings("NullAway.Init")
    Path directory;

    @Test
    void readsTheFudanForm() throws IOException {
        List<Example> examples = load("a.jsonl", """
                {"id": "x1", "text": "股市大涨", "category": ["财经", "科技"], "output": "财经", "extra": {"a": 1}}
                {"text": "球队夺冠", "category": "财经, 体育", "output": "体育"}

                {"text": "新机发布", "category": "['财经', '科技']", "output": "科技"}
                """);
        assertThat(examples)
                .containsExactly(
                        new Example("x1", "股市大涨", List.of("财经", "科技"), "财经", 1),
                        new Example(null, "球队夺冠", List.of("财经", "体育"), "体育", 2),
                        new Example(null, "新机发布", List.of("财经", "科技"), "科技", 4));
    }

    @Test
    void readsInstructionTriples() throws IOException {
        List<Example> examples = load("a.jsonl", """
                {"instruction": "你是专家", "input": "文本:甲，类型选型:乙,类型选型:['财经', '科技']", "output": "科技"}
                {"instruction": "你是专家", "input": "文本：第一行\\n第二行，类别选项：财经，科技", "output": "财经"}
                {"instruction": "classify", "input": "just a text", "output": "sports"}
                """);
        assertThat(examples)
                .containsExactly(
                        new Example(null, "甲，类型选型:乙", List.of("财经", "科技"), "科技", 1),
                        new Example(null, "第一行\n第二行", List.of("财经", "科技"), "财经", 2),
                        new Example(null, "just a text", List.of(), "sports", 3));
    }

    @Test
    void readsTextAndLabelWithNumbersAsIndices() throws IOException {
        String lines = "{\"text\":\"a\",\"label\":1}\n{\"text\":\"b\",\"label\":\"art\"}\n";
        write("a.jsonl", lines.getBytes(StandardCharsets.UTF_8));
        assertThat(DataSet.load(directory.resolve("a.jsonl"), LABELLED.withLabels(List.of("art", "law"))))
                .extracting(Example::label)
                .containsExactly("law", "art");
        assertThat(load("a.jsonl", "{\"text\":\"a\",\"label\":1}")).extracting(Example::label).containsExactly("1");
    }

    @ParameterizedTest
    @ValueSource(strings = {"\n", "\r\n"})
    void readsCsvWithBomQuotesAndBothLineEnds(String end) throws IOException {
        String csv = String.join(
                end,
                "\uFEFFlabel,text",
                "art,\"one, \"\"two\"\"",
                "three\"",
                "",
                "law,6\" of 7\"",
                "art,last");
        assertThat(load("a.csv", csv))
                .containsExactly(
                        new Example(null, "one, \"two\"\nthree", List.of(), "art", 2),
                        new Example(null, "6\" of 7\"", List.of(), "law", 5),
                        new Example(null, "last", List.of(), "art", 6));
    }

    @Test
    void readsTsvAndGivenColumns() throws IOException {
        assertThat(load("a.tsv", "text\tlabel\n你好, 世界\t问候\n"))
                .containsExactly(new Example(null, "你好, 世界", List.of(), "问候", 2));
        write("b.csv", "headline,topic,options\na,x,x|y\nb,y,\"x,y\"\n".getBytes(StandardCharsets.UTF_8));
        DataOptions options = DataOptions.unlabelled().withColumns("headline", "topic", "options");
        assertThat(DataSet.load(directory.resolve("b.csv"), options))
                .containsExactly(
                        new Example(null, "a", List.of("x|y"), "x", 2),
                        new Example(null, "b", List.of("x", "y"), "y", 3));
    }

    @Test
    void readsClassIndicesWithTheClassFileBeside() throws IOException {
        write("class.txt", "finance\r\nsports\r\n".getBytes(StandardCharsets.UTF_8));
        assertThat(load("dev.txt", "股市\t大涨\t0\n夺冠\t1\n"))
                .containsExactly(
                        new Example(null, "股市\t大涨", List.of(), "finance", 1),
                        new Example(null, "夺冠", List.of(), "sports", 2));
        assertThatExceptionOfType(DataException.class)
                .isThrownBy(() -> load("dev.txt", "夺冠\t2\n"))
                .withMessageContaining("dev.txt, line 1, field \"label\"")
                .withMessageContaining("index from 0 to 1");
    }

    @Test
    void asksForTheClassFile() throws IOException {
        write("dev.txt", "夺冠\t1\n".getBytes(StandardCharsets.UTF_8));
        assertThatExceptionOfType(DataException.class)
                .isThrownBy(() -> DataSet.load(directory.resolve("dev.txt"), LABELLED))
                .withMessageContaining("class.txt");
        write("names.list", "finance\nsports\n".getBytes(StandardCharsets.UTF_8));
        DataOptions options = LABELLED.withClassFile(directory.resolve("names.list"));
        assertThat(DataSet.load(directory.resolve("dev.txt"), options)).extracting(Example::label)
                .containsExactly("sports");
    }

    @Test
    void unpacksGzip() throws IOException {
        write("a.jsonl.gz", gzip("{\"text\":\"甲\",\"label\":\"x\"}\n"));
        assertThat(DataSet.load(directory.resolve("a.jsonl.gz"), LABELLED)).extracting(Example::text)
                .containsExactly("甲");
        byte[] cut = gzip("{\"text\":\"" + "随机".repeat(500) + "\",\"label\":\"x\"}\n");
        write("b.jsonl.gz", Arrays.copyOf(cut, cut.length - 12));
        assertThatExceptionOfType(UncheckedIOException.class)
                .isThrownBy(() -> DataSet.load(directory.resolve("b.jsonl.gz"), LABELLED))
                .withMessageContaining("b.jsonl.gz");
        write("c.jsonl.gz", "plain".getBytes(StandardCharsets.UTF_8));
        assertThatExceptionOfType(DataException.class)
                .isThrownBy(() -> DataSet.load(directory.resolve("c.jsonl.gz"), LABELLED))
                .withMessageContaining("not a gzip file");
    }

    @Test
    void goesOnAfterBadLines() throws IOException {
        ByteArrayOutputStream data = new ByteArrayOutputStream();
        data.writeBytes("{\"text\":\"good 1\"}\n".getBytes(StandardCharsets.UTF_8));
        data.writeBytes("{\"text\":\"中文\"}\n".getBytes(Charset.forName("GB18030")));
        String broken = "{\"text\":\n[1]\n{\"text\":\"\"}\n{\"text\":{}}\n{\"nothing\":1}\n";
        data.writeBytes(broken.getBytes(StandardCharsets.UTF_8));
        data.writeBytes("{\"text\":\"a\",\"text\":\"b\"}\n{\"text\":\"a\"} x\n".getBytes(StandardCharsets.UTF_8));
        data.writeBytes("{\"text\":\"good 2\",\"category\":[\"x\"],\"label\":\"y\"}".getBytes(StandardCharsets.UTF_8));
        List<DataRow> rows = rows(data.toByteArray(), DataFormat.JSONL, DataOptions.unlabelled());
        assertThat(rows).extracting(DataRow::line).containsExactly(1L, 2L, 3L, 4L, 5L, 6L, 7L, 8L, 9L, 10L);
        assertThat(rows.stream().filter(row -> row.example() != null).map(row -> row.orThrow().text()))
                .containsExactly("good 1", "good 2");
        assertThat(error(rows.get(1))).contains("stdin, line 2: not UTF-8 at byte 10 of the line");
        assertThat(error(rows.get(2))).contains("line 3: not a JSON object");
        assertThat(error(rows.get(3))).contains("line 4: a JSON object is needed");
        assertThat(error(rows.get(4))).contains("line 5, field \"text\": the text is empty");
        assertThat(error(rows.get(5))).contains("line 6, field \"text\": a string is needed, this is an object");
        assertThat(error(rows.get(6))).contains("line 7, field \"text\": the text is missing");
        assertThat(error(rows.get(7))).contains("line 8").contains("uplicate");
    }

    @Test
    void goesOnAfterBadCsvRows() throws IOException {
        String csv = "text,label\na,x\nb\n\"c\" d,x\ne,y\n\"open,x\nf,z\n";
        List<DataRow> rows = rows(csv.getBytes(StandardCharsets.UTF_8), DataFormat.CSV, LABELLED);
        assertThat(rows).extracting(DataRow::line).containsExactly(2L, 3L, 4L, 5L, 6L);
        assertThat(error(rows.get(1))).contains("the row has 1 fields, the header 2");
        assertThat(error(rows.get(2))).contains("not a row of CSV");
        assertThat(error(rows.get(4))).contains("line 6: the quote of a field is never closed");
    }

    @Test
    void refusesLabelsThatDoNotFit() {
        assertThatExceptionOfType(DataException.class)
                .isThrownBy(() -> load("a.jsonl", "{\"text\":\"a\",\"category\":[\"x\",\"y\"],\"output\":\"z\"}"))
                .withMessageContaining("a.jsonl, line 1, field \"output\": the label \"z\" is not among")
                .withMessageContaining("candidates [x, y]");
        assertThatExceptionOfType(DataException.class)
                .isThrownBy(() -> load("a.jsonl", "{\"text\":\"a\"}"))
                .withMessageContaining("line 1, field \"label\": the label is missing");
    }

    @Test
    void keepsLimits() throws IOException {
        String many = IntStream.rangeClosed(0, DataOptions.MAX_CANDIDATES)
                .mapToObj(i -> "c" + i)
                .collect(Collectors.joining(","));
        String deep = "[".repeat(100) + "]".repeat(100);
        String data = "{\"text\":\"a\",\"category\":\"" + many + "\"}\n{\"text\":\"a\",\"x\":" + deep + "}\n"
                + "{\"text\":\"a\",\"label\":\"" + "l".repeat(1001)
                + "\"}\n{\"text\":\"b\"}\n{\"text\":\"c\"}\n{\"text\":\"d\"}\n";
        List<DataRow> rows = rows(data.getBytes(StandardCharsets.UTF_8), DataFormat.JSONL, DataOptions.unlabelled()
                .withMaxRows(4));
        assertThat(error(rows.get(0))).contains("1001 candidates, at most 1000");
        assertThat(error(rows.get(1))).contains("line 2: not a JSON object").contains("depth");
        assertThat(error(rows.get(2))).contains("1001 characters, at most 1000");
        assertThat(rows.get(3).orThrow().text()).isEqualTo("b");
        assertThat(error(rows.get(4))).contains("line 5").contains("more than");
        assertThat(rows).hasSize(5);
    }

    @Test
    void refusesLongLinesAndGoesOn() throws IOException {
        byte[] data = ("short\n" + "长".repeat(40_000) + "\r\nend").getBytes(StandardCharsets.UTF_8);
        try (Utf8Lines lines = new Utf8Lines(new ByteArrayInputStream(data), "long", 100_000)) {
            assertThat(lines.next()).isEqualTo("short");
            assertThatExceptionOfType(DataException.class)
                    .isThrownBy(lines::next)
                    .withMessageContaining("long, line 2: the line is longer than 100000 bytes");
            assertThat(lines.next()).isEqualTo("end");
            assertThat(lines.next()).isNull();
        }
    }

    @Test
    void refusesFilesThatCannotBeUsed() {
        assertThatExceptionOfType(DataException.class)
                .isThrownBy(() -> load("a.xlsx", "x"))
                .withMessageContaining("must end with .jsonl");
        assertThatExceptionOfType(DataException.class)
                .isThrownBy(() -> DataSet.load(directory.resolve("none.csv"), LABELLED))
                .withMessageContaining("no such file");
        assertThatExceptionOfType(DataException.class)
                .isThrownBy(() -> load("a.csv", "content,label\na,b\n"))
                .withMessageContaining("line 1, field \"text\"")
                .withMessageContaining("[content, label]");
        assertThatExceptionOfType(DataException.class)
                .isThrownBy(() -> load("a.jsonl", "\n\n"))
                .withMessageContaining("there are no examples");
    }

    private List<Example> load(String name, String content) throws IOException {
        write(name, content.getBytes(StandardCharsets.UTF_8));
        return DataSet.load(directory.resolve(name), LABELLED);
    }

    private void write(String name, byte[] content) throws IOException {
        Files.write(directory.resolve(name), content);
    }

    private static List<DataRow> rows(byte[] data, DataFormat format, DataOptions options) throws IOException {
        List<DataRow> rows = new ArrayList<>();
        try (DataReader reader = DataReader.open(new ByteArrayInputStream(data), "stdin", format, options)) {
            reader.forEachRemaining(rows::add);
        }
        return rows;
    }

    private static String error(DataRow row) {
        DataException error = row.error();
        return error == null ? "" : String.valueOf(error.getMessage());
    }

    private static byte[] gzip(String text) throws IOException {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        try (OutputStream out = new GZIPOutputStream(bytes)) {
            out.write(text.getBytes(StandardCharsets.UTF_8));
        }
        return bytes.toByteArray();
    }
}
