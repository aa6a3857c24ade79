// TorchScript modules: read, trained under autograd, written.
#include "script.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/zeros.h>
#include <torch/csrc/jit/frontend/resolver.h>
#include <torch/csrc/jit/ir/ir.h>
#include <torch/csrc/jit/runtime/graph_executor.h>
#include <torch/csrc/jit/runtime/jit_exception.h>
#include <torch/csrc/jit/serialization/import.h>

#include <istream>
#include <memory>
#include <sstream>
#include <streambuf>

#include "shim.h"

namespace otx {
namespace {

/// A stream over memory of the caller.
class Memory : public std::streambuf {
 public:
  Memory(const char *bytes, size_t count) {
    auto *start = const_cast<char *>(bytes);
    setg(start, start, start + count);
  }

 protected:
  pos_type seekoff(off_type offset, std::ios_base::seekdir from, std::ios_base::openmode) override {
    char *base = from == std::ios_base::beg ? eback() : from == std::ios_base::end ? egptr() : gptr();
    char *place = base + offset;
    if (place < eback() || place > egptr()) return pos_type(off_type(-1));
    setg(eback(), place, egptr());
    return pos_type(place - eback());
  }
  pos_type seekpos(pos_type position, std::ios_base::openmode mode) override {
    return seekoff(off_type(position), std::ios_base::beg, mode);
  }
};

/// Parameters, then buffers, then what is below, as in PyTorch's `state_dict`.
void collect(const torch::jit::ModulePtr &module, const std::string &path, int depth, OTXScript &script) {
  TORCH_CHECK(depth < 256, "modules are nested more than 256 deep");
  const auto &type = module->type();
  for (bool wantsParameters : {true, false})
    for (size_t slot = 0; slot < type->numAttributes(); ++slot) {
      const bool isWanted = wantsParameters ? type->is_parameter(slot) : type->is_buffer(slot);
      if (!isWanted || !module->getSlot(slot).isTensor() || !module->getSlot(slot).toTensor().defined())
        continue;
      script.entries.push_back({path + type->getAttributeName(slot), module, slot, wantsParameters});
    }
  for (size_t slot = 0; slot < type->numAttributes(); ++slot)
    if (type->getAttribute(slot)->is_module() && module->getSlot(slot).isObject())
      collect(
          module->getSlot(slot).toObject(), path + type->getAttributeName(slot) + ".", depth + 1, script);
}

/// Throws unless `forward` takes one tensor.
void checkForward(const torch::jit::Module &module) {
  const auto method = module.find_method("forward");
  TORCH_CHECK(method.has_value(), "the module has no method 'forward'");
  const auto &arguments = method->function().getSchema().arguments();
  std::string names;
  size_t needed = 0;
  bool takesTensor = arguments.size() > 1 && arguments[1].type()->isSubtypeOf(*c10::TensorType::get());
  for (size_t index = 1; index < arguments.size(); ++index) {
    if (!arguments[index].default_value()) needed += 1;
    names += (names.empty() ? "" : ", ") + arguments[index].name() + ": " + arguments[index].type()->str();
  }
  TORCH_CHECK(
      takesTensor && needed <= 1, "its forward takes (", names,
      "); a model of pictures takes one tensor [N, 3, H, W]");
}

OTXScript *opened(torch::jit::Module module) {
  checkForward(module);
  auto script = std::make_unique<OTXScript>();
  script->module = std::move(module);
  collect(script->module._ivalue(), "", 0, *script);
  return script.release();
}

OTXFailureKind load(const void *bytes, size_t byteCount, OTXScript **result) {
  return guarded([&] {
    Memory memory(static_cast<const char *>(bytes), byteCount);
    std::istream stream(&memory);
    *result = opened(torch::jit::load(stream, c10::Device(c10::kCPU)));
  });
}

torch::jit::Module child(torch::jit::Module &parent, const std::string &name) {
  if (!parent.hasattr(name)) {
    torch::jit::Module made(c10::QualifiedName("__torch__.Part"), parent._ivalue()->compilation_unit(), true);
    made.register_attribute("training", c10::BoolType::get(), true);
    parent.register_module(name, made);
  }
  return torch::jit::Module(parent.attr(name).toObject());
}

OTXFailureKind compile(
    const char *source, const OTXScriptEntry *entries, size_t count, OTXScript **result) {
  return guarded([&] {
    torch::jit::Module module("__torch__.Network");
    module.register_attribute("training", c10::BoolType::get(), true);
    for (size_t index = 0; index < count; ++index) {
      torch::jit::Module owner = module;
      std::string name = entries[index].name;
      for (size_t dot; (dot = name.find('.')) != std::string::npos; name = name.substr(dot + 1))
        owner = child(owner, name.substr(0, dot));
      owner.register_parameter(name, borrow(entries[index].tensor), !entries[index].isParameter);
    }
    // The last line must end.
    module.define(std::string(source) + "\n");
    *result = opened(std::move(module));
  });
}

OTXFailureKind set(OTXScript *script, size_t index, OTXTensor *tensor) {
  return guarded([&] {
    const auto &entry = script->entries.at(index);
    entry.owner->setSlot(entry.slot, borrow(tensor));
  });
}

OTXFailureKind forward(OTXScript *script, OTXTensor *input, OTXTensor **result) {
  return guarded([&] {
    // Operators run one by one as they stand: bits do not depend on how often it ran before.
    torch::jit::GraphOptimizerEnabledGuard plain(false);
    *result = give(answer(script->module.forward({borrow(input)})));
  });
}

/// Puts one number in the place of every weight, which keeps its shape, until the end.
class Emptied {
 public:
  explicit Emptied(OTXScript &script) : script(script) {
    std::unordered_map<const void *, at::Tensor> numbers;
    for (const auto &entry : script.entries) {
      auto weight = entry.owner->getSlot(entry.slot).toTensor();
      weights.push_back(weight);
      // Weights that share memory go on sharing it.
      auto &number = numbers[weight.storage().unsafeGetStorageImpl()];
      if (!number.defined() || number.scalar_type() != weight.scalar_type())
        number = at::zeros({}, weight.options().requires_grad(false));
      auto empty = number.expand(weight.sizes());
      if (entry.isParameter) empty = empty.detach().set_requires_grad(weight.requires_grad());
      entry.owner->setSlot(entry.slot, empty);
    }
  }
  ~Emptied() {
    for (size_t index = 0; index < weights.size(); ++index)
      script.entries[index].owner->setSlot(script.entries[index].slot, weights[index]);
  }
  Emptied(const Emptied &) = delete;
  Emptied &operator=(const Emptied &) = delete;

