package dev.fenlei.lora.evaluate;

import dev.fenlei.lora.evaluate.Canvas.Anchor;
import dev.fenlei.lora.evaluate.ConfusionPicture.Captions;
import java.util.Arrays;
import java.util.List;

/// Where everything of the picture stands. Widths of texts are estimated from [DisplayWidth], because an SVG is laid
/// out without
/// knowing the fonts it will be shown with; the same layout serves the PNG.
final class ConfusionLayout {

    private static final double MARGIN = 20;
    private static final double TITLE_SIZE = 20;
    private static final double AXIS_SIZE = 15;
    private static final double NOTE_SIZE = 12;
    private static final double NOTE_LINE = 18;
    private static final double SCALE_WIDTH = 16;
    private static final double SCALE_SPACE = 100;
    private static final int SCALE_STEPS = 100;
    private static final int MAX_TICK_COLUMNS = 24;
    private static final double SLANT = Math.sqrt(0.5);

    private static final int WHITE = 0xFFFFFF;
    private static final int INK = 0x222222;
    private static final int FAINT = 0xB0B8C0;
    private static final int FRAME = 0xC8D0D8;
    /// From nothing to all of the row, evenly spaced; readable in grey and by the colour-blind (ColorBrewer's Blues).
    private static final int[] RAMP = {
        0xF7FBFF, 0xDEEBF7, 0xC6DBEF, 0x9ECAE1, 0x6BAED6, 0x4292C6, 0x2171B5, 0x08519C, 0x08306B
    };

    private final ConfusionMatrix matrix;
    private final Captions captions;
    private final List<String> ticks;
    private final List<String> notes;
    private final double cell;
    private final double tickSize;
    private final double countSize;
    private final boolean slanted;
    private final double left;
    private final double top;
    private final double side;
    private final double tickHeight;
    private final double width;

    /// @param ticks what stands at rows and columns, one for each label
    /// @param notes lines below the matrix
    ConfusionLayout(ConfusionMatrix matrix, Captions captions, List<String> ticks, List<String> notes) {
        this.matrix = matrix;
        this.captions = captions;
        this.ticks = ticks.stream().map(tick -> DisplayWidth.shorten(tick, MAX_TICK_COLUMNS)).toList();
        this.notes = notes;
        int classes = ticks.size();
        cell = Math.clamp(760.0 / classes, 24, 64);
        tickSize = Math.clamp(cell * 0.45, 10, 14);
        int largest = Arrays.stream(matrix.counts()).flatMapToInt(Arrays::stream).max().orElse(0);
        int digits = Integer.toString(largest).length();
        countSize = Math.min(14, cell * 0.85 / (0.6 * Math.max(2, digits)));
        double widest = this.ticks.stream().mapToDouble(tick -> textWidth(tick, tickSize)).max().orElse(0);
        slanted = widest > cell - 4;
        left = MARGIN + AXIS_SIZE + 12 + widest + 8;
        top = MARGIN + TITLE_SIZE + 22;
        side = cell * classes;
        tickHeight = slanted ? (widest + tickSize) * SLANT + 8 : tickSize + 10;
        double body = left + side + SCALE_SPACE;
        double title = 2 * MARGIN + textWidth(captions.title(), TITLE_SIZE);
        double longestNote = notes.stream().mapToDouble(note -> textWidth(note, NOTE_SIZE)).max().orElse(0);
        width = Math.max(Math.max(body, title), left + longestNote + MARGIN);
    }

    double width() {
        return width;
    }

    double height() {
        return notesTop() + notes.size() * NOTE_LINE + MARGIN;
    }

    private double notesTop() {
        return top + Math.max(side, minimumScale()) + tickHeight + AXIS_SIZE + 14;
    }

    /// The colour scale's words need some height also beside a matrix of two labels.
    private double minimumScale() {
        return textWidth(captions.share(), NOTE_SIZE);
    }

