#pragma once
// What the files of the shim share: handles, values, and how an exception becomes a failure.
#include <ATen/core/Tensor.h>
#include <ATen/core/ivalue.h>
#include <c10/util/Exception.h>

#include <exception>
#include <string>
#include <vector>

#include "CTorch.h"

namespace otx {

/// A tensor handle is the implementation itself with one reference: no allocation of our own.
inline c10::TensorImpl *implementation(OTXTensor *tensor) {
  return reinterpret_cast<c10::TensorImpl *>(tensor);
}

/// A tensor that shares the handle's implementation; undefined for NULL.
inline at::Tensor borrow(OTXTensor *tensor) {
  if (!tensor) return {};
  return at::Tensor(
      c10::intrusive_ptr<c10::TensorImpl, c10::UndefinedTensorImpl>::reclaim_copy(implementation(tensor)));
}

/// A handle that owns one reference; NULL for an undefined tensor.
inline OTXTensor *give(at::Tensor tensor) {
  if (!tensor.defined()) return nullptr;
  return reinterpret_cast<OTXTensor *>(tensor.unsafeReleaseTensorImpl());
}

inline c10::Device device(int64_t packed) {
  return {static_cast<c10::DeviceType>(packed & 0xffff), static_cast<c10::DeviceIndex>(packed >> 32)};
}
inline int64_t pack(c10::Device device) {
  return static_cast<int64_t>(device.type()) | (static_cast<int64_t>(device.index()) << 32);
}

void fail(OTXFailureKind kind, std::string message);
/// Remembers the allocator's figures for the failure that is about to be thrown.
void noteOutOfMemory(uint64_t requested, uint64_t inUse, uint64_t limit);
void lastFailure(OTXFailure *failure);

/// Runs `body`; whatever it throws becomes the thread's last failure.
template <typename Body>
OTXFailureKind guarded(Body &&body) noexcept {
  try {
    body();
    return OTXFailureKindNone;
  } catch (const c10::OutOfMemoryError &error) {
    fail(OTXFailureKindOutOfMemory, error.what_without_backtrace());
    return OTXFailureKindOutOfMemory;
  } catch (const c10::Error &error) {
    fail(OTXFailureKindError, error.what_without_backtrace());
  } catch (const std::bad_alloc &) {
    fail(OTXFailureKindOutOfMemory, "out of memory");
    return OTXFailureKindOutOfMemory;
  } catch (const std::exception &error) {
    fail(OTXFailureKindError, error.what());
  } catch (...) {
    fail(OTXFailureKindError, "an exception of an unknown kind");
  }
  return OTXFailureKindError;
}

// values.cpp
c10::IValue unpack(const OTXValue &value, bool wantsDouble);
OTXValue packed(c10::IValue value);
void freeList(OTXValue value);

// allocator.cpp
void installAllocator();
void memory(OTXMemory *figures);
void resetMemoryPeak();
void setMemoryLimit(uint64_t byteCount);
void emptyMemoryCache();

// script_graph.cpp
OTXFailureKind scriptGraph(
    OTXScript *script, OTXTensor *small, OTXTensor *large, const OTXScriptGraphView **result,
    OTXScriptGraph **owner);
void freeScriptGraph(OTXScriptGraph *graph);

// operators.cpp, tensors.cpp, autograd.cpp, modes.cpp, script.cpp fill their part of the table.
void fillOperators(OTXTorchTable &table);
void fillTensors(OTXTorchTable &table);
void fillAutograd(OTXTorchTable &table);
void fillModes(OTXTorchTable &table);
void fillScripts(OTXTorchTable &table);
void fillProfile(OTXTorchTable &table);

}  // namespace otx
