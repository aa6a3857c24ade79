#pragma once
// What the fused normalisations share.
#include <ATen/core/Tensor.h>

#include "CKernels.h"

namespace otx {

/// Where a row (the channels of a pixel) of a channels-last tensor begins; NULL of none.
inline const char *row(const at::Tensor &values, int64_t index) {
  if (!values.defined()) return nullptr;
  return static_cast<const char *>(values.const_data_ptr()) + index * values.size(1) * values.element_size();
}
inline char *mutableRow(const at::Tensor &values, int64_t index) {
  if (!values.defined()) return nullptr;
  return static_cast<char *>(values.mutable_data_ptr()) + index * values.size(1) * values.element_size();
}

/// The activation by libtorch's operator.
at::Tensor activated(const at::Tensor &values, OTXActivation kind);

/// The activation that an operator's argument names.
OTXActivation activationOf(int64_t number);

/// Whether the tensor is what the kernels want of a channel's numbers: `channels` of 32 bits, without gaps.
bool isPlain(const at::Tensor &values, int64_t channels);

}  // namespace otx
