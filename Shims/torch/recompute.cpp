// Convolutions that do not keep their input where it can be computed again.
//
// A convolution keeps its input for the gradient of its weight. In the networks here that is nearly
// always a normalised and activated tensor, whose normalisation keeps its own input too: two tensors
// for each layer, of which one is a function of the other. Reading and activating the one again
// costs a few percent of a step and halves the memory of the activations.
#include <ATen/ops/conv2d.h>
#include <torch/csrc/autograd/generated/Functions.h>
#include <torch/csrc/autograd/saved_variable_hooks.h>
#include <torch/library.h>

#include <memory>

#include "batch_norm.h"
#include "depthwise_convolution.h"
#include "own_kernels.h"

namespace otx {
namespace {

/// Forgets the tensor; asks the normalisation when it is wanted.
///
/// The normalisation comes later in the backward pass, so that what it keeps is still there.
class Recomputation final : public torch::autograd::SavedVariableHooks {
 public:
  explicit Recomputation(Maker maker) : maker_(std::move(maker)) {}
  void call_pack_hook(const at::Tensor &) override {}
  at::Tensor call_unpack_hook() override { return recomputed(*maker_); }

 private:
  Maker maker_;
};

at::Tensor recomputingConv2d(
    const at::Tensor &input, const at::Tensor &weight, const std::optional<at::Tensor> &bias,
    at::IntArrayRef stride, at::IntArrayRef padding, at::IntArrayRef dilation, int64_t groups) {
  if (!usesOwnKernels()) return at::conv2d(input, weight, bias, stride, padding, dilation, groups);
  if (auto own = depthwiseConvolution(input, weight, bias, stride, padding, dilation, groups)) return *own;
  auto output = at::conv2d(input, weight, bias, stride, padding, dilation, groups);
  using Convolution = torch::autograd::generated::ConvolutionBackward0;
  const auto maker = output.grad_fn();
  auto *node = dynamic_cast<Convolution *>(maker.get());
  if (!node || !isRecomputable(input)) return output;
  // Under autocast the convolution may have kept a converted copy: that is another tensor.
  if (!node->input_.unpack(maker).is_alias_of(input)) return output;
  node->input_.register_hooks(std::make_unique<Recomputation>(input.grad_fn()));
  return output;
}

/// `conv2d(activation(batch_norm(input)))`.
at::Tensor normalizedConv2d(
    const at::Tensor &input, const at::Tensor &normWeight, const at::Tensor &normBias, const at::Tensor &runningMean,
    const at::Tensor &runningVariance, double momentum, double epsilon, int64_t activation, const at::Tensor &weight,
    const std::optional<at::Tensor> &bias, at::IntArrayRef stride, at::IntArrayRef padding, at::IntArrayRef dilation,
    int64_t groups) {
  if (usesOwnKernels()) {
    auto own = depthwiseConvolutionOfNormalized(
        input, normWeight, normBias, runningMean, runningVariance, momentum, epsilon, activation, weight, bias, stride,
        padding, dilation, groups);
    if (own) return *own;
  }
  const auto normalized = batchNormActivation(
      input, normWeight, normBias, runningMean, runningVariance, {}, momentum, epsilon, activation);
  return recomputingConv2d(normalized, weight, bias, stride, padding, dilation, groups);
}

}  // namespace

TORCH_LIBRARY_FRAGMENT(otx, library) {
  library.def(
      "conv2d(Tensor input, Tensor weight, Tensor? bias, int[2] stride, int[2] padding, "
      "int[2] dilation, int groups) -> Tensor",
      recomputingConv2d);
  library.def(
      "normalized_conv2d(Tensor input, Tensor norm_weight, Tensor norm_bias, Tensor running_mean, Tensor running_var, "
      "float momentum, float eps, int activation, Tensor weight, Tensor? bias, int[2] stride, int[2] padding, "
      "int[2] dilation, int groups) -> Tensor",
      normalizedConv2d);
}

}  // namespace otx
