#pragma once
// The list of operators that stands for a TorchScript module, while it is written.
#include <ATen/ops/equal.h>
#include <torch/csrc/jit/ir/ir.h>

#include <deque>
#include <memory>
#include <optional>
#include <unordered_map>
#include <unordered_set>

#include "script.h"
#include "shim.h"

/// The graph, and what its C description points to.
struct OTXScriptGraph {
  OTXScriptGraphView view{};
  std::vector<OTXScriptNode> nodes;
  std::vector<OTXScriptValue> values;
  std::deque<std::string> texts;
  std::deque<std::vector<size_t>> lists;
  std::vector<OTXValue> constants;

  ~OTXScriptGraph() {
    for (auto &value : constants) {
      if (value.tag == OTXTagTensor && value.as.tensor)
        c10::intrusive_ptr<c10::TensorImpl, c10::UndefinedTensorImpl>::reclaim(
            otx::implementation(value.as.tensor));
      otx::freeList(value);
    }
  }
};

namespace otx {

/// A value of the graph for both batches.
struct Slot {
  c10::IValue small, large;
  /// The value of the list of operators, for what is no tensor and is no constant.
  std::optional<size_t> id;
  /// What a tuple was made of.
  std::shared_ptr<std::vector<Slot>> parts;
};

/// Writes values and operators down, and knows which tensor is which value.
class ScriptWriter {
 protected:
  ScriptWriter(OTXScript &script, OTXScriptGraph &graph) : script(script), graph(graph) {
    for (const auto &entry : script.entries) {
      auto tensor = entry.owner->getSlot(entry.slot).toTensor();
      names.emplace(tensor.unsafeGetTensorImpl(), entry.name);
      storages.insert(tensor.storage().unsafeGetStorageImpl());
    }
  }

  OTXScript &script;
  OTXScriptGraph &graph;
  std::unordered_map<const void *, size_t> tensors;
  std::unordered_map<const void *, std::string> names;
  std::unordered_set<const void *> storages;
  /// How many tensors that stand in the list of operators look at a memory.
  std::unordered_map<const void *, std::unordered_set<const void *>> views;
  std::unordered_map<const void *, size_t> weightIDs;
  /// No address is used twice while they live.
  std::vector<at::Tensor> alive;

  // MARK: Values

  size_t newValue(const c10::IValue &value, const char *name) {
    OTXScriptValue made{};
    made.name = graph.texts.emplace_back(name).c_str();
    made.rank = -1;
    if (value.isTensor()) {
      made.tag = OTXTagTensor;
      made.elementType = static_cast<int32_t>(value.toTensor().scalar_type());
      made.rank = static_cast<int32_t>(value.toTensor().dim());
    } else if (value.isInt() || value.isSymInt()) {
      made.tag = OTXTagInt;
    } else if (value.isDouble()) {
      made.tag = OTXTagDouble;
    } else if (value.isBool()) {
      made.tag = OTXTagBool;
    } else if (value.isString()) {
      made.tag = OTXTagString;
    } else if (value.isNone() || value.isDevice()) {
      made.tag = OTXTagNone;
    } else if (value.isIntList()) {
      made.tag = OTXTagInts;
    } else if (value.isDoubleList()) {
      made.tag = OTXTagDoubles;
    } else if (value.isBoolList()) {
      made.tag = OTXTagBools;
    } else if (value.isList()) {
      made.tag = OTXTagTensors;
    } else {
      made.tag = OTXTagOther;
    }
    graph.values.push_back(made);
    return graph.values.size() - 1;
  }

  void emit(const std::string &name, std::vector<size_t> inputs, std::vector<size_t> outputs) {
    OTXScriptNode node{};
    node.name = graph.texts.emplace_back(name).c_str();
    node.inputCount = inputs.size();
    node.inputs = graph.lists.emplace_back(std::move(inputs)).data();
    node.outputCount = outputs.size();
    node.outputs = graph.lists.emplace_back(std::move(outputs)).data();
    graph.nodes.push_back(node);
  }

