// Depthwise convolution of channels-last tensors while training.
//
// libtorch gives these to oneDNN, whose gradients of the weight run at a tenth of the machine's speed in fp32 and, in
// bf16, at a hundredth. The kernels here are bound by memory instead (`Sources/CKernels`).
#include <ATen/autocast_mode.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <torch/csrc/autograd/custom_function.h>

#include <vector>

#include "CKernels.h"
#include "batch_norm.h"
#include "depthwise_convolution.h"
#include "own_kernels.h"
#include "parallel.h"

namespace otx {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

OTXDepthwise shapeOf(
    const at::Tensor &input, const at::Tensor &weight, int64_t stride, int64_t padding, at::ScalarType type) {
  OTXDepthwise shape{};
  shape.batch = input.size(0);
  shape.channels = input.size(1);
  shape.inputHeight = input.size(2);
  shape.inputWidth = input.size(3);
  shape.kernel = static_cast<int32_t>(weight.size(2));
  shape.stride = static_cast<int32_t>(stride);
  shape.padding = static_cast<int32_t>(padding);
  shape.outputHeight = (shape.inputHeight + 2 * padding - shape.kernel) / stride + 1;
  shape.outputWidth = (shape.inputWidth + 2 * padding - shape.kernel) / stride + 1;
  shape.element = kernelElement(type);
  return shape;
}

/// `[C, 1, k, k]` as the kernels want it: `[k, k, C]` in 32 bits.
at::Tensor byTap(const at::Tensor &weight) {
  return weight.detach().to(at::kFloat).permute({2, 3, 1, 0}).contiguous();
}

class Depthwise : public torch::autograd::Function<Depthwise> {
 public:
  static at::Tensor forward(
      AutogradContext *context, const at::Tensor &input, const at::Tensor &weight,
      const std::optional<at::Tensor> &bias, int64_t stride, int64_t padding) {
    const auto shape = shapeOf(input, weight, stride, padding, input.scalar_type());
    auto output = at::empty(
        {shape.batch, shape.channels, shape.outputHeight, shape.outputWidth},
        input.options().memory_format(at::MemoryFormat::ChannelsLast));
    const auto taps = byTap(weight);
    const auto added = bias ? bias->detach().to(at::kFloat).contiguous() : at::Tensor();
    overRows(
        shape.batch * shape.outputHeight, shape.outputWidth * shape.channels,
        [&](int64_t, int64_t first, int64_t last) {
          otx_depthwise_forward(
              &shape, input.const_data_ptr(), taps.const_data_ptr<float>(),
              added.defined() ? added.const_data_ptr<float>() : nullptr, output.mutable_data_ptr(), first, last);
        });
    context->save_for_backward({RecomputableTensor::kept(*context, input), weight});
    context->saved_data["stride"] = stride;
    context->saved_data["padding"] = padding;
    context->saved_data["sizes"] = input.sizes();
    context->saved_data["biased"] = added.defined();
    return output;
  }

  static variable_list backward(AutogradContext *context, variable_list gradients) {
    TORCH_CHECK(
        !at::GradMode::is_enabled(), "otx::conv2d has no second derivative (create_graph was asked for)");
    const auto saved = context->get_saved_variables();
    const auto &weight = saved[1];
    const int64_t stride = context->saved_data["stride"].toInt(), padding = context->saved_data["padding"].toInt();
    const auto gradient = gradients[0].contiguous(at::MemoryFormat::ChannelsLast);

    variable_list result(5);
    if (context->needs_input_grad(0)) {
      result[0] = inputGradient(gradient, weight, context->saved_data["sizes"].toIntVector(), stride, padding);
    }
    if (context->needs_input_grad(1)) {
      const auto input = RecomputableTensor::load(*context, saved[0]);
      result[1] = weightGradient(gradient, input, weight, stride, padding);
    }
    if (context->saved_data["biased"].toBool() && context->needs_input_grad(2)) {
      result[2] = gradient.sum({0, 2, 3}, false, at::kFloat).to(weight.scalar_type());
    }
    return result;
  }

