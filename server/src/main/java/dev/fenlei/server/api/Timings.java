package dev.fenlei.server.api;

import dev.fenlei.server.inference.Scoring;

/// How long a classification took.
///
/// @param queueMs until the first pass began
/// @param computeMs from there to the end of the last pass
/// @param totalMs both
record Timings(double queueMs, double computeMs, double totalMs) {

    static Timings of(Scoring.Result result) {
        return new Timings(
                result.queueSeconds() * 1e3,
                result.computeSeconds() * 1e3,
                (result.queueSeconds() + result.computeSeconds()) * 1e3);
    }
}
