package dev.fenlei.lora.evaluate;

import java.awt.Font;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.stream.IntStream;
import javax.imageio.ImageIO;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// The confusion matrix as a picture: counts in the cells, shaded by their share of the true label's row.
///
/// Of more than [#MAX_CLASSES] labels those with the most errors are shown, in their order.
public final class ConfusionPicture {

    /// The most labels a picture shows.
    public static final int MAX_CLASSES = 50;

    private static final Logger LOG = LoggerFactory.getLogger(ConfusionPicture.class);
    private static final AtomicBoolean WARNED = new AtomicBoolean();

    private final ConfusionMatrix matrix;
    private final int invalid;
    private final int hidden;

    /// A picture of these counts.
    public ConfusionPicture(ConfusionMatrix matrix) {
        int classes = matrix.labels().size();
        int[] shown = IntStream.range(0, classes)
                .boxed()
                .sorted(Comparator.comparingInt((Integer c) -> errors(matrix, c)).reversed())
                .limit(MAX_CLASSES)
                .mapToInt(Integer::intValue)
                .sorted()
                .toArray();
        this.matrix = shown.length == classes ? matrix : part(matrix, shown);
        this.invalid = matrix.invalidCount();
        this.hidden = classes - shown.length;
    }

    /// The words around the matrix.
    ///
    /// @param title     above
    /// @param predicted below, of the columns
    /// @param actual    at the left, of the rows
    /// @param share     of the colour scale
    /// @param invalid   before the number of answers outside the label set
    /// @param hidden    before the number of labels that are not shown
    record Captions(String title, String predicted, String actual, String share, String invalid, String hidden) {

        static final Captions CHINESE = new Captions(
                "中文新闻分类混淆矩阵", "预测标签", "真实标签", "占真实标签的比例", "标签集之外的答案：", "未显示的标签（错误最少）：");
        static final Captions ENGLISH = new Captions(
                "Confusion matrix", "Predicted label", "True label", "Share of the true label",
                "Answers outside the label set: ", "Labels with the fewest errors, not shown: ");

        String joined() {
            return title + predicted + actual + share + invalid + hidden;
        }
    }

    /// The picture as an SVG document. Text is text, so no font is needed here.
    public String svg() {
        ConfusionLayout layout = layout(Captions.CHINESE, matrix.labels(), List.of());
        SvgCanvas canvas = new SvgCanvas(layout.width(), layout.height(), Captions.CHINESE.title());
        layout.draw(canvas);
        return canvas.document();
    }

    /// Writes the picture as SVG.
    public void writeSvg(Path file) throws IOException {
        byte[] bytes = svg().getBytes(StandardCharsets.UTF_8);
        AtomicFile.write(file, out -> out.write(bytes));
    }

    /// Writes the picture as PNG. Where no font has the Chinese characters the words are English, and labels that
    /// cannot be shown
    /// are numbers in the order of the label set; this is logged once.
    ///
    /// @param fontFile a TrueType or OpenType font to draw with; null to look for one among the system's
    /// @throws IOException when the font cannot be read, the JVM cannot draw text at all, or the file cannot be written
    public void writePng(Path file, @Nullable Path fontFile) throws IOException {
        String labels = String.join("", matrix.labels());
        try {
            Font font = PictureFont.choose(
                    fontFile, Captions.CHINESE.joined() + labels, Captions.ENGLISH.joined() + "0123456789%=");
            ConfusionLayout layout = layout(font, fontFile);
            RasterCanvas canvas = new RasterCanvas(layout.width(), layout.height(), font);
            layout.draw(canvas);
            AtomicFile.write(file, out -> {
                if (!ImageIO.write(canvas.image(), "png", out)) {
                    throw new IOException("This JVM cannot write PNG");
                }
            });
        } catch (LinkageError | InternalError e) {
            throw new IOException("This JVM cannot draw text, so " + file
                    + " is not written (are libfreetype and fontconfig"
                    + " installed?): " + e.getMessage(), e);
        }
    }

    /// The picture in words that the font can show.
    ConfusionLayout layout(Font font, @Nullable Path fontFile) {
        List<String> labels = matrix.labels();
        boolean wordsShown = PictureFont.canShow(font, Captions.CHINESE.joined());
        boolean labelsShown = PictureFont.canShow(font, String.join("", labels));
        if (!(wordsShown && labelsShown) && WARNED.compareAndSet(false, true)) {
            LOG.warn(
                    "{} the Chinese characters of the confusion matrix, so its PNG has {}; give a font file such as"
                            + " NotoSansSC-Regular.otf, or use the SVG",
                    fontFile == null ? "No font of this system has all" : fontFile + " lacks some of",
                    labelsShown ? "English words" : "numbers for labels");
        }
        Captions captions = wordsShown ? Captions.CHINESE : Captions.ENGLISH;
        if (labelsShown) {
            return layout(captions, labels, List.of());
        }
        List<String> numbers = new ArrayList<>();
        List<String> legend = new ArrayList<>();
        for (int i = 0; i < labels.size(); i++) {
            numbers.add(Integer.toString(i + 1));
            if (PictureFont.canShow(font, labels.get(i))) {
                legend.add((i + 1) + " = " + labels.get(i));
            }
        }
        return layout(captions, numbers, legend);
    }

    private ConfusionLayout layout(Captions captions, List<String> ticks, List<String> legend) {
        List<String> notes = new ArrayList<>();
        if (invalid > 0) {
            notes.add(captions.invalid() + invalid);
        }
        if (hidden > 0) {
            notes.add(captions.hidden() + hidden);
        }
        notes.addAll(legend);
        return new ConfusionLayout(matrix, captions, ticks, notes);
    }

    private static int errors(ConfusionMatrix matrix, int label) {
        return matrix.support(label) + matrix.predicted(label) - 2 * matrix.counts()[label][label];
    }

    private static ConfusionMatrix part(ConfusionMatrix matrix, int[] shown) {
        int[][] counts = new int[shown.length][shown.length];
        int[] missed = new int[shown.length];
        List<String> labels = new ArrayList<>();
        for (int row = 0; row < shown.length; row++) {
            labels.add(matrix.labels().get(shown[row]));
            int total = matrix.support(shown[row]);
            for (int column = 0; column < shown.length; column++) {
                counts[row][column] = matrix.counts()[shown[row]][shown[column]];
                total -= counts[row][column];
            }
            missed[row] = total; // answers that are hidden labels or none: the row's shares stay shares of its support
        }
        return new ConfusionMatrix(labels, counts, missed, matrix.invalid());
    }
}
