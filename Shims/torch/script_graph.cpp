// A TorchScript module's forward pass as a list of operators without control flow.
//
// Its inlined graph is run for two batches of different size, side by side. What comes out alike and
// does not depend on the pictures' contents is a constant: heights, channels, conditions on ranks.
// What differs is written down: tensors, the batch size and what is computed from it. A condition
// that is no constant would be answered for good by these two batches, so it is refused.
#include <ATen/core/grad_mode.h>
#include <torch/csrc/jit/ir/constants.h>
#include <torch/csrc/jit/ir/ir.h>
#include <torch/csrc/jit/passes/inliner.h>
#include <torch/csrc/jit/passes/lower_tuples.h>

#include <memory>
#include <unordered_set>

#include "script_writer.h"

using torch::jit::Block;
using torch::jit::Node;
using Operand = torch::jit::Value;

namespace otx {
namespace {

/// Operators that tell of a tensor what has nothing to do with its contents.
const std::unordered_set<std::string> descriptions = {
    "aten::size", "aten::dim", "aten::ndimension", "aten::len", "aten::numel", "aten::stride",
    "aten::is_floating_point", "aten::is_complex", "aten::is_contiguous", "aten::storage_offset",
    "prim::dtype", "prim::device", "prim::layout", "prim::requires_grad", "prim::is_cuda", "prim::shape",
    "prim::is_sparse", "prim::is_quantized", "prim::is_mkldnn", "prim::is_meta", "prim::is_xpu",
    "aten::get_device", "aten::is_signed", "aten::__is__", "aten::__isnot__", "prim::ndim"};

/// Operators whose result is new and takes only shape, type and device from its argument.
const std::unordered_set<std::string> makers = {
    "aten::new_zeros", "aten::new_ones", "aten::new_full", "aten::zeros_like", "aten::ones_like",
    "aten::full_like"};

const std::unordered_set<std::string> randoms = {
    "aten::rand", "aten::randn", "aten::randint", "aten::randperm", "aten::rand_like",
    "aten::randn_like", "aten::randint_like", "aten::bernoulli", "aten::bernoulli_", "aten::multinomial",
    "aten::normal", "aten::normal_", "aten::uniform_"};

class Walker : ScriptWriter {
 public:
  Walker(OTXScript &script, OTXScriptGraph &graph) : ScriptWriter(script, graph) {}

  void run(at::Tensor small, at::Tensor large) {
    auto inlined = script.module.get_method("forward").graph()->copy();
    // One round puts in what is called, with the calls in it.
    for (int depth = 0; depth < 256 && calls(*inlined->block()); ++depth) torch::jit::Inline(*inlined);
    torch::jit::LowerSimpleTuples(inlined);
    const auto inputs = inlined->inputs();
    slots[inputs[0]] = {script.module._ivalue(), script.module._ivalue(), {}, {}};
    slots[inputs[1]] = {small, large, {}, {}};
    track(small, large, newValue(small, ""));
    const auto &arguments = script.module.get_method("forward").function().getSchema().arguments();
    for (size_t index = 2; index < inputs.size(); ++index) {
      const auto value = arguments.at(index).default_value().value();
      slots[inputs[index]] = {value, value, {}, {}};
    }
    block(*inlined->block());
    const auto output = tensorID(answer(slots.at(inlined->outputs()[0]).small));
    TORCH_CHECK(output.has_value(), "its answer does not depend on the pictures");
    graph.view.output = *output;
  }

 private:
  std::unordered_map<const Operand *, Slot> slots;

  // MARK: Nodes

  /// Whether a function is called in the block or below.
  static bool calls(const Block &block) {
    for (const Node *node : block.nodes()) {
      if (node->kind() == c10::prim::CallMethod || node->kind() == c10::prim::CallFunction) return true;
      for (const Block *inner : node->blocks())
        if (calls(*inner)) return true;
    }
    return false;
  }

  const Slot &slot(const Operand *value) const { return slots.at(value); }

  bool isDynamic(const Slot &slot) const {
    if (slot.id || holdsTracked(slot.small)) return true;
    if (slot.parts)
      for (const auto &part : *slot.parts)
        if (isDynamic(part)) return true;
    return false;
  }

  void block(const Block &block) {
    for (const Node *node : block.nodes()) {
      try {
        step(*const_cast<Node *>(node));
      } catch (const c10::Error &) {
        throw;
      } catch (const std::exception &error) {
        TORCH_CHECK(false, place(*node), ": ", error.what());
      }
    }
  }

