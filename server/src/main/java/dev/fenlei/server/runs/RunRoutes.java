package dev.fenlei.server.runs;

import static dev.fenlei.server.http.Route.Access.KEY;

import dev.fenlei.lora.report.RunReport;
import dev.fenlei.lora.run.RunException;
import dev.fenlei.server.api.Resources;
import dev.fenlei.server.http.ApiError;
import dev.fenlei.server.http.Call;
import dev.fenlei.server.http.ClientGoneException;
import dev.fenlei.server.http.Endpoint;
import dev.fenlei.server.http.Json;
import dev.fenlei.server.http.Route;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.function.BooleanSupplier;

/// Everything that the pages over the runs ask for.
public final class RunRoutes {

    private static final String SCRIPT = "text/javascript; charset=utf-8";
    private static final String STYLE = "text/css; charset=utf-8";
    private static final String HTML = "text/html; charset=utf-8";
    private static final long CONSOLE_TAIL = 256 << 10;
    private static final long BEAT_MILLIS = 1000;
    private static final int SILENT_BEATS = 10;

    /// The page may show reports inside.
    private static final String PAGE_POLICY = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; "
            + "img-src 'self' data:; connect-src 'self'; frame-src 'self'; base-uri 'none'; form-action 'none'; "
            + "frame-ancestors 'none'";

    /// A report's own script may draw it, and has no access to the page around it nor to the service.
    private static final String REPORT_POLICY = "default-src 'none'; script-src 'unsafe-inline'; "
            + "style-src 'unsafe-inline'; img-src data:; sandbox allow-scripts; frame-ancestors 'self'";

    private final RunCatalog catalog;
    private final BooleanSupplier ending;

    private RunRoutes(Path runs, BooleanSupplier ending) {
        this.catalog = new RunCatalog(runs);
        this.ending = ending;
    }

    /// The routes over a folder of runs.
    ///
    /// @param ending whether streams are to end
    public static List<Route> of(Path runs, BooleanSupplier ending) {
        RunRoutes routes = new RunRoutes(runs, ending);
        return List.of(
                Route.get("/", KEY, page("runs.html", HTML)),
                Route.get("/runs.js", KEY, Resources.file("runs.js", SCRIPT)),
                Route.get("/runs.css", KEY, Resources.file("runs.css", STYLE)),
                Route.get("/charts.js", KEY, text(RunReport.charts(), SCRIPT)),
                Route.get("/charts.css", KEY, text(RunReport.style(), STYLE)),
                Route.fetch("/api/runs", call -> call.reply(routes.catalog.list())),
                Route.fetch("/api/events", routes::events),
                Route.fetch("/api/metrics", call -> routes.grown(call, "metrics.jsonl", Long.MAX_VALUE)),
                Route.fetch("/api/console", call -> routes.grown(call, "console.log", CONSOLE_TAIL)),
                Route.fetch("/report", routes::report),
                Route.post("/api/remarks", routes::remark),
                Route.post("/api/delete", routes::delete));
    }

    private static Endpoint page(String name, String contentType) {
        Endpoint file = Resources.file(name, contentType);
        return call -> {
            call.allow(PAGE_POLICY);
            file.handle(call);
        };
    }

    private static Endpoint text(String text, String contentType) {
        byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
        return call -> call.reply(200, contentType, bytes);
    }

    /// The list of runs whenever it changes, as server-sent events.
    private void events(Call call) throws IOException {
        call.beginStream("text/event-stream");
        byte[] last = {};
        int silent = 0;
        try {
            while (!ending.getAsBoolean()) {
                byte[] now = Json.write(catalog.list());
                if (!Arrays.equals(now, last)) {
                    call.send(("event: runs\ndata: " + new String(now, StandardCharsets.UTF_8) + "\n\n")
                            .getBytes(StandardCharsets.UTF_8));
                    last = now;
                    silent = 0;
                } else if (++silent == SILENT_BEATS) { // tells whether the client is still there
                    call.send(": \n\n".getBytes(StandardCharsets.UTF_8));
                    silent = 0;
                }
                Thread.sleep(BEAT_MILLIS);
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        } catch (ClientGoneException e) {
            return;
        }
        call.endStream();
    }

    private void grown(Call call, String file, long tail) throws IOException {
        Path run = catalog.find(call.parameter("name"));
        String offset = call.parameter("offset");
        if (!offset.matches("\\d{0,18}")) {
            throw ApiError.invalid("offset", "must be a number");
        }
        call.reply(GrowingFile.read(
                run.resolve(file), call.parameter("version"), offset.isEmpty() ? 0 : Long.parseLong(offset), tail));
    }

    private void report(Call call) throws IOException {
        Path run = catalog.find(call.parameter("name"));
        try {
            byte[] html = RunReport.html(run).getBytes(StandardCharsets.UTF_8);
            call.allow(REPORT_POLICY);
            call.reply(200, HTML, html);
        } catch (RunException e) {
            throw ApiError.conflict(String.valueOf(e.getMessage()));
        }
    }

    private void remark(Call call) throws IOException {
        Path run = catalog.find(name(call));
        Remarks.of(call.body()).write(run);
        call.reply(Map.of("saved", true));
    }

    /// @throws ApiError unless the name is given twice, so that no slip deletes anything
    private void delete(Call call) throws IOException {
        String name = name(call);
        if (!call.body().path("confirm").asString("").equals(name)) {
            throw ApiError.invalid("confirm", "must be the name of the run");
        }
        catalog.delete(name);
        call.reply(Map.of("deleted", true));
    }

    private static String name(Call call) {
        return call.body().path("name").asString("");
    }
}
