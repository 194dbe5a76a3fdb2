package dev.fenlei.cli.commands;

import dev.fenlei.cli.FenleiCommand;
import dev.fenlei.cli.doctor.Machine;
import dev.fenlei.cli.doctor.SlowSetting;
import dev.fenlei.engine.compute.cuda.CudaStatus;
import java.io.PrintWriter;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import tools.jackson.databind.SerializationFeature;
import tools.jackson.databind.json.JsonMapper;

/// `doctor`: what this machine can do for Fenlei, and what makes it slow without a word.
@Command(name = "doctor", description = "Show what this machine can do, and why not: JVM, vectors, memory, CUDA.")
public final class DoctorCommand extends FenleiCommand {

    @Option(names = "--json", description = "Print one JSON object.")
    private boolean json;

    @Override
    protected int run() {
        Machine machine = Machine.examine();
        CudaStatus cuda = CudaStatus.probe();
        List<SlowSetting> slow = SlowSetting.find(machine);
        if (json) {
            printJson(machine, cuda, slow);
        } else {
            printText(machine, cuda, slow);
        }
        return OK;
    }

    private void printJson(Machine machine, CudaStatus cuda, List<SlowSetting> slow) {
        Map<String, Object> report = new LinkedHashMap<>();
        report.put("machine", machine);
        report.put("cuda", cuda);
        report.put("slow", slow.stream()
                .map(setting -> Map.of("id", setting.name().toLowerCase(Locale.ROOT), "advice", setting.advice()))
                .toList());
        JsonMapper mapper = JsonMapper.builder().enable(SerializationFeature.INDENT_OUTPUT).build();
        out().println(mapper.writeValueAsString(report));
    }

    private void printText(Machine machine, CudaStatus cuda, List<SlowSetting> slow) {
        PrintWriter out = out();
        out.println("Java          " + machine.javaVersion() + ", " + machine.vmName() + ", " + machine.javaHome());
        out.println("System        " + machine.system() + (machine.cpu().isEmpty() ? "" : ", " + machine.cpu()));
        out.println("Vectors       " + machine.vectorBits() + " bits, " + machine.floatLanes() + " floats at a time");
        out.println("Products      f32" + (machine.bf16().isEmpty()
                ? "; bf16 not: " + machine.noBf16()
                : ", bf16 by machine code (" + machine.bf16() + ")"));
        out.println("Threads       " + machine.threads());
        out.println("Memory        heap up to " + mebibytes(machine.maxHeapBytes()) + ", machine "
                + mebibytes(machine.physicalMemoryBytes()) + ", free " + mebibytes(machine.freeMemoryBytes()));
        out.println("Native calls  " + (machine.nativeAccess() ? "allowed" : "not allowed"));
        cuda.devices().forEach(device -> out.println("GPU           " + device.name() + ", "
                + mebibytes(device.memoryBytes()) + ", compute capability " + device.computeCapability()));
        out.println("CUDA          " + (cuda.reason().isEmpty()
                ? "driver for CUDA " + cuda.driverVersion() + ", " + cuda.cublasLibrary()
                : "no: " + cuda.reason()));
        out.println(slow.isEmpty() ? "Nothing here makes Fenlei slower than it need be." : "Slower than it need be:");
        slow.forEach(setting -> out.println("  - " + setting.advice()));
    }

    private static String mebibytes(long bytes) {
        return (bytes >> 20) + " MiB";
    }
}
