// Bytes of pictures as what a network reads, in one pass: libtorch converts, subtracts, multiplies and, for bf16, converts
// again, each over the whole batch.
#include <ATen/ops/empty.h>
#include <ATen/ops/mul.h>
#include <ATen/ops/sub.h>
#include <torch/library.h>

#include "CKernels.h"
#include "own_kernels.h"
#include "parallel.h"

namespace otx {
namespace {

bool isPlain(const at::Tensor &values) {
  return values.device().is_cpu() && values.scalar_type() == at::kFloat && values.numel() == 3 && values.is_contiguous();
}

/// `[N, H, W, 3]` bytes as `[N, 3, H, W]`, channels-last: `(bytes - mean) * scale`.
at::Tensor normalizePictures(
    const at::Tensor &bytes, const at::Tensor &mean, const at::Tensor &scale, at::ScalarType type) {
  TORCH_CHECK(
      bytes.dim() == 4 && bytes.size(3) == 3 && bytes.scalar_type() == at::kByte, "pictures are [N, H, W, 3] bytes, not ",
      bytes.sizes(), " of ", bytes.scalar_type());
  const bool isSuited = usesOwnKernels() && bytes.device().is_cpu() && bytes.is_contiguous() && isPlain(mean) &&
                        isPlain(scale) && (type == at::kFloat || type == at::kBFloat16);
  if (!isSuited) {
    return bytes.permute({0, 3, 1, 2}).to(at::kFloat).sub_(mean.view({1, 3, 1, 1})).mul_(scale.view({1, 3, 1, 1})).to(type);
  }
  auto result = at::empty(bytes.sizes(), bytes.options().dtype(type));
  const auto *from = bytes.const_data_ptr<uint8_t>();
  const auto *m = mean.const_data_ptr<float>(), *s = scale.const_data_ptr<float>();
  auto *to = static_cast<char *>(result.mutable_data_ptr());
  const int64_t size = 3 * result.element_size();
  overRows(bytes.numel() / 3, 3, [&](int64_t, int64_t first, int64_t last) {
    otx_normalize_pictures(kernelElement(type), from + 3 * first, m, s, to + size * first, last - first);
  });
  return result.permute({0, 3, 1, 2});
}

}  // namespace

TORCH_LIBRARY_FRAGMENT(otx, library) {
  library.def(
      "normalize_pictures(Tensor bytes, Tensor mean, Tensor scale, ScalarType dtype) -> Tensor", normalizePictures);
}

}  // namespace otx
