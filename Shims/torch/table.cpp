// The table, and the last failure of each thread.
#include <torch/csrc/api/include/torch/version.h>

#include "own_kernels.h"
#include "shim.h"

namespace otx {
namespace {

struct Failure {
  OTXFailureKind kind = OTXFailureKindNone;
  std::string message;
  uint64_t requested = 0, inUse = 0, limit = 0;
};
thread_local Failure failure;

}  // namespace

void fail(OTXFailureKind kind, std::string message) {
  failure.kind = kind;
  failure.message = std::move(message);
}

void noteOutOfMemory(uint64_t requested, uint64_t inUse, uint64_t limit) {
  failure.requested = requested;
  failure.inUse = inUse;
  failure.limit = limit;
}

void lastFailure(OTXFailure *result) {
  *result = {failure.kind, failure.message.c_str(), failure.requested, failure.inUse, failure.limit};
  // The figures are the CPU allocator's; a device's out-of-memory must not show old ones.
  noteOutOfMemory(0, 0, 0);
}

}  // namespace otx

extern "C" __attribute__((visibility("default"))) const OTXTorchTable *otx_torch_table() {
  static const OTXTorchTable table = [] {
    OTXTorchTable table{};
    table.abi = OTX_TORCH_ABI;
    table.libraryVersion = TORCH_VERSION;
    otx::fillOperators(table);
    otx::fillTensors(table);
    otx::fillAutograd(table);
    otx::fillModes(table);
    otx::fillScripts(table);
    otx::fillKernels(table);
    otx::fillProfile(table);
    otx::installAllocator();
    return table;
  }();
  return &table;
}