 private:
  static at::Tensor inputGradient(
      const at::Tensor &gradient, const at::Tensor &weight, const std::vector<int64_t> &sizes, int64_t stride,
      int64_t padding) {
    auto result = at::empty(sizes, gradient.options().memory_format(at::MemoryFormat::ChannelsLast));
    const auto shape = shapeOf(result, weight, stride, padding, gradient.scalar_type());
    const auto taps = byTap(weight);
    overRows(
        shape.batch * shape.inputHeight, shape.inputWidth * shape.channels,
        [&](int64_t, int64_t first, int64_t last) {
          otx_depthwise_input_gradient(
              &shape, gradient.const_data_ptr(), taps.const_data_ptr<float>(), result.mutable_data_ptr(), first, last);
        });
    return result;
  }

  static at::Tensor weightGradient(
      const at::Tensor &gradient, const at::Tensor &input, const at::Tensor &weight, int64_t stride, int64_t padding) {
    const auto shape = shapeOf(input, weight, stride, padding, gradient.scalar_type());
    const int64_t rows = shape.batch * shape.outputHeight, length = shape.outputWidth * shape.channels;
    const auto count = static_cast<size_t>(weight.numel());
    std::vector<std::vector<double>> sums(threadsFor(rows * length), std::vector<double>(count));
    overRows(rows, length, [&](int64_t thread, int64_t first, int64_t last) {
      otx_depthwise_weight_gradient(
          &shape, input.const_data_ptr(), gradient.const_data_ptr(), sums[thread].data(), first, last);
    });
    auto result = at::empty(weight.sizes(), at::kFloat);
    auto *to = result.mutable_data_ptr<float>();
    const int64_t taps = int64_t(shape.kernel) * shape.kernel;
    for (int64_t channel = 0; channel < shape.channels; ++channel) {
      for (int64_t tap = 0; tap < taps; ++tap) {
        double sum = 0;
        for (const auto &part : sums) sum += part[tap * shape.channels + channel];
        to[channel * taps + tap] = static_cast<float>(sum);
      }
    }
    return result.to(weight.scalar_type());
  }
};

bool isSquare(at::IntArrayRef values) { return values.size() == 2 && values[0] == values[1]; }

}  // namespace

std::optional<at::Tensor> depthwiseConvolution(
    const at::Tensor &input, const at::Tensor &weight, const std::optional<at::Tensor> &bias,
    at::IntArrayRef stride, at::IntArrayRef padding, at::IntArrayRef dilation, int64_t groups) {
  if (input.dim() != 4 || weight.dim() != 4 || !input.device().is_cpu() || !weight.device().is_cpu()) return {};
  if (groups < 2 || groups != input.size(1) || weight.size(0) != groups || weight.size(1) != 1) return {};
  if (weight.size(2) != weight.size(3) || !isSquare(stride) || !isSquare(padding)) return {};
  if (dilation != at::IntArrayRef({1, 1}) || stride[0] < 1) return {};
  if (!input.is_contiguous(at::MemoryFormat::ChannelsLast)) return {};
  auto type = input.scalar_type();
  if (at::autocast::is_autocast_enabled(at::kCPU)) type = at::autocast::get_autocast_dtype(at::kCPU);
  if (type != at::kFloat && type != at::kBFloat16) return {};
  for (const auto *values : {&input, &weight}) {
    if (values->scalar_type() != at::kFloat && values->scalar_type() != at::kBFloat16) return {};
  }
  const auto shape = shapeOf(input, weight, stride[0], padding[0], type);
  if (!otx_depthwise_is_supported(&shape)) return {};
  return Depthwise::apply(input.to(type), weight, bias, stride[0], padding[0]);
}

}  // namespace otx
