#include <algorithm>
#include <atomic>

#include "CKernels.h"

namespace {

OTXInstructionSet detected() {
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
      __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl"))
    return OTXInstructionSetAVX512;
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return OTXInstructionSetAVX2;
#endif
  return OTXInstructionSetPortable;
}

std::atomic<int32_t> limit{OTXInstructionSetAVX512};

}  // namespace

OTXInstructionSet otx_kernels_instruction_set(void) {
  static const OTXInstructionSet best = detected();
  return static_cast<OTXInstructionSet>(std::min<int32_t>(best, limit.load(std::memory_order_relaxed)));
}

OTXInstructionSet otx_kernels_limit_instruction_set(OTXInstructionSet most) {
  limit.store(most, std::memory_order_relaxed);
  return otx_kernels_instruction_set();
}
