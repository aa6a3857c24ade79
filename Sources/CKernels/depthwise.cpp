#include <algorithm>
#include <cstring>
#include <type_traits>

#include "CKernels.h"

namespace {

struct DepthwiseKernels {
  void (*forward)(const OTXDepthwise &, const void *, const float *, const float *, void *, int64_t, int64_t);
  void (*inputGradient)(const OTXDepthwise &, const void *, const float *, void *, int64_t, int64_t);
  void (*weightGradient)(const OTXDepthwise &, const void *, const void *, double *, int64_t, int64_t);
};

#define OTX_ROWS "depthwise_rows.h"
#include "instruction_sets.h"

DepthwiseKernels kernelsFor(const OTXDepthwise &shape) {
  return onInstructionSet(
      [&] { return portable::depthwiseKernelsFor(shape); }, [&] { return avx2::depthwiseKernelsFor(shape); },
      [&] { return avx512::depthwiseKernelsFor(shape); });
}

int64_t outputSize(int64_t size, const OTXDepthwise &shape) {
  return (size + 2 * shape.padding - shape.kernel) / shape.stride + 1;
}

}  // namespace

int32_t otx_depthwise_is_supported(const OTXDepthwise *shape) {
  if (shape->kernel != 3 && shape->kernel != 5 && shape->kernel != 7) return 0;
  if (shape->stride != 1 && shape->stride != 2) return 0;
  if (shape->padding < 0 || shape->padding >= shape->kernel) return 0;
  if (shape->element != OTXKernelElementFloat && shape->element != OTXKernelElementBFloat16) return 0;
  for (const int64_t size : {shape->batch, shape->channels, shape->inputHeight, shape->inputWidth}) {
    if (size < 1) return 0;
  }
  for (const int64_t size : {shape->inputHeight, shape->inputWidth}) {
    if (size + 2 * shape->padding < shape->kernel) return 0;
  }
  return shape->outputHeight == outputSize(shape->inputHeight, *shape) &&
         shape->outputWidth == outputSize(shape->inputWidth, *shape);
}

void otx_depthwise_forward(
    const OTXDepthwise *shape, const void *input, const float *weight, const float *bias, void *output,
    int64_t firstRow, int64_t lastRow) {
  kernelsFor(*shape).forward(*shape, input, weight, bias, output, firstRow, lastRow);
}

void otx_depthwise_turn_weight(const OTXDepthwise *shape, const float *weight, float *turned) {
  const int64_t taps = int64_t(shape->kernel) * shape->kernel;
  for (int64_t tap = 0; tap < taps; ++tap) {
    const int64_t from = shape->stride == 1 ? taps - 1 - tap : tap;
    std::copy_n(weight + from * shape->channels, shape->channels, turned + tap * shape->channels);
  }
}

void otx_depthwise_input_gradient(
    const OTXDepthwise *shape, const void *outputGradient, const float *turned, void *inputGradient,
    int64_t firstRow, int64_t lastRow) {
  kernelsFor(*shape).inputGradient(*shape, outputGradient, turned, inputGradient, firstRow, lastRow);
}

void otx_depthwise_weight_gradient(
    const OTXDepthwise *shape, const void *input, const void *outputGradient, double *sums, int64_t firstRow,
    int64_t lastRow) {
  kernelsFor(*shape).weightGradient(*shape, input, outputGradient, sums, firstRow, lastRow);
}