    void draw(Canvas canvas) {
        canvas.rectangle(0, 0, width, height(), WHITE, null);
        canvas.text(
                Math.max(left + side / 2, MARGIN + textWidth(captions.title(), TITLE_SIZE) / 2),
                MARGIN + TITLE_SIZE / 2,
                captions.title(),
                TITLE_SIZE,
                Anchor.MIDDLE,
                0,
                INK);
        canvas.rectangle(left - 1, top - 1, side + 2, side + 2, FRAME, null);
        for (int row = 0; row < ticks.size(); row++) {
            for (int column = 0; column < ticks.size(); column++) {
                drawCell(canvas, row, column);
            }
        }
        drawTicks(canvas);
        drawScale(canvas);
        for (int i = 0; i < notes.size(); i++) {
            canvas.text(left, notesTop() + (i + 0.5) * NOTE_LINE, notes.get(i), NOTE_SIZE, Anchor.START, 0, INK);
        }
    }

    private void drawCell(Canvas canvas, int row, int column) {
        int count = matrix.counts()[row][column];
        int support = matrix.support(row);
        double share = support == 0 ? 0 : (double) count / support;
        double x = left + column * cell;
        double y = top + row * cell;
        String note = matrix.labels().get(row) + " → " + matrix.labels().get(column) + ": " + count;
        canvas.rectangle(x, y, cell - 0.5, cell - 0.5, colour(share), note);
        int ink = count == 0 ? FAINT : share > 0.5 ? WHITE : INK;
        canvas.text(x + cell / 2, y + cell / 2, Integer.toString(count), countSize, Anchor.MIDDLE, 0, ink);
    }

    private void drawTicks(Canvas canvas) {
        double bottom = top + side;
        for (int i = 0; i < ticks.size(); i++) {
            double middle = (i + 0.5) * cell;
            canvas.text(left - 8, top + middle, ticks.get(i), tickSize, Anchor.END, 0, INK);
            if (slanted) {
                canvas.text(left + middle + 3, bottom + 8, ticks.get(i), tickSize, Anchor.END, -45, INK);
            } else {
                canvas.text(left + middle, bottom + 6 + tickSize / 2, ticks.get(i), tickSize, Anchor.MIDDLE, 0, INK);
            }
        }
        double below = bottom + tickHeight + AXIS_SIZE / 2 + 2;
        canvas.text(left + side / 2, below, captions.predicted(), AXIS_SIZE, Anchor.MIDDLE, 0, INK);
        canvas.text(MARGIN + AXIS_SIZE / 2, top + side / 2, captions.actual(), AXIS_SIZE, Anchor.MIDDLE, -90, INK);
    }

    private void drawScale(Canvas canvas) {
        double x = left + side + 18;
        double step = side / SCALE_STEPS;
        for (int i = 0; i < SCALE_STEPS; i++) {
            double y = top + side - (i + 1) * step;
            canvas.rectangle(x, y, SCALE_WIDTH, step + 0.5, colour((i + 0.5) / SCALE_STEPS), null);
        }
        for (int percent = 0; percent <= 100; percent += 50) {
            double y = top + side * (1 - percent / 100.0);
            canvas.text(x + SCALE_WIDTH + 4, y, percent + "%", NOTE_SIZE - 1, Anchor.START, 0, INK);
        }
        double middle = top + Math.max(side, minimumScale()) / 2;
        canvas.text(x + SCALE_WIDTH + 48, middle, captions.share(), NOTE_SIZE, Anchor.MIDDLE, -90, INK);
    }

    private static int colour(double share) {
        double at = Math.clamp(share, 0.0, 1.0) * (RAMP.length - 1);
        int low = Math.min((int) at, RAMP.length - 2);
        int mixed = 0;
        for (int shift = 0; shift <= 16; shift += 8) {
            int from = RAMP[low] >> shift & 0xFF;
            int to = RAMP[low + 1] >> shift & 0xFF;
            mixed |= (int) Math.round(from + (to - from) * (at - low)) << shift;
        }
        return mixed;
    }

    /// Half an em a column, a little more for Latin letters, which are wider than that on average.
    private static double textWidth(String text, double size) {
        int columns = DisplayWidth.of(text);
        int latin = 2 * text.codePointCount(0, text.length()) - columns;
        return size * (0.5 * columns + 0.08 * Math.max(0, latin));
    }
}
