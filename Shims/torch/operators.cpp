// Every operator through one function: arguments onto a stack, the dispatcher, results off it.
#include <ATen/core/dispatch/Dispatcher.h>

#include "shim.h"

struct OTXOperator {
  c10::OperatorHandle handle;
  /// Arguments that the schema types `float`: an integer given for one is converted.
  std::vector<bool> wantsDouble;
};

namespace otx {
namespace {

bool isFloat(const c10::TypePtr &type) {
  if (auto optional = type->cast<c10::OptionalType>()) return isFloat(optional->getElementType());
  return type->kind() == c10::TypeKind::FloatType;
}

OTXFailureKind findOperator(
    const char *name, const char *overload, OTXOperator **result, OTXSchema *description) {
  return guarded([&] {
    auto found = c10::Dispatcher::singleton().findSchema({name, overload});
    TORCH_CHECK(
        found.has_value(), "this libtorch has no operator ", name, *overload ? "." : "", overload);
    const auto &schema = found->schema();
    auto *made = new OTXOperator{*found, {}};
    for (const auto &argument : schema.arguments()) made->wantsDouble.push_back(isFloat(argument.type()));
    description->argumentCount = schema.arguments().size();
    description->resultCount = schema.returns().size();
    description->mutates = schema.is_mutable();
    *result = made;
  });
}

c10::IValue defaultValue(const OTXOperator &op, size_t index) {
  const auto &argument = op.handle.schema().arguments().at(index);
  TORCH_CHECK(
      argument.default_value().has_value(), op.handle.schema().name(), " needs its argument '",
      argument.name(), "'");
  return *argument.default_value();
}

OTXFailureKind call(
    OTXOperator *op, const OTXValue *arguments, size_t argumentCount, OTXValue *results,
    size_t resultCapacity, size_t *resultCount) {
  // Kept between calls so that the common call allocates nothing here. Taken, not shared: a kernel
  // that comes back through this function on the same thread gets a stack of its own.
  static thread_local torch::jit::Stack kept;
  torch::jit::Stack stack = std::move(kept);
  stack.clear();
  auto failure = guarded([&] {
    size_t expected = op->wantsDouble.size();
    TORCH_CHECK(
        argumentCount <= expected, op->handle.schema().name(), " takes ", expected, " arguments, got ",
        argumentCount);
    stack.reserve(std::max<size_t>(expected, 8));
    for (size_t i = 0; i < argumentCount; ++i) stack.push_back(unpack(arguments[i], op->wantsDouble[i]));
    for (size_t i = argumentCount; i < expected; ++i) stack.push_back(defaultValue(*op, i));
    op->handle.callBoxed(&stack);
    TORCH_CHECK(
        stack.size() <= resultCapacity, op->handle.schema().name(), " returned ", stack.size(),
        " values, expected at most ", resultCapacity);
    for (size_t i = 0; i < stack.size(); ++i) results[i] = packed(std::move(stack[i]));
    *resultCount = stack.size();
  });
  stack.clear();
  kept = std::move(stack);
  return failure;
}

OTXFailureKind defaultArgument(OTXOperator *op, size_t index, OTXValue *result) {
  return guarded([&] { *result = packed(defaultValue(*op, index)); });
}

}  // namespace

void fillOperators(OTXTorchTable &table) {
  table.find_operator = findOperator;
  table.call = call;
  table.default_argument = defaultArgument;
  table.free_list = freeList;
  table.last_failure = lastFailure;
}

}  // namespace otx
