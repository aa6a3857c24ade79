#include <algorithm>
#include <cstring>
#include <type_traits>

#include "CKernels.h"

namespace {

struct ChannelKernels {
  void (*sums)(const OTXChannels &, const void *, float *, int64_t, int64_t);
  void (*scale)(const OTXChannels &, const void *, const float *, void *, int64_t, int64_t);
  void (*scaleGradient)(
      const OTXChannels &, const void *, const float *, const void *, void *, float *, int64_t, int64_t);
};

#define OTX_ROWS "channel_rows.h"
#include "instruction_sets.h"

ChannelKernels kernelsFor(const OTXChannels &shape) {
  const auto element = shape.element;
  return onInstructionSet(
      [&] { return portable::channelKernelsFor(element); }, [&] { return avx2::channelKernelsFor(element); },
      [&] { return avx512::channelKernelsFor(element); });
}

}  // namespace

void otx_channel_sums(
    const OTXChannels *shape, const void *input, float *sums, int64_t firstPicture, int64_t lastPicture) {
  kernelsFor(*shape).sums(*shape, input, sums, firstPicture, lastPicture);
}

void otx_channel_scale(
    const OTXChannels *shape, const void *input, const float *gate, void *output, int64_t firstPicture,
    int64_t lastPicture) {
  kernelsFor(*shape).scale(*shape, input, gate, output, firstPicture, lastPicture);
}

void otx_channel_scale_gradient(
    const OTXChannels *shape, const void *input, const float *gate, const void *outputGradient, void *inputGradient,
    float *gateGradient, int64_t firstPicture, int64_t lastPicture) {
  kernelsFor(*shape).scaleGradient(
      *shape, input, gate, outputGradient, inputGradient, gateGradient, firstPicture, lastPicture);
}
