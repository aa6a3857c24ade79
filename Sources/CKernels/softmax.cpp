#include <algorithm>
#include <cmath>
#include <cstring>
#include <type_traits>
#include <utility>
#include <vector>

#include "CKernels.h"

namespace {

struct BFloat16;

struct SoftmaxKernels {
  void (*rows)(const float *, float, BFloat16 *, int64_t, int64_t);
  void (*gradient)(const BFloat16 *, const BFloat16 *, float, BFloat16 *, int64_t, int64_t);
};

#define OTX_ROWS "softmax_rows.h"
#include "instruction_sets.h"

SoftmaxKernels kernels() {
  return onInstructionSet(
      [] { return portable::softmaxKernels; }, [] { return avx2::softmaxKernels; },
      [] { return avx512::softmaxKernels; });
}

}  // namespace

void otx_softmax_rows(const float *scores, float scale, void *weights, int64_t rowCount, int64_t length) {
  kernels().rows(scores, scale, static_cast<BFloat16 *>(weights), rowCount, length);
}

void otx_softmax_gradient(
    const void *weights, const void *gradient, float scale, void *result, int64_t rowCount, int64_t length) {
  kernels().gradient(
      static_cast<const BFloat16 *>(weights), static_cast<const BFloat16 *>(gradient), scale,
      static_cast<BFloat16 *>(result), rowCount, length);
}
