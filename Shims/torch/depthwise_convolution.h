#pragma once
// Depthwise convolution by our own kernels, where they can do it.
#include <ATen/core/Tensor.h>

#include <optional>

#include "moments.h"

namespace otx {

/// The convolution, or nothing where the kernels cannot do it: libtorch's can.
///
/// Computes in the input's type, or in autocast's where that is on; weights are never rounded.
std::optional<at::Tensor> depthwiseConvolution(
    const at::Tensor &input, const at::Tensor &weight, const std::optional<at::Tensor> &bias,
    at::IntArrayRef stride, at::IntArrayRef padding, at::IntArrayRef dilation, int64_t groups);

/// The convolution of a fused normalisation's output (`batch_norm.h`), which is made row by row as the convolution needs
/// it and never stands in memory; nothing where the kernels cannot do it.
std::optional<at::Tensor> depthwiseConvolutionOfNormalized(
    const at::Tensor &input, const at::Tensor &normWeight, const at::Tensor &normBias, const at::Tensor &runningMean,
    const at::Tensor &runningVariance, double momentum, double epsilon, int64_t activation, const at::Tensor &weight,
    const std::optional<at::Tensor> &bias, at::IntArrayRef stride, at::IntArrayRef padding, at::IntArrayRef dilation,
    int64_t groups);

/// The moments of each channel of the output of such a convolution, gathered while it was made; nothing of another
/// tensor, or one that was changed since.
std::optional<Moments> momentsOfDepthwise(const at::Tensor &values);

}  // namespace otx
