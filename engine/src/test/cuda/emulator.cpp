// Runs kernels on the CPU: one block at a time, every thread on a stack of its own. A thread runs until it waits at a barrier or a
// shuffle; when all that it waits for stand at the same line they go on. Anything else is a deadlock, which ends the kernel with
// an error and leaves the process whole.
#include "emulator.h"

#include "machine.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstdarg>
#include <cstdio>
#include <map>
#include <random>

namespace emulator {

Index thread_index, block_index, block_size, grid_size;

namespace {

const size_t STACK_BYTES = 64 * 1024;
const unsigned MOST_THREADS = 1024;

enum class State { READY, EXCHANGING, AT_BARRIER, DONE };

struct Thread {
    void* stack_pointer;
    State state;
    unsigned number;
    Exchange at;
};

Thread threads[MOST_THREADS];
Thread* current;
void* scheduler_stack_pointer;
char* stacks;
std::string failure;

uint64_t published[MOST_THREADS], snapshot[MOST_THREADS];
std::map<const void*, std::vector<char>> shared_memory;

const Kernel* kernel;
const uint64_t* arguments;

// Saves the registers that a function must keep, and goes on where another stack had stopped.
extern "C" void emulator_switch(void** from, void* to);

#if defined(__x86_64__)
asm(".text\n"
    ".globl emulator_switch\n"
    "emulator_switch:\n"
    "  push %rbp\n  push %rbx\n  push %r12\n  push %r13\n  push %r14\n  push %r15\n"
    "  mov %rsp, (%rdi)\n"
    "  mov %rsi, %rsp\n"
    "  pop %r15\n  pop %r14\n  pop %r13\n  pop %r12\n  pop %rbx\n  pop %rbp\n"
    "  ret\n");

void* new_stack(char* end, void (*entry)()) {
    void** top = (void**)end;
    *--top = nullptr;  // where entry would return to, which it does not; keeps the stack aligned
    *--top = (void*)entry;
    for (int i = 0; i < 6; i++) {
        *--top = nullptr;
    }
    return top;
}
#elif defined(__aarch64__)
asm(".text\n"
    ".globl emulator_switch\n"
    "emulator_switch:\n"
    "  sub sp, sp, #160\n"
    "  stp x19, x20, [sp, #0]\n  stp x21, x22, [sp, #16]\n  stp x23, x24, [sp, #32]\n  stp x25, x26, [sp, #48]\n"
    "  stp x27, x28, [sp, #64]\n  stp x29, x30, [sp, #80]\n"
    "  stp d8, d9, [sp, #96]\n  stp d10, d11, [sp, #112]\n  stp d12, d13, [sp, #128]\n  stp d14, d15, [sp, #144]\n"
    "  mov x2, sp\n  str x2, [x0]\n  mov sp, x1\n"
    "  ldp x19, x20, [sp, #0]\n  ldp x21, x22, [sp, #16]\n  ldp x23, x24, [sp, #32]\n  ldp x25, x26, [sp, #48]\n"
    "  ldp x27, x28, [sp, #64]\n  ldp x29, x30, [sp, #80]\n"
    "  ldp d8, d9, [sp, #96]\n  ldp d10, d11, [sp, #112]\n  ldp d12, d13, [sp, #128]\n  ldp d14, d15, [sp, #144]\n"
    "  add sp, sp, #160\n"
    "  ret\n");

void* new_stack(char* end, void (*entry)()) {
    void** frame = (void**)(end - 160);
    std::memset(frame, 0, 160);
    frame[11] = (void*)entry;  // x30, where the switch returns to
    return frame;
}
#else
#error "the emulator switches stacks on x86-64 and aarch64"
#endif

void to_scheduler() {
    emulator_switch(&current->stack_pointer, scheduler_stack_pointer);
}

void run_thread() {
    kernel->call(arguments);
    current->state = State::DONE;
    to_scheduler();
}

void fail(const char* format, ...) {
    char text[400];
    va_list list;
    va_start(list, format);
    vsnprintf(text, sizeof text, format, list);
    va_end(list);
    failure = std::string(kernel->name) + ", block (" + std::to_string(block_index.x) + ", "
            + std::to_string(block_index.y) + "): " + text;
}

void resume(Thread& thread) {
    current = &thread;
    thread_index.x = thread.number;
    emulator_switch(&scheduler_stack_pointer, thread.stack_pointer);
}

// Lets the warps go on whose lanes have all come to the same shuffle. Returns whether one does.
bool release_warps(unsigned count) {
    bool released = false;
    for (unsigned first = 0; first < count; first += 32) {
        unsigned waiting = 0;
        for (unsigned i = first; i < first + 32; i++) {
            if (threads[i].state == State::EXCHANGING) {
                waiting |= 1u << (i - first);
            }
        }
        if (waiting == 0) {
            continue;
        }
        const Exchange& at = threads[first + __builtin_ctz(waiting)].at;
        if (waiting != at.mask) {
            continue;
        }
        for (unsigned i = first; i < first + 32; i++) {
            if ((waiting >> (i - first) & 1) != 0 && threads[i].at.line != at.line) {
                fail("lanes of one warp shuffle at lines %d and %d", at.line, threads[i].at.line);
                return false;
            }
        }
        for (unsigned i = first; i < first + 32; i++) {
            snapshot[i] = published[i];
            if ((waiting >> (i - first) & 1) != 0) {
                threads[i].state = State::READY;
            }
        }
        released = true;
    }
    return released;
}

// Lets all threads go on if all have come to the same barrier.
bool release_barrier(unsigned count) {
    unsigned waiting = 0, done = 0;
    int line = -1;
    for (unsigned i = 0; i < count; i++) {
        done += threads[i].state == State::DONE;
        if (threads[i].state == State::AT_BARRIER) {
            if (line >= 0 && threads[i].at.line != line) {
                fail("threads wait at barriers in lines %d and %d", line, threads[i].at.line);
                return false;
            }
            line = threads[i].at.line;
            waiting++;
        }
    }
    if (waiting != count) {
        fail("deadlock: %u of %u threads wait at the barrier in line %d, %u have ended", waiting, count, line, done);
        return false;
    }
    for (unsigned i = 0; i < count; i++) {
        threads[i].state = State::READY;
    }
    return true;
}

void run_block(Schedule schedule, std::mt19937& random) {
    unsigned count = block_size.x;
    for (auto& [key, bytes] : shared_memory) {
        std::fill(bytes.begin(), bytes.end(), (char)POISON);
    }
    std::vector<unsigned> order(count);
    for (unsigned i = 0; i < count; i++) {
        threads[i] = {new_stack(stacks + STACK_BYTES * (i + 1), run_thread), State::READY, i, {0, -1}};
        order[i] = schedule == Schedule::REVERSE ? count - 1 - i : i;
    }
    for (;;) {
        if (schedule == Schedule::RANDOM) {
            std::shuffle(order.begin(), order.end(), random);
        }
        for (unsigned i : order) {
            if (threads[i].state == State::READY) {
                resume(threads[i]);
                if (!failure.empty()) {
                    return;
                }
            }
        }
        bool all_done = std::all_of(threads, threads + count, [](Thread& t) { return t.state == State::DONE; });
        if (all_done || (!release_warps(count) && (!failure.empty() || !release_barrier(count)))) {
            return;
        }
    }
}

}  // namespace

std::vector<Kernel>& kernels() {
    static std::vector<Kernel> all;
    return all;
}

void barrier(int line) {
    current->state = State::AT_BARRIER;
    current->at.line = line;
    to_scheduler();
}

uint64_t exchange(uint64_t word, unsigned source, Exchange at) {
    Thread* self = current;
    unsigned lane = self->number & 31;
    if ((at.mask >> lane & 1) == 0) {
        fail("lane %u is not in the mask of its own shuffle in line %d", lane, at.line);
        to_scheduler();
    }
    published[self->number] = word;
    self->state = State::EXCHANGING;
    self->at = at;
    to_scheduler();
    return snapshot[(self->number & ~31u) + source];
}

void* shared(const void* key, size_t bytes) {
    auto& memory = shared_memory[key];
    if (memory.empty()) {
        memory.assign(bytes, (char)POISON);
    }
    return memory.data();
}

std::string run(const Kernel& launched, const std::vector<uint64_t>& words, Index grid, unsigned block,
                Schedule schedule) {
    if (stacks == nullptr) {
        stacks = (char*)mmap(nullptr, STACK_BYTES * MOST_THREADS, PROT_READ | PROT_WRITE,
                             MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    }
    kernel = &launched;
    arguments = words.data();
    grid_size = grid;
    block_size = {block, 1, 1};
    failure.clear();
    shared_memory.clear();
    uint64_t blocks = (uint64_t)grid.x * grid.y;
    std::mt19937 random(20211);
    std::vector<uint64_t> order(blocks);
    for (uint64_t i = 0; i < blocks; i++) {
        order[i] = schedule == Schedule::REVERSE ? blocks - 1 - i : i;
    }
    if (schedule == Schedule::RANDOM) {
        std::shuffle(order.begin(), order.end(), random);
    }
    for (uint64_t i : order) {
        block_index = {(unsigned)(i % grid.x), (unsigned)(i / grid.x), 0};
        run_block(schedule, random);
        if (!failure.empty()) {
            break;
        }
    }
    return failure;
}

}  // namespace emulator

float half_to_float(uint16_t bits) {
    uint32_t sign = (uint32_t)(bits & 0x8000) << 16;
    uint32_t exponent = bits >> 10 & 31;
    uint32_t fraction = bits & 0x3ff;
    if (exponent == 0) {
        float value = std::ldexp((float)fraction, -24);
        return sign != 0 ? -value : value;
    }
    uint32_t wide = exponent == 31 ? 255 : exponent + 112;
    return __uint_as_float(sign | wide << 23 | fraction << 13);
}

uint16_t float_to_half(float value) {
    uint32_t bits = __float_as_uint(value);
    uint16_t sign = (uint16_t)(bits >> 16 & 0x8000);
    float size = std::fabs(value);
    if (std::isnan(value)) {
        return 0x7fff;
    }
    if (size >= 65520) {
        return sign | 0x7c00;
    }
    if (size < 0x1p-14f) {
        return sign | (uint16_t)std::nearbyint(std::ldexp(size, 24));
    }
    // The exponent moves from the bias of 127 to that of 15; a carry out of the fraction raises it, as it should.
    uint32_t rest = (bits & 0x7fffffff) - (112u << 23);
    return sign | (uint16_t)((rest + 0xfff + (rest >> 13 & 1)) >> 13);
}
