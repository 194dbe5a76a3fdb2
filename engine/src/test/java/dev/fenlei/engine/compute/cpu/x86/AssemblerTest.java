package dev.fenlei.engine.compute.cpu.x86;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.fenlei.engine.compute.cpu.x86.Assembler.Address;
import dev.fenlei.engine.compute.cpu.x86.Assembler.Label;
import dev.fenlei.engine.compute.cpu.x86.Assembler.Register;
import dev.fenlei.engine.compute.cpu.x86.Assembler.Tmm;
import dev.fenlei.engine.compute.cpu.x86.Assembler.Zmm;
import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/// Checks every instruction's bytes against a table of another assembler's and a disassembler's results.
class AssemblerTest {

    /// Methods that are not named as disassemblers name their instruction.
    private static final Map<String, String> OTHER_NAMES = Map.of("movd", "mov DWORD PTR ", "jnz", "jne ");

    static Stream<Encoding> table() {
        return Stream.of(
                GeneralEncodings.stackAndMoves(), GeneralEncodings.arithmetic(), GeneralEncodings.addresses(),
                GeneralEncodings.plain(), VectorEncodings.moves(), VectorEncodings.conversions(),
                VectorEncodings.ofThreeVectors(), VectorEncodings.plain(), TileEncodings.states(),
                TileEncodings.moves(), TileEncodings.products()).flatMap(List::stream);
    }

    @ParameterizedTest
    @MethodSource("table")
    void writesTheExpectedBytes(Encoding encoding) {
        assertThat(encoding.written()).isEqualTo(encoding.bytes());
    }

    /// The emulator rests on the decoder, which the table proves as well.
    @ParameterizedTest
    @MethodSource("table")
    void theDecoderReadsTheBytesAsADisassemblerDoes(Encoding encoding) {
        byte[] bytes = encoding.expected();
        Instruction instruction = Decoder.decode(bytes, 0);
        assertThat(instruction.text()).isEqualTo(encoding.text());
        assertThat(instruction.end()).isEqualTo(bytes.length);
    }

    @Test
    void theTableHasEveryInstruction() {
        List<String> texts = Stream.concat(table().map(Encoding::text), Stream.of("jne ")).toList();
        List<Method> instructions = Arrays.stream(Assembler.class.getDeclaredMethods())
                .filter(m -> m.getReturnType() == void.class && !Modifier.isPrivate(m.getModifiers())).toList();
        assertThat(instructions).hasSizeGreaterThan(25);
        for (Method instruction : instructions) {
            String start = OTHER_NAMES.getOrDefault(instruction.getName(), instruction.getName());
            assertThat(texts).as(start).anyMatch(text -> text.startsWith(start));
        }
    }

    @Test
    void jumpsBackFromTheEndOfTheJump() {
        Assembler code = new Assembler();
        Label start = code.here();
        code.ret();
        code.jnz(start);
        Label middle = code.here();
        code.push(Register.R12);
        code.jnz(middle);
        code.jnz(start);
        code.jnz(code.here());
        assertThat(hex(code)).isEqualTo(
                "C3 0F 85 F9 FF FF FF 41 54 0F 85 F8 FF FF FF 0F 85 EB FF FF FF 0F 85 FA FF FF FF");
        assertThat(Decoder.decode(code.code())).extracting(Instruction::text)
                .containsExactly("ret", "jne 0x0", "push r12", "jne 0x7", "jne 0x0", "jne 0x15");
    }

    @Test
    void jumpsFartherThanOneByteReaches() {
        Assembler code = new Assembler();
        Label start = code.here();
        for (int i = 0; i < 0x1234; i++) {
            code.ret();
        }
        code.jnz(start);
        assertThat(hex(code)).endsWith("C3 0F 85 C6 ED FF FF");
    }

    @Test
    void refusesRegistersThatThereAreNot() {
        for (int number : new int[] {-1, 32, 64}) {
            assertThatThrownBy(() -> new Zmm(number)).isInstanceOf(IllegalArgumentException.class)
                    .hasMessageContaining("" + number);
        }
        for (int number : new int[] {-1, 8, 16}) {
            assertThatThrownBy(() -> new Tmm(number)).isInstanceOf(IllegalArgumentException.class)
                    .hasMessageContaining("" + number);
        }
    }

    @Test
    void refusesAddressesThatCannotBeEncoded() {
        assertThatThrownBy(() -> Address.at(Register.RAX, Register.RSP, 0))
                .isInstanceOf(IllegalArgumentException.class).hasMessageContaining("RSP");
        assertThatThrownBy(() -> Address.twice(Register.RAX, Register.RSP, 8))
                .isInstanceOf(IllegalArgumentException.class).hasMessageContaining("RSP");
        Address indexed = Address.at(Register.RAX, Register.RCX, 0);
        assertThatThrownBy(() -> new Assembler().movd(indexed, Register.RDX))
                .isInstanceOf(IllegalArgumentException.class);
    }

    private static String hex(Assembler code) {
        return HexFormat.ofDelimiter(" ").withUpperCase().formatHex(code.code());
    }
}
