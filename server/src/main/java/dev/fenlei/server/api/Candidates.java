package dev.fenlei.server.api;

import dev.fenlei.lora.data.LabelLists;
import dev.fenlei.server.Limit;
import dev.fenlei.server.http.ApiError;
import dev.fenlei.server.inference.ServedModel;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.JsonNode;

/// What there is to choose from.
///
/// @param labels the candidates
/// @param descriptions what each means; empty where nothing was said
/// @param path the field that named them
record Candidates(List<String> labels, List<String> descriptions, String path) {

    private static final String LABEL = "label";
    private static final String DESCRIPTION = "description";

    /// The label set that a model was trained on.
    ///
    /// @throws ApiError if it has none
    static Candidates of(ServedModel model) {
        if (model.labels().isEmpty()) {
            throw ApiError.invalid("candidates", "are missing, and the model has no label set of its own");
        }
        return plain(model.labels(), "model");
    }

    /// Candidates of a field: one string in which commas part them, a list of strings, or a list of objects with `label` and
    /// `description`. Null if the field is absent.
    static @Nullable Candidates of(Fields fields, String name, Service service) {
        JsonNode value = fields.get(name);
        if (value == null) {
            return null;
        }
        String path = fields.path(name);
        Candidates candidates = value.isString()
                ? parsed(Fields.text(value, path), path)
                : listed(value, path, service);
        candidates.check(service);
        return candidates;
    }

    private static Candidates plain(List<String> labels, String path) {
        return new Candidates(labels, Collections.nCopies(labels.size(), ""), path);
    }

    private static Candidates parsed(String text, String path) {
        try {
            return plain(LabelLists.parse(text), path);
        } catch (IllegalArgumentException e) {
            throw ApiError.invalid(path, String.valueOf(e.getMessage()));
        }
    }

    private static Candidates listed(JsonNode list, String path, Service service) {
        Fields.requireSize(list, path, service.limit(Limit.MAX_CANDIDATES));
        List<String> labels = new ArrayList<>();
        List<String> descriptions = new ArrayList<>();
        for (int i = 0; i < list.size(); i++) {
            String item = path + "[" + i + "]";
            if (list.get(i).isString()) {
                labels.add(Fields.text(list.get(i), item).strip());
                descriptions.add("");
            } else {
                Fields fields = new Fields(list.get(i), item);
                labels.add(Fields.text(fields.required(LABEL), fields.path(LABEL)).strip());
                String description = fields.text(DESCRIPTION);
                descriptions.add(description == null ? "" : description);
            }
        }
        return new Candidates(labels, descriptions, path);
    }

    private void check(Service service) {
        int maxCandidates = service.limit(Limit.MAX_CANDIDATES);
        if (labels.isEmpty() || labels.size() > maxCandidates) {
            throw ApiError.invalid(
                    path, "must name between 1 and " + maxCandidates + " candidates, it names " + labels.size());
        }
        int maxCharacters = service.limit(Limit.MAX_LABEL_CHARACTERS);
        Set<String> seen = new HashSet<>();
        for (int i = 0; i < labels.size(); i++) {
            String item = path + "[" + i + "]";
            if (labels.get(i).isEmpty()) {
                throw ApiError.invalid(item, "is blank");
            }
            if (labels.get(i).length() > maxCharacters || descriptions.get(i).length() > maxCharacters) {
                throw ApiError.invalid(item, "has more than " + maxCharacters + " characters");
            }
            if (!seen.add(labels.get(i))) {
                throw ApiError.invalid(item, "occurs twice");
            }
        }
    }
}
