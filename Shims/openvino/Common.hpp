#pragma once

#include <cstring>
#include <exception>
#include <memory>
#include <openvino/openvino.hpp>
#include <stdexcept>
#include <string>

#include "COpenVINO.h"

/// A converted or read model.
struct OTXModelHandle {
  std::shared_ptr<ov::Model> model;
};

namespace otx {

/// A copy that `freeText` frees.
inline char *copyText(const std::string &text) { return strdup(text.c_str()); }

/// Runs `body`; what it throws becomes the message.
template <typename Body>
char *guarded(Body &&body) noexcept {
  try {
    body();
    return nullptr;
  } catch (const std::exception &error) {
    return strdup(error.what());
  } catch (...) {
    return strdup("an unknown C++ exception");
  }
}

ov::element::Type elementType(OTXElement element);
OTXElement element(const ov::element::Type &type);

/// OpenVINO's one core of this process; never destroyed, since plugins outlive static destructors.
ov::Core &core();

void describe(const ov::Output<const ov::Node> &output, OTXPort *port);

/// Each part of the shim fills its functions of the table in.
void fillGraph(OTXOpenVINOTable &table);
void fillModel(OTXOpenVINOTable &table);
void fillEditing(OTXOpenVINOTable &table);
void fillInference(OTXOpenVINOTable &table);

}  // namespace otx
