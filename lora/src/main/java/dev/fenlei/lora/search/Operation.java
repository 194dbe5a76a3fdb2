package dev.fenlei.lora.search;

/// What a record of a journal does. The codes, by place, are Optuna's `JournalOperation`.
enum Operation {
    CREATE_STUDY,
    DELETE_STUDY,
    SET_STUDY_USER_ATTR,
    SET_STUDY_SYSTEM_ATTR,
    CREATE_TRIAL,
    SET_TRIAL_PARAM,
    SET_TRIAL_STATE_VALUES,
    SET_TRIAL_INTERMEDIATE_VALUE,
    SET_TRIAL_USER_ATTR,
    SET_TRIAL_SYSTEM_ATTR,
    /// Written by Rustuna alone; Optuna passes over it.
    DISCARD_TRIALS
}
