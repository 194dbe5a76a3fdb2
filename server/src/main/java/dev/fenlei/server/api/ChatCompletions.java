package dev.fenlei.server.api;

import dev.fenlei.server.http.ApiError;
import dev.fenlei.server.http.Call;
import dev.fenlei.server.http.Endpoint;
import dev.fenlei.server.http.Json;
import dev.fenlei.server.inference.Answering;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/// `POST /v1/chat/completions`: a conversation continued, at once or token by token as server-sent events.
final class ChatCompletions implements Endpoint {

    /// A turn, or what has been added to it.
    record Message(@Nullable String role, @Nullable String content) {}

    record Choice(int index, Message message, String finishReason) {}

    record ChunkChoice(int index, Message delta, @Nullable String finishReason) {}

    record Answer(String id, String object, long created, String model, List<Choice> choices, Usage usage) {}

    record Chunk(
            String id, String object, long created, String model, List<ChunkChoice> choices, @Nullable Usage usage) {}

    /// A piece of text, or with null the end of the answer.
    private record Event(@Nullable String text) {}

    private static final Event END = new Event(null);

    private final Service service;

    ChatCompletions(Service service) {
        this.service = service;
    }

    @Override
    public void handle(Call call) throws Exception {
        ChatRequest request = ChatRequest.read(call.body(), service);
        AnswerText text = new AnswerText(
                service.models().tokenizer().streamingDecoder(true), request.settings().endTokens(), request.stops());
        BlockingQueue<Event> events = new LinkedBlockingQueue<>();
        Answering answering = new Answering(request.model(), request.prompt(), request.settings(), id -> {
            String piece = text.accept(id);
            if (!piece.isEmpty()) {
                events.add(new Event(piece));
            }
            return !text.isStopped();
        });
        var _ = answering.result().whenComplete((_, _) -> events.add(END));
        service.loop().submit(answering);
        if (request.stream()) {
            stream(call, request, answering, events, text);
        } else {
            answer(call, request, answering, events, text);
        }
    }

    private static void answer(
            Call call, ChatRequest request, Answering answering, BlockingQueue<Event> events, AnswerText text)
            throws ExecutionException, InterruptedException {
        call.await(answering.result());
        StringBuilder content = new StringBuilder();
        for (Event event = events.take(); event.text() != null; event = events.take()) {
            content.append(event.text());
        }
        content.append(text.finish());
        call.reply(new Answer(
                id(call), "chat.completion", Instant.now().getEpochSecond(), request.model().name(),
                List.of(new Choice(0, new Message("assistant", content.toString()), finishReason(text))),
                Usage.of(request.prompt().length, text.tokens())));
    }

    private static void stream(
            Call call, ChatRequest request, Answering answering, BlockingQueue<Event> events, AnswerText text)
            throws InterruptedException {
        call.beginAwaiting(answering.result());
        Stream stream = new Stream(call, request.model().name());
        try {
            stream.begin();
            while (true) {
                Event event = events.poll(Math.max(0, call.remainingNanos()), TimeUnit.NANOSECONDS);
                if (event == null) {
                    stream.fail(ApiError.deadline(call.deadlineMillis()));
                    return;
                }
                if (event.text() == null) {
                    break;
                }
                stream.send(new Message(null, event.text()), null);
            }
            if (answering.result().isCompletedExceptionally()) {
                stream.fail(ApiError.draining());
                return;
            }
            String rest = text.finish();
            if (!rest.isEmpty()) {
                stream.send(new Message(null, rest), null);
            }
            stream.send(new Message(null, null), finishReason(text));
            stream.end(request.streamUsage() ? Usage.of(request.prompt().length, text.tokens()) : null);
        } finally {
            answering.result().cancel(false);
        }
    }

    private static String finishReason(AnswerText text) {
        return text.isStopped() ? "stop" : "length";
    }

    private static String id(Call call) {
        return "chatcmpl-" + call.requestId();
    }

    /// The events of one answer.
    private static final class Stream {

        private final Call call;
        private final String model;
        private final long created = Instant.now().getEpochSecond();

        Stream(Call call, String model) {
            this.call = call;
            this.model = model;
        }

        void begin() throws InterruptedException {
            call.beginStream("text/event-stream");
            send(new Message("assistant", ""), null);
        }

        void send(Message delta, @Nullable String finishReason) throws InterruptedException {
            send(List.of(new ChunkChoice(0, delta, finishReason)), null);
        }

        void end(@Nullable Usage usage) throws InterruptedException {
            if (usage != null) {
                send(List.of(), usage);
            }
            event("[DONE]".getBytes(StandardCharsets.UTF_8));
            call.endStream();
        }

        void fail(ApiError error) throws InterruptedException {
            event(Json.write(error.body(call.requestId(), false)));
            call.endStream();
        }

        private void send(List<ChunkChoice> choices, @Nullable Usage usage) throws InterruptedException {
            event(Json.write(new Chunk(id(call), "chat.completion.chunk", created, model, choices, usage)));
        }

        private void event(byte[] data) throws InterruptedException {
            byte[] event = new byte[data.length + 8];
            System.arraycopy("data: ".getBytes(StandardCharsets.UTF_8), 0, event, 0, 6);
            System.arraycopy(data, 0, event, 6, data.length);
            event[data.length + 6] = '\n';
            event[data.length + 7] = '\n';
            call.send(event);
        }
    }
}
