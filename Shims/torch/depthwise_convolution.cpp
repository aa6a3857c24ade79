// Depthwise convolution of channels-last tensors while training.
//
// libtorch gives these to oneDNN, whose gradients of the weight run at a tenth of the machine's speed in fp32 and, in
// bf16, at a hundredth. The kernels here are bound by memory instead (`Sources/CKernels`).
//
// So what stands around such a convolution is done with it, block by block, while its rows are in the caches: the moments
// of its output, for the normalisation that follows; and, where its input is a normalisation's output, that output again
// and the sums over its gradient. Of 32 passes over a block of MobileNetV2 that saves six.
#include <ATen/autocast_mode.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <c10/util/accumulate.h>
#include <torch/csrc/autograd/custom_function.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <memory>
#include <tuple>
#include <utility>
#include <vector>

#include "CKernels.h"
#include "batch_norm.h"
#include "depthwise_convolution.h"
#include "fused_normalization.h"
#include "own_kernels.h"
#include "parallel.h"
#include "traffic.h"

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

/// Bytes of rows that are worked on together: a few such blocks stay in a core's own cache.
constexpr int64_t blockBytes = 192 * 1024;

/// Rows of a map that are worked on together, a multiple of the stride.
int64_t blockRows(int64_t rowBytes, int64_t stride) {
  return std::max<int64_t>(blockBytes / std::max<int64_t>(rowBytes, 1) / stride, 2) * stride;
}

/// `body(thread, picture, first, last)` for blocks of at most `most` of a batch's rows, those of a thread one after the
/// other. All but a picture's last one are of a multiple of `stride` rows.
template <typename Body>
void overBlocks(int64_t batch, int64_t height, int64_t rowLength, int64_t most, int64_t stride, Body &&body) {
  const auto even = [&](int64_t row) { return row - row % height % stride; };
  overRows(batch * height, rowLength, [&](int64_t thread, int64_t first, int64_t last) {
    if (last < batch * height) last = even(last);
    for (int64_t row = even(first); row < last;) {
      const int64_t picture = row / height, top = row % height;
      const int64_t count = std::min({most, height - top, last - row});
      body(thread, picture, top, top + count);
      row += count;
    }
  });
}

/// The moments of a convolution's output, kept with the node that made it.
struct KeptMoments final : torch::CustomClassHolder {
  explicit KeptMoments(Moments moments) : moments(std::move(moments)) {}
  Moments moments;
  static constexpr auto key = "moments";
};

