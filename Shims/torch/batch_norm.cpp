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
#include <ATen/ops/from_blob.h>
#include <torch/csrc/autograd/custom_function.h>
#include <torch/library.h>

#include <cmath>
#include <optional>
#include <vector>

#include "CKernels.h"
#include "batch_norm.h"
#include "depthwise_convolution.h"
#include "fused_normalization.h"
#include "group_norm.h"
#include "moments.h"
#include "own_kernels.h"
#include "parallel.h"
#include "traffic.h"

namespace otx {
namespace {

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
  passesOver(input, residual, output);
  return output;
}

/// The moments of each channel, which a convolution that made the tensor may know.
Moments momentsOf(const at::Tensor &input) {
  if (const auto known = momentsOfDepthwise(input)) return *known;
  const int64_t channels = input.size(1), rows = input.numel() / channels;
  std::vector<Moments> parts(threadsFor(input.numel()), Moments(channels));
  overRows(rows, channels, [&](int64_t thread, int64_t first, int64_t last) {
    if (first == last) return;
    parts[thread] = Moments::of(kernelElement(input.scalar_type()), channels, row(input, first), last - first);
  });
  passesOver(input);
  return Moments::joined(parts);
}

/// Finds mean and inverse of the standard deviation of each channel, and moves the running moments.
void findMoments(
    const at::Tensor &input, const at::Tensor &weight, at::Tensor runningMean, at::Tensor runningVariance,
    double momentum, double epsilon,
    at::Tensor &mean, at::Tensor &inverse) {
  const int64_t channels = input.size(1), rows = input.numel() / channels;
  const auto moments = momentsOf(input);
  mean = at::empty({channels}, weight.options());
  inverse = at::empty({channels}, weight.options());
  auto *m = mean.mutable_data_ptr<float>(), *i = inverse.mutable_data_ptr<float>();
  auto *movingMean = runningMean.mutable_data_ptr<float>();
  auto *movingVariance = runningVariance.mutable_data_ptr<float>();
  for (int64_t c = 0; c < channels; ++c) {
    const double variance = moments.square[c] / static_cast<double>(rows);
    m[c] = static_cast<float>(moments.mean[c]);
    i[c] = static_cast<float>(1 / std::sqrt(variance + epsilon));
    const double unbiased = moments.square[c] / static_cast<double>(rows - 1);
    movingMean[c] = static_cast<float>((1 - momentum) * movingMean[c] + momentum * moments.mean[c]);
    movingVariance[c] = static_cast<float>((1 - momentum) * movingVariance[c] + momentum * unbiased);
  }
}

/// A tensor of a shape that has no memory for its values.
at::Tensor promise(const at::Tensor &like) {
  static double nothing = 0;
  return at::from_blob(&nothing, like.sizes(), std::vector<int64_t>(like.dim(), 0), like.options());
}

struct Gradients {
  at::Tensor input, weight, bias, residual;
};

/// Of each channel: the sum of the gradient before the activation, and of that gradient times `x - mean`.
struct GradientSums {
  std::vector<double> sum, product;

  static GradientSums joined(std::vector<std::vector<double>> &sums, std::vector<std::vector<double>> &products) {
    for (size_t thread = 1; thread < sums.size(); ++thread) {
      for (size_t c = 0; c < sums[0].size(); ++c) {
        sums[0][c] += sums[thread][c];
        products[0][c] += products[thread][c];
      }
    }
    return {std::move(sums[0]), std::move(products[0])};
  }
};

/// Sums that whoever made the gradient has left, and the gradient that they are of.
struct LeftSums final : torch::CustomClassHolder {
  LeftSums(GradientSums sums, const at::Tensor &gradient)
      : sums(std::move(sums)), gradient(gradient), version(gradient._version()) {}
  GradientSums sums;
  at::Tensor gradient;
  int64_t version;

  static constexpr auto key = "left sums";

