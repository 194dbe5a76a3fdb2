package dev.fenlei.server.http;

/// Learns of every request that was answered, or whose client went away.
@FunctionalInterface
public interface ExchangeObserver {

    /// A request is over.
    ///
    /// @param route the path of its route; `unknown` if there is none
    void ended(String route, String method, int status, double seconds);
}
