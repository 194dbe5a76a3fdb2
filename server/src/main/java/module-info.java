/// The HTTP classification service on Undertow.
@org.jspecify.annotations.NullMarked
module dev.fenlei.server {
    requires static transitive org.jspecify;
    requires transitive dev.fenlei.lora;
    requires undertow.core;
    requires xnio.api;
    requires tools.jackson.databind;
    requires io.prometheus.metrics.core;
    requires io.prometheus.metrics.model;
    requires io.prometheus.metrics.instrumentation.jvm;
    requires io.prometheus.writer.text;
    requires org.slf4j;

    exports dev.fenlei.server;

    opens dev.fenlei.server.api to tools.jackson.databind;
}
