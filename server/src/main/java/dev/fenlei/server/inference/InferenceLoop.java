package dev.fenlei.server.inference;

import dev.fenlei.engine.generate.Generator;
import dev.fenlei.lora.classify.Classifier.Prepared;
import dev.fenlei.lora.classify.Decision;
import dev.fenlei.server.Limit;
import dev.fenlei.server.ServerSettings;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// The one thread that computes. It opens the models, and then takes what waits: texts, as many as fit, go through the model in
/// one pass per adapter; answers are written one after the other, and between two of their tokens a pass of texts is made, so
/// that a long answer keeps nobody waiting who wants a text classified.
///
/// The queue's length is bounded by the places of [Admission], of which every request holds one.
public final class InferenceLoop implements AutoCloseable {

    private static final Logger LOG = LoggerFactory.getLogger(InferenceLoop.class);

    private final ServerSettings settings;
    private final Observer observer;
    private final long maxWaitNanos;
    private final Thread thread;
    private final CompletableFuture<Models> models = new CompletableFuture<>();
    private final BlockingQueue<Work<?>> arrivals = new LinkedBlockingQueue<>();
    private final PassPacker packer;
    private final Deque<Answering> answers = new ArrayDeque<>();
    private volatile boolean closed;

    /// Learns what the loop does, on its thread.
    public interface Observer {

        /// A pass is over.
        ///
        /// @param queueSeconds how long each of its texts waited
        void passEnded(String model, int texts, int tokens, double seconds, List<Double> queueSeconds);

        /// An answer is over.
        void answerEnded(String model, int promptTokens, int newTokens, double seconds);
    }

    public InferenceLoop(ServerSettings settings, Observer observer) {
        this.settings = settings;
        this.observer = observer;
        this.packer = new PassPacker(settings.limits().count(Limit.MAX_BATCH_TOKENS));
        this.maxWaitNanos = settings.limits().time(Limit.MAX_BATCH_WAIT_MS).toNanos();
        this.thread = Thread.ofPlatform().name("fenlei-inference").daemon().unstarted(this::run);
    }

    /// Begins to open the models.
    public void start() {
        thread.start();
    }

    /// The models, once they are open; or what kept them from opening.
    public CompletableFuture<Models> models() {
        return models;
    }

    /// The models; null while they are being opened.
    public @Nullable Models modelsIfReady() {
        return models.isDone() && !models.isCompletedExceptionally() ? models.join() : null;
    }

    /// Puts work into the queue.
    ///
    /// @throws RejectedExecutionException if the loop has been closed
    public void submit(Work<?> work) {
        arrivals.add(work);
        if (closed) {
            work.result().completeExceptionally(new RejectedExecutionException("closed"));
        }
    }

    /// Stops the thread, ends what waits with a [RejectedExecutionException], and closes the models.
    @Override
    public void close() {
        closed = true;
        thread.interrupt();
        try {
            thread.join();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    private void run() {
        try (Models opened = Models.load(settings)) {
            models.complete(opened);
            while (!closed) {
                step(opened);
            }
        } catch (InterruptedException e) {
            LOG.debug("The inference loop was interrupted");
        } catch (Throwable e) {
            models.completeExceptionally(e);
        } finally {
            closed = true;
            failAll(new RejectedExecutionException("closed"));
        }
    }

    private void step(Models opened) throws InterruptedException {
        receive();
        if (!answers.isEmpty()) {
            write(answers.removeFirst(), opened);
        } else if (!packer.isEmpty()) {
            awaitCompany();
            if (answers.isEmpty()) {
                score();
            }
        } else {
            receive(arrivals.take());
        }
    }

    private void receive() {
        List<Work<?>> arrived = new ArrayList<>();
        arrivals.drainTo(arrived);
        arrived.forEach(this::receive);
    }

    private void receive(Work<?> work) {
        if (work.isOver()) {
            return;
        }
        switch (work) {
            case Scoring scoring -> packer.add(scoring);
            case Answering answering -> answers.add(answering);
        }
    }

    private void awaitCompany() throws InterruptedException {
        long until = packer.oldestArrival() + maxWaitNanos;
        while (!packer.isFull()) {
            Work<?> next = arrivals.poll(until - System.nanoTime(), TimeUnit.NANOSECONDS);
            if (next == null) {
                return;
            }
            receive(next);
        }
    }

    private void score() {
        Map<ServedModel, List<PassPacker.Entry>> byModel = new LinkedHashMap<>();
        for (PassPacker.Entry entry : packer.next()) {
            byModel.computeIfAbsent(entry.scoring().model(), _ -> new ArrayList<>()).add(entry);
        }
        byModel.forEach(this::score);
    }

    private void score(ServedModel model, List<PassPacker.Entry> entries) {
        long start = System.nanoTime();
        List<Prepared> texts = entries.stream().map(PassPacker.Entry::text).toList();
        try {
            List<Decision> decisions = model.classifier().decide(texts);
            // Counted before the answers go out, so that whoever has one finds it in the metrics.
            observer.passEnded(
                    model.name(),
                    texts.size(),
                    texts.stream().mapToInt(Prepared::tokens).sum(),
                    (System.nanoTime() - start) / 1e9,
                    entries.stream().map(entry -> entry.scoring().queueSeconds()).toList());
            for (int i = 0; i < entries.size(); i++) {
                entries.get(i).scoring().decided(decisions.get(i));
            }
        } catch (RuntimeException | OutOfMemoryError e) {
            LOG.error("A pass of {} texts failed", texts.size(), e);
            entries.forEach(entry -> entry.scoring().result().completeExceptionally(e));
        }
    }

    private void write(Answering answering, Models opened) {
        if (answering.isOver()) {
            return;
        }
        long start = System.nanoTime();
        try {
            answering.model().select().run();
            int[] answer = Generator.generate(opened.decoder(), answering.prompt(), answering.settings(), id -> {
                boolean wanted = answering.listener().test(id) && !answering.isOver() && !closed;
                if (wanted) {
                    scoreBetweenTokens(answering.model());
                }
                return wanted;
            });
            observer.answerEnded(
                    answering.model().name(), answering.prompt().length, answer.length,
                    (System.nanoTime() - start) / 1e9);
            answering.result().complete(answer);
        } catch (RuntimeException | OutOfMemoryError e) {
            LOG.error("An answer failed", e);
            answering.result().completeExceptionally(e);
        }
    }

    private void scoreBetweenTokens(ServedModel answering) {
        receive();
        if (!packer.isEmpty()) {
            score();
            answering.select().run();
        }
    }

    private void failAll(Throwable cause) {
        receive();
        packer.failAll(cause);
        answers.forEach(answering -> answering.result().completeExceptionally(cause));
        answers.clear();
    }
}
