#pragma once
// Whether our own kernels are used.
#include "CTorch.h"

namespace otx {

/// Off, the `otx::` operators call libtorch's one after the other.
bool usesOwnKernels();

void fillKernels(OTXTorchTable &table);

}  // namespace otx
