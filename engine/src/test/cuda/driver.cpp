// The driver's part of the emulator: the functions of libcuda that the product calls, with the same names and signatures.
#include "machine.h"

#include <cstdlib>
#include <deque>
#include <map>
#include <memory>
#include <set>
#include <sstream>

namespace emulator {

namespace {

const uint64_t RED_ZONE = 256;
const unsigned char RED = 0xa5;

std::map<std::string, long long> settings;
std::string message;

bool initialized;
int context_error;
thread_local uint64_t current_context;
int contexts;

std::map<uint64_t, uint64_t> allocations;  // address to bytes
uint64_t allocated;
std::map<uint64_t, uint64_t> pinned;

struct Event {
    uint64_t stream = 0;
    bool done = true;
};

std::map<uint64_t, std::deque<std::function<int()>>> streams;
std::map<uint64_t, std::shared_ptr<Event>> events;
std::map<uint64_t, std::set<std::string>> modules;
uint64_t next_handle = 0x1000;

long long setting(const std::string& name) {
    static const std::map<std::string, long long> defaults = {
        {"devices", 1}, {"driver", 13000}, {"capability", 8}, {"memory", 24LL << 30}, {"lazy", 0}, {"schedule", 0}};
    auto found = settings.find(name);
    return found != settings.end() ? found->second : defaults.at(name);
}

// Compares the red zones of an allocation with what they should hold.
int check_red_zones(uint64_t address, uint64_t bytes) {
    static const std::vector<unsigned char> whole(RED_ZONE, RED);
    if (std::memcmp((char*)address - RED_ZONE, whole.data(), RED_ZONE) != 0
        || std::memcmp((char*)address + bytes, whole.data(), RED_ZONE) != 0) {
        return fail_context(ILLEGAL_ADDRESS,
                            "something was written beside an allocation of " + std::to_string(bytes) + " bytes");
    }
    return SUCCESS;
}

void run_pending(uint64_t stream, const Event* until) {
    auto& pending = streams[stream];
    while (!pending.empty() && (until == nullptr || !until->done)) {
        auto operation = std::move(pending.front());
        pending.pop_front();
        if (context_error == SUCCESS) {
            operation();
        }
    }
}

// What a host does that waits: runs what is pending, and looks whether all was written in its place.
int drain(uint64_t stream, const Event* until = nullptr) {
    run_pending(stream, until);
    for (auto& [address, bytes] : allocations) {
        check_red_zones(address, bytes);
    }
    return context_error;
}

void run_all_pending() {
    for (auto& [stream, pending] : streams) {
        run_pending(stream, nullptr);
    }
}

// The allocations that a kernel may write to, as its arguments say.
std::map<uint64_t, std::vector<char>> contents(const Kernel& kernel, const std::vector<uint64_t>& words) {
    std::map<uint64_t, std::vector<char>> result;
    for (size_t i = 0; i < words.size(); i++) {
        auto owner = kernel.kinds[i] == 'p' && words[i] != 0 ? allocations.upper_bound(words[i]) : allocations.begin();
        if (owner != allocations.begin()) {
            --owner;
            const char* begin = (const char*)owner->first;
            result[owner->first] = std::vector<char>(begin, begin + owner->second);
        }
    }
    return result;
}

int launch(const Kernel& kernel, const std::vector<uint64_t>& words, Index grid, unsigned block) {
    Schedule schedule = (Schedule)setting("schedule");
    std::vector<Schedule> schedules = {schedule};
    if (schedule == Schedule::ALL) {
        schedules = {Schedule::FORWARD, Schedule::REVERSE, Schedule::RANDOM};
    }
    std::map<uint64_t, std::vector<char>> before, expected;
    if (schedules.size() > 1) {
        before = contents(kernel, words);
    }
    for (Schedule each : schedules) {
        if (!expected.empty()) {
            for (auto& [address, bytes] : before) {
                std::memcpy((void*)address, bytes.data(), bytes.size());
            }
        }
        std::string failure = run(kernel, words, grid, block, each);
        if (!failure.empty()) {
            return fail_context(LAUNCH_FAILED, failure);
        }
        if (schedules.size() > 1 && expected.empty()) {
            expected = contents(kernel, words);
        } else if (schedules.size() > 1 && contents(kernel, words) != expected) {
            return fail_context(LAUNCH_FAILED, std::string(kernel.name)
                    + ": the result depends on the order in which threads run");
        }
    }
    return SUCCESS;
}

const char* ptx_type(char kind) {
    return kind == 'i' ? ".u32" : kind == 'f' ? ".f32" : ".u64";
}

// Compares a kernel's parameters in PTX, such as ".param .u64 add_param_0, .param .f32 add_param_1", with those of its source.
bool same_parameters(const Kernel& kernel, const std::string& parameters) {
    std::istringstream words(parameters);
    std::vector<std::string> types;
    for (std::string word; words >> word;) {
        if (word == ".param" && words >> word) {
            types.push_back(word);
        }
    }
    bool same = types.size() == kernel.kinds.size();
    for (size_t i = 0; same && i < types.size(); i++) {
        same = types[i] == ptx_type(kernel.kinds[i]);
    }
    return same;
}

int load_module(const std::string& ptx, std::set<std::string>& entries) {
    if (ptx.find(".version 7.0\n") == std::string::npos || ptx.find(".target sm_80\n") == std::string::npos) {
        message = "PTX of version 7.0 for sm_80 was expected";
        return UNSUPPORTED_PTX_VERSION;
    }
    const std::string mark = ".entry ";
    for (size_t at = ptx.find(mark); at != std::string::npos; at = ptx.find(mark, at)) {
        at += mark.size();
        size_t open = ptx.find('(', at), close = ptx.find(')', at);
        std::string name = ptx.substr(at, open - at);
        const Kernel* source = nullptr;
        for (const Kernel& kernel : kernels()) {
            if (name == kernel.name) {
                source = &kernel;
            }
        }
        if (source == nullptr || close == std::string::npos
            || !same_parameters(*source, ptx.substr(open + 1, close - open - 1))) {
            message = "the PTX of " + name + " does not belong to its source: it is stale";
            return INVALID_PTX;
        }
        entries.insert(name);
    }
    return SUCCESS;
}

const Kernel* kernel_at(uint64_t function) {
    return function >= 1 && function <= kernels().size() ? &kernels()[function - 1] : nullptr;
}

}  // namespace

int fail_context(int status, const std::string& what) {
    if (context_error == SUCCESS) {
        context_error = status;
        message = what;
    }
    return context_error;
}

int ready() {
    if (!initialized) {
        return NOT_INITIALIZED;
    }
    return context_error != SUCCESS ? context_error : current_context == 0 ? INVALID_CONTEXT : SUCCESS;
}

bool on_device(uint64_t address, uint64_t bytes) {
    auto owner = allocations.upper_bound(address);
    if (owner == allocations.begin()) {
        return false;
    }
    --owner;
    return bytes <= owner->second && address - owner->first <= owner->second - bytes;
}

int submit(uint64_t stream, std::function<int()> operation) {
    if (streams.count(stream) == 0) {
        return INVALID_HANDLE;
    }
    streams[stream].push_back(std::move(operation));
    if (setting("lazy") == 0) {
        run_pending(stream, nullptr);
    }
    return SUCCESS;  // as on the device, what goes wrong is reported by a later call
}

}  // namespace emulator

