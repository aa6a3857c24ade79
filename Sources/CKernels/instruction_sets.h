// Compiles the kernels of one file, named by OTX_ROWS, for each instruction set: in the namespaces `portable`, `avx2`
// and `avx512`. Included inside of an unnamed namespace.

struct BFloat16 {
  uint16_t bits;
};

namespace portable {
constexpr int widest = 4;
#include "lanes.h"
#include "activations.h"
#include OTX_ROWS
}  // namespace portable

#if defined(__x86_64__)
#pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)
namespace avx2 {
constexpr int widest = 8;
#include "lanes.h"
#include "activations.h"
#include OTX_ROWS
}  // namespace avx2
#pragma clang attribute pop
#pragma clang attribute push( \
    __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx2,fma"))), apply_to = function)
namespace avx512 {
constexpr int widest = 16;
#include "lanes.h"
#include "activations.h"
#include OTX_ROWS
}  // namespace avx512
#pragma clang attribute pop
#else
namespace avx2 = portable;
namespace avx512 = portable;
#endif

/// What the function for the instruction set in use returns.
template <typename Portable, typename AVX2, typename AVX512>
auto onInstructionSet(Portable &&onPortable, AVX2 &&onAVX2, AVX512 &&onAVX512) {
  switch (otx_kernels_instruction_set()) {
    case OTXInstructionSetAVX512: return onAVX512();
    case OTXInstructionSetAVX2: return onAVX2();
    default: return onPortable();
  }
}