  void step(Node &node) {
    switch (node.kind()) {
      case c10::prim::Constant: {
        auto value = torch::jit::toIValue(node.output());
        slots[node.output()] = {*value, *value, {}, {}};
        return;
      }
      case c10::prim::GetAttr: {
        const auto owner = slot(node.input()).small.toObject();
        const auto value = owner->getAttr(node.s(c10::attr::name));
        slots[node.output()] = {value, value, {}, {}};
        return;
      }
      case c10::prim::SetAttr:
        TORCH_CHECK(false, place(node), ": it changes '", node.s(c10::attr::name), "' of the module");
      case c10::prim::unchecked_cast:
      case c10::prim::unchecked_unwrap_optional: {
        const Slot same = slot(node.input());
        slots[node.output()] = same;
        return;
      }
      case c10::prim::If: return branch(node);
      case c10::prim::Loop: return loop(node);
      case c10::prim::TupleConstruct: {
        perform(node, false);
        auto parts = std::make_shared<std::vector<Slot>>();
        for (const auto *input : node.inputs()) parts->push_back(slot(input));
        slots[node.output()].parts = parts;
        return;
      }
      case c10::prim::TupleUnpack:
        if (const auto parts = slot(node.input()).parts) {
          for (size_t index = 0; index < parts->size(); ++index) slots[node.outputs()[index]] = parts->at(index);
          return;
        }
        break;
      case c10::prim::TupleIndex:
        if (const auto parts = slot(node.inputs()[0]).parts) {
          auto index = slot(node.inputs()[1]).small.toInt();
          slots[node.output()] = parts->at(index < 0 ? index + parts->size() : index);
          return;
        }
        break;
      case c10::prim::fork:
      case c10::prim::CallMethod:
      case c10::prim::CallFunction:
      case c10::prim::PythonOp:
        TORCH_CHECK(false, place(node), ": a call that cannot be written down (", node.kind().toQualString(), ")");
      default: break;
    }
    const std::string name = node.kind().toQualString();
    TORCH_CHECK(!randoms.count(name), place(node), ": it draws random numbers");
    if (name == "aten::warn" || name == "prim::Print") return;
    bool dynamic = false;
    for (const auto *input : node.inputs()) dynamic = dynamic || isDynamic(slot(input));
    perform(node, dynamic);
  }

  bool condition(const Slot &slot, const Node &node, const char *what) {
    TORCH_CHECK(
        !slot.id && isAlike(slot.small, slot.large), place(node), ": ", what,
        " depends on what is in the pictures or on how many there are; an exported network takes one "
        "way for all");
    return slot.small.toBool();
  }

  void branch(Node &node) {
    const bool taken = condition(slot(node.input()), node, "a condition");
    const auto *chosen = node.blocks()[taken ? 0 : 1];
    block(*chosen);
    for (size_t index = 0; index < node.outputs().size(); ++index)
      slots[node.outputs()[index]] = Slot(slot(chosen->outputs()[index]));
  }

  void loop(Node &node) {
    const auto &count = slot(node.inputs()[0]);
    TORCH_CHECK(
        !count.id && isAlike(count.small, count.large), place(node),
        ": the number of rounds of a loop depends on what is in the pictures or on how many there are");
    const int64_t rounds = count.small.toInt();
    bool goesOn = condition(slot(node.inputs()[1]), node, "a loop");
    std::vector<Slot> carried;
    for (size_t index = 2; index < node.inputs().size(); ++index) carried.push_back(slot(node.inputs()[index]));
    const auto *body = node.blocks()[0];
    for (int64_t round = 0; round < rounds && goesOn; ++round) {
      TORCH_CHECK(graph.nodes.size() < 1'000'000, place(node), ": the loop has too many rounds to be written down");
      slots[body->inputs()[0]] = {round, round, {}, {}};
      for (size_t index = 0; index < carried.size(); ++index) slots[body->inputs()[index + 1]] = carried[index];
      block(*body);
      goesOn = condition(slot(body->outputs()[0]), node, "a loop");
      for (size_t index = 0; index < carried.size(); ++index) carried[index] = slot(body->outputs()[index + 1]);
    }
    for (size_t index = 0; index < carried.size(); ++index) slots[node.outputs()[index]] = carried[index];
  }

