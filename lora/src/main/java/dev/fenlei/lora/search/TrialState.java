package dev.fenlei.lora.search;

/// How far a trial is. The codes, by place, are those of Optuna's journal.
public enum TrialState {
    /// Somebody works on it, or was killed doing so.
    RUNNING,
    /// It ran to its end and has a value.
    COMPLETE,
    /// It was given up as hopeless.
    PRUNED,
    /// It broke.
    FAIL,
    /// It was put in line by another tool.
    WAITING;

    /// Whether nothing about the trial changes any more.
    public boolean finished() {
        return this == COMPLETE || this == PRUNED || this == FAIL;
    }

    static TrialState ofCode(int code) {
        if (code < 0 || code >= values().length) {
            throw new IllegalArgumentException("unknown state " + code);
        }
        return values()[code];
    }
}
