package dev.fenlei.cli.launcher;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class JavaHomesTest {

    @TempDir
    Path folder;

    private Path java(String name, String release) throws IOException {
        Path home = folder.resolve(name);
        Path command = JavaHomes.javaCommand(home);
        Files.createDirectories(command.getParent());
        Files.createFile(command);
        assertThat(command.toFile().setExecutable(true)).isTrue();
        Files.writeString(home.resolve("release"), release);
        return home;
    }

    @Test
    void theReleaseFileSaysWhetherAnInstallationIsSuitable() throws IOException {
        Path full = java("full", "JAVA_VERSION=\"25.0.3\"\nMODULES=\"java.base jdk.incubator.vector\"\n");
        Path unlisted = java("unlisted", "JAVA_VERSION=\"26\"\n");
        Path trimmed = java("trimmed", "JAVA_VERSION=\"25\"\nMODULES=\"java.base\"\n");
        Path old = java("old", "JAVA_VERSION=\"17.0.15\"\nMODULES=\"java.base jdk.incubator.vector\"\n");
        Path ancient = java("ancient", "JAVA_VERSION=\"1.8.0_292\"\n");
        assertThat(JavaHomes.suitableVersion(full)).isEqualTo(25);
        assertThat(JavaHomes.suitableVersion(unlisted)).isEqualTo(26);
        assertThat(JavaHomes.suitableVersion(trimmed)).isZero();
        assertThat(JavaHomes.suitableVersion(old)).isZero();
        assertThat(JavaHomes.suitableVersion(ancient)).isZero();
        assertThat(JavaHomes.suitableVersion(folder)).isZero();
    }

    @Test
    void whatTheUserNamesComesFirst() throws IOException {
        Path named = java("named", "JAVA_VERSION=\"26\"\n");
        Path javaHome = java("java-home", "JAVA_VERSION=\"25\"\n");
        Path old = java("old", "JAVA_VERSION=\"17\"\n");
        assertThat(new JavaHomes(Map.of("FENLEI_JAVA_HOME", named.toString(), "JAVA_HOME", javaHome.toString()), old,
                folder)
                .find()).contains(named);
        assertThat(new JavaHomes(Map.of("JAVA_HOME", javaHome.toString()), old, folder).find()).contains(javaHome);
        assertThat(new JavaHomes(Map.of("JAVA_HOME", old.toString()), javaHome, folder).find()).contains(javaHome);
    }

    @Test
    void anUnsuitableChoiceIsAnErrorRatherThanIgnored() throws IOException {
        Path old = java("old", "JAVA_VERSION=\"17\"\n");
        assertThatThrownBy(() -> new JavaHomes(Map.of("FENLEI_JAVA_HOME", old.toString()), old, folder).find())
                .hasMessageContaining("FENLEI_JAVA_HOME is " + old);
    }
}
