#include <algorithm>
#include <cstring>
#include <type_traits>

#include "CKernels.h"

namespace {

#define OTX_ROWS "picture_rows.h"
#include "instruction_sets.h"

}  // namespace

void otx_normalize_pictures(
    OTXKernelElement element, const uint8_t *bytes, const float *mean, const float *scale, void *output,
    int64_t pixelCount) {
  const auto normalize = onInstructionSet(
      [] { return &portable::normalizePicturesFor; }, [] { return &avx2::normalizePicturesFor; },
      [] { return &avx512::normalizePicturesFor; });
  normalize(element, bytes, mean, scale, output, pixelCount);
}
