package dev.fenlei.server.http;

/// One method of one path.
///
/// @param method `GET` or `POST`
/// @param path the whole path; routes have no parameters
/// @param access what a request needs to pass
/// @param place where it is answered
/// @param endpoint what answers
public record Route(String method, String path, Access access, Place place, Endpoint endpoint) {

    /// What a request needs to pass.
    public enum Access {
        /// Nothing: for those who watch over the service.
        OPEN,
        /// A key, if there are any.
        KEY
    }

    /// Where a request is answered.
    public enum Place {
        /// On the connection's thread, which never waits: the answer is there, whatever the load.
        CONNECTION,
        /// On a thread of its own, in one of the places for requests that wait or are computed, once the models are open.
        QUEUE
    }

    /// Something small that is always there.
    public static Route get(String path, Access access, Endpoint endpoint) {
        return new Route("GET", path, access, Place.CONNECTION, endpoint);
    }

    /// Something that the models are needed for, with a body in JSON.
    public static Route post(String path, Endpoint endpoint) {
        return new Route("POST", path, Access.KEY, Place.QUEUE, endpoint);
    }

    /// Something that must be fetched first, such as from disk.
    public static Route fetch(String path, Endpoint endpoint) {
        return new Route("GET", path, Access.KEY, Place.QUEUE, endpoint);
    }
}