  size_t constant(const c10::IValue &value, const char *name = "") {
    const auto id = newValue(value, name);
    emit("prim::Constant", {}, {id});
    // A device is the exporter's choice.
    const auto content = packed(value.isDevice() ? c10::IValue() : value);
    graph.constants.push_back(content);
    graph.nodes.back().constant = content;
    return id;
  }

  void track(const at::Tensor &small, const at::Tensor &large, size_t id) {
    tensors[small.unsafeGetTensorImpl()] = id;
    views[small.storage().unsafeGetStorageImpl()].insert(small.unsafeGetTensorImpl());
    alive.push_back(small);
    alive.push_back(large);
  }

  std::optional<size_t> tensorID(const at::Tensor &tensor) const {
    const auto found = tensors.find(tensor.unsafeGetTensorImpl());
    if (found == tensors.end()) return {};
    return found->second;
  }

  /// Whether a tensor that stands in the list of operators is in it.
  bool holdsTracked(const c10::IValue &value) const {
    if (value.isTensor()) return value.toTensor().defined() && tensorID(value.toTensor()).has_value();
    if (value.isList() && !value.isIntList() && !value.isDoubleList() && !value.isBoolList()) {
      for (const c10::IValue &element : value.toListRef())
        if (holdsTracked(element)) return true;
    } else if (value.isTuple()) {
      for (const auto &element : value.toTupleRef().elements())
        if (holdsTracked(element)) return true;
    } else if (value.isGenericDict()) {
      for (const auto &item : value.toGenericDict())
        if (holdsTracked(item.value())) return true;
    }
    return false;
  }

  static bool holdsTensor(const c10::IValue &value) {
    return value.isTensor() || value.isTensorList() || value.isTuple() || value.isGenericDict() ||
           value.isObject() ||
           (value.isList() && !value.isIntList() && !value.isDoubleList() && !value.isBoolList());
  }

  static bool isAlike(const c10::IValue &small, const c10::IValue &large) {
    if (small.isTensor() && large.isTensor()) {
      const auto &left = small.toTensor(), &right = large.toTensor();
      if (!left.defined() || !right.defined()) return left.defined() == right.defined();
      return left.is_same(right) ||
             (left.scalar_type() == right.scalar_type() && left.sizes() == right.sizes() && at::equal(left, right));
    }
    return small == large;
  }

  // MARK: Arguments

  /// The value of the list of operators that stands for an argument.
  size_t argument(const Slot &slot, const torch::jit::Node &node) {
    if (slot.id) return *slot.id;
    return argument(slot.small, slot.large, node);
  }

  size_t argument(const c10::IValue &small, const c10::IValue &large, const torch::jit::Node &node) {
    if (small.isTensor()) {
      const auto &tensor = small.toTensor();
      if (!tensor.defined()) return constant(c10::IValue());
      if (const auto id = tensorID(tensor)) return *id;
      const auto known = weightIDs.find(tensor.unsafeGetTensorImpl());
      if (known != weightIDs.end()) return known->second;
      TORCH_CHECK(isAlike(small, large), place(node), ": a tensor differs from batch to batch");
      const auto name = names.find(tensor.unsafeGetTensorImpl());
      if (name == names.end()) return constant(tensor.detach().clone(at::MemoryFormat::Contiguous));
      const auto id = constant(tensor.detach().contiguous(), name->second.c_str());
      weightIDs[tensor.unsafeGetTensorImpl()] = id;
      return id;
    }
    if (small.isList() && !small.isIntList() && !small.isDoubleList() && !small.isBoolList() &&
        !small.toListRef().empty() ) {
      std::vector<size_t> parts;
      const auto left = small.toListRef(), right = large.toListRef();
      TORCH_CHECK(left.size() == right.size(), place(node), ": a list's length depends on the batch size");
      for (size_t index = 0; index < left.size(); ++index)
        parts.push_back(argument(left[index], right[index], node));
      const auto id = newValue(small, "");
      emit("prim::ListConstruct", parts, {id});
      return id;
    }
    TORCH_CHECK(isAlike(small, large), place(node), ": a value differs from batch to batch");
    return constant(small);
  }
};

}  // namespace otx
