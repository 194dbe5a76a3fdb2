package dev.fenlei.engine.compute.cpu.x86;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;

/// Puts machine code into memory that can be executed. Pages are writable first and executable afterwards, never both; they
/// stay until the process ends.
final class CodePages {

    private static final Linker LINKER = Linker.nativeLinker();
    private static final int READ = 1;
    private static final int WRITE = 2;
    private static final int EXECUTE = 4;
    private static final int PRIVATE_ANONYMOUS = 0x22;
    private static final long PAGE = 4096;

    private CodePages() {}

    /// A handle to a routine that does not call back and returns within microseconds: the thread is not brought to a state
    /// in which the collector could pass it by, which would cost more than the call.
    ///
    /// @throws UnavailableException if the system does not let memory be executed
    static MethodHandle routine(byte[] code, FunctionDescriptor signature) throws UnavailableException {
        return LINKER.downcallHandle(executable(code), signature, Linker.Option.critical(false));
    }

    private static MemorySegment executable(byte[] code) throws UnavailableException {
        MethodHandle mmap = function("mmap", FunctionDescriptor.of(
                ValueLayout.ADDRESS, ValueLayout.ADDRESS, ValueLayout.JAVA_LONG, ValueLayout.JAVA_INT,
                ValueLayout.JAVA_INT, ValueLayout.JAVA_INT, ValueLayout.JAVA_LONG));
        MethodHandle mprotect = function("mprotect", FunctionDescriptor.of(
                ValueLayout.JAVA_INT, ValueLayout.ADDRESS, ValueLayout.JAVA_LONG, ValueLayout.JAVA_INT));
        long size = (code.length + PAGE - 1) / PAGE * PAGE;
        try {
            MemorySegment address = (MemorySegment) mmap.invokeExact(
                    MemorySegment.NULL, size, READ | WRITE, PRIVATE_ANONYMOUS, -1, 0L);
            if (address.address() == -1) {
                throw new UnavailableException("the system gave no memory for machine code");
            }
            MemorySegment pages = address.reinterpret(size);
            MemorySegment.copy(code, 0, pages, ValueLayout.JAVA_BYTE, 0, code.length);
            if ((int) mprotect.invokeExact(pages, size, READ | EXECUTE) != 0) {
                throw new UnavailableException("the system does not let memory be executed");
            }
            return pages;
        } catch (UnavailableException | RuntimeException | Error e) {
            throw e;
        } catch (Throwable e) {
            throw new UnavailableException(e.toString());
        }
    }

    /// Asks the kernel for a permission by `arch_prctl`.
    static boolean archPrctl(int code, long argument) throws UnavailableException {
        int number = 158;
        MethodHandle syscall = function("syscall", FunctionDescriptor.of(
                ValueLayout.JAVA_LONG, ValueLayout.JAVA_LONG, ValueLayout.JAVA_LONG, ValueLayout.JAVA_LONG));
        try {
            return (long) syscall.invokeExact((long) number, (long) code, argument) == 0;
        } catch (RuntimeException | Error e) {
            throw e;
        } catch (Throwable e) {
            throw new UnavailableException(e.toString());
        }
    }

    private static MethodHandle function(String name, FunctionDescriptor signature) throws UnavailableException {
        MemorySegment symbol = LINKER.defaultLookup().find(name)
                .orElseThrow(() -> new UnavailableException("the C library has no " + name));
        return LINKER.downcallHandle(symbol, signature);
    }

    /// Memory that lives as long as the process.
    static MemorySegment permanent(long bytes) {
        return Arena.global().allocate(bytes, 64);
    }
}
