/// The engine: tensors, weights on disk, backends and kernels, the transformer with forward and backward.
@org.jspecify.annotations.NullMarked
module dev.fenlei.engine {
    requires static transitive org.jspecify;
    requires jdk.incubator.vector;
    requires tools.jackson.databind;
    requires org.slf4j;
    requires java.management;

    exports dev.fenlei.engine.tensor;
    exports dev.fenlei.engine.safetensors;
    exports dev.fenlei.engine.compute;
    exports dev.fenlei.engine.compute.cpu;
    exports dev.fenlei.engine.compute.cuda;
    exports dev.fenlei.engine.model;
    exports dev.fenlei.engine.generate;
}
