#pragma once
// Outputs of the fused normalisation can be computed again from what it keeps.
#include <ATen/core/Tensor.h>
#include <torch/csrc/autograd/function.h>

namespace otx {

/// Whether `values` is the output of a fused normalisation to which nothing was added.
bool isRecomputable(const at::Tensor &values);

/// The output of the normalisation that `maker` is the backward pass of, bit by bit as it was.
at::Tensor recomputed(torch::autograd::Node &maker);

}  // namespace otx
