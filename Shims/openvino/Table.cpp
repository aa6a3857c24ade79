#include <cstdlib>

#include "Common.hpp"

namespace otx {

ov::element::Type elementType(OTXElement element) {
  switch (element) {
    case OTX_ELEMENT_FLOAT32: return ov::element::f32;
    case OTX_ELEMENT_FLOAT64: return ov::element::f64;
    case OTX_ELEMENT_FLOAT16: return ov::element::f16;
    case OTX_ELEMENT_BFLOAT16: return ov::element::bf16;
    case OTX_ELEMENT_INT64: return ov::element::i64;
    case OTX_ELEMENT_INT32: return ov::element::i32;
    case OTX_ELEMENT_INT16: return ov::element::i16;
    case OTX_ELEMENT_INT8: return ov::element::i8;
    case OTX_ELEMENT_UINT8: return ov::element::u8;
    case OTX_ELEMENT_BOOL: return ov::element::boolean;
    case OTX_ELEMENT_OTHER: break;
  }
  return ov::element::dynamic;
}

OTXElement element(const ov::element::Type &type) {
  if (type == ov::element::f32) return OTX_ELEMENT_FLOAT32;
  if (type == ov::element::f64) return OTX_ELEMENT_FLOAT64;
  if (type == ov::element::f16) return OTX_ELEMENT_FLOAT16;
  if (type == ov::element::bf16) return OTX_ELEMENT_BFLOAT16;
  if (type == ov::element::i64) return OTX_ELEMENT_INT64;
  if (type == ov::element::i32) return OTX_ELEMENT_INT32;
  if (type == ov::element::i16) return OTX_ELEMENT_INT16;
  if (type == ov::element::i8) return OTX_ELEMENT_INT8;
  if (type == ov::element::u8) return OTX_ELEMENT_UINT8;
  if (type == ov::element::boolean) return OTX_ELEMENT_BOOL;
  return OTX_ELEMENT_OTHER;
}

ov::Core &core() {
  static ov::Core *core = new ov::Core();
  return *core;
}

}  // namespace otx

extern "C" __attribute__((visibility("default"))) const OTXOpenVINOTable *otx_openvino_table() {
  static const OTXOpenVINOTable table = [] {
    OTXOpenVINOTable table{};
    table.abi = OTX_OPENVINO_ABI;
    table.version = ov::get_openvino_version().buildNumber;
    table.freeText = [](char *text) { free(text); };
    otx::fillGraph(table);
    otx::fillModel(table);
    otx::fillEditing(table);
    otx::fillInference(table);
    return table;
  }();
  return &table;
}
