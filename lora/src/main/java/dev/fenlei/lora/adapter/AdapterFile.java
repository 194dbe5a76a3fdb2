package dev.fenlei.lora.adapter;

import dev.fenlei.engine.compute.Backend;
import dev.fenlei.engine.model.Decoder;
import dev.fenlei.engine.model.Weight;
import dev.fenlei.engine.safetensors.SafetensorsFile;
import dev.fenlei.engine.safetensors.SafetensorsWriter;
import dev.fenlei.engine.tensor.DType;
import dev.fenlei.engine.tensor.Tensor;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;

/// Reads and writes `adapter_model.safetensors`.
final class AdapterFile {

    static final String NAME = "adapter_model.safetensors";

    /// Rows of a base matrix that are compared at a time.
    private static final int COMPARED_ROWS = 1024;

    private AdapterFile() {}

    /// @throws NoSuchFileException if the directory has none
    static SafetensorsFile open(Path directory) throws IOException {
        Path file = directory.resolve(NAME);
        if (!Files.exists(file)) {
            throw new NoSuchFileException(file.toString(), null, "an adapter directory holds an " + NAME);
        }
        return SafetensorsFile.open(file);
    }

    /// Fills what is trained.
    ///
    /// @throws AdapterException if the file does not fit; every tensor at fault is named
    static void read(Path directory, List<AdapterTensor> tensors, Decoder decoder) throws IOException {
        try (SafetensorsFile file = open(directory)) {
            TreeSet<String> surplus = new TreeSet<>(file.names());
            List<String> faults = new ArrayList<>();
            for (AdapterTensor tensor : tensors) {
                String name = nameIn(surplus, tensor);
                if (surplus.remove(name)) {
                    read(file, name, tensor, decoder.backend(), faults);
                } else if (!tensor.optional()) {
                    faults.add("missing " + name);
                }
            }
            for (Weight weight : decoder.tensors()) {
                checkBase(file, surplus, faults, weight);
            }
            surplus.forEach(name -> faults.add("unexpected " + name));
            if (!faults.isEmpty()) {
                throw new AdapterException(file.path(), "does not fit the model: " + String.join("; ", faults));
            }
        }
    }

    /// The tensor's name in a file: some versions of PEFT name a bias without the level of the wrapper.
    private static String nameIn(TreeSet<String> names, AdapterTensor tensor) {
        String plain = tensor.name().replace(".base_layer.", ".");
        return names.contains(tensor.name()) || !names.contains(plain) ? tensor.name() : plain;
    }

    private static void read(
            SafetensorsFile file, String name, AdapterTensor tensor, Backend backend, List<String> faults)
            throws IOException {
        Tensor from = file.tensor(name);
        if (from.rows() != tensor.diskRows() || from.columns() != tensor.diskColumns()) {
            String expected = tensor.layout() == AdapterTensor.Layout.VECTOR
                    ? "[" + tensor.diskColumns() + "]"
                    : "[" + tensor.diskRows() + ", " + tensor.diskColumns() + "]";
            faults.add(name + " has shape " + file.info(name).shapeText() + ", expected " + expected);
        } else if (tensor.layout() == AdapterTensor.Layout.TURNED) {
            transpose(from, tensor.parameter().value());
        } else {
            backend.copy(from, tensor.parameter().value());
        }
    }

    /// PEFT keeps a copy of an adapted embedding or head beside the adapter, in case tokens were added. One that differs from
    /// the model's own could not be honoured.
    private static void checkBase(
            SafetensorsFile file, TreeSet<String> surplus, List<String> faults, Weight weight) throws IOException {
        String name = AdapterTensor.PREFIX + weight.module() + ".base_layer.weight";
        if (!surplus.remove(name)) {
            return;
        }
        Tensor theirs = file.tensor(name);
        Tensor ours = weight.frozen();
        boolean same = theirs.rows() == ours.rows() && theirs.columns() == ours.columns();
        for (int row = 0; same && row < ours.rows(); row += COMPARED_ROWS) {
            int end = Math.min(ours.rows(), row + COMPARED_ROWS);
            same = Arrays.equals(theirs.rows(row, end).toArray(), ours.rows(row, end).toArray());
        }
        if (!same) {
            faults.add(name + " differs from the model's own");
        }
    }

    /// Writes what is trained.
    static void write(Path directory, List<AdapterTensor> tensors) throws IOException {
        try (Arena arena = Arena.ofConfined()) {
            List<SafetensorsWriter.Entry> entries = new ArrayList<>();
            for (AdapterTensor tensor : tensors) {
                Tensor value = tensor.parameter().value();
                entries.add(switch (tensor.layout()) {
                    case MATRIX -> SafetensorsWriter.Entry.matrix(tensor.name(), value);
                    case VECTOR -> SafetensorsWriter.Entry.vector(tensor.name(), value);
                    case TURNED -> SafetensorsWriter.Entry.matrix(tensor.name(), turned(arena, value));
                });
            }
            writeEntries(directory, entries);
        }
    }

    static void writeEntries(Path directory, List<SafetensorsWriter.Entry> entries) throws IOException {
        SafetensorsWriter.write(directory.resolve(NAME), Map.of("format", "pt"), entries);
    }

    private static Tensor turned(Arena arena, Tensor value) {
        Tensor turned = Tensor.of(
                arena.allocate(value.size() * Float.BYTES, Float.BYTES), DType.F32, value.columns(), value.rows());
        transpose(value, turned);
        return turned;
    }

    private static void transpose(Tensor from, Tensor to) {
        float[] values = from.toArray();
        float[] turned = new float[values.length];
        for (int row = 0; row < to.rows(); row++) {
            for (int column = 0; column < to.columns(); column++) {
                turned[row * to.columns() + column] = values[column * to.rows() + row];
            }
        }
        to.copyFrom(turned);
    }
}
