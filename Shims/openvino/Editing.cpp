// Walking over the operations of a model, and editing them.

#include <openvino/core/attribute_visitor.hpp>
#include <openvino/opsets/opset13.hpp>
#include <openvino/pass/manager.hpp>
#include <sstream>
#include <unordered_map>
#include <vector>

#include "Common.hpp"

namespace ov::pass {

// OpenVINO exports these common simplifications (its Python converter runs them on every model) but
// has no public header for them. What follows is its interface in 2026.4.
class MOCTransformations : public ModelPass {
 public:
  OPENVINO_MODEL_PASS_RTTI("MOCTransformations");
  explicit MOCTransformations(bool useShapes, bool lowPrecision = true)
      : useShapes(useShapes), lowPrecision(lowPrecision) {}
  bool run_on_model(const std::shared_ptr<ov::Model> &model) override;

 private:
  bool useShapes;
  bool lowPrecision;
  // Room for members of another version.
  char reserved[64] = {};
};

}  // namespace ov::pass

struct OTXNodesHandle {
  std::shared_ptr<ov::Model> model;
  ov::NodeVector nodes;
  std::unordered_map<const ov::Node *, size_t> indices;

  const std::shared_ptr<ov::Node> &at(size_t index) const {
    if (index >= nodes.size()) throw std::out_of_range("there is no such node");
    return nodes[index];
  }
};

namespace {

using namespace ov::opset13;

/// Writes attributes down as `name=value`, lists separated by commas.
class AttributeWriter : public ov::AttributeVisitor {
 public:
  std::ostringstream text;

  void on_adapter(const std::string &, ov::ValueAccessor<void> &) override {}
  void on_adapter(const std::string &name, ov::ValueAccessor<std::string> &adapter) override {
    text << name << '=' << adapter.get() << '\n';
  }
  void on_adapter(const std::string &name, ov::ValueAccessor<bool> &adapter) override {
    text << name << '=' << (adapter.get() ? "true" : "false") << '\n';
  }
  void on_adapter(const std::string &name, ov::ValueAccessor<int64_t> &adapter) override {
    text << name << '=' << adapter.get() << '\n';
  }
  void on_adapter(const std::string &name, ov::ValueAccessor<double> &adapter) override {
    text << name << '=' << adapter.get() << '\n';
  }
  void on_adapter(
      const std::string &name, ov::ValueAccessor<std::vector<int64_t>> &adapter) override {
    write(name, adapter.get());
  }
  void on_adapter(
      const std::string &name, ov::ValueAccessor<std::vector<uint64_t>> &adapter) override {
    write(name, adapter.get());
  }

 private:
  template <typename Values>
  void write(const std::string &name, const Values &values) {
    text << name << '=';
    for (size_t index = 0; index < values.size(); ++index)
      text << (index > 0 ? "," : "") << values[index];
    text << '\n';
  }
};

ov::Shape makeShape(const int64_t *shape, size_t rank) {
  if (rank > OTX_MAXIMUM_RANK) throw std::invalid_argument("a constant has too many axes");
  return ov::Shape(shape, shape + rank);
}

std::shared_ptr<Constant> makeConstant(
    const std::string &name, const float *values, const int64_t *shape, size_t rank,
    const ov::element::Type &type = ov::element::f32) {
  const ov::Shape axes = makeShape(shape, rank);
  std::shared_ptr<Constant> constant;
  if (type == ov::element::f32)
    constant = std::make_shared<Constant>(type, axes, values);
  else
    constant = std::make_shared<Constant>(
        type, axes, std::vector<float>(values, values + ov::shape_size(axes)));
  constant->set_friendly_name(name);
  return constant;
}

/// The output whose value flows at a place.
ov::Output<ov::Node> value(const OTXNodesHandle &nodes, const OTXPlace &place) {
  const auto &node = nodes.at(place.node);
  return place.isInput != 0 ? node->input_value(place.port) : node->output(place.port);
}

/// Puts `made` where `place`'s value went before it was made.
void connect(
    const OTXNodesHandle &nodes, const OTXPlace &place, const std::set<ov::Input<ov::Node>> &takers,
    const ov::Output<ov::Node> &made) {
  if (place.isInput != 0) {
    nodes.at(place.node)->input(place.port).replace_source_output(made);
    return;
  }
  for (ov::Input<ov::Node> input : takers) input.replace_source_output(made);
}

std::shared_ptr<ov::Node> reduce(
    const ov::Output<ov::Node> &value, OTXReduction reduction, const std::vector<int64_t> &axes) {
  ov::Output<ov::Node> source = value;
  if (source.get_element_type() != ov::element::f32)
    source = std::make_shared<Convert>(source, ov::element::f32);
  const auto list = Constant::create(ov::element::i64, ov::Shape{axes.size()}, axes);
  switch (reduction) {
    case OTX_REDUCE_MINIMUM: return std::make_shared<ReduceMin>(source, list, false);
    case OTX_REDUCE_MAXIMUM: return std::make_shared<ReduceMax>(source, list, false);
    case OTX_REDUCE_MEAN: return std::make_shared<ReduceMean>(source, list, false);
  }
  throw std::invalid_argument("there is no such reduction");
}

bool isLayer(const ov::Node &node) {
  const std::string type = node.get_type_name();
  return type == "MatMul" || type.find("Convolution") != std::string::npos;
}

/// The names of convolutions and products of matrices, in topological order.
std::vector<std::string> layerNames(const ov::Model &model) {
  std::vector<std::string> names;
  for (const auto &node : model.get_ordered_ops())
    if (isLayer(*node)) names.push_back(node->get_friendly_name());
  return names;
}

/// Gives layers the names back that they had: what is folded into a layer leaves it its own, made-up
/// one, which differs from run to run.
void restoreLayerNames(const ov::Model &model, const std::vector<std::string> &names) {
  if (layerNames(model).size() != names.size()) return;
  std::set<std::string> others;
  for (const auto &node : model.get_ordered_ops())
    if (!isLayer(*node)) others.insert(node->get_friendly_name());
  size_t index = 0;
  for (const auto &node : model.get_ordered_ops()) {
    if (!isLayer(*node)) continue;
    const std::string &name = names[index++];
    if (others.count(name) == 0) node->set_friendly_name(name);
  }
}

void addResult(OTXNodesHandle &nodes, const ov::Output<ov::Node> &output, const char *name) {
  ov::Output<ov::Node> named = output;
  named.get_tensor().add_names({name});
  auto result = std::make_shared<Result>(named);
  result->set_friendly_name(std::string(name) + "/result");
  nodes.model->add_results({result});
}

}  // namespace

