#pragma once
// How many bytes kernels read and write, for whoever looks for what memory holds up.
#include <ATen/core/Tensor.h>

namespace otx {

/// Whether operators are being timed and this thread is inside one.
bool countsPasses();

/// One pass over a tensor, read or written; an undefined one is none.
void countPass(const at::Tensor &values);

/// Says what the operator that runs now has passed over, once for each pass.
///
/// Whatever is not said counts once for each operator: that is right for one that reads its inputs and writes
/// its output, and sees nothing of a gradient's saved tensors.
template <typename... Tensors>
void passesOver(const Tensors &...values) {
  if (countsPasses()) (countPass(values), ...);
}

}  // namespace otx
