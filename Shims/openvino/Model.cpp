// Models: read, described, given a byte input, saved.

#include <openvino/core/preprocess/pre_post_process.hpp>
#include <vector>

#include "Common.hpp"

namespace {

/// The name of a port; one that has none is known by its node.
const std::string &portName(const ov::Output<const ov::Node> &port) {
  const auto &names = port.get_names();
  return names.empty() ? port.get_node()->get_friendly_name() : *names.begin();
}

}  // namespace

void otx::describe(const ov::Output<const ov::Node> &output, OTXPort *port) {
  port->name = portName(output).c_str();
  port->element = element(output.get_element_type());
  const ov::PartialShape &shape = output.get_partial_shape();
  if (shape.rank().is_dynamic()) {
    port->rank = -1;
    return;
  }
  if (shape.size() > OTX_MAXIMUM_RANK)
    throw std::runtime_error(std::string(port->name) + " has too many axes");
  port->rank = static_cast<int32_t>(shape.size());
  for (size_t axis = 0; axis < shape.size(); ++axis)
    port->shape[axis] = shape[axis].is_static() ? shape[axis].get_length() : -1;
}

void otx::fillModel(OTXOpenVINOTable &table) {
  table.modelRead = [](const char *path, OTXModelHandle **model) {
    return guarded([&] { *model = new OTXModelHandle{core().read_model(path)}; });
  };
  table.modelFree = [](OTXModelHandle *model) { delete model; };

  table.modelSave = [](OTXModelHandle *model, const char *path, int32_t compressToHalf) {
    return guarded([&] { ov::save_model(model->model, path, compressToHalf != 0); });
  };

  table.modelSetInfo = [](OTXModelHandle *model, const char *const *keys, size_t keyCount,
                          const char *value) {
    return guarded([&] {
      model->model->set_rt_info(
          std::string(value), std::vector<std::string>(keys, keys + keyCount));
    });
  };

  table.modelInputCount = [](OTXModelHandle *model) { return model->model->inputs().size(); };
  table.modelOutputCount = [](OTXModelHandle *model) { return model->model->outputs().size(); };
  table.modelInput = [](OTXModelHandle *model, size_t index, OTXPort *port) {
    return guarded([&] {
      const ov::Model &constant = *model->model;
      describe(constant.input(index), port);
    });
  };
  table.modelOutput = [](OTXModelHandle *model, size_t index, OTXPort *port) {
    return guarded([&] {
      const ov::Model &constant = *model->model;
      describe(constant.output(index), port);
    });
  };

  table.modelTakeBytes = [](OTXModelHandle *model, int64_t height, int64_t width,
                            const float *mean, const float *scale, size_t channelCount) {
    return guarded([&] {
      ov::preprocess::PrePostProcessor processor(model->model);
      auto &input = processor.input();
      input.tensor()
          .set_element_type(ov::element::u8)
          .set_layout("NHWC")
          .set_shape({model->model->input().get_partial_shape()[0], height, width,
                      static_cast<int64_t>(channelCount)});
      input.model().set_layout("NCHW");
      input.preprocess()
          .convert_element_type(ov::element::f32)
          .mean(std::vector<float>(mean, mean + channelCount))
          .scale(std::vector<float>(scale, scale + channelCount));
      model->model = processor.build();
    });
  };
}
