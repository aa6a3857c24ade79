// How long each operator takes and how much memory it passes over, for whoever looks for what is slow.
#include <ATen/core/function_schema.h>
#include <ATen/record_function.h>

#include <algorithm>
#include <chrono>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "shim.h"
#include "traffic.h"

namespace otx {
namespace {

using Clock = std::chrono::steady_clock;

struct Entry {
  int64_t count = 0;
  double seconds = 0;
  int64_t bytes = 0;
};
std::mutex mutex;
std::map<std::string, Entry> entries;
at::CallbackHandle handle = at::INVALID_CALLBACK_HANDLE;

/// The bytes of a tensor, wherever they are.
struct Piece {
  const void *data;
  int64_t bytes;
};

/// One call that has begun on this thread; what it calls is taken off its time and its bytes.
struct Call final : at::ObserverContext {
  Call() : outer(innermost) { innermost = this; }
  ~Call() override { innermost = outer; }

  void pass(const Piece &piece) {
    bytes += piece.bytes;
    passed.push_back(piece.data);
  }
  bool hasPassed(const void *data) const { return std::find(passed.begin(), passed.end(), data) != passed.end(); }

  Call *outer;
  Clock::time_point start = Clock::now();
  Clock::duration inside{};
  std::vector<Piece> pieces;
  int64_t bytes = 0;
  /// The tensors that it, or what it called, has passed over.
  std::vector<const void *> passed;
  static thread_local Call *innermost;
};
thread_local Call *Call::innermost = nullptr;

Piece pieceOf(const at::Tensor &values) {
  if (!values.defined() || !values.has_storage() || values.numel() == 0) return {nullptr, 0};
  // An expanded tensor is smaller in memory than it looks.
  const int64_t bytes = values.numel() * values.element_size();
  return {values.storage().data(), std::min<int64_t>(bytes, values.storage().nbytes())};
}

void collect(std::vector<Piece> &pieces, const c10::IValue &value) {
  if (value.isTensor()) {
    pieces.push_back(pieceOf(value.toTensor()));
  } else if (value.isTensorList()) {
    for (const at::Tensor &values : value.toTensorVector()) pieces.push_back(pieceOf(values));
  }
}

/// Whether an operator touches no element: it makes memory, or shows what there is in another shape.
bool movesNothing(const at::RecordFunction &function) {
  const std::string_view name = function.name();
  for (const std::string_view prefix : {"aten::empty", "aten::new_empty", "aten::resize_", "aten::set_", "aten::detach_"})
    if (name.substr(0, prefix.size()) == prefix) return true;
  const auto schema = function.operator_schema();
  if (!schema) return false;
  return std::any_of(schema->returns().begin(), schema->returns().end(), [](const c10::Argument &result) {
    return result.alias_info() && !result.alias_info()->isWrite();
  });
}

std::unique_ptr<at::ObserverContext> begin(const at::RecordFunction &function) {
  auto call = std::make_unique<Call>();
  for (const auto &value : function.inputs()) collect(call->pieces, value);
  return call;
}

void end(const at::RecordFunction &function, at::ObserverContext *context) {
  auto *call = static_cast<Call *>(context);
  const auto elapsed = Clock::now() - call->start;
  if (!movesNothing(function)) {
    for (const auto &value : function.outputs()) collect(call->pieces, value);
    for (const auto &piece : call->pieces)
      if (piece.data && !call->hasPassed(piece.data)) call->pass(piece);
  }
  if (call->outer) {
    call->outer->inside += elapsed;
    call->outer->passed.insert(call->outer->passed.end(), call->passed.begin(), call->passed.end());
  }
  const std::lock_guard lock(mutex);
  auto &entry = entries[function.name()];
  ++entry.count;
  entry.seconds += std::chrono::duration<double>(elapsed - call->inside).count();
  entry.bytes += call->bytes;
}

OTXFailureKind start() {
  return guarded([&] {
    const std::lock_guard lock(mutex);
    TORCH_CHECK(handle == at::INVALID_CALLBACK_HANDLE, "operators are timed already");
    entries.clear();
    handle = at::addGlobalCallback(at::RecordFunctionCallback(begin, end)
                                       .needsInputs(true)
                                       .needsOutputs(true)
                                       .scopes({at::RecordScope::FUNCTION, at::RecordScope::BACKWARD_FUNCTION}));
  });
}

OTXFailureKind stop(
    void (*receive)(void *context, const char *name, int64_t count, double seconds, int64_t bytes), void *context) {
  return guarded([&] {
    const std::lock_guard lock(mutex);
    TORCH_CHECK(handle != at::INVALID_CALLBACK_HANDLE, "operators are not timed");
    at::removeCallback(handle);
    handle = at::INVALID_CALLBACK_HANDLE;
    for (const auto &[name, entry] : entries) 
      receive(context, name.c_str(), entry.count, entry.seconds, entry.bytes);
    entries.clear();
  });
}

}  // namespace

bool countsPasses() { return Call::innermost != nullptr; }

void countPass(const at::Tensor &values) {
  const auto piece = pieceOf(values);
  if (piece.data) Call::innermost->pass(piece);
}

void fillProfile(OTXTorchTable &table) {
  table.profile_start = start;
  table.profile_stop = stop;
}

}  // namespace otx
