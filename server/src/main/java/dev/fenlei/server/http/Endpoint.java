package dev.fenlei.server.http;

/// Answers the requests of one route, on a virtual thread of its own that may wait.
@FunctionalInterface
public interface Endpoint {

    /// Answers a request.
    ///
    /// @throws ApiError to answer with an error
    void handle(Call call) throws Exception;
}
