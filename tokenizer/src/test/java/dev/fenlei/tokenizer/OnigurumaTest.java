package dev.fenlei.tokenizer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.regex.MatchResult;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

final class OnigurumaTest {

    @ParameterizedTest
    @CsvSource(delimiter = '~', quoteCharacter = '`', value = {
        "\\p{N}{1,3} ~ 12345六7 ~ 123|45|7",
        "[一-龥]+ ~ ab中文c ~ 中文",
        "\\w+ ~ a_b-é̂ⓐ ~ a_b|é̂",
        "[^\\w ]+ ~ a_b-é! ~ -|!",
        "\\W ~ a.b ~ .",
        "\\p{^L}+|\\p{Han} ~ 1中a ~ 1|中",
        "(?i:'s|'ll) ~ 'S'ſ'LL ~ 'S|'ſ|'LL",
        "a(b)?+c ~ abcac ~ abc|ac",
        "[!\"#$%&'()*+,\\-./:;<=>?@\\[\\\\\\]^_{|}][A-Za-z]+ ~ [a]b}c ~ [a|]b|}c",
        "\\x{4E2D}|\\u6587 ~ 中文 ~ 中|文",
        "a(?=b)|(?<=b)c|x(?!y) ~ abcxxy ~ a|c|x",
    })
    void findsWhatOnigurumaFinds(String pattern, String text, String found) {
        assertThat(Oniguruma.compile(pattern).matcher(text).results().map(MatchResult::group).toList())
                .containsExactly(found.split("\\|(?!\\z)"));
    }

    @Test
    void aDotIsAnythingButALineFeed() {
        assertThat(Oniguruma.compile(".").matcher("\r\u2028\n").results()).hasSize(2);
    }

    @ParameterizedTest
    @ValueSource(strings = {
        "", "\\bx", "^a", "a$", "[a[b]]", "[[:alpha:]]", "[a&&b]", "[]a]", "[a", "(a|b)+", "(?:a){2,}", "a{1,2}+", "{",
        "\\",
        "\\R", "\\X", "\\K", "\\1", "\\p{Alpha}", "\\pL", "\\p{Nope}", "(?<n>a)", "(?m:a)", "(a", "\\x4", "(?#c)"
    })
    void refusesWhatMayMeanSomethingElse(String pattern) {
        assertThatThrownBy(() -> Oniguruma.compile(pattern)).isInstanceOf(IllegalArgumentException.class);
    }
}
