// Autocast, seed, threads, determinism.
#include <ATen/Context.h>
#include <ATen/Parallel.h>
#include <ATen/autocast_mode.h>

#include "shim.h"

namespace otx {
namespace {

OTXFailureKind setAutocast(int32_t deviceType, int32_t enabled, int32_t elementType) {
  return guarded([&] {
    auto device = static_cast<c10::DeviceType>(deviceType);
    if (enabled) at::autocast::set_autocast_dtype(device, static_cast<c10::ScalarType>(elementType));
    at::autocast::set_autocast_enabled(device, enabled != 0);
  });
}

int32_t deterministic() {
  auto &context = at::globalContext();
  if (!context.deterministicAlgorithms()) return 0;
  return context.deterministicAlgorithmsWarnOnly() ? 2 : 1;
}

OTXFailureKind setDeterministic(int32_t mode) {
  return guarded([&] {
    auto &context = at::globalContext();
    context.setDeterministicAlgorithms(mode != 0, mode == 2);
    // Otherwise every `empty` is filled with NaN, which costs a pass over memory and serves only to
    // find reads of uninitialised elements.
    context.setDeterministicFillUninitializedMemory(false);
  });
}

OTXFailureKind setThreadCount(int32_t count) {
  return guarded([&] {
    TORCH_CHECK(count > 0, "the thread count must be positive, got ", count);
    at::set_num_threads(count);
  });
}

}  // namespace

void fillModes(OTXTorchTable &table) {
  table.autocast_enabled = [](int32_t device) -> int32_t {
    return at::autocast::is_autocast_enabled(static_cast<c10::DeviceType>(device));
  };
  table.autocast_type = [](int32_t device) -> int32_t {
    return static_cast<int32_t>(at::autocast::get_autocast_dtype(static_cast<c10::DeviceType>(device)));
  };
  table.set_autocast = setAutocast;
  table.clear_autocast_cache = [] { at::autocast::clear_cache(); };
  table.manual_seed = [](uint64_t seed) { return guarded([&] { at::manual_seed(seed); }); };
  table.thread_count = []() -> int32_t { return at::get_num_threads(); };
  table.set_thread_count = setThreadCount;
  table.deterministic = deterministic;
  table.set_deterministic = setDeterministic;
  table.memory = memory;
  table.reset_memory_peak = resetMemoryPeak;
  table.set_memory_limit = setMemoryLimit;
  table.empty_memory_cache = emptyMemoryCache;
}

}  // namespace otx