using namespace emulator;

#define REQUIRE_READY()                                                                                                \
    if (int status = ready(); status != SUCCESS) return status

extern "C" {

// Switches for tests. The defaults hold again after emulator_reset, which also forgets a context's error.

void emulator_set(const char* name, long long value) {
    settings[name] = value;
}

void emulator_reset() {
    settings.clear();
    message.clear();
    context_error = SUCCESS;
    initialized = false;
    for (auto& [address, bytes] : allocations) {
        std::free((void*)(address - RED_ZONE));
    }
    for (auto& [address, bytes] : pinned) {
        std::free((void*)address);
    }
    allocations.clear();
    allocated = 0;
    pinned.clear();
    streams.clear();
    events.clear();
    modules.clear();
    contexts = 0;
}

// How many allocations, streams, events, modules and contexts are held.
int emulator_held() {
    return (int)(allocations.size() + pinned.size() + streams.size() + events.size() + modules.size()) + contexts;
}

int cuInit(unsigned) {
    if (setting("devices") == 0) {
        return NO_DEVICE;
    }
    initialized = true;
    return SUCCESS;
}

int cuDriverGetVersion(int* version) {
    *version = (int)setting("driver");
    return SUCCESS;
}

int cuDeviceGetCount(int* count) {
    *count = (int)setting("devices");
    return initialized ? SUCCESS : NOT_INITIALIZED;
}

int cuDeviceGet(int* device, int ordinal) {
    *device = ordinal;
    return !initialized ? NOT_INITIALIZED : ordinal < setting("devices") ? SUCCESS : INVALID_DEVICE;
}

int cuDeviceGetName(char* name, int length, int) {
    snprintf(name, length, "Emulated GPU");
    return SUCCESS;
}

int cuDeviceTotalMem_v2(size_t* bytes, int) {
    *bytes = (size_t)setting("memory");
    return SUCCESS;
}

int cuDeviceGetAttribute(int* value, int attribute, int) {
    if (attribute != 75 && attribute != 76) {
        return INVALID_VALUE;
    }
    *value = attribute == 75 ? (int)setting("capability") : 0;
    return SUCCESS;
}

int cuDevicePrimaryCtxRetain(uint64_t* context, int) {
    if (!initialized) {
        return NOT_INITIALIZED;
    }
    contexts++;
    *context = 1;
    return SUCCESS;
}

int cuDevicePrimaryCtxRelease_v2(int) {
    if (contexts == 0) {
        return INVALID_CONTEXT;
    }
    contexts--;
    return SUCCESS;
}

int cuCtxSetCurrent(uint64_t context) {
    current_context = context;
    return SUCCESS;
}

int cuMemGetInfo_v2(size_t* free_bytes, size_t* total) {
    REQUIRE_READY();
    *total = (size_t)setting("memory");
    *free_bytes = *total > allocated ? *total - allocated : 0;
    return SUCCESS;
}

int cuMemAlloc_v2(uint64_t* address, size_t bytes) {
    REQUIRE_READY();
    if (bytes == 0) {
        return INVALID_VALUE;
    }
    if (allocated + bytes > (uint64_t)setting("memory")) {
        return OUT_OF_MEMORY;
    }
    char* begin = (char*)std::aligned_alloc(256, (bytes + 2 * RED_ZONE + 255) / 256 * 256);
    std::memset(begin, RED, RED_ZONE);
    std::memset(begin + RED_ZONE, POISON, bytes);
    std::memset(begin + RED_ZONE + bytes, RED, RED_ZONE);
    *address = (uint64_t)(begin + RED_ZONE);
    allocations[*address] = bytes;
    allocated += bytes;
    return SUCCESS;
}

int cuMemFree_v2(uint64_t address) {
    auto found = allocations.find(address);
    if (found == allocations.end()) {
        return INVALID_VALUE;
    }
    run_all_pending();
    check_red_zones(address, found->second);
    allocated -= found->second;
    allocations.erase(found);
    std::free((void*)(address - RED_ZONE));
    return context_error;
}

int cuMemHostAlloc(void** memory, size_t bytes, unsigned) {
    REQUIRE_READY();
    *memory = std::aligned_alloc(4096, (bytes + 4095) / 4096 * 4096);
    std::memset(*memory, POISON, bytes);
    pinned[(uint64_t)*memory] = bytes;
    return SUCCESS;
}

int cuMemFreeHost(void* memory) {
    run_all_pending();
    if (pinned.erase((uint64_t)memory) == 0) {
        return INVALID_VALUE;
    }
    std::free(memory);
    return context_error;
}

// Copies that do not wait need host memory that the system does not move.
static bool is_pinned(const void* memory, size_t bytes) {
    auto owner = pinned.upper_bound((uint64_t)memory);
    if (owner == pinned.begin()) {
        return false;
    }
    --owner;
    return (uint64_t)memory + bytes <= owner->first + owner->second;
}

int cuMemcpyHtoDAsync_v2(uint64_t to, const void* from, size_t bytes, uint64_t stream) {
    REQUIRE_READY();
    if (!on_device(to, bytes) || !is_pinned(from, bytes)) {
        return INVALID_VALUE;
    }
    return submit(stream, [=] {
        std::memcpy((void*)to, from, bytes);
        return SUCCESS;
    });
}

int cuMemcpyDtoHAsync_v2(void* to, uint64_t from, size_t bytes, uint64_t stream) {
    REQUIRE_READY();
    if (!on_device(from, bytes) || !is_pinned(to, bytes)) {
        return INVALID_VALUE;
    }
    std::memset(to, POISON, bytes);  // what a host sees that does not wait
    return submit(stream, [=] {
        std::memcpy(to, (const void*)from, bytes);
        return SUCCESS;
    });
}

int cuMemsetD8Async(uint64_t address, unsigned char value, size_t bytes, uint64_t stream) {
    REQUIRE_READY();
    if (!on_device(address, bytes)) {
        return INVALID_VALUE;
    }
    return submit(stream, [=] {
        std::memset((void*)address, value, bytes);
        return SUCCESS;
    });
}

int cuStreamCreate(uint64_t* stream, unsigned) {
    REQUIRE_READY();
    *stream = next_handle++;
    streams[*stream];
    return SUCCESS;
}

int cuStreamDestroy_v2(uint64_t stream) {
    if (streams.count(stream) == 0) {
        return INVALID_HANDLE;
    }
    drain(stream);
    streams.erase(stream);
    return SUCCESS;
}

int cuStreamSynchronize(uint64_t stream) {
    REQUIRE_READY();
    return streams.count(stream) == 0 ? INVALID_HANDLE : drain(stream);
}

int cuEventCreate(uint64_t* event, unsigned) {
    REQUIRE_READY();
    *event = next_handle++;
    events[*event] = std::make_shared<Event>();
    return SUCCESS;
}

int cuEventDestroy_v2(uint64_t event) {
    return events.erase(event) == 1 ? SUCCESS : INVALID_HANDLE;
}

int cuEventRecord(uint64_t event, uint64_t stream) {
    REQUIRE_READY();
    if (events.count(event) == 0) {
        return INVALID_HANDLE;
    }
    auto recorded = std::make_shared<Event>();
    recorded->stream = stream;
    recorded->done = false;
    events[event] = recorded;
    return submit(stream, [recorded] {
        recorded->done = true;
        return SUCCESS;
    });
}

int cuEventSynchronize(uint64_t event) {
    REQUIRE_READY();
    if (events.count(event) == 0) {
        return INVALID_HANDLE;
    }
    auto waited = events[event];
    return waited->done ? SUCCESS : drain(waited->stream, waited.get());
}

int cuModuleLoadDataEx(uint64_t* module, const void* image, unsigned count, int* options, void** values) {
    REQUIRE_READY();
    std::set<std::string> entries;
    int status = load_module((const char*)image, entries);
    if (status != SUCCESS) {
        char* log = nullptr;
        size_t size = 0;
        for (unsigned i = 0; i < count; i++) {
            log = options[i] == 5 ? (char*)values[i] : log;
            size = options[i] == 6 ? (size_t)values[i] : size;
        }
        if (log != nullptr && size > 0) {
            snprintf(log, size, "%s", message.c_str());
        }
        return status;
    }
    *module = next_handle++;
    modules[*module] = entries;
    return SUCCESS;
}

int cuModuleUnload(uint64_t module) {
    return modules.erase(module) == 1 ? SUCCESS : INVALID_HANDLE;
}

int cuModuleGetFunction(uint64_t* function, uint64_t module, const char* name) {
    REQUIRE_READY();
    if (modules.count(module) == 0) {
        return INVALID_HANDLE;
    }
    for (size_t i = 0; i < kernels().size(); i++) {
        if (std::string(name) == kernels()[i].name && modules[module].count(name) == 1) {
            *function = i + 1;
            return SUCCESS;
        }
    }
    return NOT_FOUND;
}

int cuLaunchKernel(uint64_t function, unsigned gridX, unsigned gridY, unsigned gridZ, unsigned blockX, unsigned blockY,
                   unsigned blockZ, unsigned sharedBytes, uint64_t stream, void** parameters, void**) {
    REQUIRE_READY();
    const Kernel* kernel = kernel_at(function);
    if (kernel == nullptr) {
        return INVALID_HANDLE;
    }
    if (gridX == 0 || gridX > 0x7fffffff || gridY == 0 || gridY > 65535 || gridZ != 1 || blockX == 0 || blockX > 1024
        || blockX % 32 != 0 || blockY != 1 || blockZ != 1 || sharedBytes != 0) {
        return INVALID_VALUE;
    }
    std::vector<uint64_t> words;
    for (size_t i = 0; i < kernel->kinds.size(); i++) {
        char kind = kernel->kinds[i];
        uint64_t word = 0;
        std::memcpy(&word, parameters[i], kind == 'i' || kind == 'f' ? 4 : 8);
        if ((kind == 'p' || kind == 'c') && word != 0 && !on_device(word, 1)) {
            return fail_context(ILLEGAL_ADDRESS, std::string(kernel->name) + ": argument " + std::to_string(i)
                    + " is no device memory");
        }
        words.push_back(word);
    }
    return submit(stream, [=] { return launch(*kernel, words, {gridX, gridY, 1}, blockX); });
}

static const char* name_of(int error) {
    switch (error) {
        case INVALID_VALUE: return "CUDA_ERROR_INVALID_VALUE";
        case OUT_OF_MEMORY: return "CUDA_ERROR_OUT_OF_MEMORY";
        case NOT_INITIALIZED: return "CUDA_ERROR_NOT_INITIALIZED";
        case NO_DEVICE: return "CUDA_ERROR_NO_DEVICE";
        case INVALID_DEVICE: return "CUDA_ERROR_INVALID_DEVICE";
        case INVALID_CONTEXT: return "CUDA_ERROR_INVALID_CONTEXT";
        case INVALID_PTX: return "CUDA_ERROR_INVALID_PTX";
        case UNSUPPORTED_PTX_VERSION: return "CUDA_ERROR_UNSUPPORTED_PTX_VERSION";
        case INVALID_HANDLE: return "CUDA_ERROR_INVALID_HANDLE";
        case NOT_FOUND: return "CUDA_ERROR_NOT_FOUND";
        case ILLEGAL_ADDRESS: return "CUDA_ERROR_ILLEGAL_ADDRESS";
        case LAUNCH_FAILED: return "CUDA_ERROR_LAUNCH_FAILED";
        default: return nullptr;
    }
}

int cuGetErrorName(int error, const char** text) {
    *text = name_of(error);
    return *text == nullptr ? INVALID_VALUE : SUCCESS;
}

// The emulator says more than the driver would.
int cuGetErrorString(int error, const char** text) {
    *text = error == NO_DEVICE ? "no CUDA-capable device is detected"
        : error == OUT_OF_MEMORY ? "out of memory"
        : message.c_str();
    return name_of(error) == nullptr ? INVALID_VALUE : SUCCESS;
}
}
