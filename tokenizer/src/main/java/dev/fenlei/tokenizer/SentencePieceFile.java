package dev.fenlei.tokenizer;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;

/// Reads SentencePiece's `tokenizer.model`.
///
/// Source: `src/sentencepiece_model.proto` of google/sentencepiece, from which the numbers of the fields are.
final class SentencePieceFile {

    private static final int MAX_PIECES = 1 << 22;
    private static final int MAX_PIECE_BYTES = 1024;

    private final Path file;
    private final List<SentencePieceVocabulary.Piece> pieces = new ArrayList<>();
    private int modelType = 1;
    private boolean spaceAsSuffix;
    private boolean byteFallback;
    private String unknownSurface = " \u2047 ";
    private boolean dummyPrefix = true;
    private boolean removesExtraSpaces = true;
    private boolean escapesSpaces = true;
    private ByteBuffer charsMap = ByteBuffer.allocate(0);

    private SentencePieceFile(Path file) {
        this.file = file;
    }

    static SentencePieceVocabulary read(Path file) throws IOException {
        byte[] bytes = JsonFiles.readBytes(file);
        try {
            return new SentencePieceFile(file).read(ByteBuffer.wrap(bytes));
        } catch (IllegalArgumentException e) {
            throw new TokenizerException(file, "not a SentencePiece model: " + e.getMessage(), e);
        }
    }

    private SentencePieceVocabulary read(ByteBuffer bytes) throws IOException {
        Protobuf model = new Protobuf(bytes);
        while (model.next()) {
            switch (model.field()) {
                case 1 -> pieces.add(readPiece(new Protobuf(model.content())));
                case 2 -> readTrainerSpec(new Protobuf(model.content()));
                case 3 -> readNormalizerSpec(new Protobuf(model.content()));
                case 5 -> readDenormalizerSpec(new Protobuf(model.content()));
                default -> {}
            }
        }
        check();
        return new SentencePieceVocabulary(
                List.copyOf(pieces),
                new SentencePieceNormalizer.Spec(dummyPrefix, removesExtraSpaces, escapesSpaces,
                        CharsMap.read(charsMap)),
                byteFallback,
                unknownSurface);
    }

    private SentencePieceVocabulary.Piece readPiece(Protobuf message) throws IOException {
        String where = "pieces[" + pieces.size() + "]";
        String text = "";
        float score = 0;
        int type = 1;
        while (message.next()) {
            switch (message.field()) {
                case 1 -> text = utf8(where, message.content());
                case 2 -> score = message.real();
                case 3 -> type = message.integer();
                default -> {}
            }
        }
        SentencePieceVocabulary.Type[] types = SentencePieceVocabulary.Type.values();
        if (text.isEmpty() || Float.isNaN(score) || type < 1 || type > types.length) {
            throw new TokenizerException(file, where + ": a piece needs a text, a score and a type from 1 to "
                    + types.length + ", but has \"" + text + "\", " + score + " and " + type);
        }
        if (types[type - 1] == SentencePieceVocabulary.Type.UNUSED) {
            throw new TokenizerException(file, where + ".type is UNUSED, which is not supported");
        }
        if (pieces.size() == MAX_PIECES) {
            throw new TokenizerException(file, "more than " + MAX_PIECES + " pieces");
        }
        return new SentencePieceVocabulary.Piece(text, score, types[type - 1]);
    }

    private void readTrainerSpec(Protobuf message) throws IOException {
        while (message.next()) {
            switch (message.field()) {
                case 3 -> modelType = message.integer();
                case 24 -> spaceAsSuffix = message.flag();
                case 35 -> byteFallback = message.flag();
                case 44 -> unknownSurface = utf8("trainer_spec.unk_surface", message.content());
                default -> {}
            }
        }
    }

    private void readNormalizerSpec(Protobuf message) {
        while (message.next()) {
            switch (message.field()) {
                case 2 -> charsMap = message.content();
                case 3 -> dummyPrefix = message.flag();
                case 4 -> removesExtraSpaces = message.flag();
                case 5 -> escapesSpaces = message.flag();
                default -> {}
            }
        }
    }

    private void readDenormalizerSpec(Protobuf message) throws IOException {
        while (message.next()) {
            if (message.field() == 2 && message.content().hasRemaining()) {
                throw new TokenizerException(file, "denormalizer_spec.precompiled_charsmap is not supported");
            }
        }
    }

    private void check() throws IOException {
        if (modelType != 2) {
            String[] names = {"UNIGRAM", "BPE", "WORD", "CHAR"};
            String name = modelType >= 1 && modelType <= names.length
                    ? names[modelType - 1]
                    : String.valueOf(modelType);
            throw new TokenizerException(file, "trainer_spec.model_type is " + name + "; only BPE is supported");
        }
        if (spaceAsSuffix) {
            throw new TokenizerException(file, "trainer_spec.treat_whitespace_as_suffix is not supported");
        }
        Set<String> texts = new HashSet<>();
        for (int i = 0; i < pieces.size(); i++) {
            if (!texts.add(pieces.get(i).text())) {
                throw new TokenizerException(
                        file, "pieces[" + i + "]: \"" + pieces.get(i).text() + "\" is there twice");
            }
        }
        boolean complete = !byteFallback
                || pieces.stream().filter(p -> p.type() == SentencePieceVocabulary.Type.BYTE).count() == 256;
        long unknown = pieces.stream().filter(p -> p.type() == SentencePieceVocabulary.Type.UNKNOWN).count();
        if (!complete || unknown != 1) {
            throw new TokenizerException(file, "a model needs one piece of the type UNKNOWN, and with"
                    + " trainer_spec.byte_fallback 256 of the type BYTE");
        }
    }

    private String utf8(String where, ByteBuffer bytes) throws IOException {
        if (bytes.remaining() > MAX_PIECE_BYTES) {
            throw new TokenizerException(file, where + ": longer than " + MAX_PIECE_BYTES + " bytes");
        }
        try {
            return StandardCharsets.UTF_8.newDecoder().decode(bytes).toString();
        } catch (CharacterCodingException e) {
            throw new TokenizerException(file, where + ": not valid UTF-8", e);
        }
    }
}