 private:
  OTXScript &script;
  std::vector<at::Tensor> weights;
};

OTXFailureKind save(
    OTXScript *script, int32_t withWeights, void (*write)(void *, const void *, size_t), void *context) {
  return guarded([&] {
    std::ostringstream stream;
    {
      std::unique_ptr<Emptied> emptied;
      if (!withWeights) emptied = std::make_unique<Emptied>(*script);
      script->module.save(stream);
    }
    const auto text = stream.view();
    write(context, text.data(), text.size());
  });
}

}  // namespace

at::Tensor answer(const c10::IValue &value) {
  if (value.isTensor()) return value.toTensor();
  std::vector<std::pair<std::string, at::Tensor>> parts;
  if (value.isTuple()) {
    const auto tuple = value.toTuple();
    const auto schema = tuple->type()->schema();
    for (size_t index = 0; index < tuple->elements().size(); ++index) {
      const auto &element = tuple->elements()[index];
      if (element.isTensor() && element.toTensor().defined())
        parts.emplace_back(schema ? schema->arguments()[index].name() : "", element.toTensor());
    }
  } else if (value.isGenericDict()) {
    for (const auto &item : value.toGenericDict())
      if (item.value().isTensor())
        parts.emplace_back(item.key().isString() ? item.key().toStringRef() : "", item.value().toTensor());
  }
  for (const auto &[name, tensor] : parts)
    if (name == "logits") return tensor;
  TORCH_CHECK(
      parts.size() == 1, "its forward answers with ", value.type()->str(), ", of which ", parts.size(),
      " parts are tensors; it must answer with one tensor [N, K], or with one part called 'logits'");
  return parts[0].second;
}

void fillScripts(OTXTorchTable &table) {
  table.script_load = load;
  table.script_compile = compile;
  table.script_free = [](OTXScript *script) { delete script; };
  table.script_entry_count = [](OTXScript *script) { return script->entries.size(); };
  table.script_entry = [](OTXScript *script, size_t index, OTXScriptEntry *result) {
    return guarded([&] {
      const auto &entry = script->entries.at(index);
      result->name = entry.name.c_str();
      result->tensor = give(entry.owner->getSlot(entry.slot).toTensor());
      result->isParameter = entry.isParameter;
    });
  };
  table.script_set = set;
  table.script_train = [](OTXScript *script, int32_t value) {
    return guarded([&] { script->module.train(value != 0); });
  };
  table.script_forward = forward;
  table.script_save = save;
  table.script_graph = scriptGraph;
  table.script_graph_free = freeScriptGraph;
}

}  // namespace otx
