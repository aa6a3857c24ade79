// Attention of training batches whose weights fit in memory, by products of matrices over all heads at once.
//
// libtorch's attention for CPUs works block by block, so that a long sequence needs no memory for its weights. For the
// few hundred places of a picture the blocks are so small that their products, some thousand a step, cost more than what
// they save: the weights of all heads, computed once and kept, are no more than a feature map.
#include <ATen/autocast_mode.h>
#include <ATen/ops/bmm.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/scaled_dot_product_attention.h>
#include <c10/core/impl/LocalDispatchKeySet.h>
#include <torch/csrc/autograd/custom_function.h>
#include <torch/library.h>

#include <cmath>

#include "CKernels.h"
#include "own_kernels.h"
#include "parallel.h"
#include "traffic.h"

namespace otx {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

/// The most queries times keys of one head: beyond it the weights would outgrow the rest of the step.
constexpr int64_t mostWeights = 1024 * 1024;

/// `[N, heads, length, d]` as `[N * heads, length, d]`.
at::Tensor overHeads(const at::Tensor &values) {
  return values.reshape({values.size(0) * values.size(1), values.size(2), values.size(3)});
}

/// The weights of `queries` `[n, L, d]` and `keys` `[n, S, d]`: `[n, L, S]` in bf16.
///
/// Scores stay in 32 bits: rounded to bf16, one of 20 would be off by 0.06, and its weight by 6 %.
at::Tensor weightsOf(const at::Tensor &queries, const at::Tensor &keys, double scale) {
  const auto scores = at::bmm(queries.to(at::kFloat), keys.to(at::kFloat).transpose(1, 2));
  auto weights = at::empty(scores.sizes(), queries.options());
  const int64_t length = scores.size(2);
  const auto *from = scores.const_data_ptr<float>();
  auto *to = weights.mutable_data_ptr<at::BFloat16>();
  overRows(scores.size(0) * scores.size(1), length, [&](int64_t, int64_t first, int64_t last) {
    otx_softmax_rows(from + first * length, static_cast<float>(scale), to + first * length, last - first, length);
  });
  return weights;
}

/// The gradient of the scores before they are scaled, from that of the weights.
at::Tensor ofScores(const at::Tensor &weights, const at::Tensor &gradient, double scale) {
  auto result = at::empty_like(weights);
  const int64_t length = weights.size(2);
  const auto *of = weights.const_data_ptr<at::BFloat16>(), *from = gradient.const_data_ptr<at::BFloat16>();
  auto *to = result.mutable_data_ptr<at::BFloat16>();
  overRows(weights.size(0) * weights.size(1), length, [&](int64_t, int64_t first, int64_t last) {
    otx_softmax_gradient(
        of + first * length, from + first * length, static_cast<float>(scale), to + first * length, last - first,
        length);
  });
  passesOver(weights, gradient, result);
  return result;
}

class Attention : public torch::autograd::Function<Attention> {
 public:
  static at::Tensor forward(
      AutogradContext *context, const at::Tensor &queries, const at::Tensor &keys, const at::Tensor &values) {
    c10::impl::ExcludeDispatchKeyGuard noAutocast(c10::autocast_dispatch_keyset);
    const double scale = 1 / std::sqrt(static_cast<double>(queries.size(3)));
    const auto q = overHeads(queries), k = overHeads(keys), v = overHeads(values);
    const auto weights = weightsOf(q, k, scale);
    context->save_for_backward({q, k, v, weights});
    context->saved_data["scale"] = scale;
    return at::bmm(weights, v).view({queries.size(0), queries.size(1), queries.size(2), values.size(3)});
  }

  static variable_list backward(AutogradContext *context, variable_list gradients) {
    TORCH_CHECK(!at::GradMode::is_enabled(), "otx::attention has no second derivative (create_graph was asked for)");
    c10::impl::ExcludeDispatchKeyGuard noAutocast(c10::autocast_dispatch_keyset);
    const auto saved = context->get_saved_variables();
    const auto &q = saved[0], &k = saved[1], &v = saved[2], &weights = saved[3];
    const auto shape = gradients[0].sizes();
    const auto apart = [&](const at::Tensor &rows) {
      return rows.view({shape[0], shape[1], rows.size(1), rows.size(2)});
    };
    const auto gradient = overHeads(gradients[0].to(q.scalar_type()));
    const auto scores = ofScores(
        weights, at::bmm(gradient, v.transpose(1, 2)).contiguous(), context->saved_data["scale"].toDouble());
    return {
        apart(at::bmm(scores, k)), apart(at::bmm(scores.transpose(1, 2), q)),
        apart(at::bmm(weights.transpose(1, 2), gradient))};
  }
};

bool isSuited(const at::Tensor &queries, const at::Tensor &keys, const at::Tensor &values) {
  if (!usesOwnKernels() || !at::GradMode::is_enabled()) return false;
  if (!queries.device().is_cpu() || queries.dim() != 4 || queries.numel() == 0 || keys.numel() == 0) return false;
  // In 32 bits libtorch's own is as quick and keeps less.
  if (queries.scalar_type() != at::kBFloat16) return false;
  for (const auto *other : {&keys, &values}) {
    if (!other->device().is_cpu() || other->dim() != 4 || other->scalar_type() != queries.scalar_type() ||
        other->size(0) != queries.size(0) || other->size(1) != queries.size(1) || other->size(2) != keys.size(2))
      return false;
  }
  return keys.size(3) == queries.size(3) && queries.size(2) * keys.size(2) <= mostWeights;
}

at::Tensor attention(const at::Tensor &queries, const at::Tensor &keys, const at::Tensor &values) {
  auto q = queries, k = keys, v = values;
  if (at::autocast::is_autocast_enabled(at::kCPU) && queries.device().is_cpu()) {
    const auto type = at::autocast::get_autocast_dtype(at::kCPU);
    q = q.to(type), k = k.to(type), v = v.to(type);
  }
  if (isSuited(q, k, v)) return Attention::apply(q, k, v);
  return at::scaled_dot_product_attention(queries, keys, values);
}

}  // namespace

TORCH_LIBRARY_FRAGMENT(otx, library) {
  library.def("attention(Tensor query, Tensor key, Tensor value) -> Tensor", attention);
}

}  // namespace otx
