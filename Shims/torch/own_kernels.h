#pragma once
// Whether our own kernels are used.
#include <c10/core/ScalarType.h>

#include "CKernels.h"
#include "CTorch.h"

namespace otx {

/// What the kernels call an element type that they know: fp32 or bf16.
inline OTXKernelElement kernelElement(c10::ScalarType type) {
  return type == c10::kBFloat16 ? OTXKernelElementBFloat16 : OTXKernelElementFloat;
}

/// Off, the `otx::` operators call libtorch's one after the other.
bool usesOwnKernels();

void fillKernels(OTXTorchTable &table);

}  // namespace otx
