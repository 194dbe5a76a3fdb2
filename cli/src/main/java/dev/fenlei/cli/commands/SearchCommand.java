package dev.fenlei.cli.commands;

import dev.fenlei.cli.FenleiCommand;
import dev.fenlei.cli.Installation;
import dev.fenlei.cli.InterruptedCommandException;
import dev.fenlei.cli.UserErrorException;
import dev.fenlei.engine.compute.Backend;
import dev.fenlei.engine.model.Decoder;
import dev.fenlei.lora.classify.ClassificationPrompt;
import dev.fenlei.lora.classify.Classifier;
import dev.fenlei.lora.data.DataSet;
import dev.fenlei.lora.run.ClassificationTask;
import dev.fenlei.lora.run.Sha256;
import dev.fenlei.lora.run.ValidationMetric;
import dev.fenlei.lora.search.ActiveTrial;
import dev.fenlei.lora.search.Direction;
import dev.fenlei.lora.search.FirstPoint;
import dev.fenlei.lora.search.GridSampler;
import dev.fenlei.lora.search.HyperbandPruner;
import dev.fenlei.lora.search.MedianPruner;
import dev.fenlei.lora.search.Pruner;
import dev.fenlei.lora.search.RandomSampler;
import dev.fenlei.lora.search.Sampler;
import dev.fenlei.lora.search.SearchSpace;
import dev.fenlei.lora.search.Study;
import dev.fenlei.lora.search.StudyState;
import dev.fenlei.lora.search.TpeSampler;
import dev.fenlei.lora.search.Trial;
import dev.fenlei.lora.search.TrialState;
import dev.fenlei.tokenizer.ChatTemplate;
import dev.fenlei.tokenizer.Tokenizer;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicBoolean;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.StringNode;

/// `search`: trains with many settings, and says which were best on the validation data.
@Command(
        name = "search",
        description = "Search for the best hyper-parameters of train, by the validation data. Options of train that are given "
                + "here hold for all trials. The same command goes on with a search that was interrupted or killed, and may "
                + "run several times at once.")
public final class SearchCommand extends FenleiCommand {

    enum SamplerChoice {
        TPE, RANDOM, GRID
    }

    enum PrunerChoice {
        HYPERBAND, MEDIAN, NONE
    }

    private static final JsonMapper JSON = JsonMapper.shared();

    @Mixin
    private ModelOptions modelOptions = new ModelOptions();

    @Option(names = "--data", paramLabel = "PATH",
            description = "A folder with train.* and optionally valid.*, or one file (default: the sample data). test.* is never "
                    + "looked at.")
    private @Nullable Path data;

    @Mixin
    private DataColumns columns = new DataColumns();

    @Option(names = "--trials", paramLabel = "N",
            description = "How many trials the study is to have, those of earlier calls and of other processes, pruned and failed "
                    + "ones included (default: ${DEFAULT-VALUE}).")
    private int trials = 30;

    @Option(names = "--storage", paramLabel = "FILE",
            description = "The study's journal, in the form of Optuna's JournalFileBackend (default: ${DEFAULT-VALUE}). Results "
                    + "are beside it: of runs/search.journal in runs/search.studies/NAME.")
    private Path storage = Path.of("runs", "search.journal");

    @Option(names = "--study", paramLabel = "NAME", description = "Name of the study (default: ${DEFAULT-VALUE}).")
    private String study = "search";

    @Option(names = "--space", paramLabel = "FILE.yaml",
            description = "What to search: options of train and what they may be, such as "
                    + "'learning_rate: {type: float, low: 1e-5, high: 1e-3, log: true}' or 'batch_size: [2, 4, 8]' (default: "
                    + "lora_r, lora_alpha, learning_rate and batch_size).")
    private @Nullable Path spaceFile;

    @Option(names = "--sampler", description = "tpe, random or grid (default: tpe).")
    private SamplerChoice sampler = SamplerChoice.TPE;

    @Option(names = "--startup-trials", paramLabel = "N",
            description = "Trials that tpe draws at random before it believes what it has seen (default: 10, but no more than a "
                    + "third of --trials).")
    private @Nullable Integer startupTrials;

    @Option(names = "--grid-points", paramLabel = "N",
            description = "Values of a range that grid tries (default: ${DEFAULT-VALUE}).")
    private int gridPoints = 3;

    @Option(names = "--pruner",
            description = "hyperband, median or none: what gives up hopeless trials (default: hyperband).")
    private PrunerChoice pruner = PrunerChoice.HYPERBAND;

    @Option(names = "--reports-per-epoch", paramLabel = "N",
            description = "Validations per epoch, which the pruner goes by (default: ${DEFAULT-VALUE}). --eval-steps overrides it.")
    private int reportsPerEpoch = 2;

