package dev.fenlei.server;

import java.io.IOException;
import java.net.InetAddress;
import java.net.Socket;
import java.net.SocketException;
import java.net.SocketTimeoutException;
import java.nio.charset.StandardCharsets;

/// Sends bytes that no HTTP client would.
record RawClient(int port) {

    private static final int PATIENCE_MILLIS = 5000;

    Socket connect() throws IOException {
        Socket socket = new Socket(InetAddress.getLoopbackAddress(), port);
        socket.setSoTimeout(PATIENCE_MILLIS);
        return socket;
    }

    /// What comes back until the other side closes or has answered; `closed` or `hangs` if nothing does.
    String exchange(byte[] request) throws IOException {
        try (Socket socket = connect()) {
            try {
                socket.getOutputStream().write(request);
                socket.shutdownOutput();
                byte[] head = socket.getInputStream().readNBytes(4096);
                return head.length == 0 ? "closed" : new String(head, StandardCharsets.ISO_8859_1);
            } catch (SocketTimeoutException e) {
                return "hangs";
            } catch (SocketException e) {
                return "closed";
            }
        }
    }

    /// The beginning of the answer to a request after which the client waits with an open connection.
    String exchange(String request) throws IOException {
        try (Socket socket = connect()) {
            socket.getOutputStream().write(request.getBytes(StandardCharsets.ISO_8859_1));
            byte[] head = new byte[4096];
            int length = socket.getInputStream().read(head);
            return length < 0 ? "closed" : new String(head, 0, length, StandardCharsets.ISO_8859_1);
        } catch (SocketTimeoutException e) {
            return "hangs";
        } catch (SocketException e) {
            return "closed";
        }
    }
}
