package dev.fenlei.server.api;

import dev.fenlei.server.http.Endpoint;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;

/// Files of the service's own pages, which need nothing from outside.
public final class Resources {

    private static final String FOLDER = "/dev/fenlei/server/pages/";

    private Resources() {}

    /// Answers with a file, which is read once.
    ///
    /// @param name below `pages`
    public static Endpoint file(String name, String contentType) {
        byte[] bytes = read(name);
        return call -> call.reply(200, contentType, bytes);
    }

    /// @throws IllegalStateException if it is not there, which only a broken build can cause
    static byte[] read(String name) {
        try (InputStream file = Resources.class.getResourceAsStream(FOLDER + name)) {
            if (file == null) {
                throw new IllegalStateException("the resource " + FOLDER + name + " is missing");
            }
            return file.readAllBytes();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
