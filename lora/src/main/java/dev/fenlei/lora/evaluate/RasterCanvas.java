package dev.fenlei.lora.evaluate;

import java.awt.Color;
import java.awt.Font;
import java.awt.Graphics2D;
import java.awt.RenderingHints;
import java.awt.geom.AffineTransform;
import java.awt.geom.Rectangle2D;
import java.awt.image.BufferedImage;
import org.jspecify.annotations.Nullable;

/// Draws into an image with Java2D, at twice the size so that it stays sharp on dense screens. Needs no display.
final class RasterCanvas implements Canvas {

    private static final int SCALE = 2;

    private final BufferedImage image;
    private final Graphics2D graphics;
    private final Font font;

    RasterCanvas(double width, double height, Font font) {
        this.font = font;
        image = new BufferedImage(
                (int) Math.ceil(width * SCALE), (int) Math.ceil(height * SCALE), BufferedImage.TYPE_INT_RGB);
        graphics = image.createGraphics();
        graphics.setColor(Color.WHITE); // the last pixel may be covered in part only
        graphics.fillRect(0, 0, image.getWidth(), image.getHeight());
        graphics.scale(SCALE, SCALE);
        graphics.setRenderingHint(RenderingHints.KEY_ANTIALIASING, RenderingHints.VALUE_ANTIALIAS_ON);
        graphics.setRenderingHint(RenderingHints.KEY_TEXT_ANTIALIASING, RenderingHints.VALUE_TEXT_ANTIALIAS_ON);
        graphics.setRenderingHint(RenderingHints.KEY_FRACTIONALMETRICS, RenderingHints.VALUE_FRACTIONALMETRICS_ON);
    }

    @Override
    public void rectangle(double x, double y, double width, double height, int colour, @Nullable String note) {
        graphics.setColor(new Color(colour));
        graphics.fill(new Rectangle2D.Double(x, y, width, height));
    }

    @Override
    public void text(double x, double y, String text, double size, Anchor anchor, double degrees, int colour) {
        AffineTransform before = graphics.getTransform();
        graphics.setFont(font.deriveFont((float) size));
        graphics.setColor(new Color(colour));
        double width = graphics.getFontMetrics().getStringBounds(text, graphics).getWidth();
        double shift = switch (anchor) {
            case START -> 0;
            case MIDDLE -> -width / 2;
            case END -> -width;
        };
        graphics.translate(x, y);
        graphics.rotate(Math.toRadians(degrees));
        graphics.drawString(text, (float) shift, (float) (0.35 * size));
        graphics.setTransform(before);
    }

    /// The finished image.
    BufferedImage image() {
        graphics.dispose();
        return image;
    }
}