    @Option(names = "--no-defaults",
            description = "Do not begin with what train would use, which is otherwise the first trial if it is in the space.")
    private boolean noDefaults;

    @Option(names = "--timeout", paramLabel = "TIME", converter = SearchTime.class,
            description = "Begin no new trial after this time: 90s, 30m or 2h (default: no limit).")
    private @Nullable Duration timeout;

    @Option(names = "--jobs", paramLabel = "N",
            description = "Trials at the same time, as far as memory allows; they share the threads (default: ${DEFAULT-VALUE}). "
                    + "With more than 1, which trial sees the results of which depends on timing.")
    private int jobs = 1;

    @Option(names = "--max-length",
            description = "The most tokens of a prompt and its label; longer texts are cut in the middle (default: ${DEFAULT-VALUE}).")
    private int maxLength = Classifier.DEFAULT_MAX_LENGTH;

    @Mixin
    private TrialOptions fixed = new TrialOptions();

    @Mixin
    private RunOptions runOptions = new RunOptions();

    @Override
    protected int run() throws Exception {
        if (trials < 1 || jobs < 1 || jobs > 64 || reportsPerEpoch < 1) {
            throw new UserErrorException("--trials and --reports-per-epoch must be at least 1, and --jobs 1 to 64");
        }
        List<String> common = Resumption.chosen(spec()).stream().filter(SearchCommand::isOfTraining).toList();
        Path dataPath = data == null ? Installation.find().sampleData() : data;
        DataSet set = dataSet(dataPath);
        Path model = modelOptions.model();
        try (ModelPool pool = new ModelPool(modelOptions, model, jobs)) {
            Decoder decoder = pool.first().decoder();
            Recipe recipe = Recipe.forModel(decoder.config().parameters());
            SearchSpace space = spaceFile == null ? DefaultSpace.of(recipe) : SpaceFile.read(spaceFile);
            requireFree(space, common);
            Arguments.checked(() -> fixed.settings(set.train().size(), recipe));
            Tokenizer tokenizer = Tokenizer.load(model);
            ClassificationPrompt prompt = new ClassificationPrompt(
                    tokenizer,
                    ChatTemplate.detect(model, tokenizer),
                    ModelOptions.checkedMaxLength(maxLength, decoder));
            TrialWorker.Terms terms = new TrialWorker.Terms(
                    model,
                    dataPath,
                    new ClassificationTask(set, columns.policy(set.labels()), tokenizer, prompt),
                    recipe,
                    runOptions,
                    runOptions.evalSteps() > 0 ? 0 : reportsPerEpoch,
                    common,
                    (settings, plan, lora, backend) -> RunSettings.of(
                            settings, plan, lora, backend, modelOptions, columns, maxLength));
            terms.task().trainingExamples(); // what cannot be learned is refused before there is a trial
            ValidationMetric metric = Arguments.checked(runOptions::plan).metric();
            Study opened = Study.open(
                    storage, study, metric.higherIsBetter() ? Direction.MAXIMIZE : Direction.MINIMIZE,
                    agreement(metric, model, dataPath, common));
            search(opened, space, recipe, terms, pool);
            return report(new SearchResult(
                    opened.state(), opened.folder(), storage, metric.toString(), model, dataPath, common));
        }
    }

    /// What there is to learn from and to judge by; the test data is left out, so that nothing can look at it.
    private DataSet dataSet(Path path) throws IOException {
        DataSet all = DataSet.open(path, columns.options(true));
        DataSet set = Arguments.checked(() -> runOptions.withValidation(all, fixed.training.seed));
        if (set.validation().isEmpty()) {
            throw new UserErrorException(
                    path + " has no valid.*, and --valid-fraction is 0: there is nothing to judge by");
        }
        return new DataSet(set.source(), set.train(), set.validation(), List.of(), set.labels());
    }

    private static String nameOf(String option) {
        return option.substring(2, option.indexOf('='));
    }

    /// Whether `train` has to be given an option too, beside model and data, for the same result.
    private static boolean isOfTraining(String option) {
        return TrialOptions.isOne(option) || List.of(
                "candidates", "text-column", "label-column", "class-file", "max-length", "metric", "patience",
                "valid-fraction", "precision", "device", "quantization").contains(nameOf(option));
    }

    private static void requireFree(SearchSpace space, List<String> common) {
        for (String option : common) {
            for (String parameter : space.distributions().keySet()) {
                if (String.valueOf(TrialOptions.option(nameOf(option))).equals(TrialOptions.option(parameter))) {
                    throw new UserErrorException("--" + nameOf(option) + " is given, but " + parameter
                            + " is searched; leave one of them out");
                }
            }
        }
    }

