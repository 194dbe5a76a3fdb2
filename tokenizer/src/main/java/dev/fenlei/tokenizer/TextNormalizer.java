package dev.fenlei.tokenizer;

import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/// What happens to a text before it is cut into pieces.
interface TextNormalizer {

    TextNormalizer NONE = (text, place) -> text;

    String apply(String text, Place place);

    static TextNormalizer sequence(List<TextNormalizer> steps) {
        return (text, place) -> {
            String result = text;
            for (TextNormalizer step : steps) {
                result = step.apply(result, place);
            }
            return result;
        };
    }

    static TextNormalizer prepend(String prefix) {
        return (text, place) -> text.isEmpty() || place == Place.INSIDE ? text : prefix + text;
    }

    static TextNormalizer replace(Pattern pattern, String content) {
        String quoted = Matcher.quoteReplacement(content);
        return (text, place) -> pattern.matcher(text).replaceAll(quoted);
    }
}
