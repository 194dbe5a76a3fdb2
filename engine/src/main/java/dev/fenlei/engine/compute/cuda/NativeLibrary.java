package dev.fenlei.engine.compute.cuda;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_INT;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.lang.invoke.MethodHandle;

/// A shared library that stays loaded until the process ends.
///
/// @param name under which it was found: a file, or a name that the dynamic linker knows
record NativeLibrary(String name, SymbolLookup symbols) {

    private static final Linker LINKER = Linker.nativeLinker();
    private static final int RTLD_NOW = 2;

    /// Loads a library.
    ///
    /// @param name a file, or a name that the dynamic linker looks for
    /// @throws CudaUnavailableException with the linker's reason, which `SymbolLookup.libraryLookup` does not pass on
    static NativeLibrary open(String name) throws CudaUnavailableException {
        if (LINKER.defaultLookup().find("dlopen").isPresent()) {
            open(name, Arena.global());
        }
        try {
            return new NativeLibrary(name, SymbolLookup.libraryLookup(name, Arena.global()));
        } catch (IllegalArgumentException e) {
            throw new CudaUnavailableException(name + " cannot be loaded");
        }
    }

    private static void open(String name, Arena arena) throws CudaUnavailableException {
        // The linker forgets its last error at the next call of any of its functions, and looking one up is such a call:
        // so both are looked up first, and dlerror is called once so that nothing remains to be prepared.
        MethodHandle open = linkerFunction("dlopen", ADDRESS, JAVA_INT);
        MethodHandle error = linkerFunction("dlerror");
        MemorySegment text = arena.allocateFrom(name);
        try {
            MemorySegment _ = (MemorySegment) error.invokeExact();
            MemorySegment handle = (MemorySegment) open.invokeExact(text, RTLD_NOW);
            if (handle.address() == 0) {
                MemorySegment reason = (MemorySegment) error.invokeExact();
                throw new CudaUnavailableException(
                        reason.address() == 0 ? name + " cannot be loaded" : string(reason));
            }
        } catch (CudaUnavailableException | RuntimeException | Error e) {
            throw e;
        } catch (Throwable e) {
            throw new IllegalStateException(e);
        }
    }

    private static MethodHandle linkerFunction(String name, MemoryLayout... parameters) {
        return LINKER.downcallHandle(
                LINKER.defaultLookup().findOrThrow(name), FunctionDescriptor.of(ADDRESS, parameters));
    }

    /// A function that returns a status.
    ///
    /// @throws CudaUnavailableException if the library has none of that name
    MethodHandle function(String function, MemoryLayout... parameters) throws CudaUnavailableException {
        return function(function, FunctionDescriptor.of(JAVA_INT, parameters));
    }

    /// @throws CudaUnavailableException if the library has none of that name
    MethodHandle function(String function, FunctionDescriptor signature) throws CudaUnavailableException {
        MemorySegment address = symbols.find(function)
                .orElseThrow(() -> new CudaUnavailableException(name + " is too old: it has no " + function));
        return LINKER.downcallHandle(address, signature);
    }

    /// The C string at an address.
    static String string(MemorySegment address) {
        return address.address() == 0 ? "" : address.reinterpret(Long.MAX_VALUE).getString(0);
    }

    /// What a handle threw, as something that need not be declared: handles of functions throw nothing of their own.
    static RuntimeException unexpected(Throwable thrown) {
        switch (thrown) {
            case RuntimeException e -> throw e;
            case Error e -> throw e;
            default -> throw new IllegalStateException(thrown);
        }
    }
}
