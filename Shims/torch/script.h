#pragma once
// A TorchScript module, its weights by their names, and what its forward pass answers with.
#include <torch/csrc/jit/api/module.h>

#include <string>
#include <unordered_map>
#include <vector>

#include "CTorch.h"

struct OTXScript {
  /// A parameter or a buffer: where it hangs.
  struct Entry {
    std::string name;
    torch::jit::ModulePtr owner;
    size_t slot;
    bool isParameter;
  };
  torch::jit::Module module;
  std::vector<Entry> entries;
};

namespace otx {

/// The one tensor that a forward pass answers with.
///
/// A tensor is itself; of a tuple or a dictionary the part called `logits`, else the only tensor.
at::Tensor answer(const c10::IValue &value);

/// Where `node` stands in the user's source: `net.py:12: if x.sum() > 0:`.
std::string place(const torch::jit::Node &node);

}  // namespace otx