    /// What all processes that work on the study must have in common.
    private Map<String, JsonNode> agreement(
            ValidationMetric metric, Path model, Path dataPath, List<String> common) throws IOException {
        Map<String, JsonNode> agreement = new LinkedHashMap<>();
        agreement.put("objective", StringNode.valueOf(metric.toString()));
        agreement.put("model_config_sha256", StringNode.valueOf(Sha256.of(model.resolve("config.json"))));
        agreement.put("data_sha256", StringNode.valueOf(Sha256.of(dataPath)));
        agreement.put("options", StringNode.valueOf(String.join(" ", common)));
        agreement.put(
                "reports",
                runOptions.evalSteps() > 0
                        ? StringNode.valueOf("every " + runOptions.evalSteps() + " steps")
                        : StringNode.valueOf(reportsPerEpoch + " per epoch"));
        return agreement;
    }

    private Sampler sampler(SearchSpace space, Recipe recipe) {
        long seed = fixed.training.seed;
        Sampler chosen = Arguments.checked(() -> switch (sampler) {
            case TPE -> new TpeSampler(seed, startupTrials());
            case RANDOM -> new RandomSampler(seed);
            case GRID -> new GridSampler(gridPoints, seed);
        });
        Optional<Map<String, Double>> defaults = DefaultSpace.point(space, recipe);
        if (noDefaults) {
            return chosen;
        }
        if (defaults.isEmpty()) {
            say("what train would use is not in the space: no trial begins with it");
            return chosen;
        }
        return new FirstPoint(defaults.get(), chosen);
    }

    private int startupTrials() {
        return startupTrials == null
                ? Math.clamp(trials / 3, 1, TpeSampler.STARTUP_TRIALS)
                : startupTrials;
    }

    private Pruner pruner() {
        return switch (pruner) {
            case MEDIAN -> new MedianPruner(MedianPruner.STARTUP_TRIALS, 0);
            case HYPERBAND -> new HyperbandPruner(1, 0, HyperbandPruner.REDUCTION_FACTOR);
            case NONE -> Pruner.NONE;
        };
    }

    private void search(Study opened, SearchSpace space, Recipe recipe, TrialWorker.Terms terms, ModelPool pool)
            throws Exception {
        StudyState before = opened.state();
        DataSet set = terms.task().data();
        say(String.format(
                "study %s in %s: %d trials of %d; %d training and %d validation examples",
                study, storage, before.trials().size(), trials, set.train().size(), set.validation().size()));
        Sampler points = sampler(space, recipe);
        Pruner judge = pruner();
        long start = System.nanoTime();
        long open = trials - before.trials().stream().filter(trial -> trial.state().finished()).count();
        try (SearchDisplay display = new SearchDisplay(
                progress("search", Math.max(0, open), "trials"), before.direction(),
                before.best().map(Trial::value).orElse(null))) {
            AtomicBoolean stopped = new AtomicBoolean();
            pool.run((backend, model) -> {
                TrialWorker worker = new TrialWorker(terms, backend, model, display, interruption());
                Optional<ActiveTrial> next = opened.next(space, points, judge, trials);
                while (next.isPresent()) {
                    try (ActiveTrial trial = next.get()) {
                        worker.work(trial);
                    } catch (Throwable e) {
                        stopped.set(true); // what one job cannot do, another cannot either
                        throw e;
                    }
                    boolean over = stopped.get() || interruption().requested() || isOver(start);
                    next = over ? Optional.empty() : opened.next(space, points, judge, trials);
                }
            }, display::say);
        } catch (InterruptedCommandException e) {
            say("the same command goes on with the search");
            throw e;
        }
        if (interruption().requested()) {
            say("the same command goes on with the search");
        }
        interruption().throwIfRequested();
    }

    private boolean isOver(long start) {
        return timeout != null && System.nanoTime() - start >= timeout.toNanos();
    }

    private int report(SearchResult result) throws IOException {
        result.write();
        say(result.table());
        int running = result.state().trials(TrialState.RUNNING).size();
        if (running > 0) {
            say(running + " trials are being worked on by other processes");
        }
        if (result.state().best().isEmpty()) {
            say("no trial was completed");
        } else {
            say("train with the best:\n  " + result.shellCommand());
            say("the same is in " + result.bestFile() + ", for train --config");
        }
        say("open " + result.folder().resolve("study.html"));
        out().println(JSON.writeValueAsString(result.toJson()));
        out().flush();
        return result.state().best().isEmpty() ? FAILED : OK;
    }
}
