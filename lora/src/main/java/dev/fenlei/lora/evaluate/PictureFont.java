package dev.fenlei.lora.evaluate;

import java.awt.Font;
import java.awt.FontFormatException;
import java.awt.GraphicsEnvironment;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/// Finds a font that has Chinese characters. Java draws characters that a font lacks as boxes without a word, so a font
/// is asked
/// before it is used.
final class PictureFont {

    /// Sans-serif fonts with Chinese characters on the usual systems, the best first.
    private static final List<String> FAMILIES = List.of(
            "Noto Sans CJK SC", "Noto Sans SC", "Source Han Sans SC", "Source Han Sans CN", "PingFang SC",
            "Hiragino Sans GB", "Microsoft YaHei", "SimHei", "WenQuanYi Micro Hei", "WenQuanYi Zen Hei",
            "Droid Sans Fallback");

    private PictureFont() {}

    /// The families, each between quotes.
    static List<String> families(String quote) {
        return FAMILIES.stream().map(family -> quote + family + quote).toList();
    }

    /// The font to draw with: the given file, else the best of the system that can show the whole sample, else plain
    /// sans-serif.
    ///
    /// @param latin what any font must be able to show
    /// @throws IOException when the file is not a font, or one without Latin letters and digits
    static Font choose(@Nullable Path file, String sample, String latin) throws IOException {
        if (file == null) {
            return find(sample).orElseGet(() -> new Font(Font.SANS_SERIF, Font.PLAIN, 1));
        }
        if (!Files.isRegularFile(file)) {
            throw new NoSuchFileException(file.toString(), null, "there is no such font file");
        }
        Font font;
        try {
            font = Font.createFont(Font.TRUETYPE_FONT, file.toFile());
        } catch (FontFormatException e) {
            throw new IOException(file + " is not a TrueType or OpenType font: " + e.getMessage(), e);
        }
        if (!canShow(font, latin)) {
            throw new IOException(file + " has no Latin letters and digits; choose another font");
        }
        return font;
    }

    /// Whether the font has every character of the text.
    static boolean canShow(Font font, String text) {
        return font.canDisplayUpTo(text) < 0;
    }

    private static Optional<Font> find(String sample) {
        Font plain = new Font(Font.SANS_SERIF, Font.PLAIN, 1);
        if (canShow(plain, sample)) {
            return Optional.of(plain);
        }
        Map<String, Integer> rank = new HashMap<>();
        FAMILIES.forEach(family -> rank.put(family, rank.size()));
        return Arrays.stream(GraphicsEnvironment.getLocalGraphicsEnvironment().getAllFonts())
                .filter(font -> canShow(font, sample))
                .min(Comparator.<Font>comparingInt(font -> rank.getOrDefault(font.getFamily(), FAMILIES.size()))
                        .thenComparingInt(font -> font.getFontName().length())
                        .thenComparing(font -> font.getFontName()));
    }
}