  /// What the interpreter does for a node; containers are made and taken apart without operators.
  static void execute(const Node &node, torch::jit::Stack &stack) {
    const auto made = node.outputs().empty() ? c10::TypePtr() : node.outputs()[0]->type();
    switch (node.kind()) {
      case c10::prim::ListConstruct: {
        c10::impl::GenericList list(made->expectRef<c10::ListType>().getElementType());
        for (auto &element : stack) list.push_back(element);
        stack = {list};
        return;
      }
      case c10::prim::DictConstruct: {
        const auto &type = made->expectRef<c10::DictType>();
        c10::impl::GenericDict dictionary(type.getKeyType(), type.getValueType());
        for (size_t index = 0; index + 1 < stack.size(); index += 2)
          dictionary.insert_or_assign(stack[index], stack[index + 1]);
        stack = {dictionary};
        return;
      }
      case c10::prim::TupleConstruct: {
        const auto type = made->expect<c10::TupleType>();
        stack = {
            type->name() ? c10::ivalue::Tuple::createNamed(std::move(stack), type)
                         : c10::ivalue::Tuple::create(std::move(stack))};
        return;
      }
      case c10::prim::TupleUnpack: {
        const auto tuple = stack.back().toTuple();
        stack.assign(tuple->elements().begin(), tuple->elements().end());
        return;
      }
      case c10::prim::ListUnpack: {
        const auto list = stack.back().toList();
        TORCH_CHECK(
            list.size() == node.outputs().size(), "expected ", node.outputs().size(),
            " elements in a list, found ", list.size());
        stack.clear();
        for (size_t index = 0; index < list.size(); ++index) stack.push_back(list.get(index));
        return;
      }
      case c10::prim::Uninitialized: stack = {c10::IValue::uninitialized()}; return;
      default: node.getOperation()(stack);
    }
  }

  /// Runs an operator for both batches, and writes it down where its result is no constant.
  void perform(Node &node, bool dynamic) {
    const auto *schema = node.maybeSchema();
    const std::string name = node.kind().toQualString();
    const bool writes = schema && schema->is_mutable();
    torch::jit::Stack small, large;
    for (const auto *input : node.inputs()) {
      small.push_back(slot(input).small);
      large.push_back(slot(input).large);
    }
    std::vector<size_t> arguments;
    const bool writesTensor = writes && !small.empty() && small[0].isTensor();
    if (writesTensor) {
      const auto target = small[0].toTensor();
      checkWrite(target, dynamic, node);
      // Written down as it was before it is written to.
      if (dynamic)
        for (const auto *input : node.inputs()) arguments.push_back(argument(slot(input), node));
    } else if (writes && dynamic) {
      for (const auto *input : node.inputs())
        TORCH_CHECK(!slot(input).id, place(node), ": a list that depends on the batch size is changed");
    }
    const auto inputsBefore = small;
    execute(node, small);
    execute(node, large);
    const auto outputs = node.outputs();
    TORCH_CHECK(small.size() >= outputs.size(), place(node), ": ", name, " returned too little");
    const size_t first = small.size() - outputs.size();
    for (size_t index = 0; index < outputs.size(); ++index)
      slots[outputs[index]] = {small[first + index], large[first + index], {}, {}};
    if (!dynamic) return;
    if (writesTensor) {
      const auto target = inputsBefore[0].toTensor();
      const auto id = newValue(target, "");
      emit(withoutUnderscore(name, node), arguments, {id});
      track(target, outputs.empty() ? target : slot(outputs[0]).large.toTensor(), id);
      return;
    }
    write(node, name);
  }

