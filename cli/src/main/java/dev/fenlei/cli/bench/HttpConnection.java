package dev.fenlei.cli.bench;

import java.io.BufferedInputStream;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.net.Socket;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/// A connection that is kept, with as little work for each request as can be: on a machine that measures itself, what the client
/// does is taken from the service. Reads answers with a `Content-Length` only.
final class HttpConnection implements AutoCloseable {

    private static final int TIMEOUT_MILLIS = 60_000;

    private final Socket socket;
    private final InputStream in;
    private final String headers;
    private boolean closing;
    private String body = "";

    private HttpConnection(Socket socket, URI target, @Nullable String key) throws IOException {
        this.socket = socket;
        this.in = new BufferedInputStream(socket.getInputStream());
        this.headers = "Host: " + target.getAuthority() + "\r\nContent-Type: application/json\r\n"
                + (key == null ? "" : "X-API-Key: " + key + "\r\n");
    }

    static HttpConnection open(URI target, @Nullable String key) throws IOException {
        Socket socket = new Socket(target.getHost(), target.getPort());
        socket.setTcpNoDelay(true);
        socket.setSoTimeout(TIMEOUT_MILLIS);
        return new HttpConnection(socket, target, key);
    }

    /// Sends a body and reads the status of the answer.
    int post(String path, byte[] json) throws IOException {
        return exchange("POST " + path + " HTTP/1.1\r\n" + headers + "Content-Length: " + json.length + "\r\n\r\n",
                json);
    }

    /// Asks for a text.
    String get(String path) throws IOException {
        int status = exchange("GET " + path + " HTTP/1.1\r\n" + headers + "\r\n", new byte[0]);
        if (status != 200) {
            throw new IOException(path + " was answered with status " + status);
        }
        return body;
    }

    /// Whether the service asked that the connection be closed.
    boolean isClosing() {
        return closing;
    }

    private int exchange(String head, byte[] json) throws IOException {
        byte[] start = head.getBytes(StandardCharsets.US_ASCII);
        byte[] request = new byte[start.length + json.length];
        System.arraycopy(start, 0, request, 0, start.length);
        System.arraycopy(json, 0, request, start.length, json.length);
        socket.getOutputStream().write(request);
        int status = Integer.parseInt(line().split(" ", 3)[1]);
        int length = 0;
        for (String line = line(); !line.isEmpty(); line = line()) {
            String header = line.toLowerCase(Locale.ROOT);
            if (header.startsWith("content-length:")) {
                length = Integer.parseInt(header.substring(15).strip());
            } else if (header.equals("connection: close")) {
                closing = true;
            }
        }
        body = new String(in.readNBytes(length), StandardCharsets.UTF_8);
        return status;
    }

    private String line() throws IOException {
        StringBuilder line = new StringBuilder();
        for (int c = in.read(); c != '\n'; c = in.read()) {
            if (c < 0) {
                throw new EOFException("the service closed the connection");
            }
            if (c != '\r') {
                line.append((char) c);
            }
        }
        return line.toString();
    }

    @Override
    public void close() {
        try {
            socket.close();
        } catch (IOException alreadyBroken) {
            // Nothing is lost.
        }
    }
}
