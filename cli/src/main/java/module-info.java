/// The command line, and the launcher that lets one executable jar run with SIMD.
@org.jspecify.annotations.NullMarked
module dev.fenlei.cli {
    requires static transitive org.jspecify;
    requires dev.fenlei.lora;
    requires dev.fenlei.server;
    requires info.picocli;
    requires org.snakeyaml.engine;
    requires org.slf4j;
    requires ch.qos.logback.classic;
    requires ch.qos.logback.core;
    requires tools.jackson.databind;
    requires jdk.incubator.vector;
    requires jdk.management;

    opens dev.fenlei.cli to info.picocli;
    opens dev.fenlei.cli.commands to info.picocli;

    provides ch.qos.logback.classic.spi.Configurator with dev.fenlei.cli.Logging;
}
