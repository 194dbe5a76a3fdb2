package dev.fenlei.cli.launcher;

import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.net.URLEncoder;
import java.nio.charset.Charset;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.Paths;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Collectors;

/// The main class of `fenlei.jar`: makes a plain `java -jar fenlei.jar` run with SIMD, whatever Java is the default.
///
/// A manifest can grant native access but cannot add the incubating module of the Vector API, so this class, compiled
/// for Java 11, starts the real program, `dev.fenlei.cli.Fenlei`, on a Java that is new enough and with the module. It
/// replaces the running process where it can (same process id, same terminal) and otherwise runs a child whose exit
/// status it returns. The new process starts at `Fenlei` and never comes here, so there is no loop to guard against.
public final class Launcher {

    private static final String PROGRAM = "dev.fenlei.cli.Fenlei";

    /// The descriptor on which the program finds the real standard error, see [#inShell].
    private static final int SAVED_STANDARD_ERROR = 9;

    private Launcher() {}

    public static void main(String[] args) throws Exception {
        boolean recent = Runtime.version().feature() >= JavaHomes.MINIMUM_VERSION;
        if (recent && ModuleLayer.boot().findModule(JavaHomes.VECTOR_MODULE).isPresent()) {
            Class.forName(PROGRAM).getMethod("main", String[].class).invoke(null, (Object) args);
            return;
        }
        JavaHomes homes = new JavaHomes(
                System.getenv(), Paths.get(System.getProperty("java.home")),
                Paths.get(System.getProperty("user.home")));
        Optional<Path> home;
        try {
            home = homes.find();
        } catch (IllegalStateException badChoice) {
            home = Optional.empty();
            fail(badChoice.getMessage());
        }
        if (home.isEmpty()) {
            fail("Fenlei needs a JDK " + JavaHomes.MINIMUM_VERSION + " or newer and this is Java "
                    + Runtime.version().feature() + ". Looked in: " + homes.description()
                    + ". Install one (for example "
                    + "Eclipse Temurin " + JavaHomes.MINIMUM_VERSION
                    + " from adoptium.net) or set FENLEI_JAVA_HOME to it");
        }
        String java = JavaHomes.javaCommand(home.get()).toString();
        if (recent) {
            replaceProcess(command(java, List.of(), args));
        }
        System.exit(runChild(command(java, List.of("-Dfenlei.parent=" + ProcessHandle.current().pid()), args)));
    }

    private static List<String> command(String java, List<String> extraOptions, String[] args) {
        List<String> userOptions = ManagementFactory.getRuntimeMXBean().getInputArguments();
        List<String> command = new ArrayList<>();
        command.add(java);
        command.addAll(userOptions);
        command.addAll(extraOptions);
        command.add("--add-modules=" + JavaHomes.VECTOR_MODULE);
        command.add("--enable-native-access=ALL-UNNAMED");
        command.add("--sun-misc-unsafe-memory-access=allow");
        boolean quiet = !isWindows() && userOptions.stream().allMatch(Launcher::cannotBeRefused)
                && !setsJvmOptions(System.getenv());
        if (quiet) {
            command.add("-Dfenlei.stderr=" + SAVED_STANDARD_ERROR);
        }
        boolean asciiOnly = !isWindows() && !Charset.forName(System.getProperty("sun.jnu.encoding", "UTF-8"))
                .newEncoder().canEncode('\u4e2d');
        if (asciiOnly) {
            command.add("-Dfenlei.arguments=" + encoded(rawArguments(args)));
        }
        command.add("-classpath");
        command.add(System.getProperty("java.class.path"));
        command.add(PROGRAM);
        command.addAll(List.of(args));
        return isWindows() ? command : inShell(command, quiet, asciiOnly);
    }

    /// Lets a shell prepare what a JVM cannot do for the next one.
    ///
    /// @param quiet keep the JVM's "Using incubator modules" warning, for which it has no switch, from the user: the JVM
    ///     starts with its standard error closed off, and the program puts the real one back first thing. Only done when
    ///     nothing in the options could make the JVM refuse to start, as its reason would be lost too.
    /// @param asciiOnly there is no locale, as in many containers, and Java would not find files with Chinese names
    private static List<String> inShell(List<String> command, boolean quiet, boolean asciiOnly) {
        List<String> shell = new ArrayList<>();
        shell.add("/bin/sh");
        shell.add("-c");
        shell.add((asciiOnly ? "export LC_ALL=C.UTF-8; " : "") + "exec \"$0\" \"$@\""
                + (quiet ? " " + SAVED_STANDARD_ERROR + ">&2 2>/dev/null" : ""));
        shell.addAll(command);
        return shell;
    }

    /// The arguments as they were typed, where this JVM has replaced what is not ASCII.
    private static List<String> rawArguments(String[] args) {
        try {
            String commandLine = Files.readString(Paths.get("/proc/self/cmdline"));
            List<String> all = List.of(commandLine.split("\0", -1));
            int end = all.size() - 1; // every argument ends with a zero byte
            return all.subList(end - args.length, end);
        } catch (IOException notLinuxOrNotUtf8) {
            return List.of(args);
        }
    }

    private static String encoded(List<String> arguments) {
        return arguments.stream()
                .map(argument -> URLEncoder.encode(argument, StandardCharsets.UTF_8))
                .collect(Collectors.joining("&"));
    }

    private static boolean cannotBeRefused(String option) {
        return option.startsWith("-Xmx") || option.startsWith("-Xms") || option.startsWith("-Xss")
                || option.startsWith("-D") || option.startsWith("-XX:MaxRAMPercentage=");
    }

    private static boolean setsJvmOptions(Map<String, String> environment) {
        return environment.containsKey("JAVA_TOOL_OPTIONS")
                || environment.containsKey("JDK_JAVA_OPTIONS")
                || environment.containsKey("_JAVA_OPTIONS");
    }

    /// Returns only when the process could not be replaced; a child is the way then.
    private static void replaceProcess(List<String> command) {
        if (isWindows()) {
            return;
        }
        try {
            // Compiled for a newer Java than this class, so it is only named.
            Class.forName("dev.fenlei.cli.Posix").getMethod("execv", List.class).invoke(null, command);
        } catch (ReflectiveOperationException | LinkageError unavailable) {
            // The foreign function interface may be missing or forbidden here; nothing has been started yet.
        }
    }

    private static int runChild(List<String> command) throws InterruptedException {
        Process child;
        try {
            child = new ProcessBuilder(command).inheritIO().start();
        } catch (IOException e) {
            fail("Could not start " + command.get(0) + ": " + e.getMessage());
            return 1;
        }
        // Ctrl-C and kill reach this JVM as an orderly shutdown: hand them on and let the child finish its clean-up.
        Runtime.getRuntime().addShutdownHook(new Thread(() -> {
            child.destroy();
            try {
                child.waitFor();
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
            }
        }));
        return child.waitFor();
    }

    private static void fail(String message) {
        System.err.println("fenlei: " + message + ".");
        System.exit(1);
    }

    static boolean isWindows() {
        return System.getProperty("os.name").toLowerCase(Locale.ROOT).startsWith("windows");
    }
}
