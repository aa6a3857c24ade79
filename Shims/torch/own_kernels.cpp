#include "own_kernels.h"

#include <atomic>

#include "CKernels.h"

namespace otx {
namespace {

std::atomic<bool> isOn{true};

}  // namespace

bool usesOwnKernels() { return isOn.load(std::memory_order_relaxed); }

void fillKernels(OTXTorchTable &table) {
  table.own_kernels = []() -> int32_t { return usesOwnKernels(); };
  table.set_own_kernels = [](int32_t value) { isOn.store(value != 0, std::memory_order_relaxed); };
  table.instruction_set = []() -> int32_t { return otx_kernels_instruction_set(); };
  table.limit_instruction_set = [](int32_t value) {
    otx_kernels_limit_instruction_set(static_cast<OTXInstructionSet>(value));
  };
}

}  // namespace otx
