/// Adapters, training, classification and evaluation.
@org.jspecify.annotations.NullMarked
module dev.fenlei.lora {
    requires static transitive org.jspecify;
    requires transitive dev.fenlei.engine;
    requires transitive dev.fenlei.tokenizer;
    requires tools.jackson.databind;
    requires org.slf4j;
    requires jdk.management; // load of processors and memory
    requires java.desktop; // Java2D, for the confusion matrix as PNG
    requires de.siegmar.fastcsv;
    requires dev.hardwood.core;
    requires org.apache.commons.numbers.gamma;

    exports dev.fenlei.lora.adapter;
    exports dev.fenlei.lora.train;
    exports dev.fenlei.lora.classify;
    exports dev.fenlei.lora.pretrain;
    exports dev.fenlei.lora.data;
    exports dev.fenlei.lora.evaluate;
    exports dev.fenlei.lora.run;
    exports dev.fenlei.lora.report;
    exports dev.fenlei.lora.search;
}