void otx::fillEditing(OTXOpenVINOTable &table) {
  table.modelInfo = [](OTXModelHandle *model, const char *const *keys, size_t keyCount,
                       char **text) {
    return guarded([&] {
      const std::vector<std::string> path(keys, keys + keyCount);
      *text = nullptr;
      if (!model->model->has_rt_info(path)) return;
      *text = copyText(model->model->get_rt_info<std::string>(path));
    });
  };
  table.modelClone = [](OTXModelHandle *model, OTXModelHandle **clone) {
    return guarded([&] { *clone = new OTXModelHandle{model->model->clone()}; });
  };
  table.modelSimplify = [](OTXModelHandle *model) {
    return guarded([&] {
      const auto before = layerNames(*model->model);
      ov::pass::Manager manager;
      manager.register_pass<ov::pass::MOCTransformations>(false);
      manager.run_passes(model->model);
      restoreLayerNames(*model->model, before);
    });
  };

  table.nodesMake = [](OTXModelHandle *model, OTXNodesHandle **nodes) {
    return guarded([&] {
      auto made = std::make_unique<OTXNodesHandle>();
      made->model = model->model;
      made->nodes = model->model->get_ordered_ops();
      for (size_t index = 0; index < made->nodes.size(); ++index)
        made->indices[made->nodes[index].get()] = index;
      *nodes = made.release();
    });
  };
  table.nodesFree = [](OTXNodesHandle *nodes) { delete nodes; };
  table.nodesCount = [](OTXNodesHandle *nodes) { return nodes->nodes.size(); };
  table.nodeDescribe = [](OTXNodesHandle *nodes, size_t node, OTXNode *described) {
    return guarded([&] {
      const auto &found = nodes->at(node);
      described->type = found->get_type_name();
      described->name = found->get_friendly_name().c_str();
      described->inputCount = found->get_input_size();
      described->outputCount = found->get_output_size();
    });
  };
  table.nodeSource = [](OTXNodesHandle *nodes, size_t node, size_t input, size_t *source,
                        size_t *port) {
    return guarded([&] {
      const auto output = nodes->at(node)->input_value(input);
      const auto found = nodes->indices.find(output.get_node());
      *source = found == nodes->indices.end() ? SIZE_MAX : found->second;
      *port = output.get_index();
    });
  };
  table.nodeOutput = [](OTXNodesHandle *nodes, size_t node, size_t output, OTXPort *port) {
    return guarded([&] {
      const std::shared_ptr<const ov::Node> found = nodes->at(node);
      describe(found->output(output), port);
    });
  };
  table.nodeAttributes = [](OTXNodesHandle *nodes, size_t node, char **text) {
    return guarded([&] {
      AttributeWriter writer;
      nodes->at(node)->visit_attributes(writer);
      *text = copyText(writer.text.str());
    });
  };
  table.nodeConstant = [](OTXNodesHandle *nodes, size_t node, float *values, size_t count) {
    return guarded([&] {
      const auto constant = ov::as_type_ptr<ov::op::v0::Constant>(nodes->at(node));
      if (!constant) throw std::invalid_argument("the node is no constant");
      if (ov::shape_size(constant->get_shape()) != count)
        throw std::invalid_argument("a constant's elements do not fit the buffer");
      if (constant->get_element_type() == ov::element::f32) {
        std::copy_n(constant->get_data_ptr<float>(), count, values);
        return;
      }
      const std::vector<float> found = constant->cast_vector<float>();
      std::copy(found.begin(), found.end(), values);
    });
  };

  table.nodeInsertFakeQuantize = [](OTXNodesHandle *nodes, OTXPlace place, const char *name,
                                    size_t levels, const float *low, const float *high,
                                    const int64_t *shape, size_t rank) {
    return guarded([&] {
      const auto source = value(*nodes, place);
      const auto takers = source.get_target_inputs();
      const std::string title(name);
      const auto type = source.get_element_type();
      const auto lower = makeConstant(title + "/input_low", low, shape, rank, type);
      const auto upper = makeConstant(title + "/input_high", high, shape, rank, type);
      const auto outputLower = makeConstant(title + "/output_low", low, shape, rank, type);
      const auto outputUpper = makeConstant(title + "/output_high", high, shape, rank, type);
      const auto made = std::make_shared<FakeQuantize>(
          source, lower, upper, outputLower, outputUpper, levels);
      made->set_friendly_name(title);
      connect(*nodes, place, takers, made);
    });
  };
  table.nodeInsertArithmetic = [](OTXNodesHandle *nodes, OTXPlace place, OTXArithmetic operation,
                                  const char *name, const float *values, const int64_t *shape,
                                  size_t rank) {
    return guarded([&] {
      const auto source = value(*nodes, place);
      const auto takers = source.get_target_inputs();
      const auto constant = makeConstant(
          std::string(name) + "/constant", values, shape, rank, source.get_element_type());
      std::shared_ptr<ov::Node> made;
      if (operation == OTX_ARITHMETIC_ADD)
        made = std::make_shared<Add>(source, constant);
      else
        made = std::make_shared<Multiply>(source, constant);
      made->set_friendly_name(name);
      connect(*nodes, place, takers, made);
    });
  };
  table.nodeSetConstant = [](OTXNodesHandle *nodes, size_t node, size_t input, const char *name,
                             const float *values, const int64_t *shape, size_t rank) {
    return guarded([&] {
      const auto &found = nodes->at(node);
      const auto type = found->get_input_element_type(input);
      found->input(input).replace_source_output(makeConstant(name, values, shape, rank, type));
    });
  };
  table.nodeSetScaledConstant = [](OTXNodesHandle *nodes, size_t node, size_t input,
                                   const char *name, const int8_t *values, const int64_t *shape,
                                   size_t rank, const float *scales, const int64_t *scaleShape) {
    return guarded([&] {
      const auto &found = nodes->at(node);
      const auto type = found->get_input_element_type(input);
      const std::string title(name);
      auto constant =
          std::make_shared<Constant>(ov::element::i8, makeShape(shape, rank), values);
      constant->set_friendly_name(title + "/quantized");
      auto converted = std::make_shared<Convert>(constant, type);
      converted->set_friendly_name(title + "/to_" + type.get_type_name());
      auto scaled = std::make_shared<Multiply>(
          converted, makeConstant(title + "/scale", scales, scaleShape, rank, type));
      scaled->set_friendly_name(title);
      found->input(input).replace_source_output(scaled);
    });
  };
  table.nodeShareInput = [](OTXNodesHandle *nodes, size_t node, size_t input, size_t otherNode,
                            size_t otherInput) {
    return guarded([&] {
      const auto source = nodes->at(otherNode)->input_value(otherInput);
      nodes->at(node)->input(input).replace_source_output(source);
    });
  };
  table.nodesDropOutputs = [](OTXNodesHandle *nodes) {
    return guarded([&] {
      const ov::ResultVector results = nodes->model->get_results();
      for (const auto &result : results) nodes->model->remove_result(result);
    });
  };
  table.nodeAddStatistic = [](OTXNodesHandle *nodes, OTXPlace place, OTXReduction reduction,
                              const int64_t *axes, size_t axisCount, const char *name) {
    return guarded([&] {
      addResult(
          *nodes,
          reduce(value(*nodes, place), reduction, std::vector<int64_t>(axes, axes + axisCount)),
          name);
    });
  };
  table.nodeAddOutput = [](OTXNodesHandle *nodes, OTXPlace place, const char *name) {
    return guarded([&] { addResult(*nodes, value(*nodes, place), name); });
  };
}
