package dev.fenlei.lora.data;

import java.io.Closeable;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.CharsetDecoder;
import java.nio.charset.CodingErrorAction;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/// Lines of strict UTF-8, ended by LF or CRLF. A byte order mark before the first is dropped. Unlike `BufferedReader`
/// it bounds
/// the length of a line, knows the line's number, and can go on after a line that is not UTF-8.
final class Utf8Lines implements Closeable {

    private final InputStream in;
    private final String source;
    private final int maxLineBytes;
    private final CharsetDecoder decoder = StandardCharsets.UTF_8
            .newDecoder()
            .onMalformedInput(CodingErrorAction.REPORT)
            .onUnmappableCharacter(CodingErrorAction.REPORT);
    private final byte[] buffer = new byte[1 << 16];
    private int position;
    private int limit;
    private byte[] line = new byte[1 << 10];
    private int length;
    private long number;

    Utf8Lines(InputStream in, String source, int maxLineBytes) {
        this.in = in;
        this.source = source;
        this.maxLineBytes = maxLineBytes;
    }

    /// The number of the line that [#next()] gave or refused last, from 1.
    long number() {
        return number;
    }

    /// The next line without its end, or null after the last.
    ///
    /// @throws DataException when the line is too long or not UTF-8; the next call gives the line after it
    @Nullable
    String next() throws IOException {
        length = 0;
        boolean tooLong = false;
        boolean any = false;
        boolean ended = false;
        while (!ended && fill()) {
            any = true;
            int end = position;
            while (end < limit && buffer[end] != '\n') {
                end++;
            }
            tooLong |= end - position > maxLineBytes - length;
            if (!tooLong) {
                append(end - position);
            }
            ended = end < limit;
            position = ended ? end + 1 : end;
        }
        if (!any) {
            return null;
        }
        number++;
        if (tooLong) {
            throw new DataException(
                    source, number, null, "the line is longer than " + maxLineBytes + " bytes; split or shorten it");
        }
        return decode();
    }

    @Override
    public void close() throws IOException {
        in.close();
    }

    private boolean fill() throws IOException {
        if (position == limit) {
            position = 0;
            limit = Math.max(0, in.read(buffer));
        }
        return position < limit;
    }

    private void append(int count) {
        if (line.length - length < count) {
            line = Arrays.copyOf(line, Math.max(length + count, (int) Math.min(2L * line.length, maxLineBytes)));
        }
        System.arraycopy(buffer, position, line, length, count);
        length += count;
    }

    private String decode() {
        int start = 0;
        if (number == 1 && length >= 3 && line[0] == (byte) 0xEF && line[1] == (byte) 0xBB && line[2] == (byte) 0xBF) {
            start = 3;
        }
        int end = length > start && line[length - 1] == '\r' ? length - 1 : length;
        ByteBuffer bytes = ByteBuffer.wrap(line, start, end - start);
        try {
            return decoder.decode(bytes).toString();
        } catch (CharacterCodingException e) {
            throw new DataException(
                    source,
                    number,
                    null,
                    "not UTF-8 at byte " + (bytes.position() + 1) + " of the line; save the file as UTF-8"
                            + " (for example: iconv -f GB18030 -t UTF-8)",
                    e);
        }
    }
}
