package dev.fenlei.lora.data;

import java.util.Locale;
import java.util.Optional;

/// The forms of data that are read.
public enum DataFormat {
    /// One JSON object a line: `text`, `category`, `output`; or `instruction`, `input`, `output`; or `text`, `label`.
    JSONL,
    /// Comma-separated values under a header.
    CSV,
    /// Tab-separated values under a header.
    TSV,
    /// `text<TAB>class-index` without a header; the classes stand in a class file.
    INDEXED,
    /// Parquet with the columns of [#JSONL].
    PARQUET;

    static final String EXTENSIONS = ".jsonl, .ndjson, .json, .csv, .tsv, .txt (each also with .gz) or .parquet";

    /// The form that a file name stands for, `.gz` aside. `.txt` and `.tsv` are [#TSV] until the first line says
    /// otherwise.
    static Optional<DataFormat> ofName(String fileName) {
        String name = fileName.toLowerCase(Locale.ROOT);
        boolean packed = name.endsWith(".gz");
        String plain = packed ? name.substring(0, name.length() - 3) : name;
        return Optional.ofNullable(
                switch (plain.substring(plain.lastIndexOf('.') + 1)) {
                    case "jsonl", "ndjson", "json" -> JSONL;
                    case "csv" -> CSV;
                    case "tsv", "txt" -> TSV;
                    case "parquet" -> packed ? null : PARQUET;
                    default -> null;
                });
    }
}