class Depthwise : public torch::autograd::Function<Depthwise> {
 public:
  static at::Tensor forward(
      AutogradContext *context, const at::Tensor &input, const at::Tensor &weight,
      const std::optional<at::Tensor> &bias, int64_t stride, int64_t padding, bool isPromised) {
    const auto shape = shapeOf(input, weight, stride, padding, input.scalar_type());
    auto output = at::empty(
        {shape.batch, shape.channels, shape.outputHeight, shape.outputWidth},
        input.options().memory_format(at::MemoryFormat::ChannelsLast));
    const auto taps = byTap(weight);
    const auto added = bias ? bias->detach().to(at::kFloat).contiguous() : at::Tensor();
    // A kernel of 7 stands before another kind of normalisation in the networks there are.
    const bool gathers = shape.kernel < 7 && (input.requires_grad() || weight.requires_grad());
    const int64_t length = shape.outputWidth * shape.channels, height = shape.outputHeight;
    const int64_t threads = threadsFor(output.numel());
    std::vector<Moments> parts(threads, Moments(gathers ? shape.channels : 0));
    const auto maker = input.grad_fn();
    const auto normalized = isPromised ? NormalizedOutput::of(*maker, 0) : nullptr;
    const int64_t inputBytes = shape.inputWidth * shape.channels * output.element_size();
    const int64_t most = std::max<int64_t>(blockRows(inputBytes, stride) / stride, 1);
    std::vector<InputRows> rows;
    for (int64_t thread = 0; normalized && thread < threads; ++thread)
      rows.emplace_back(*normalized, shape, std::min(most * stride + shape.kernel, shape.inputHeight) * inputBytes, inputBytes);
    overBlocks(
        shape.batch, height, length, most, 1,
        [&](int64_t thread, int64_t picture, int64_t first, int64_t last) {
          const void *from = normalized ? rows[thread].under(picture, first, last) : input.const_data_ptr();
          first += picture * height, last += picture * height;
          otx_depthwise_forward(
              &shape, from, taps.const_data_ptr<float>(),
              added.defined() ? added.const_data_ptr<float>() : nullptr, output.mutable_data_ptr(), first, last);
          if (!gathers) return;
          const int64_t pixel = first * shape.outputWidth, count = (last - first) * shape.outputWidth;
          parts[thread].join(Moments::of(shape.element, shape.channels, row(output, pixel), count));
        });
    if (gathers) {
      context->saved_data[KeptMoments::key] =
          c10::IValue::make_capsule(c10::make_intrusive<KeptMoments>(Moments::joined(parts)));
    }
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

    variable_list result(6);
    const bool wantsInput = context->needs_input_grad(0), wantsWeight = context->needs_input_grad(1);
    auto *maker = RecomputableTensor::makerOf(*context);
    const auto sizes = context->saved_data["sizes"].toIntVector();
    auto normalized = maker && wantsInput && wantsWeight
                          ? NormalizedOutput::of(*maker, threadsFor(c10::multiply_integers(sizes)))
                          : nullptr;
    if (normalized) {
      std::tie(result[0], result[1]) = bothGradients(gradient, *normalized, weight, stride, padding);
    } else {
      if (wantsInput) result[0] = inputGradient(gradient, weight, sizes, stride, padding);
      if (wantsWeight) {
        const auto input = RecomputableTensor::load(*context, saved[0]);
        result[1] = weightGradient(gradient, input, weight, stride, padding);
      }
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
    passesOver(gradient, result);
    const auto shape = shapeOf(result, weight, stride, padding, gradient.scalar_type());
    const auto turned = turnedTaps(shape, weight);
    overRows(
        shape.batch * shape.inputHeight, shape.inputWidth * shape.channels,
        [&](int64_t, int64_t first, int64_t last) {
          otx_depthwise_input_gradient(
              &shape, gradient.const_data_ptr(), turned.data(), result.mutable_data_ptr(), first, last);
        });
    return result;
  }

  /// Both gradients at once where the input is a normalisation's output, which is made again block by block; what the
  /// normalisation needs of the gradient of its output is gathered on the way.
  static std::pair<at::Tensor, at::Tensor> bothGradients(
      const at::Tensor &gradient, NormalizedOutput &input, const at::Tensor &weight, int64_t stride, int64_t padding) {
    const auto &before = input.input();
    auto result = at::empty_like(before);
    const auto shape = shapeOf(before, weight, stride, padding, gradient.scalar_type());
    const auto turned = turnedTaps(shape, weight);
    const int64_t width = shape.inputWidth, height = shape.inputHeight, outputs = shape.outputHeight;
    const int64_t length = width * shape.channels, bytes = length * before.element_size();
    const int64_t threads = threadsFor(before.numel());
    const int64_t most = std::min(blockRows(bytes, stride) + shape.kernel, height);
    std::vector<std::vector<double>> sums(threads, std::vector<double>(static_cast<size_t>(weight.numel())));
    std::vector<InputRows> rows;
    for (int64_t thread = 0; thread < threads; ++thread) rows.emplace_back(input, shape, most * bytes, bytes);
    overBlocks(
        shape.batch, height, length, blockRows(bytes, stride), stride,
        [&](int64_t thread, int64_t picture, int64_t first, int64_t last) {
          const int64_t firstOutput = std::min(first / stride, outputs);
          const int64_t lastOutput = last == height ? outputs : std::min(last / stride, outputs);
          if (firstOutput < lastOutput) {
            const auto *from = rows[thread].under(picture, firstOutput, lastOutput);
            otx_depthwise_weight_gradient(
                &shape, from, gradient.const_data_ptr(), sums[thread].data(), picture * outputs + firstOutput,
                picture * outputs + lastOutput);
          }
          const int64_t row = picture * height + first;
          otx_depthwise_input_gradient(
              &shape, gradient.const_data_ptr(), turned.data(), result.mutable_data_ptr(), row, row + last - first);
          input.add(thread, row * width, (last - first) * width, result);
        });
    input.leave(result);
    passesOver(before, gradient, result);
    return {result, summed(sums, shape, weight)};
  }

  /// Some rows of a normalised input, made again in memory of their own that follows the blocks.
  class InputRows {
   public:
    InputRows(const NormalizedOutput &input, const OTXDepthwise &shape, int64_t bytes, int64_t rowBytes)
        : input_(&input),
          shape_(&shape),
          rowBytes_(rowBytes),
          // From the pages that the allocator keeps: fresh ones would have to be cleared each time.
          values_(at::empty({bytes}, at::kByte)),
          memory_(values_.mutable_data_ptr<uint8_t>()) {}

    /// Makes the rows of a picture that rows `firstOutput ..< lastOutput` of the output are made of.
    ///
    /// \returns Where the whole input would begin if the rows stood in it: only they may be read.
    const void *under(int64_t picture, int64_t firstOutput, int64_t lastOutput) {
      const int64_t stride = shape_->stride, padding = shape_->padding;
      const int64_t last = std::min((lastOutput - 1) * stride - padding + shape_->kernel, shape_->inputHeight);
      const int64_t first = std::min(std::max<int64_t>(firstOutput * stride - padding, 0), last);
      const bool follows = picture == picture_ && first >= first_ && first <= last_;
      const int64_t kept = follows ? last_ - first : 0;
      if (kept > 0) std::memmove(memory_, memory_ + (first - first_) * rowBytes_, kept * rowBytes_);
      const int64_t start = picture * shape_->inputHeight;
      if (first + kept < last) {
        input_->compute(
            (start + first + kept) * shape_->inputWidth, (last - first - kept) * shape_->inputWidth,
            memory_ + kept * rowBytes_);
      }
      picture_ = picture, first_ = first, last_ = std::max(last, first + kept);
      return reinterpret_cast<const void *>(
          reinterpret_cast<uintptr_t>(memory_) - static_cast<uintptr_t>((start + first) * rowBytes_));
    }

   private:
    const NormalizedOutput *input_;
    const OTXDepthwise *shape_;
    int64_t rowBytes_, picture_ = -1, first_ = 0, last_ = 0;
    at::Tensor values_;
    uint8_t *memory_;
  };

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
    passesOver(gradient, input);
    return summed(sums, shape, weight);
  }

