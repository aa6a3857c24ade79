// Means and scales of channels, as squeeze-and-excitation needs them, of channels-last tensors while training.
//
// libtorch multiplies by the gate in a general loop over strides, and makes a tensor of the input's size and another of
// its product with the gradient to get the gate's gradient. Here both gradients come from one pass.
#include <ATen/ops/adaptive_avg_pool2d.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/mul.h>
#include <torch/csrc/autograd/custom_function.h>
#include <torch/library.h>

#include "CKernels.h"
#include "batch_norm.h"
#include "own_kernels.h"
#include "parallel.h"
#include "traffic.h"

namespace otx {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

/// Whether the kernels can read it.
bool isSuited(const at::Tensor &values) {
  return usesOwnKernels() && values.dim() == 4 && values.device().is_cpu() && values.numel() > 0 &&
         (values.scalar_type() == at::kFloat || values.scalar_type() == at::kBFloat16) &&
         values.is_contiguous(at::MemoryFormat::ChannelsLast);
}

OTXChannels shapeOf(const at::Tensor &values) {
  return {
      values.size(0), values.size(2) * values.size(3), values.size(1), kernelElement(values.scalar_type())};
}

/// `body(first, last)` over the pictures, each thread some of its own.
template <typename Body>
void overPictures(const OTXChannels &shape, Body &&body) {
  const int64_t most = std::min(threadsFor(shape.batch * shape.pixels * shape.channels), shape.batch);
  onThreads(most, [&](int64_t thread, int64_t threads) {
    body(shape.batch * thread / threads, shape.batch * (thread + 1) / threads);
  });
}

at::Tensor perChannel(const OTXChannels &shape) {
  return at::empty({shape.batch, shape.channels, 1, 1}, at::kFloat);
}

class Means : public torch::autograd::Function<Means> {
 public:
  static at::Tensor forward(AutogradContext *context, const at::Tensor &input) {
    const auto shape = shapeOf(input);
    auto sums = perChannel(shape);
    overPictures(shape, [&](int64_t first, int64_t last) {
      otx_channel_sums(&shape, input.const_data_ptr(), sums.mutable_data_ptr<float>(), first, last);
    });
    context->saved_data["sizes"] = input.sizes();
    return sums.div_(static_cast<double>(shape.pixels)).to(input.scalar_type());
  }
  static variable_list backward(AutogradContext *context, variable_list gradients) {
    const auto sizes = context->saved_data["sizes"].toIntVector();
    return {gradients[0].div(static_cast<double>(sizes[2] * sizes[3])).expand(sizes)};
  }
};

class Scale : public torch::autograd::Function<Scale> {
 public:
  static at::Tensor forward(AutogradContext *context, const at::Tensor &input, const at::Tensor &gate) {
    const auto shape = shapeOf(input);
    auto output = at::empty_like(input);
    const auto factors = gate.detach().to(at::kFloat).contiguous();
    overPictures(shape, [&](int64_t first, int64_t last) {
      otx_channel_scale(
          &shape, input.const_data_ptr(), factors.const_data_ptr<float>(), output.mutable_data_ptr(), first, last);
    });
    context->save_for_backward({RecomputableTensor::kept(*context, input), gate});
    return output;
  }
  static variable_list backward(AutogradContext *context, variable_list gradients) {
    TORCH_CHECK(
        !at::GradMode::is_enabled(), "otx::scale_channels has no second derivative (create_graph was asked for)");
    const auto saved = context->get_saved_variables();
    const auto input = RecomputableTensor::load(*context, saved[0]);
    const auto &gate = saved[1];
    const auto shape = shapeOf(input);
    const auto gradient = gradients[0].to(input.scalar_type()).contiguous(at::MemoryFormat::ChannelsLast);
    const auto factors = gate.to(at::kFloat).contiguous();
    auto ofInput = at::empty_like(input);
    auto ofGate = perChannel(shape);
    overPictures(shape, [&](int64_t first, int64_t last) {
      otx_channel_scale_gradient(
          &shape, input.const_data_ptr(), factors.const_data_ptr<float>(), gradient.const_data_ptr(),
          ofInput.mutable_data_ptr(), ofGate.mutable_data_ptr<float>(), first, last);
    });
    passesOver(input, gradient, ofInput);
    return {ofInput, ofGate.to(gate.scalar_type())};
  }
};

at::Tensor channelMeans(const at::Tensor &input) {
  return isSuited(input) ? Means::apply(input) : at::adaptive_avg_pool2d(input, {1, 1});
}

at::Tensor scaleChannels(const at::Tensor &input, const at::Tensor &gate) {
  const bool suited = isSuited(input) && gate.dim() == 4 && gate.device().is_cpu() &&
                      gate.scalar_type() == input.scalar_type() && gate.size(0) == input.size(0) &&
                      gate.size(1) == input.size(1) && gate.size(2) == 1 && gate.size(3) == 1;
  return suited ? Scale::apply(input, gate) : at::mul(input, gate);
}

}  // namespace

TORCH_LIBRARY_FRAGMENT(otx, library) {
  library.def("channel_means(Tensor input) -> Tensor", channelMeans);
  library.def("scale_channels(Tensor input, Tensor gate) -> Tensor", scaleChannels);
}

}  // namespace otx
