#pragma once
// Outputs of the fused normalisation can be computed again from what it keeps.
#include <ATen/core/Tensor.h>
#include <torch/csrc/autograd/custom_function.h>
#include <torch/csrc/autograd/function.h>

#include <type_traits>
#include <utility>

namespace otx {

/// A reference to the node of the graph that made a tensor.
using Maker = std::decay_t<decltype(std::declval<at::Tensor>().grad_fn())>;

/// Whether `values` is the output of a fused normalisation to which nothing was added.
bool isRecomputable(const at::Tensor &values);

/// The output of the normalisation that `maker` is the backward pass of, bit by bit as it was.
at::Tensor recomputed(torch::autograd::Node &maker);

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

  /// The input, from what `kept` gave.
  static at::Tensor load(torch::autograd::AutogradContext &context, const at::Tensor &kept) {
    if (kept.defined()) return kept;
    const auto capsule = context.saved_data.at("maker").toCapsule();
    return recomputed(*static_cast<RecomputableTensor &>(*capsule).maker);
  }
};

}  // namespace otx
