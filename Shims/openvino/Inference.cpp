// Compiled models and the requests that run them.

#include <algorithm>
#include <sstream>

#include "Common.hpp"

struct OTXCompiledHandle {
  ov::CompiledModel model;
};

struct OTXRequestHandle {
  ov::InferRequest request;
};

namespace {

template <typename Element>
void convertToFloats(const ov::Tensor &tensor, float *values) {
  const Element *source = tensor.data<Element>();
  std::transform(source, source + tensor.get_size(), values, [](Element element) {
    return static_cast<float>(element);
  });
}

void copyFloats(const ov::Tensor &tensor, float *values) {
  switch (otx::element(tensor.get_element_type())) {
    case OTX_ELEMENT_FLOAT32: return convertToFloats<float>(tensor, values);
    case OTX_ELEMENT_FLOAT64: return convertToFloats<double>(tensor, values);
    case OTX_ELEMENT_FLOAT16: return convertToFloats<ov::float16>(tensor, values);
    case OTX_ELEMENT_BFLOAT16: return convertToFloats<ov::bfloat16>(tensor, values);
    case OTX_ELEMENT_INT64: return convertToFloats<int64_t>(tensor, values);
    case OTX_ELEMENT_INT32: return convertToFloats<int32_t>(tensor, values);
    case OTX_ELEMENT_INT16: return convertToFloats<int16_t>(tensor, values);
    case OTX_ELEMENT_INT8: return convertToFloats<int8_t>(tensor, values);
    case OTX_ELEMENT_UINT8: return convertToFloats<uint8_t>(tensor, values);
    case OTX_ELEMENT_BOOL: return convertToFloats<bool>(tensor, values);
    case OTX_ELEMENT_OTHER: break;
  }
  throw std::runtime_error(
      "an output's elements are " + tensor.get_element_type().get_type_name() +
      ", which cannot be read");
}

}  // namespace

void otx::fillInference(OTXOpenVINOTable &table) {
  table.modelCompile = [](OTXModelHandle *model, const char *device, const char *const *keys,
                          const char *const *values, size_t count, OTXCompiledHandle **compiled) {
    return guarded([&] {
      ov::AnyMap properties;
      for (size_t index = 0; index < count; ++index)
        properties[keys[index]] = std::string(values[index]);
      *compiled = new OTXCompiledHandle{core().compile_model(model->model, device, properties)};
    });
  };
  table.compiledFree = [](OTXCompiledHandle *compiled) { delete compiled; };
  table.compiledProperty = [](OTXCompiledHandle *compiled, const char *name, char **text) {
    return guarded([&] {
      std::ostringstream stream;
      compiled->model.get_property(name).print(stream);
      *text = copyText(stream.str());
    });
  };

  table.requestMake = [](OTXCompiledHandle *compiled, OTXRequestHandle **request) {
    return guarded([&] {
      *request = new OTXRequestHandle{compiled->model.create_infer_request()};
    });
  };
  table.requestFree = [](OTXRequestHandle *request) { delete request; };

  table.requestSetInput = [](OTXRequestHandle *request, size_t index, OTXElement element,
                             const int64_t *shape, size_t rank, const void *bytes,
                             size_t byteCount) {
    return guarded([&] {
      ov::Tensor tensor(elementType(element), ov::Shape(shape, shape + rank));
      if (tensor.get_byte_size() != byteCount)
        throw std::invalid_argument("an input's bytes do not fit its shape");
      std::memcpy(tensor.data(), bytes, byteCount);
      request->request.set_input_tensor(index, tensor);
    });
  };
  table.requestInfer = [](OTXRequestHandle *request) {
    return guarded([&] { request->request.infer(); });
  };
  table.requestStart = [](OTXRequestHandle *request) {
    return guarded([&] { request->request.start_async(); });
  };
  table.requestWait = [](OTXRequestHandle *request) {
    return guarded([&] { request->request.wait(); });
  };

  table.requestOutputShape = [](OTXRequestHandle *request, size_t index, OTXOutputShape *shape) {
    return guarded([&] {
      const ov::Tensor tensor = request->request.get_output_tensor(index);
      const ov::Shape axes = tensor.get_shape();
      if (axes.size() > OTX_MAXIMUM_RANK) throw std::runtime_error("an output has too many axes");
      shape->element = element(tensor.get_element_type());
      shape->rank = static_cast<int32_t>(axes.size());
      std::copy(axes.begin(), axes.end(), shape->shape);
      shape->elementCount = tensor.get_size();
    });
  };
  table.requestCopyOutput = [](OTXRequestHandle *request, size_t index, float *values,
                               size_t count) {
    return guarded([&] {
      const ov::Tensor tensor = request->request.get_output_tensor(index);
      if (tensor.get_size() != count)
        throw std::invalid_argument("an output's elements do not fit the buffer");
      copyFloats(tensor, values);
    });
  };

  table.requestProfile = [](OTXRequestHandle *request, char **text) {
    return guarded([&] {
      std::ostringstream lines;
      for (const ov::ProfilingInfo &layer : request->request.get_profiling_info())
        lines << layer.node_name << '\t' << layer.node_type << '\t' << layer.exec_type << '\t'
              << layer.real_time.count() << '\n';
      *text = copyText(lines.str());
    });
  };

  table.devices = [](char **text) {
    return guarded([&] {
      std::string lines;
      for (const std::string &device : core().get_available_devices()) lines += device + "\n";
      *text = copyText(lines);
    });
  };
}
