package dev.fenlei.engine.compute.cpu.x86;

/// Machine code did what it must not do.
final class EmulationFault extends RuntimeException {

    private static final long serialVersionUID = 1;

    EmulationFault(String message) {
        super(message);
    }

    /// A fault at a place of the code.
    EmulationFault(int offset, String message) {
        super("at 0x" + Integer.toHexString(offset) + ": " + message);
    }
}
