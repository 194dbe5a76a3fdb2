package dev.fenlei.cli.launcher;

import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.Paths;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Properties;

/// Finds the Java installation to run Fenlei on by reading the `release` file that every JDK since 9 carries.
///
/// An installation is suitable when it is at least Java 25 and contains `jdk.incubator.vector`. Named ones come before
/// found ones; among those found, the one closest to the version that Fenlei is built for.
final class JavaHomes {

    static final int MINIMUM_VERSION = 25;
    static final String VECTOR_MODULE = "jdk.incubator.vector";

    private final Map<String, String> environment;
    private final Path runningHome;
    private final Path userHome;

    JavaHomes(Map<String, String> environment, Path runningHome, Path userHome) {
        this.environment = environment;
        this.runningHome = runningHome;
        this.userHome = userHome;
    }

    /// The home of the installation to use; empty when this machine has none that is suitable.
    Optional<Path> find() {
        String chosen = environment.get("FENLEI_JAVA_HOME");
        if (chosen != null && !chosen.isEmpty()) {
            Path home = Paths.get(chosen);
            if (suitableVersion(home) == 0) {
                throw new IllegalStateException("FENLEI_JAVA_HOME is " + chosen + ", which holds no Java "
                        + MINIMUM_VERSION + " or newer with the module " + VECTOR_MODULE
                        + "; set it to a JDK " + MINIMUM_VERSION + " or unset it");
            }
            return Optional.of(home);
        }
        List<Path> named = new ArrayList<>();
        String javaHome = environment.get("JAVA_HOME");
        if (javaHome != null && !javaHome.isEmpty()) {
            named.add(Paths.get(javaHome));
        }
        named.add(runningHome);
        for (Path home : named) {
            if (suitableVersion(home) > 0) {
                return Optional.of(home);
            }
        }
        Path best = null;
        int bestVersion = Integer.MAX_VALUE;
        for (Map.Entry<Path, String> place : places().entrySet()) {
            for (Path entry : list(place.getKey())) {
                Path home = entry.resolve(place.getValue());
                int version = suitableVersion(home);
                if (version > 0 && version < bestVersion) {
                    best = home;
                    bestVersion = version;
                }
            }
        }
        return Optional.ofNullable(best);
    }

    /// What `find` looks at, for the message of a user who has nothing suitable.
    String description() {
        StringBuilder text = new StringBuilder("FENLEI_JAVA_HOME, JAVA_HOME, the running " + runningHome);
        places().keySet().forEach(folder -> text.append(", ").append(folder));
        return text.toString();
    }

    /// The folders whose entries are Java installations, each with the path from an entry to its home.
    private Map<Path, String> places() {
        Map<Path, String> places = new LinkedHashMap<>();
        if (Launcher.isWindows()) {
            String programs = environment.getOrDefault("ProgramFiles", "C:\\Program Files");
            for (String vendor : List.of("Java", "Eclipse Adoptium", "Microsoft", "Zulu", "Amazon Corretto",
                    "BellSoft")) {
                places.put(Paths.get(programs, vendor), "");
            }
        } else {
            places.put(Paths.get("/usr/lib/jvm"), "");
            places.put(Paths.get("/usr/java"), "");
            places.put(Paths.get("/opt"), "");
            places.put(Paths.get("/opt/java"), "");
            places.put(Paths.get("/Library/Java/JavaVirtualMachines"), "Contents/Home");
            places.put(userHome.resolve("Library/Java/JavaVirtualMachines"), "Contents/Home");
        }
        places.put(userHome.resolve(".sdkman/candidates/java"), "");
        places.put(userHome.resolve(".jdks"), "");
        return places;
    }

    private static List<Path> list(Path folder) {
        List<Path> entries = new ArrayList<>();
        try (DirectoryStream<Path> stream = Files.newDirectoryStream(folder)) {
            stream.forEach(entries::add);
        } catch (IOException absentOrUnreadable) {
            return List.of();
        }
        entries.sort(null);
        return entries;
    }

    static Path javaCommand(Path home) {
        return home.resolve("bin").resolve(Launcher.isWindows() ? "java.exe" : "java");
    }

    /// The feature version of the installation in `home`, or 0 when there is none that Fenlei can run on.
    static int suitableVersion(Path home) {
        Properties release = new Properties();
        try (var reader = Files.newBufferedReader(home.resolve("release"))) {
            release.load(reader);
        } catch (IOException | IllegalArgumentException notAnInstallation) {
            return 0;
        }
        int version = featureVersion(unquote(release.getProperty("JAVA_VERSION", "")));
        // Not every vendor lists the modules; a list without the module is a runtime trimmed by jlink.
        String modules = unquote(release.getProperty("MODULES", VECTOR_MODULE));
        boolean suitable = version >= MINIMUM_VERSION
                && List.of(modules.split(" ")).contains(VECTOR_MODULE)
                && Files.isExecutable(javaCommand(home));
        return suitable ? version : 0;
    }

    private static String unquote(String value) {
        return value.replace("\"", "").trim();
    }

    private static int featureVersion(String version) {
        try {
            return Runtime.Version.parse(version).feature();
        } catch (IllegalArgumentException unreadable) {
            return 0;
        }
    }
}
