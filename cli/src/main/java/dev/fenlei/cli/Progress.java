package dev.fenlei.cli;

import java.io.PrintWriter;
import java.time.Duration;
import java.util.Locale;
import java.util.function.LongSupplier;

/// How far a long piece of work is, with rate and time left: a bar on a terminal, elsewhere a plain line every few
/// seconds. Not thread-safe; one thread reports.
public final class Progress implements AutoCloseable {

    private static final int BAR_CELLS = 24;
    private static final long TERMINAL_INTERVAL_NANOS = 100_000_000L;
    private static final long PLAIN_INTERVAL_NANOS = 5_000_000_000L;

    private final PrintWriter out;
    private final boolean terminal;
    private final String label;
    private final String unit;
    private final long total;
    private final LongSupplier nanoTime;
    private final long start;
    private final long intervalNanos;
    private long nextPrint;
    private long done;
    private String note = "";
    private long printed = -1;
    private boolean closed;
    private int lastLineLength;

    /// @param out where lines go, standard error in the command line
    /// @param terminal whether `out` understands a carriage return
    /// @param label what is being done, such as `training`
    /// @param total how many units there are, or 0 when that is not known
    /// @param unit plural name of what is counted, such as `examples`
    public Progress(PrintWriter out, boolean terminal, String label, long total, String unit) {
        this(out, terminal, label, total, unit, System::nanoTime);
    }

    Progress(PrintWriter out, boolean terminal, String label, long total, String unit, LongSupplier nanoTime) {
        this.out = out;
        this.terminal = terminal;
        this.label = label;
        this.total = total;
        this.unit = unit;
        this.nanoTime = nanoTime;
        this.start = nanoTime.getAsLong();
        this.intervalNanos = terminal ? TERMINAL_INTERVAL_NANOS : PLAIN_INTERVAL_NANOS;
        this.nextPrint = start + intervalNanos;
    }

    /// Reports `units` more done.
    public void advance(long units) {
        done += units;
        long now = nanoTime.getAsLong();
        if (now - nextPrint >= 0) {
            nextPrint = now + intervalNanos;
            print(now);
        }
    }

    /// Sets what stands at the end of the line, such as `loss 0.412`; shown with the next [#advance].
    public void note(String note) {
        this.note = note;
    }

    /// Prints a line of its own without breaking the bar.
    public void message(String message) {
        clearBar();
        out.println(message);
        out.flush();
    }

    /// Prints the final state, also when the work was cut short.
    @Override
    public void close() {
        if (closed) {
            return;
        }
        closed = true;
        if (printed != done) {
            print(nanoTime.getAsLong());
        }
        if (terminal) {
            out.println();
        }
        out.flush();
    }

    private void print(long now) {
        printed = done;
        String line = line(now);
        if (terminal) {
            String padding = " ".repeat(Math.max(0, lastLineLength - line.length()));
            out.print("\r" + line + padding);
            lastLineLength = line.length();
        } else {
            out.println(line);
        }
        out.flush();
    }

    private void clearBar() {
        if (terminal && lastLineLength > 0) {
            out.print("\r" + " ".repeat(lastLineLength) + "\r");
            lastLineLength = 0;
        }
    }

    private String line(long now) {
        double seconds = (now - start) / 1e9;
        double rate = seconds > 0 ? done / seconds : 0;
        StringBuilder line = new StringBuilder(label).append(' ');
        if (total > 0) {
            double fraction = Math.clamp((double) done / total, 0.0, 1.0);
            if (terminal) {
                int full = (int) (fraction * BAR_CELLS);
                line.append('[').repeat("#", full).repeat(".", BAR_CELLS - full).append("] ");
            }
            line.append(String.format(Locale.ROOT, "%3d%% %d/%d %s", (int) (100 * fraction), done, total, unit));
        } else {
            line.append(done).append(' ').append(unit);
        }
        line.append(String.format(Locale.ROOT, rate < 10 ? ", %.2f/s" : ", %.0f/s", rate));
        if (total > done && rate > 0) {
            line.append(", ").append(clock((total - done) / rate)).append(" left");
        } else {
            line.append(", ").append(clock(seconds));
        }
        if (!note.isEmpty()) {
            line.append(", ").append(note);
        }
        return line.toString();
    }

    /// Seconds as `m:ss` or `h:mm:ss`.
    static String clock(double seconds) {
        Duration time = Duration.ofSeconds(Math.round(seconds));
        return time.toHours() > 0
                ? String.format(Locale.ROOT, "%d:%02d:%02d", time.toHours(), time.toMinutesPart(), time.toSecondsPart())
                : String.format(Locale.ROOT, "%d:%02d", time.toMinutes(), time.toSecondsPart());
    }
}
