#include "fused_normalization.h"

#include <ATen/ops/hardswish.h>
#include <ATen/ops/relu.h>
#include <ATen/ops/relu6.h>
#include <ATen/ops/silu.h>

namespace otx {

at::Tensor activated(const at::Tensor &values, OTXActivation kind) {
  switch (kind) {
    case OTXActivationReLU: return at::relu(values);
    case OTXActivationReLU6: return at::relu6(values);
    case OTXActivationHardSwish: return at::hardswish(values);
    case OTXActivationSiLU: return at::silu(values);
    case OTXActivationIdentity: break;
  }
  return values;
}

OTXActivation activationOf(int64_t number) {
  TORCH_CHECK(
      number >= 0 && number <= static_cast<int64_t>(OTXActivationSiLU), "unknown activation ", number);
  return static_cast<OTXActivation>(number);
}

bool isPlain(const at::Tensor &values, int64_t channels) {
  return values.device().is_cpu() && values.scalar_type() == at::kFloat && values.is_contiguous() &&
         values.numel() == channels;
}

}  // namespace otx
