package dev.fenlei.lora.evaluate;

import java.util.Locale;
import org.jspecify.annotations.Nullable;

/// Draws into an SVG document in which text stays text, shown with the fonts of whoever looks at it.
final class SvgCanvas implements Canvas {

    private final StringBuilder svg = new StringBuilder();

    SvgCanvas(double width, double height, String title) {
        append("<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%.0f\" height=\"%.0f\" viewBox=\"0 0 %.0f %.0f\"",
                width, height, width, height);
        append(" role=\"img\" font-family=\"%s, sans-serif\">%n", String.join(", ", PictureFont.families("'")));
        append("<title>%s</title>%n", escape(title));
    }

    @Override
    public void rectangle(double x, double y, double width, double height, int colour, @Nullable String note) {
        append("<rect x=\"%.2f\" y=\"%.2f\" width=\"%.2f\" height=\"%.2f\" fill=\"#%06x\"", x, y, width, height,
                colour);
        if (note == null) {
            append("/>%n");
        } else {
            append("><title>%s</title></rect>%n", escape(note));
        }
    }

    @Override
    public void text(double x, double y, String text, double size, Anchor anchor, double degrees, int colour) {
        append("<text x=\"%.2f\" y=\"%.2f\" dy=\".35em\" font-size=\"%.1f\" fill=\"#%06x\" text-anchor=\"%s\"",
                x, y, size, colour, anchor.name().toLowerCase(Locale.ROOT));
        if (degrees != 0) {
            append(" transform=\"rotate(%.0f %.2f %.2f)\"", degrees, x, y);
        }
        append(">%s</text>%n", escape(text));
    }

    /// The finished document.
    String document() {
        return svg + "</svg>\n";
    }

    private void append(String format, Object... values) {
        svg.append(String.format(Locale.ROOT, format.replace("%n", "\n"), values));
    }

    /// Text for an element's content; characters that XML 1.0 forbids become U+FFFD.
    private static String escape(String text) {
        StringBuilder escaped = new StringBuilder(text.length());
        text.codePoints().forEach(c -> {
            switch (c) {
                case '&' -> escaped.append("&amp;");
                case '<' -> escaped.append("&lt;");
                case '>' -> escaped.append("&gt;");
                default -> {
                    boolean forbidden = c < 0x20 || (c >= 0xD800 && c <= 0xDFFF) || c == 0xFFFE || c == 0xFFFF;
                    escaped.appendCodePoint(forbidden ? 0xFFFD : c);
                }
            }
        });
        return escaped.toString();
    }
}
