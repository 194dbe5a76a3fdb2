/// The HTTP classification service on Undertow.
@org.jspecify.annotations.NullMarked
module dev.fenlei.server {
    requires static transitive org.jspecify;
    requires dev.fenlei.lora;

}
