#pragma once
// Depthwise convolution by our own kernels, where they can do it.
#include <ATen/core/Tensor.h>

#include <optional>

namespace otx {

/// The convolution, or nothing where the kernels cannot do it: libtorch's can.
///
/// Computes in the input's type, or in autocast's where that is on; weights are never rounded.
std::optional<at::Tensor> depthwiseConvolution(
    const at::Tensor &input, const at::Tensor &weight, const std::optional<at::Tensor> &bias,
    at::IntArrayRef stride, at::IntArrayRef padding, at::IntArrayRef dilation, int64_t groups);

}  // namespace otx