  /// What was left of this very gradient. Where another part of the network has added its own, it is none.
  static std::optional<GradientSums> taken(torch::autograd::AutogradContext &context, const at::Tensor &gradient) {
    const auto found = context.saved_data.find(key);
    if (found == context.saved_data.end()) return {};
    const auto capsule = found->second.toCapsule();
    context.saved_data.erase(key);
    auto &left = static_cast<LeftSums &>(*capsule);
    if (!left.gradient.is_same(gradient) || gradient._version() != left.version) return {};
    return std::move(left.sums);
  }
};

/// Both sums over all rows; with something added, the gradient before the activation is written, too.
GradientSums sumsOf(
    const at::Tensor &gradient, const at::Tensor &input, const at::Tensor &residual, const at::Tensor &residualGradient,
    const OTXNormalization &how, const float *mean) {
  const int64_t channels = how.channels, rows = input.numel() / channels;
  std::vector<std::vector<double>> sums(threadsFor(input.numel()), std::vector<double>(channels)), products = sums;
  overRows(rows, channels, [&](int64_t thread, int64_t first, int64_t last) {
    otx_normalization_gradient_sums(
        &how, row(input, first), row(residual, first), row(gradient, first), mutableRow(residualGradient, first),
        last - first, mean, sums[thread].data(), products[thread].data());
  });
  passesOver(input, residual, gradient, residualGradient);
  return GradientSums::joined(sums, products);
}

Gradients backward(
    const at::Tensor &gradient, const at::Tensor &input, const at::Tensor &weight, const at::Tensor &bias,
    const at::Tensor &residual, const at::Tensor &mean, const at::Tensor &inverse, OTXActivation kind,
    std::optional<GradientSums> left) {
  const int64_t channels = input.size(1), rows = input.numel() / channels;
  const Line line(weight, bias, mean, inverse);
  const auto *m = mean.const_data_ptr<float>(), *i = inverse.const_data_ptr<float>();
  auto how = normalizationOf(input, line, kind);

  Gradients result;
  if (residual.defined()) result.residual = at::empty_like(input);
  const auto sums = left ? *std::move(left) : sumsOf(gradient, input, residual, result.residual, how, m);

  result.weight = at::empty_like(weight);
  result.bias = at::empty_like(weight);
  auto *ofWeight = result.weight.mutable_data_ptr<float>(), *ofBias = result.bias.mutable_data_ptr<float>();
  std::vector<float> slant(channels), offset(channels);
  for (int64_t c = 0; c < channels; ++c) {
    ofWeight[c] = static_cast<float>(sums.product[c] * i[c]);
    ofBias[c] = static_cast<float>(sums.sum[c]);
    const double scale = line.scale[c] / static_cast<double>(rows);
    slant[c] = static_cast<float>(-scale * sums.product[c] * i[c] * i[c]);
    offset[c] = static_cast<float>(-scale * sums.sum[c]);
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
  passesOver(input, from, result.input);
  return result;
}

class BatchNormActivation : public torch::autograd::Function<BatchNormActivation> {
 public:
  static at::Tensor forward(
      torch::autograd::AutogradContext *context, const at::Tensor &input, const at::Tensor &weight,
      const at::Tensor &bias, const at::Tensor &runningMean, const at::Tensor &runningVariance,
      const std::optional<at::Tensor> &residual, double momentum, double epsilon, int64_t kind, bool isPromised) {
    at::Tensor mean, inverse;
    const auto added = residual.value_or(at::Tensor());
    findMoments(input, weight, runningMean, runningVariance, momentum, epsilon, mean, inverse);
    auto output = isPromised ? promise(input)
                             : applied(
                                   input, Line(weight, bias, mean, inverse), added, static_cast<OTXActivation>(kind));
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
    auto result = otx::backward(
        gradient, input, saved[1], saved[2], saved[5], saved[3], saved[4], kind, LeftSums::taken(*context, gradient));
    auto ofResidual = result.residual;
    if (!ofResidual.defined() && context->saved_data["adds"].toBool()) ofResidual = gradients[0];
    return {result.input, result.weight, result.bias, {}, {}, ofResidual, {}, {}, {}, {}};
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

using Normalization = torch::autograd::CppNode<BatchNormActivation>;

}  // namespace

at::Tensor batchNormActivation(
    const at::Tensor &input, const at::Tensor &weight, const at::Tensor &bias,
    const at::Tensor &runningMean, const at::Tensor &runningVariance,
    const std::optional<at::Tensor> &residual, double momentum, double epsilon,
    int64_t activation) {
  const auto kind = activationOf(activation);
  if (isSuited(input, weight, bias, runningMean, runningVariance, residual)) {
    return BatchNormActivation::apply(
        input, weight, bias, runningMean, runningVariance, residual, momentum, epsilon,
        activation, false);
  }
  auto result =
      at::batch_norm(input, weight, bias, runningMean, runningVariance, true, momentum, epsilon, true);
  if (residual && residual->defined()) result = at::add(result, *residual);
  return activated(result, kind);
}

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

std::optional<at::Tensor> promisedNormalization(
    const at::Tensor &input, const at::Tensor &weight, const at::Tensor &bias, const at::Tensor &runningMean,
    const at::Tensor &runningVariance, double momentum, double epsilon, int64_t activation) {
  if (!at::GradMode::is_enabled()) return {};
  if (!input.requires_grad() && !weight.requires_grad() && !bias.requires_grad()) return {};
  if (!isSuited(input, weight, bias, runningMean, runningVariance, {})) return {};
  return BatchNormActivation::apply(
      input, weight, bias, runningMean, runningVariance, std::optional<at::Tensor>(), momentum, epsilon, activation,
      true);
}

std::unique_ptr<NormalizedOutput> NormalizedOutput::of(torch::autograd::Node &maker, int64_t threads) {
  auto *node = dynamic_cast<Normalization *>(&maker);
  if (!node) return nullptr;
  auto &context = node->ctx_;
  const auto saved = context.get_saved_variables();
  std::unique_ptr<NormalizedOutput> result(new NormalizedOutput);
  result->context_ = &context;
  result->input_ = saved[0].detach();
  result->mean_ = saved[3];
  Line line(saved[1], saved[2], saved[3], saved[4]);
  result->scale_ = std::move(line.scale);
  result->shift_ = std::move(line.shift);
  result->how_ = {
      saved[0].size(1), kernelElement(saved[0].scalar_type()),
      static_cast<OTXActivation>(context.saved_data["kind"].toInt()), result->scale_.data(), result->shift_.data()};
  result->sums_.assign(threads, std::vector<double>(saved[0].size(1)));
  result->products_ = result->sums_;
  return result;
}

void NormalizedOutput::compute(int64_t first, int64_t count, void *rows) const {
  otx_normalization_apply(&how_, row(input_, first), nullptr, rows, count);
}

void NormalizedOutput::add(int64_t thread, int64_t first, int64_t count, const at::Tensor &gradient) {
  otx_normalization_gradient_sums(
      &how_, row(input_, first), nullptr, row(gradient, first), nullptr, count, mean_.const_data_ptr<float>(),
      sums_[thread].data(), products_[thread].data());
}

void NormalizedOutput::leave(const at::Tensor &gradient) {
  context_->saved_data[LeftSums::key] = c10::IValue::make_capsule(
      c10::make_intrusive<LeftSums>(GradientSums::joined(sums_, products_), gradient));
}

TORCH_LIBRARY_FRAGMENT(otx, library) {
  library.def(
      "batch_norm_activation(Tensor input, Tensor weight, Tensor bias, Tensor running_mean, "
      "Tensor running_var, Tensor? residual, float momentum, float eps, int activation) -> Tensor",
      batchNormActivation);
}

}  // namespace otx
