package dev.fenlei.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class InstallationTest {

    @TempDir
    Path home;

    @TempDir
    Path elsewhere;

    @BeforeEach
    void install() throws IOException {
        Files.createDirectories(home.resolve("models/tiny"));
        Files.createDirectories(home.resolve("data/sample"));
    }

    @Test
    void isFoundInTheWorkingDirectoryOrAboveTheJar() {
        Installation expected = new Installation(home);
        assertThat(Installation.find(home, null)).isEqualTo(expected);
        assertThat(Installation.find(elsewhere, home.resolve("fenlei.jar"))).isEqualTo(expected);
        assertThat(Installation.find(elsewhere, home.resolve("cli/target/fenlei.jar"))).isEqualTo(expected);
        assertThat(expected.tinyModel()).isDirectory();
        assertThat(expected.sampleData()).isDirectory();
    }

    @Test
    void whenAbsentTheMessageNamesThePlacesAndTheWayOut() {
        assertThatThrownBy(() -> Installation.find(elsewhere, null))
                .isInstanceOf(UserErrorException.class)
                .hasMessageContainingAll(elsewhere.toString(), "--model", "--data");
    }
}
