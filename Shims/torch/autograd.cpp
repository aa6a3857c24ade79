// Gradients: who needs one, who has one, and the way back.
#include <ATen/core/grad_mode.h>
#include <torch/csrc/autograd/autograd.h>

#include "shim.h"

namespace otx {
namespace {

OTXFailureKind setRequiresGrad(OTXTensor *tensor, int32_t value) {
  return guarded([&] { borrow(tensor).set_requires_grad(value != 0); });
}

OTXFailureKind grad(OTXTensor *tensor, OTXTensor **result) {
  return guarded([&] {
    auto owner = borrow(tensor);
    TORCH_CHECK(
        owner.is_leaf() || owner.retains_grad(), "only leaves keep a gradient; this tensor was computed");
    *result = give(owner.grad());
  });
}

OTXFailureKind setGrad(OTXTensor *tensor, OTXTensor *grad) {
  return guarded([&] {
    auto owner = borrow(tensor);
    auto value = borrow(grad);
    if (value.defined())
      TORCH_CHECK(
          owner.sizes() == value.sizes(), "a gradient of shape ", value.sizes(),
          " for a tensor of shape ", owner.sizes());
    owner.mutable_grad() = value;
  });
}

OTXFailureKind backward(
    OTXTensor *const *roots, OTXTensor *const *grads, size_t count, int32_t retainGraph) {
  return guarded([&] {
    torch::autograd::variable_list tensors, gradients;
    for (size_t i = 0; i < count; ++i) {
      tensors.push_back(borrow(roots[i]));
      if (grads) gradients.push_back(borrow(grads[i]));
    }
    torch::autograd::backward(tensors, gradients, retainGraph != 0, /*create_graph=*/false);
  });
}

}  // namespace

void fillAutograd(OTXTorchTable &table) {
  table.requires_grad = [](OTXTensor *tensor) -> int32_t { return borrow(tensor).requires_grad(); };
  table.set_requires_grad = setRequiresGrad;
  table.is_leaf = [](OTXTensor *tensor) -> int32_t { return borrow(tensor).is_leaf(); };
  table.grad = grad;
  table.set_grad = setGrad;
  table.backward = backward;
  table.grad_enabled = []() -> int32_t { return c10::GradMode::is_enabled(); };
  table.set_grad_enabled = [](int32_t value) { c10::GradMode::set_enabled(value != 0); };
}

}  // namespace otx
