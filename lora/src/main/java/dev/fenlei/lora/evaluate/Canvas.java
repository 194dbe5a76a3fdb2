package dev.fenlei.lora.evaluate;

import org.jspecify.annotations.Nullable;

/// What a picture is drawn on. Units are pixels at scale 1, y points down, colours are 0xRRGGBB.
interface Canvas {

    /// Which end of a text the given point is.
    enum Anchor {
        START,
        MIDDLE,
        END
    }

    /// A filled rectangle; the note is shown where the form can show one.
    void rectangle(double x, double y, double width, double height, int colour, @Nullable String note);

    /// A line of text, centred vertically on the point, turned around it clockwise.
    void text(double x, double y, String text, double size, Anchor anchor, double degrees, int colour);
}
