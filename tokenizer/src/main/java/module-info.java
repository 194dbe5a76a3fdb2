/// Text to token ids and back, and chat templates.
@org.jspecify.annotations.NullMarked
module dev.fenlei.tokenizer {
    requires static transitive org.jspecify;
    requires tools.jackson.databind;
    requires jtokkit;

    exports dev.fenlei.tokenizer;
}
