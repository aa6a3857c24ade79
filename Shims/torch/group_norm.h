#pragma once
// Outputs of the fused group normalisation can be computed again from what it keeps; see `batch_norm.h`.
#include <ATen/core/Tensor.h>
#include <torch/csrc/autograd/function.h>

namespace otx {

/// Whether the node is the backward pass of a fused group normalisation.
bool isGroupNormalization(const torch::autograd::Node *node);

/// The output of the group normalisation that `node` is the backward pass of, bit by bit as it was.
at::Tensor recomputedGroups(torch::autograd::Node &node);

}  // namespace otx
