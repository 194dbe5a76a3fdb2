package dev.fenlei.cli.commands;

import java.io.BufferedWriter;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.Writer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import picocli.CommandLine;

/// `console.log`: while it is open, what a command prints goes there as well. Of a line that a carriage return writes over, such
/// as a bar of progress, the last state is kept.
final class ConsoleLog implements AutoCloseable {

    private final CommandLine command;
    private final PrintWriter out;
    private final PrintWriter err;
    private final BufferedWriter file;
    private final StringBuilder line = new StringBuilder();

    /// @param path added to, if it is there
    ConsoleLog(CommandLine command, Path path) throws IOException {
        this.command = command;
        this.out = command.getOut();
        this.err = command.getErr();
        this.file = Files.newBufferedWriter(path, StandardOpenOption.CREATE, StandardOpenOption.APPEND);
        command.setOut(new PrintWriter(new Tee(out)));
        command.setErr(new PrintWriter(new Tee(err), true));
    }

    private synchronized void write(char[] chars, int from, int count) throws IOException {
        for (int i = from; i < from + count; i++) {
            switch (chars[i]) {
                case '\r' -> line.setLength(0);
                case '\n' -> {
                    file.append(line).append('\n').flush();
                    line.setLength(0);
                }
                default -> line.append(chars[i]);
            }
        }
    }

    /// Writes to the log alone, a line of its own.
    void note(String message) throws IOException {
        char[] chars = (message + "\n").toCharArray();
        write(chars, 0, chars.length);
    }

    @Override
    public void close() throws IOException {
        command.getOut().flush();
        command.getErr().flush();
        command.setOut(out);
        command.setErr(err);
        file.append(line).close();
    }

    private final class Tee extends Writer {

        private final Writer console;

        private Tee(Writer console) {
            this.console = console;
        }

        @Override
        public void write(char[] chars, int from, int count) throws IOException {
            console.write(chars, from, count);
            ConsoleLog.this.write(chars, from, count);
        }

        @Override
        public void flush() throws IOException {
            console.flush();
        }

        @Override
        public void close() {
            // the console stays open
        }
    }
}
