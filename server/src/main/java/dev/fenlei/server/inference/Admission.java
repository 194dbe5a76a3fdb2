package dev.fenlei.server.inference;

import java.time.Duration;

/// The places for requests that wait or are computed. Everything that a request makes the service hold, from the parsed body to
/// the answer, is held by at most so many.
public final class Admission {

    private final int places;
    private int taken;

    /// @param places how many there are
    public Admission(int places) {
        this.places = places;
    }

    /// Takes a place, if one is free.
    public synchronized boolean tryEnter() {
        if (taken == places) {
            return false;
        }
        taken++;
        return true;
    }

    /// Gives a place back.
    public synchronized void leave() {
        taken--;
        notifyAll();
    }

    /// Whether no place is free.
    public synchronized boolean isFull() {
        return taken == places;
    }

    /// How many places are taken.
    public synchronized int taken() {
        return taken;
    }

    /// Waits until no place is taken.
    ///
    /// @return false if some still are after that time
    public synchronized boolean awaitEmpty(Duration patience) throws InterruptedException {
        long until = System.nanoTime() + patience.toNanos();
        while (taken > 0) {
            long millis = (until - System.nanoTime()) / 1_000_000;
            if (millis <= 0) {
                return false;
            }
            wait(millis);
        }
        return true;
    }
}
