#pragma once
// Outputs of the fused normalisation can be computed again from what it keeps.
#include <ATen/core/Tensor.h>
#include <torch/csrc/autograd/custom_function.h>
#include <torch/csrc/autograd/function.h>

#include <memory>
#include <optional>
#include <type_traits>
#include <utility>
#include <vector>

#include "CKernels.h"

namespace otx {

/// A reference to the node of the graph that made a tensor.
using Maker = std::decay_t<decltype(std::declval<at::Tensor>().grad_fn())>;

/// `activation(batch_norm(input) + residual)` while training.
at::Tensor batchNormActivation(
    const at::Tensor &input, const at::Tensor &weight, const at::Tensor &bias, const at::Tensor &runningMean,
    const at::Tensor &runningVariance, const std::optional<at::Tensor> &residual, double momentum, double epsilon,
    int64_t activation);

/// Whether `values` is the output of a fused normalisation to which nothing was added.
bool isRecomputable(const at::Tensor &values);

/// The output of the normalisation that `maker` is the backward pass of, bit by bit as it was.
at::Tensor recomputed(torch::autograd::Node &maker);

/// The output of a fused normalisation as a graph needs it: its shape and its history, but no values. Its maker's
/// `NormalizedOutput` has those, piece by piece, and whatever reads a saved `RecomputableTensor`.
///
/// \returns Nothing where the kernels cannot do it, or no graph is recorded.
std::optional<at::Tensor> promisedNormalization(
    const at::Tensor &input, const at::Tensor &weight, const at::Tensor &bias, const at::Tensor &runningMean,
    const at::Tensor &runningVariance, double momentum, double epsilon, int64_t activation);

/// The output of a fused batch normalisation for who works on it piece by piece: parts of it can be computed, and parts
/// of its gradient read, while both are in the caches. The normalisation need not read them once more then.
class NormalizedOutput {
 public:
  /// Of the normalisation that `maker` is the backward pass of; nothing of another node.
  static std::unique_ptr<NormalizedOutput> of(torch::autograd::Node &maker, int64_t threads);

  /// What was normalised.
  const at::Tensor &input() const { return input_; }
  /// Writes `count` rows (the channels of a pixel each) of the output from `first` on, bit by bit as they were.
  void compute(int64_t first, int64_t count, void *rows) const;
  /// Reads the gradient of `count` rows of the output from `first` on; `thread` of those that work at the same time.
  void add(int64_t thread, int64_t first, int64_t count, const at::Tensor &gradient);
  /// Leaves to the normalisation what `add` gathered over all rows of `gradient`, which is its output's gradient.
  void leave(const at::Tensor &gradient);

 private:
  NormalizedOutput() = default;
  torch::autograd::AutogradContext *context_ = nullptr;
  at::Tensor input_, mean_;
  std::vector<float> scale_, shift_;
  OTXNormalization how_{};
  std::vector<std::vector<double>> sums_, products_;
};

/// An input that a function of ours keeps for its backward pass, or makes again there where it is the output of a
/// normalisation, which keeps its own input anyway.
struct RecomputableTensor final : torch::CustomClassHolder {
  explicit RecomputableTensor(Maker maker) : maker(std::move(maker)) {}
  Maker maker;

  /// What `save_for_backward` is to be given; the rest stands in `saved_data`.
  static at::Tensor kept(torch::autograd::AutogradContext &context, const at::Tensor &input) {
    if (!isRecomputable(input)) return input;
    context.saved_data["maker"] =
        c10::IValue::make_capsule(c10::make_intrusive<RecomputableTensor>(input.grad_fn()));
    return {};
  }

  /// What makes the input again; NULL where it is kept.
  static torch::autograd::Node *makerOf(const torch::autograd::AutogradContext &context) {
    const auto found = context.saved_data.find("maker");
    if (found == context.saved_data.end()) return nullptr;
    return static_cast<RecomputableTensor &>(*found->second.toCapsule()).maker.get();
  }

  /// The input, from what `kept` gave.
  static at::Tensor load(torch::autograd::AutogradContext &context, const at::Tensor &kept) {
    return kept.defined() ? kept : recomputed(*makerOf(context));
  }
};

}  // namespace otx
