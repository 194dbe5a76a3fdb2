package dev.fenlei.server;

import java.util.Locale;

/// What the service bounds. Every limit has a default, and `serve` an option and an environment variable of its name.
public enum Limit {
    MAX_BODY_BYTES(2 << 20, 1024, 1 << 30, "The most bytes of a request's body, chunked or not; more is answered 413."),
    MAX_HEADER_BYTES(
            16 << 10, 1024, 1 << 20,
            "The most bytes of request line and headers together; more closes the connection."),
    MAX_BUFFERED_BYTES(
            256 << 20, 1 << 20, Long.MAX_VALUE,
            "The most bytes of bodies that are held while they arrive, all connections together; more is answered 429."),
    MAX_CONNECTIONS(4096, 1, 1_000_000, "Open connections; more wait to be accepted."),
    MAX_QUEUE(256, 1, 100_000, "Requests that wait or are computed at a time; more are answered 429."),
    MAX_INPUTS(64, 1, 10_000, "Texts in one request."),
    MAX_TEXT_CHARACTERS(100_000, 1, 100_000_000, "Characters (UTF-16 units) of one text."),
    MAX_TEXT_TOKENS(
            32_768, 1, 100_000_000,
            "Tokens of one text. What the prompt has no room for (--max-length) is left out of the middle of the text."),
    MAX_CANDIDATES(256, 1, 100_000, "Candidates of one text."),
    MAX_LABEL_CHARACTERS(256, 1, 100_000, "Characters of one candidate, and of its description."),
    MAX_MESSAGES(256, 1, 100_000, "Messages of one conversation."),
    MAX_NEW_TOKENS(1024, 1, 1_000_000, "Tokens that one answer of a conversation may have."),
    MAX_JSON_DEPTH(16, 4, 1000, "How deep the JSON of a request may be nested."),
    MAX_JSON_TOKENS(100_000, 100, 100_000_000, "Names, values and brackets in the JSON of a request."),
    MAX_BATCH_TOKENS(
            2048, 1, 1_000_000,
            "Tokens computed in one pass, unless one text alone needs more. 1 turns batching off: every text is a pass."),
    MAX_BATCH_WAIT_MS(2, 0, 10_000, "How long a text may wait for others to share its pass."),
    DEADLINE_MS(30_000, 1, 86_400_000, "How long a request may take from its last byte on; more is answered 504."),
    BODY_TIMEOUT_MS(30_000, 100, 3_600_000,
            "How long the headers, and after them the body of a request may take to arrive."),
    WRITE_TIMEOUT_MS(30_000, 100, 3_600_000, "How long a client may take no bytes of its answer."),
    IDLE_TIMEOUT_MS(120_000, 100, 86_400_000, "How long a connection may stay open without a request."),
    DRAIN_MS(30_000, 0, 3_600_000, "How long requests under way may take to end when the service is told to stop.");

    private final long defaultValue;
    private final long minimum;
    private final long maximum;
    private final String description;

    Limit(long defaultValue, long minimum, long maximum, String description) {
        this.defaultValue = defaultValue;
        this.minimum = minimum;
        this.maximum = maximum;
        this.description = description;
    }

    /// The name in options and documents: `max-body-bytes`.
    public String optionName() {
        return name().toLowerCase(Locale.ROOT).replace('_', '-');
    }

    /// The value unless another is set; bytes, milliseconds or a number, as the name says.
    public long defaultValue() {
        return defaultValue;
    }

    /// What it bounds, in one sentence.
    public String description() {
        return description;
    }

    /// Checks a value.
    ///
    /// @throws IllegalArgumentException naming limit and range, if it lies outside
    long checked(long value) {
        if (value < minimum || value > maximum) {
            throw new IllegalArgumentException(optionName() + " must lie between " + minimum + " and " + maximum
                    + ", it is " + value);
        }
        return value;
    }
}
