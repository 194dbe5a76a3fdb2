package dev.fenlei.server;

import java.time.Duration;
import java.util.Collections;
import java.util.EnumMap;
import java.util.Map;

/// A value for every [Limit]. Immutable.
public final class Limits {

    private static final Limits DEFAULTS = new Limits(new EnumMap<>(Limit.class));

    private final Map<Limit, Long> values;

    private Limits(Map<Limit, Long> values) {
        this.values = values;
    }

    /// The default of every limit.
    public static Limits defaults() {
        return DEFAULTS;
    }

    /// The same limits with another value for one.
    ///
    /// @throws IllegalArgumentException if the value lies outside the limit's range
    public Limits with(Limit limit, long value) {
        Map<Limit, Long> changed = new EnumMap<>(Limit.class);
        changed.putAll(values);
        changed.put(limit, limit.checked(value));
        return new Limits(Collections.unmodifiableMap(changed));
    }

    /// The value of a limit.
    public long get(Limit limit) {
        return values.getOrDefault(limit, limit.defaultValue());
    }

    /// The value of a limit that counts things in memory.
    public int count(Limit limit) {
        return (int) Math.min(Integer.MAX_VALUE, get(limit));
    }

    /// The value of a limit whose name ends in `MS`.
    public Duration time(Limit limit) {
        return Duration.ofMillis(get(limit));
    }
}
