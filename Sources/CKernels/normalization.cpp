#include <algorithm>
#include <cstring>
#include <type_traits>
#include <vector>

#include "CKernels.h"

namespace {

struct NormalizationKernels {
  void (*moments)(const OTXNormalization &, const void *, int64_t, double *, double *);
  void (*apply)(const OTXNormalization &, const void *, const void *, void *, int64_t);
  void (*gradientSums)(
      const OTXNormalization &, const void *, const void *, const void *, void *, int64_t, const float *, double *,
      double *);
  void (*inputGradient)(
      const OTXNormalization &, const void *, const void *, void *, int64_t, const float *, const float *,
      const float *);
};

#define OTX_ROWS "normalization_rows.h"
#include "instruction_sets.h"

NormalizationKernels kernelsFor(const OTXNormalization &how) {
  return onInstructionSet(
      [&] { return portable::normalizationKernelsFor(how); }, [&] { return avx2::normalizationKernelsFor(how); },
      [&] { return avx512::normalizationKernelsFor(how); });
}

}  // namespace

void otx_normalization_moments(
    const OTXNormalization *how, const void *rows, int64_t rowCount, double *mean, double *square) {
  kernelsFor(*how).moments(*how, rows, rowCount, mean, square);
}

void otx_normalization_apply(
    const OTXNormalization *how, const void *rows, const void *residual, void *output, int64_t rowCount) {
  kernelsFor(*how).apply(*how, rows, residual, output, rowCount);
}

void otx_normalization_gradient_sums(
    const OTXNormalization *how, const void *rows, const void *residual, const void *gradient,
    void *residualGradient, int64_t rowCount, const float *mean, double *sum, double *product) {
  kernelsFor(*how).gradientSums(*how, rows, residual, gradient, residualGradient, rowCount, mean, sum, product);
}

void otx_normalization_input_gradient(
    const OTXNormalization *how, const void *rows, const void *gradient, void *inputGradient, int64_t rowCount,
    const float *mean, const float *slant, const float *offset) {
  kernelsFor(*how).inputGradient(*how, rows, gradient, inputGradient, rowCount, mean, slant, offset);
}