  /// `[C, 1, k, k]` in the weight's type, from sums of threads as the kernels have them.
  static at::Tensor summed(
      const std::vector<std::vector<double>> &sums, const OTXDepthwise &shape, const at::Tensor &weight) {
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

  /// The weight as the gradient of the input takes it.
  static std::vector<float> turnedTaps(const OTXDepthwise &shape, const at::Tensor &weight) {
    std::vector<float> turned(static_cast<size_t>(weight.numel()));
    otx_depthwise_turn_weight(&shape, byTap(weight).const_data_ptr<float>(), turned.data());
    return turned;
  }
};

bool isSquare(at::IntArrayRef values) { return values.size() == 2 && values[0] == values[1]; }

/// The type that the kernels compute in; nothing where they cannot do it.
std::optional<at::ScalarType> suitedType(
    const at::Tensor &input, const at::Tensor &weight, at::IntArrayRef stride, at::IntArrayRef padding,
    at::IntArrayRef dilation, int64_t groups) {
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
  return type;
}

}  // namespace

std::optional<Moments> momentsOfDepthwise(const at::Tensor &values) {
  const auto maker = values.grad_fn();
  auto *node = dynamic_cast<torch::autograd::CppNode<Depthwise> *>(maker.get());
  // Whoever changes a tensor counts its version up.
  if (!node || values._version() != 0) return {};
  const auto found = node->ctx_.saved_data.find(KeptMoments::key);
  if (found == node->ctx_.saved_data.end()) return {};
  const auto capsule = found->second.toCapsule();
  const auto &moments = static_cast<KeptMoments &>(*capsule).moments;
  if (static_cast<int64_t>(moments.mean.size()) != values.size(1) ||
      moments.count * values.size(1) != values.numel())
    return {};
  return moments;
}

std::optional<at::Tensor> depthwiseConvolution(
    const at::Tensor &input, const at::Tensor &weight, const std::optional<at::Tensor> &bias,
    at::IntArrayRef stride, at::IntArrayRef padding, at::IntArrayRef dilation, int64_t groups) {
  const auto type = suitedType(input, weight, stride, padding, dilation, groups);
  if (!type) return {};
  return Depthwise::apply(input.to(*type), weight, bias, stride[0], padding[0], false);
}

std::optional<at::Tensor> depthwiseConvolutionOfNormalized(
    const at::Tensor &input, const at::Tensor &normWeight, const at::Tensor &normBias, const at::Tensor &runningMean,
    const at::Tensor &runningVariance, double momentum, double epsilon, int64_t activation, const at::Tensor &weight,
    const std::optional<at::Tensor> &bias, at::IntArrayRef stride, at::IntArrayRef padding, at::IntArrayRef dilation,
    int64_t groups) {
  // The normalised tensor has the shape, type and order of what is normalised.
  if (suitedType(input, weight, stride, padding, dilation, groups) != input.scalar_type()) return {};
  const auto promised = promisedNormalization(
      input, normWeight, normBias, runningMean, runningVariance, momentum, epsilon, activation);
  if (!promised) return {};
  return Depthwise::apply(*promised, weight, bias, stride[0], padding[0], true);
}

}  // namespace otx
