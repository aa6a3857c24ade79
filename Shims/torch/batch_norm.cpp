// Batch normalisation of a training batch with what follows it, in as few passes over memory as can
// be: `activation(batch_norm(input) + residual)`.
//
// libtorch normalises, adds and activates in passes of their own and keeps the result of each for
// the backward pass. Here the input alone is kept and the rest is computed again, which costs less
// than reading it: a third of the activations' memory is saved, and half of the passes.
#include <ATen/ops/add.h>
#include <ATen/ops/batch_norm.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <torch/csrc/autograd/custom_function.h>
#include <torch/library.h>

#include <cmath>
#include <vector>

#include "CKernels.h"
#include "batch_norm.h"
#include "fused_normalization.h"
#include "group_norm.h"
#include "own_kernels.h"
#include "parallel.h"

namespace otx {
namespace {

/// Mean and sum of squared distances from it, of each channel of `count` rows.
struct Moments {
  explicit Moments(int64_t channels) : mean(channels), square(channels) {}
  std::vector<double> mean, square;
  int64_t count = 0;

  void join(const Moments &other) {
    if (other.count == 0) return;
    const auto before = static_cast<double>(count), added = static_cast<double>(other.count);
    for (size_t c = 0; c < mean.size(); ++c) {
      const double step = other.mean[c] - mean[c];
      mean[c] += step * added / (before + added);
      square[c] += other.square[c] + step * step * before * added / (before + added);
    }
    count += other.count;
  }
};

/// What both passes need of each channel: `x * scale + shift` is the normalised value.
struct Line {
  Line(const at::Tensor &weight, const at::Tensor &bias, const at::Tensor &mean, const at::Tensor &inverse)
      : scale(weight.numel()), shift(weight.numel()) {
    const auto *w = weight.const_data_ptr<float>(), *b = bias.const_data_ptr<float>();
    const auto *m = mean.const_data_ptr<float>(), *i = inverse.const_data_ptr<float>();
    for (size_t c = 0; c < scale.size(); ++c) {
      scale[c] = w[c] * i[c];
      shift[c] = b[c] - m[c] * scale[c];
    }
  }
  std::vector<float> scale, shift;
};

/// What the kernels are told of a tensor and its normalisation; `line` must live as long.
OTXNormalization normalizationOf(const at::Tensor &input, const Line &line, OTXActivation kind) {
  return {input.size(1), kernelElement(input.scalar_type()), kind, line.scale.data(), line.shift.data()};
}

/// `activation(input * scale + shift + residual)`.
at::Tensor applied(const at::Tensor &input, const Line &line, const at::Tensor &residual, OTXActivation kind) {
  const int64_t channels = input.size(1), rows = input.numel() / channels;
  const auto how = normalizationOf(input, line, kind);
  auto output = at::empty_like(input);
  overRows(rows, channels, [&](int64_t, int64_t first, int64_t last) {
    otx_normalization_apply(&how, row(input, first), row(residual, first), mutableRow(output, first), last - first);
  });
  return output;
}

at::Tensor forward(
    const at::Tensor &input, const at::Tensor &weight, const at::Tensor &bias, at::Tensor runningMean,
    at::Tensor runningVariance, const at::Tensor &residual, double momentum, double epsilon,
    OTXActivation kind, at::Tensor &mean, at::Tensor &inverse) {
  const int64_t channels = input.size(1), rows = input.numel() / channels;
  std::vector<Moments> parts(threadsFor(input.numel()), Moments(channels));
  OTXNormalization how{};
  how.channels = channels;
  how.element = kernelElement(input.scalar_type());
  overRows(rows, channels, [&](int64_t thread, int64_t first, int64_t last) {
    auto &part = parts[thread];
    part.count = last - first;
    if (part.count > 0)
      otx_normalization_moments(&how, row(input, first), part.count, part.mean.data(), part.square.data());
  });
  for (size_t part = 1; part < parts.size(); ++part) parts[0].join(parts[part]);

  mean = at::empty({channels}, weight.options());
  inverse = at::empty({channels}, weight.options());
  auto *m = mean.mutable_data_ptr<float>(), *i = inverse.mutable_data_ptr<float>();
  auto *movingMean = runningMean.mutable_data_ptr<float>();
  auto *movingVariance = runningVariance.mutable_data_ptr<float>();
  for (int64_t c = 0; c < channels; ++c) {
    const double variance = parts[0].square[c] / static_cast<double>(rows);
    m[c] = static_cast<float>(parts[0].mean[c]);
    i[c] = static_cast<float>(1 / std::sqrt(variance + epsilon));
    const double unbiased = parts[0].square[c] / static_cast<double>(rows - 1);
    movingMean[c] = static_cast<float>((1 - momentum) * movingMean[c] + momentum * parts[0].mean[c]);
    movingVariance[c] = static_cast<float>((1 - momentum) * movingVariance[c] + momentum * unbiased);
  }

  return applied(input, Line(weight, bias, mean, inverse), residual, kind);
}

struct Gradients {
  at::Tensor input, weight, bias, residual;
};

Gradients backward(
    const at::Tensor &gradient, const at::Tensor &input, const at::Tensor &weight, const at::Tensor &bias,
    const at::Tensor &residual, const at::Tensor &mean, const at::Tensor &inverse, OTXActivation kind) {
  const int64_t channels = input.size(1), rows = input.numel() / channels;
  const Line line(weight, bias, mean, inverse);
  const auto *m = mean.const_data_ptr<float>(), *i = inverse.const_data_ptr<float>();
  auto how = normalizationOf(input, line, kind);

  Gradients result;
  if (residual.defined()) result.residual = at::empty_like(input);
  const int64_t threads = threadsFor(input.numel());
  std::vector<std::vector<double>> sums(threads, std::vector<double>(channels)), products = sums;
  overRows(rows, channels, [&](int64_t thread, int64_t first, int64_t last) {
    otx_normalization_gradient_sums(
        &how, row(input, first), row(residual, first), row(gradient, first), mutableRow(result.residual, first),
        last - first, m, sums[thread].data(), products[thread].data());
  });
  for (int64_t thread = 1; thread < threads; ++thread) {
    for (int64_t c = 0; c < channels; ++c) {
      sums[0][c] += sums[thread][c];
      products[0][c] += products[thread][c];
    }
  }

  result.weight = at::empty_like(weight);
  result.bias = at::empty_like(weight);
  auto *ofWeight = result.weight.mutable_data_ptr<float>(), *ofBias = result.bias.mutable_data_ptr<float>();
  std::vector<float> slant(channels), offset(channels);
  for (int64_t c = 0; c < channels; ++c) {
    ofWeight[c] = static_cast<float>(products[0][c] * i[c]);
    ofBias[c] = static_cast<float>(sums[0][c]);
    const double scale = line.scale[c] / static_cast<double>(rows);
    slant[c] = static_cast<float>(-scale * products[0][c] * i[c] * i[c]);
    offset[c] = static_cast<float>(-scale * sums[0][c]);
  }
  result.input = at::empty_like(input);
  // With a residual, the gradient before the activation is there already.
  const auto &from = residual.defined() ? result.residual : gradient;
  if (residual.defined()) how.activation = OTXActivationIdentity;
  overRows(rows, channels, [&](int64_t, int64_t first, int64_t last) {
    otx_normalization_input_gradient(
        &how, row(input, first), row(from, first), mutableRow(result.input, first), last - first, m, slant.data(),
        offset.data());
  });
  return result;
}

class BatchNormActivation : public torch::autograd::Function<BatchNormActivation> {
 public:
  static at::Tensor forward(
      torch::autograd::AutogradContext *context, const at::Tensor &input, const at::Tensor &weight,
      const at::Tensor &bias, const at::Tensor &runningMean, const at::Tensor &runningVariance,
      const std::optional<at::Tensor> &residual, double momentum, double epsilon, int64_t kind) {
    at::Tensor mean, inverse;
    const auto added = residual.value_or(at::Tensor());
    auto output = otx::forward(
        input, weight, bias, runningMean, runningVariance, added, momentum, epsilon,
        static_cast<OTXActivation>(kind), mean, inverse);
    // Without an activation the residual's gradient is the output's: it need not be kept.
    const bool keeps = added.defined() && static_cast<OTXActivation>(kind) != OTXActivationIdentity;
    context->save_for_backward({input, weight, bias, mean, inverse, keeps ? added : at::Tensor()});
    context->saved_data["kind"] = kind;
    context->saved_data["adds"] = added.defined();
    return output;
  }

