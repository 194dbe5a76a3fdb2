package dev.fenlei.tokenizer;

import java.nio.BufferUnderflowException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/// Walks over the fields of a message in the wire format of protocol buffers.
///
/// Source: protobuf.dev, "Encoding".
final class Protobuf {

    private final ByteBuffer bytes;
    private int field;
    private int wireType;
    private long number;
    private ByteBuffer content = ByteBuffer.allocate(0);

    Protobuf(ByteBuffer bytes) {
        this.bytes = bytes.slice().order(ByteOrder.LITTLE_ENDIAN);
    }

    /// Goes to the next field; false at the end.
    ///
    /// @throws IllegalArgumentException if the bytes are no such message
    boolean next() {
        if (!bytes.hasRemaining()) {
            return false;
        }
        try {
            long tag = varint();
            field = (int) (tag >>> 3);
            wireType = (int) (tag & 7);
            if (field == 0 || tag >>> 32 != 0) {
                throw malformed();
            }
            switch (wireType) {
                case 0 -> number = varint();
                case 1 -> number = bytes.getLong();
                case 2 -> {
                    long length = varint();
                    if (length < 0 || length > bytes.remaining()) {
                        throw malformed();
                    }
                    content = bytes.slice(bytes.position(), (int) length);
                    bytes.position(bytes.position() + (int) length);
                }
                case 5 -> number = bytes.getInt();
                default -> throw malformed();
            }
            return true;
        } catch (BufferUnderflowException e) {
            throw malformed();
        }
    }

    private long varint() {
        long value = 0;
        for (int shift = 0; shift < 64; shift += 7) {
            byte b = bytes.get();
            value |= (long) (b & 0x7F) << shift;
            if (b >= 0) {
                return value;
            }
        }
        throw malformed();
    }

    int field() {
        return field;
    }

    int integer() {
        require(0);
        return (int) number;
    }

    boolean flag() {
        return integer() != 0;
    }

    float real() {
        require(5);
        return Float.intBitsToFloat((int) number);
    }

    /// The bytes of a string, of bytes or of a message.
    ByteBuffer content() {
        require(2);
        return content.slice();
    }

    private void require(int expected) {
        if (wireType != expected) {
            throw new IllegalArgumentException(
                    "field " + field + " has wire type " + wireType + " instead of " + expected);
        }
    }

    private IllegalArgumentException malformed() {
        return new IllegalArgumentException("no protocol buffer at byte " + bytes.position());
    }
}
