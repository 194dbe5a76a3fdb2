package dev.fenlei.engine.compute.cpu.x86;

import java.util.HexFormat;
import java.util.function.Consumer;

/// What one call of the assembler must write.
///
/// @param bytes as another assembler encodes the text, in hexadecimal; constants always in their long form
/// @param text as a disassembler shows the bytes, in Intel's syntax
record Encoding(String bytes, String text, Consumer<Assembler> call) {

    private static final HexFormat FORMAT = HexFormat.ofDelimiter(" ").withUpperCase();

    byte[] expected() {
        return FORMAT.parseHex(bytes);
    }

    /// The bytes that the call writes, in hexadecimal.
    String written() {
        Assembler code = new Assembler();
        call.accept(code);
        return FORMAT.formatHex(code.code());
    }

    @Override
    public String toString() {
        return text;
    }
}
