package dev.fenlei.cli;

import dev.fenlei.engine.compute.cuda.CudaMemoryException;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.UncheckedIOException;
import java.lang.reflect.InvocationTargetException;
import java.nio.charset.CharacterCodingException;
import java.nio.file.AccessDeniedException;
import java.nio.file.DirectoryNotEmptyException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.FileSystemException;
import java.nio.file.InvalidPathException;
import java.nio.file.NoSuchFileException;
import java.nio.file.NotDirectoryException;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ExecutionException;
import org.jspecify.annotations.Nullable;

/// Turns what went wrong into one message for the user and an exit status. Only `--verbose` shows a stack trace.
final class Errors {

    private static final String OWN_PACKAGES = "dev.fenlei.";

    private Errors() {}

    /// Prints the message for `thrown` and returns the exit status.
    static int report(Throwable thrown, PrintWriter err, boolean verbose) {
        Throwable cause = unwrap(thrown);
        boolean interrupted = cause instanceof InterruptedCommandException || cause instanceof InterruptedException;
        err.println("fenlei: " + (interrupted ? "interrupted" : message(cause)));
        if (verbose) {
            thrown.printStackTrace(err);
        }
        err.flush();
        return interrupted ? FenleiCommand.INTERRUPTED : FenleiCommand.FAILED;
    }

    /// The exception that carries the message, below those that only pass it on.
    private static Throwable unwrap(Throwable thrown) {
        Throwable cause = thrown;
        while (cause.getCause() != null
                && (cause instanceof UncheckedIOException || cause instanceof ExecutionException
                        || cause instanceof CompletionException || cause instanceof InvocationTargetException)) {
            cause = cause.getCause();
        }
        return cause;
    }

    static String message(Throwable cause) {
        if (cause instanceof CudaMemoryException) {
            return cause.getMessage() + " (--batch-size with --grad-accum, --max-length, --checkpointing)";
        }
        // The project's own exceptions are written for the user.
        if (cause.getClass().getName().startsWith(OWN_PACKAGES) && cause.getMessage() != null) {
            return cause.getMessage();
        }
        return switch (cause) {
            case FileSystemException e -> fileSystemMessage(e);
            case CharacterCodingException _ -> "a text file is not encoded in UTF-8; save it as UTF-8";
            case IOException e when isDiskFull(e.getMessage()) -> "the disk is full; free some space and try again";
            case IOException e -> "reading or writing failed: " + described(e);
            case InvalidPathException e -> "'" + e.getInput() + "' is not a path that this system can name ("
                    + e.getReason() + "); in a container, set LC_ALL=C.UTF-8";
            case OutOfMemoryError e -> "not enough memory (" + e.getMessage() + "); the heap may grow to "
                    + (Runtime.getRuntime().maxMemory() >> 20) + " MiB. Give it more, for example "
                    + "'java -Xmx8g -jar fenlei.jar ...', or use a smaller batch or model";
            default ->
                "internal error: " + described(cause) + ". This is a defect of Fenlei; please report it with the "
                        + "stack trace that --verbose shows";
        };
    }

    private static String fileSystemMessage(FileSystemException e) {
        String file = e.getFile();
        String reason = e.getReason();
        return switch (e) {
            case NoSuchFileException _ -> file + ": no such file or folder";
            case AccessDeniedException _ -> file + ": permission denied";
            case FileAlreadyExistsException _ -> file + ": exists already";
            case NotDirectoryException _ -> file + ": is not a folder";
            case DirectoryNotEmptyException _ -> file + ": the folder is not empty";
            default -> isDiskFull(reason)
                    ? file + ": the disk is full; free some space and try again"
                    : file + ": " + (reason == null ? e.getClass().getSimpleName() : reason);
        };
    }

    private static boolean isDiskFull(@Nullable String reason) {
        return reason != null && (reason.contains("No space left on device") || reason.contains("Disk quota exceeded")
                || reason.contains("There is not enough space on the disk"));
    }

    private static String described(Throwable cause) {
        String name = cause.getClass().getSimpleName();
        return cause.getMessage() == null ? name : name + ": " + cause.getMessage();
    }
}
