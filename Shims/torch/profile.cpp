// How long each operator takes, for whoever looks for what is slow.
#include <ATen/record_function.h>

#include <chrono>
#include <map>
#include <mutex>
#include <string>

#include "shim.h"

namespace otx {
namespace {

using Clock = std::chrono::steady_clock;

struct Entry {
  int64_t count = 0;
  double seconds = 0;
};
std::mutex mutex;
std::map<std::string, Entry> entries;
at::CallbackHandle handle = at::INVALID_CALLBACK_HANDLE;

/// One call that has begun on this thread; what it calls is taken off its time.
struct Call final : at::ObserverContext {
  Call() : outer(innermost) { innermost = this; }
  ~Call() override { innermost = outer; }
  Call *outer;
  Clock::time_point start = Clock::now();
  Clock::duration inside{};
  static thread_local Call *innermost;
};
thread_local Call *Call::innermost = nullptr;

std::unique_ptr<at::ObserverContext> begin(const at::RecordFunction &) { return std::make_unique<Call>(); }

void end(const at::RecordFunction &function, at::ObserverContext *context) {
  auto *call = static_cast<Call *>(context);
  const auto elapsed = Clock::now() - call->start;
  if (call->outer) call->outer->inside += elapsed;
  const std::lock_guard lock(mutex);
  auto &entry = entries[function.name()];
  ++entry.count;
  entry.seconds += std::chrono::duration<double>(elapsed - call->inside).count();
}

OTXFailureKind start() {
  return guarded([&] {
    const std::lock_guard lock(mutex);
    TORCH_CHECK(handle == at::INVALID_CALLBACK_HANDLE, "operators are timed already");
    entries.clear();
    handle = at::addGlobalCallback(at::RecordFunctionCallback(begin, end).scopes(
        {at::RecordScope::FUNCTION, at::RecordScope::BACKWARD_FUNCTION}));
  });
}

OTXFailureKind stop(
    void (*receive)(void *context, const char *name, int64_t count, double seconds), void *context) {
  return guarded([&] {
    const std::lock_guard lock(mutex);
    TORCH_CHECK(handle != at::INVALID_CALLBACK_HANDLE, "operators are not timed");
    at::removeCallback(handle);
    handle = at::INVALID_CALLBACK_HANDLE;
    for (const auto &[name, entry] : entries) receive(context, name.c_str(), entry.count, entry.seconds);
    entries.clear();
  });
}

}  // namespace

void fillProfile(OTXTorchTable &table) {
  table.profile_start = start;
  table.profile_stop = stop;
}

}  // namespace otx
