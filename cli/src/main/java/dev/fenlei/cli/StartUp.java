package dev.fenlei.cli;

import java.net.URLDecoder;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.List;

/// The program's half of what the launcher begins; see the comments there.
final class StartUp {

    private StartUp() {}

    static void finishLaunch() {
        Integer savedError = Integer.getInteger("fenlei.stderr");
        if (savedError != null) {
            Posix.moveDescriptor(savedError, Posix.STANDARD_ERROR);
        }
        Long parent = Long.getLong("fenlei.parent");
        if (parent != null) {
            endWithParent(parent);
        }
    }

    /// The arguments as the user typed them, which the launcher passes separately where a JVM cannot.
    static List<String> arguments(String[] args) {
        String encoded = System.getProperty("fenlei.arguments");
        if (encoded == null || args.length == 0) {
            return List.of(args);
        }
        return Arrays.stream(encoded.split("&", -1))
                .map(argument -> URLDecoder.decode(argument, StandardCharsets.UTF_8))
                .toList();
    }

    /// A launcher that is killed outright cannot tell this process, which must not live on unseen.
    private static void endWithParent(long parent) {
        ProcessHandle launcher = ProcessHandle.of(parent).orElse(null);
        if (launcher == null) {
            System.exit(FenleiCommand.FAILED);
        } else {
            var _ = launcher.onExit().thenRun(() -> System.exit(FenleiCommand.FAILED));
        }
    }
}
