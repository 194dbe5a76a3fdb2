package dev.fenlei.cli.commands;

import java.time.Duration;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.TypeConversionException;

/// A time such as `90s`, `30m` or `2h`.
final class SearchTime implements ITypeConverter<Duration> {

    private static final Pattern FORM = Pattern.compile("(\\d{1,9})([smh])");

    @Override
    public Duration convert(String value) {
        Matcher time = FORM.matcher(value);
        if (!time.matches()) {
            throw new TypeConversionException("expected a time such as 90s, 30m or 2h but was '" + value + "'");
        }
        long number = Long.parseLong(time.group(1));
        return switch (time.group(2)) {
            case "s" -> Duration.ofSeconds(number);
            case "m" -> Duration.ofMinutes(number);
            default -> Duration.ofHours(number);
        };
    }
}