  /// Writes down the operator that ran last, as far as what it answered with is new and no constant.
  void write(Node &node, const std::string &name) {
    const auto outputs = node.outputs();
    bool fromTensor = false;
    for (const auto *input : node.inputs()) fromTensor = fromTensor || holdsTracked(slot(input).small);
    const bool describes = descriptions.count(name) || !fromTensor;
    const bool isListOfNumbers =
        node.kind() == c10::prim::ListConstruct && outputs.size() == 1 && !holdsTensor(slot(outputs[0]).small);
    std::vector<size_t> needed;
    bool isNew = false;
    for (const auto *output : outputs) {
      const auto &made = slot(output);
      if (holdsTensor(made.small) && !made.small.isTensor()) {
        // A list of tensors is taken apart below; what only holds known ones needs nothing.
        if (made.small.isTensorList())
          for (const at::Tensor &tensor : made.small.toTensorVector())
            isNew = isNew || (tensor.defined() && !isKnown(tensor));
        continue;
      }
      if (made.small.isTensor()) {
        isNew = isNew || (made.small.toTensor().defined() && !isKnown(made.small.toTensor()) &&
                          !(makers.count(name) && isAlike(made.small, made.large)));
      } else if (!made.small.isNone()) {
        const bool isConstant = (describes || isListOfNumbers) && isAlike(made.small, made.large);
        isNew = isNew || !isConstant;
      }
    }
    if (!isNew) return;
    std::vector<size_t> arguments, results;
    for (const auto *input : node.inputs()) arguments.push_back(argument(slot(input), node));
    std::vector<std::pair<size_t, const Operand *>> lists;
    for (const auto *output : outputs) {
      auto &made = slots[output];
      const auto id = newValue(made.small, "");
      results.push_back(id);
      if (made.small.isTensor()) {
        if (made.small.toTensor().defined()) track(made.small.toTensor(), made.large.toTensor(), id);
      } else if (made.small.isTensorList()) {
        lists.emplace_back(id, output);
      } else if (!((describes || isListOfNumbers) && isAlike(made.small, made.large))) {
        made.id = id;
      }
    }
    emit(name, arguments, results);
    for (const auto &[id, output] : lists) unpack(id, slots[output]);
  }

  void unpack(size_t list, const Slot &made) {
    std::vector<size_t> parts;
    const auto small = made.small.toTensorVector(), large = made.large.toTensorVector();
    for (size_t index = 0; index < small.size(); ++index) {
      parts.push_back(newValue(small[index], ""));
      track(small[index], large[index], parts.back());
    }
    emit("prim::ListUnpack", {list}, parts);
  }

  bool isKnown(const at::Tensor &tensor) const {
    return tensors.count(tensor.unsafeGetTensorImpl()) || names.count(tensor.unsafeGetTensorImpl());
  }

  /// Throws where writing to `target` would change what is written down already, or the module.
  void checkWrite(const at::Tensor &target, bool dynamic, const Node &node) {
    const auto *memory = target.storage().unsafeGetStorageImpl();
    TORCH_CHECK(!storages.count(memory), place(node), ": it changes a weight of the module");
    const auto found = views.find(memory);
    if (found == views.end()) {
      TORCH_CHECK(
          !dynamic || target.storage().use_count() <= 1 || tensorID(target), place(node),
          ": it writes into a part of a tensor; write it without changing tensors in place");
      return;
    }
    for (const auto *other : found->second)
      TORCH_CHECK(
          other == target.unsafeGetTensorImpl(), place(node),
          ": it writes into a tensor that another one is a part of; write it without changing tensors in "
          "place");
  }

  /// `aten::relu` for `aten::relu_`.
  static std::string withoutUnderscore(const std::string &name, const Node &node) {
    TORCH_CHECK(
        name.size() > 7 && name.back() == '_', place(node), ": ", name, " writes into one of its arguments");
    return name.substr(0, name.size() - 1);
  }
};

OTXScriptGraph *walk(OTXScript &script, at::Tensor small, at::Tensor large) {
  at::NoGradGuard noGrad;
  auto graph = std::make_unique<OTXScriptGraph>();
  Walker(script, *graph).run(std::move(small), std::move(large));
  graph->view.nodes = graph->nodes.data();
  graph->view.nodeCount = graph->nodes.size();
  graph->view.values = graph->values.data();
  graph->view.valueCount = graph->values.size();
  return graph.release();
}

}  // namespace

std::string place(const torch::jit::Node &node) {
  auto range = node.sourceRange();
  if (const auto origin = range.findSourceRangeThatGenerated()) range = *origin;
  if (!range.source()) return std::string("the network: `") + node.kind().toQualString() + "`";
  std::string text = range.text().str();
  text = text.substr(0, text.find('\n'));
  if (text.empty()) return std::string("the network: `") + node.kind().toQualString() + "`";
  if (const auto where = range.file_line_col()) {
    const auto &[file, line, column] = *where;
    return file + ":" + std::to_string(line) + ": `" + text + "`";
  }
  return "`" + text + "`";
}

OTXFailureKind scriptGraph(
    OTXScript *script, OTXTensor *small, OTXTensor *large, const OTXScriptGraphView **result,
    OTXScriptGraph **owner) {
  return guarded([&] {
    *owner = walk(*script, borrow(small), borrow(large));
    *result = &(*owner)->view;
  });
}

void freeScriptGraph(OTXScriptGraph *graph) { delete graph; }

}  // namespace otx