  static torch::autograd::variable_list backward(
      torch::autograd::AutogradContext *context, torch::autograd::variable_list gradients) {
    TORCH_CHECK(
        !at::GradMode::is_enabled(),
        "otx::batch_norm_activation has no second derivative (create_graph was asked for)");
    const auto saved = context->get_saved_variables();
    const auto kind = static_cast<OTXActivation>(context->saved_data["kind"].toInt());
    const auto &input = saved[0];
    const auto gradient =
        gradients[0].to(input.scalar_type()).contiguous(at::MemoryFormat::ChannelsLast);
    auto result = otx::backward(gradient, input, saved[1], saved[2], saved[5], saved[3], saved[4], kind);
    auto ofResidual = result.residual;
    if (!ofResidual.defined() && context->saved_data["adds"].toBool()) ofResidual = gradients[0];
    return {result.input, result.weight, result.bias, {}, {}, ofResidual, {}, {}, {}};
  }
};

/// Whether the kernels above can do it; what they cannot goes through libtorch's.
bool isSuited(
    const at::Tensor &input, const at::Tensor &weight, const at::Tensor &bias, const at::Tensor &mean,
    const at::Tensor &variance, const std::optional<at::Tensor> &residual) {
  if (!usesOwnKernels()) return false;
  if (!input.device().is_cpu() || input.dim() != 4 || input.numel() < 2 * input.size(1)) return false;
  if (input.scalar_type() != at::kFloat && input.scalar_type() != at::kBFloat16) return false;
  if (!input.is_contiguous(at::MemoryFormat::ChannelsLast)) return false;
  if (residual && residual->defined() &&
      (residual->sizes() != input.sizes() || residual->scalar_type() != input.scalar_type() ||
       !residual->is_contiguous(at::MemoryFormat::ChannelsLast)))
    return false;
  const auto channels = input.size(1);
  return isPlain(weight, channels) && isPlain(bias, channels) && isPlain(mean, channels) &&
         isPlain(variance, channels);
}

at::Tensor batchNormActivation(
    const at::Tensor &input, const at::Tensor &weight, const at::Tensor &bias,
    const at::Tensor &runningMean, const at::Tensor &runningVariance,
    const std::optional<at::Tensor> &residual, double momentum, double epsilon,
    int64_t activation) {
  const auto kind = activationOf(activation);
  if (isSuited(input, weight, bias, runningMean, runningVariance, residual)) {
    return BatchNormActivation::apply(
        input, weight, bias, runningMean, runningVariance, residual, momentum, epsilon,
        activation);
  }
  auto result =
      at::batch_norm(input, weight, bias, runningMean, runningVariance, true, momentum, epsilon, true);
  if (residual && residual->defined()) result = at::add(result, *residual);
  return activated(result, kind);
}

using Normalization = torch::autograd::CppNode<BatchNormActivation>;

}  // namespace

bool isRecomputable(const at::Tensor &values) {
  const auto maker = values.grad_fn();
  if (isGroupNormalization(maker.get())) return true;
  const auto *node = dynamic_cast<Normalization *>(maker.get());
  // With something added, the sum would have to be kept instead: nothing is gained.
  return node && !node->ctx_.saved_data.at("adds").toBool();
}

at::Tensor recomputed(torch::autograd::Node &maker) {
  if (isGroupNormalization(&maker)) return recomputedGroups(maker);
  auto *node = dynamic_cast<Normalization *>(&maker);
  TORCH_CHECK(node, "not the output of a normalisation");
  const auto saved = node->ctx_.get_saved_variables();
  const auto kind = static_cast<OTXActivation>(node->ctx_.saved_data["kind"].toInt());
  const Line line(saved[1], saved[2], saved[3], saved[4]);
  at::NoGradGuard noGrad;
  return applied(saved[0].detach(), line, {}, kind);
}

TORCH_LIBRARY_FRAGMENT(otx, library) {
  library.def(
      "batch_norm_activation(Tensor input, Tensor weight, Tensor bias, Tensor running_mean, "
      "Tensor running_var, Tensor? residual, float momentum, float eps, int activation) -> Tensor",
      batchNormActivation);
}

}  // namespace otx
