package dev.fenlei.server.api;

import dev.fenlei.engine.generate.Generation;
import dev.fenlei.server.Limit;
import dev.fenlei.server.http.ApiError;
import dev.fenlei.server.inference.ServedModel;
import dev.fenlei.tokenizer.ChatOptions;
import dev.fenlei.tokenizer.Message;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.ThreadLocalRandom;
import tools.jackson.databind.JsonNode;

/// What a client of `POST /v1/chat/completions` asks for.
///
/// @param prompt the tokens of the conversation, in which only the template wrote control tokens
/// @param stops texts that end the answer
/// @param stream whether to send the answer while it is written
/// @param streamUsage whether to say at its end what it cost
record ChatRequest(
        ServedModel model, int[] prompt, Generation settings, List<String> stops, boolean stream, boolean streamUsage) {

    private static final int MAX_STOPS = 4;
    private static final double MAX_TEMPERATURE = 2;
    private static final double MIN_TOP_P = 1e-6;

    static ChatRequest read(JsonNode body, Service service) {
        Fields fields = new Fields(body);
        ServedModel model = service.model(fields);
        refuseUnsupported(fields);
        int[] prompt = prompt(fields, service);
        int maxTokens = service.limit(Limit.MAX_NEW_TOKENS);
        Integer newTokens = fields.integer("max_completion_tokens", 1, maxTokens);
        Integer oldName = fields.integer("max_tokens", 1, maxTokens);
        JsonNode streamOptions = fields.get("stream_options");
        Generation settings = Service.generation(
                newTokens != null ? newTokens : Objects.requireNonNullElse(oldName, maxTokens),
                Objects.requireNonNullElse(fields.number("temperature", 0, MAX_TEMPERATURE), 1.0),
                Objects.requireNonNullElse(fields.number("top_p", MIN_TOP_P, 1), 1.0),
                service.endTokens(),
                Math.min(service.models().tokenizer().size(), service.models().decoder().config().vocabSize()),
                seed(fields));
        return new ChatRequest(
                model, prompt, settings, stops(fields, service), fields.flag("stream"),
                streamOptions != null && new Fields(streamOptions, "stream_options").flag("include_usage"));
    }

    /// What would change the answer if it were heeded must not be ignored.
    private static void refuseUnsupported(Fields fields) {
        fields.integer("n", 1, 1);
        for (String name : List.of("tools", "functions", "audio")) {
            if (fields.get(name) != null) {
                throw ApiError.invalid(name, "is not supported");
            }
        }
        if (fields.flag("logprobs")) {
            throw ApiError.invalid("logprobs", "is not supported; /v1/classify gives probabilities");
        }
        JsonNode format = fields.get("response_format");
        if (format != null && !format.path("type").asString("").equals("text")) {
            throw ApiError.invalid("response_format", "must be of type text");
        }
    }

    private static long seed(Fields fields) {
        JsonNode seed = fields.get("seed");
        if (seed == null) {
            return ThreadLocalRandom.current().nextLong();
        }
        if (!seed.isIntegralNumber() || !seed.canConvertToLong()) {
            throw ApiError.invalid("seed", "must be a whole number of 64 bits");
        }
        return seed.longValue();
    }

    private static List<String> stops(Fields fields, Service service) {
        if (fields.get("stop") == null) {
            return List.of();
        }
        List<String> stops = fields.texts("stop", MAX_STOPS);
        for (String stop : stops) {
            if (stop.isEmpty() || stop.length() > service.limit(Limit.MAX_LABEL_CHARACTERS)) {
                throw ApiError.invalid(
                        "stop", "must have between 1 and " + service.limit(Limit.MAX_LABEL_CHARACTERS) + " characters");
            }
        }
        return stops;
    }

    private static int[] prompt(Fields fields, Service service) {
        JsonNode list = fields.required("messages");
        Fields.requireSize(list, "messages", service.limit(Limit.MAX_MESSAGES));
        List<Message> messages = new ArrayList<>();
        for (int i = 0; i < list.size(); i++) {
            Fields message = new Fields(list.get(i), "messages[" + i + "]");
            String role = Fields.text(message.required("role"), message.path("role"));
            String content = content(message.required("content"), message.path("content"));
            service.requireFits(content, message.path("content"));
            // What newer clients call the instruction.
            messages.add(new Message(role.equals("developer") ? "system" : role, content));
        }
        int[] prompt;
        try {
            prompt = service.models().template().encode(
                    service.models().tokenizer(), messages, ChatOptions.of(true));
        } catch (IllegalArgumentException e) {
            throw ApiError.invalid("messages", String.valueOf(e.getMessage()));
        }
        int positions = service.models().decoder().config().maxPositions();
        if (prompt.length >= positions) {
            throw ApiError.invalid("messages",
                    "have " + prompt.length + " tokens and leave no room for an answer in the "
                            + positions + " of the model");
        }
        return prompt;
    }

    private static String content(JsonNode content, String path) {
        if (!content.isArray()) {
            return Fields.text(content, path);
        }
        StringBuilder text = new StringBuilder();
        for (int i = 0; i < content.size(); i++) {
            Fields part = new Fields(content.get(i), path + "[" + i + "]");
            if (!"text".equals(part.text("type"))) {
                throw ApiError.invalid(part.path("type"), "must be text");
            }
            text.append(Fields.text(part.required("text"), part.path("text")));
        }
        return text.toString();
    }
}
