// Tensors from memory, to memory, and what they know of themselves.
#include <ATen/ops/empty.h>
#include <ATen/ops/from_blob.h>

#include <cstring>

#include "shim.h"

namespace otx {
namespace {

c10::ScalarType scalarType(int32_t elementType) { return static_cast<c10::ScalarType>(elementType); }

void requireBytes(at::IntArrayRef shape, int32_t elementType, size_t byteCount) {
  size_t needed = c10::elementSize(scalarType(elementType));
  for (auto extent : shape) {
    TORCH_CHECK(extent >= 0, "negative extent in shape ", shape);
    needed *= static_cast<size_t>(extent);
  }
  TORCH_CHECK(needed == byteCount, "shape ", shape, " needs ", needed, " bytes, got ", byteCount);
}

void retain(OTXTensor *tensor) { c10::raw::intrusive_ptr::incref(implementation(tensor)); }
void release(OTXTensor *tensor) { c10::raw::intrusive_ptr::decref(implementation(tensor)); }

OTXFailureKind fromBytes(
    const void *bytes, size_t byteCount, const int64_t *shape, size_t rank, int32_t elementType,
    OTXTensor **result) {
  return guarded([&] {
    at::IntArrayRef sizes(shape, rank);
    requireBytes(sizes, elementType, byteCount);
    auto tensor = at::empty(sizes, at::TensorOptions(scalarType(elementType)));
    if (byteCount) std::memcpy(tensor.mutable_data_ptr(), bytes, byteCount);
    *result = give(std::move(tensor));
  });
}

OTXFailureKind fromBorrowed(
    void *bytes, size_t byteCount, const int64_t *shape, size_t rank, int32_t elementType,
    void (*deleter)(void *), void *context, OTXTensor **result) {
  bool taken = false;
  auto failure = guarded([&] {
    at::IntArrayRef sizes(shape, rank);
    requireBytes(sizes, elementType, byteCount);
    auto finish = [deleter, context](void *) {
      if (deleter) deleter(context);
    };
    auto tensor = at::from_blob(bytes, sizes, finish, at::TensorOptions(scalarType(elementType)));
    taken = true;
    *result = give(std::move(tensor));
  });
  if (!taken && deleter) deleter(context);
  return failure;
}

OTXFailureKind copyOut(OTXTensor *tensor, int32_t elementType, void *bytes, size_t byteCount) {
  return guarded([&] {
    auto contents = borrow(tensor).detach().to(at::kCPU, scalarType(elementType)).contiguous();
    TORCH_CHECK(contents.nbytes() == byteCount, "expected ", byteCount, " bytes, got ", contents.nbytes());
    if (byteCount) std::memcpy(bytes, contents.const_data_ptr(), byteCount);
  });
}

void *data(OTXTensor *tensor) {
  auto *impl = implementation(tensor);
  if (!impl->device().is_cpu() || !impl->has_storage()) return nullptr;
  void *address = nullptr;
  guarded([&] { address = impl->mutable_data(); });
  return address;
}

int32_t memoryFormat(OTXTensor *tensor) {
  int32_t format = 0;
  guarded([&] { format = static_cast<int32_t>(borrow(tensor).suggest_memory_format()); });
  return format;
}

int32_t isContiguous(OTXTensor *tensor, int32_t format) {
  int32_t answer = 0;
  guarded([&] {
    answer = implementation(tensor)->is_contiguous(static_cast<c10::MemoryFormat>(format));
  });
  return answer;
}

uint64_t storageIdentity(OTXTensor *tensor) {
  auto *impl = implementation(tensor);
  if (!impl->has_storage()) return 0;
  return reinterpret_cast<uint64_t>(impl->storage().unsafeGetStorageImpl());
}

}  // namespace

void fillTensors(OTXTorchTable &table) {
  table.retain = retain;
  table.release = release;
  table.from_bytes = fromBytes;
  table.from_borrowed = fromBorrowed;
  table.copy_out = copyOut;
  table.data = data;
  table.element_type = [](OTXTensor *tensor) {
    return static_cast<int32_t>(c10::typeMetaToScalarType(implementation(tensor)->dtype()));
  };
  table.device = [](OTXTensor *tensor) { return pack(implementation(tensor)->device()); };
  table.rank = [](OTXTensor *tensor) { return static_cast<size_t>(implementation(tensor)->dim()); };
  table.sizes = [](OTXTensor *tensor) { return implementation(tensor)->sizes().data(); };
  table.strides = [](OTXTensor *tensor) { return implementation(tensor)->strides().data(); };
  table.element_count = [](OTXTensor *tensor) { return implementation(tensor)->numel(); };
  table.memory_format = memoryFormat;
  table.is_contiguous = isContiguous;
  table.storage_identity = storageIdentity;
}

}  // namespace otx
