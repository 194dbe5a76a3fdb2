package dev.fenlei.lora.evaluate;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import java.awt.Font;
import java.awt.image.BufferedImage;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.TreeMap;
import java.util.stream.IntStream;
import javax.imageio.ImageIO;
import javax.xml.parsers.DocumentBuilderFactory;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.w3c.dom.Document;

class ConfusionPictureTest {

    private static final List<String> NEWS = List.of("体育", "财经", "科技", "教育", "军事");

    @TempDir
    @SuppressWarnings("NullAway.Init")
    Path directory;

    @Test
    void writesSvgWithTextAsText() throws Exception {
        Path file = directory.resolve("confusion.svg");
        new ConfusionPicture(matrix(NEWS)).writeSvg(file);
        String svg = Files.readString(file);
        assertThat(svg)
                .contains("中文新闻分类混淆矩阵", ">预测标签<", ">真实标签<", ">体育<", "标签集之外的答案：7", "Noto Sans CJK SC")
                .contains("<title>体育 → 财经: ");
        assertThat(parse(svg).getElementsByTagName("rect").getLength()).isEqualTo(25 + 100 + 2);
    }

    @Test
    void escapesLabels() throws Exception {
        String svg = new ConfusionPicture(matrix(List.of("<a&b>", "c\u0001\"d"))).svg();
        assertThat(parse(svg).getDocumentElement().getTextContent()).contains("<a&b>", "c\uFFFD\"d");
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 2, 20, 50, 300})
    void drawsAnyNumberOfLabels(int classes) throws Exception {
        List<String> labels = IntStream.range(0, classes).mapToObj(i -> "Label number " + i).toList();
        ConfusionPicture picture = new ConfusionPicture(matrix(labels));
        parse(picture.svg());
        Path file = directory.resolve("confusion.png");
        picture.writePng(file, null);
        BufferedImage image = ImageIO.read(file.toFile());
        assertThat(image.getWidth()).isBetween(300, 4000);
        assertThat(image.getHeight()).isBetween(300, 4000);
        if (classes > ConfusionPicture.MAX_CLASSES) {
            assertThat(picture.svg()).contains("未显示的标签（错误最少）：250");
        }
    }

    /// U+E123 is a private character, which no ordinary font has.
    @ParameterizedTest
    @ValueSource(strings = {"体育", "Law", "\uE123"})
    void drawsNoCharacterThatTheFontLacks(String label) throws IOException {
        ConfusionPicture picture = new ConfusionPicture(matrix(List.of("Economy", label)));
        for (Font font : List.of(new Font(Font.SANS_SERIF, Font.PLAIN, 1),
                PictureFont.choose(null, "预测" + label, "a"))) {
            List<String> texts = new ArrayList<>();
            picture.layout(font, null).draw(new Canvas() {
                @Override
                public void rectangle(double x, double y, double w, double h, int colour, @Nullable String note) {}

                @Override
                public void text(double x, double y, String text, double size, Anchor anchor, double turn, int colour) {
                    texts.add(text);
                }
            });
            assertThat(texts).allMatch(text -> PictureFont.canShow(font, text));
            assertThat(texts).anyMatch(text -> text.contains("Economy"));
        }
        Path file = directory.resolve("confusion.png");
        picture.writePng(file, null);
        assertThat(ImageIO.read(file.toFile())).isNotNull();
    }

    @Test
    void refusesAFileThatIsNoFont() throws IOException {
        Path font = Files.writeString(directory.resolve("font.ttf"), "no font");
        assertThatExceptionOfType(IOException.class)
                .isThrownBy(() -> new ConfusionPicture(matrix(NEWS)).writePng(directory.resolve("a.png"), font))
                .withMessageContaining("font.ttf is not a TrueType");
        Path missing = directory.resolve("missing.ttf");
        assertThatExceptionOfType(IOException.class)
                .isThrownBy(() -> new ConfusionPicture(matrix(NEWS)).writePng(directory.resolve("a.png"), missing))
                .withMessageContaining("no such font file");
    }

    static ConfusionMatrix matrix(List<String> labels) {
        Random random = new Random(7);
        int[][] counts = new int[labels.size()][labels.size()];
        int[] missed = new int[labels.size()];
        for (int row = 0; row < counts.length; row++) {
            for (int column = 0; column < counts.length; column++) {
                counts[row][column] = row == column ? 20 + random.nextInt(200) : Math.max(0, random.nextInt(40) - 30);
            }
        }
        missed[0] = 7;
        TreeMap<String, Integer> invalid = new TreeMap<>();
        invalid.put("未知", 7);
        return new ConfusionMatrix(labels, counts, missed, invalid);
    }

    private static Document parse(String xml) throws Exception {
        return DocumentBuilderFactory.newDefaultInstance()
                .newDocumentBuilder()
                .parse(new ByteArrayInputStream(xml.getBytes(StandardCharsets.UTF_8)));
    }
}
