// A recorded graph, shown to OpenVINO's PyTorch front end as if TorchScript had made it.

#include <algorithm>
#include <map>
#include <openvino/frontend/manager.hpp>
#include <openvino/frontend/pytorch/decoder.hpp>
#include <openvino/op/constant.hpp>
#include <openvino/op/convert.hpp>
#include <openvino/op/shape_of.hpp>
#include <openvino/pass/constant_folding.hpp>
#include <openvino/pass/manager.hpp>
#include <unordered_set>
#include <vector>

#include "Common.hpp"

namespace {

namespace frontend = ov::frontend;
namespace type = ov::frontend::type;
using ov::op::v0::Constant;

struct Value {
  std::string name;
  ov::Any type;
  int rank;
  bool isNone;
};

struct Node {
  std::string name;
  std::vector<size_t> inputs, outputs;
  std::shared_ptr<Constant> constant;
  std::string text;
};

struct Input {
  std::string name;
  size_t value;
  ov::PartialShape shape;
};

struct Output {
  std::string name;
  size_t value;
};

struct Graph {
  std::vector<Value> values;
  std::vector<Node> nodes;
  std::vector<Input> inputs;
  std::vector<Output> outputs;
  // The ids of the ports alone, as the decoder hands them out.
  std::vector<size_t> inputValues, outputValues;

  void check(size_t value) const {
    if (value >= values.size())
      throw std::out_of_range(
          "the graph has " + std::to_string(values.size()) + " values; value " +
          std::to_string(value) + " is not one of them");
  }
};

ov::Any valueType(OTXValueType value, OTXElement element) {
  const ov::Any integer = type::PyScalar(ov::Any(ov::element::i64));
  const ov::Any real = type::PyScalar(ov::Any(ov::element::f32));
  const ov::Any boolean = type::PyScalar(ov::Any(ov::element::boolean));
  switch (value) {
    case OTX_VALUE_TENSOR: return type::Tensor(ov::Any(otx::elementType(element)));
    case OTX_VALUE_BOOL: return boolean;
    case OTX_VALUE_INT: return integer;
    case OTX_VALUE_DOUBLE: return real;
    case OTX_VALUE_STRING: return type::Str();
    case OTX_VALUE_INT_LIST: return type::List(integer);
    case OTX_VALUE_DOUBLE_LIST: return type::List(real);
    case OTX_VALUE_BOOL_LIST: return type::List(boolean);
    case OTX_VALUE_TENSOR_LIST:
      return type::List(type::Tensor(ov::Any(otx::elementType(element))));
    case OTX_VALUE_NONE: break;
  }
  return type::PyNone();
}

/// The whole graph (`node` NULL), or one node of it.
class Decoder final : public frontend::pytorch::TorchDecoder {
 public:
  Decoder(std::shared_ptr<const Graph> graph, const Node *node) : graph(graph), node(node) {}

  const std::vector<size_t> &inputs() const override {
    return node ? node->inputs : graph->inputValues;
  }
  const std::vector<size_t> &outputs() const override {
    return node ? node->outputs : graph->outputValues;
  }
  size_t output(size_t index) const override { return outputs().at(index); }
  size_t num_of_outputs() const override { return outputs().size(); }
  size_t output_list_size() const override { return 0; }

  const std::string &get_input_debug_name(size_t index) const override {
    return node ? input(index).name : graph->inputs.at(index).name;
  }
  const std::string &get_input_signature_name(size_t index) const override {
    return get_input_debug_name(index);
  }
  const std::string &get_output_debug_name(size_t index) const override {
    return node ? graph->values.at(output(index)).name : graph->outputs.at(index).name;
  }
  ov::PartialShape get_input_shape(size_t index) const override {
    return node ? shape(input(index)) : graph->inputs.at(index).shape;
  }
  ov::PartialShape get_output_shape(size_t index) const override {
    return shape(graph->values.at(output(index)));
  }
  ov::Any get_input_type(size_t index) const override { return input(index).type; }
  ov::Any get_output_type(size_t index) const override {
    return graph->values.at(output(index)).type;
  }
  bool input_is_none(size_t index) const override {
    return index >= inputs().size() || input(index).isNone;
  }
  const std::vector<size_t> &get_input_strides(size_t) const override { return noStrides; }

  const std::string &get_op_type() const override { return node ? node->name : nothing; }
  const std::string &get_schema() const override { return nothing; }
  const std::string &as_string() const override { return node ? node->text : nothing; }
  ov::OutputVector as_constant() const override {
    if (!node || !node->constant) return {};
    return node->constant->outputs();
  }
  std::shared_ptr<ov::Node> mark_node(std::shared_ptr<ov::Node> made) const override {
    if (node && !node->outputs.empty() && made != node->constant)
      made->set_friendly_name(graph->values[node->outputs[0]].name);
    return made;
  }

  size_t get_subgraph_size() const override { return node ? 0 : 1; }
  void visit_subgraph(std::function<void(std::shared_ptr<TorchDecoder>)> visit) const override {
    if (node) return;
    for (const Node &each : graph->nodes) visit(std::make_shared<Decoder>(graph, &each));
  }
  std::shared_ptr<TorchDecoder> get_subgraph_decoder(size_t) const override { return nullptr; }

  const std::string &decoder_type_name() const override { return torchScript; }

  // What only other kinds of graphs have.
  ov::Any const_input(size_t) const override { return {}; }
  ov::OutputVector try_decode_get_attr() const override { return {}; }
  bool may_produce_alias(size_t, size_t) const override { return false; }
  bool is_input_inlined(size_t) const override { return false; }
  std::shared_ptr<TorchDecoder> get_inlined_input_decoder(size_t) const override { return nullptr; }
  ov::Any get_attribute(const std::string &) const override { return {}; }
  size_t get_named_input(const std::string &name) const override {
    throw std::runtime_error("a recorded operator has no input named " + name);
  }
  frontend::pytorch::DecoderRTInfo get_rt_info() const override { return {}; }
  bool has_converter() const override { return false; }
  ov::OutputVector convert(const frontend::NodeContext *) const override { return {}; }

 private:
  std::shared_ptr<const Graph> graph;
  const Node *node;
  const std::vector<size_t> noStrides;
  const std::string nothing, torchScript = "ts";

  const Value &input(size_t index) const { return graph->values.at(inputs().at(index)); }

  static ov::PartialShape shape(const Value &value) {
    return value.rank < 0 ? ov::PartialShape::dynamic() : ov::PartialShape::dynamic(value.rank);
  }
};

/// Computes what depends on no input once, here, instead of storing how to compute it: the front end
/// writes half of a network's nodes to find out the shapes of weights and to convert them to the type
/// they have. A weight that comes out in another shape keeps its name.
void simplify(std::shared_ptr<ov::Model> model, const Graph &graph) {
  std::unordered_set<std::string> weights;
  for (const Node &node : graph.nodes)
    if (node.constant && node.constant->get_shape().size() > 0)
      weights.insert(graph.values[node.outputs[0]].name);

  std::unordered_set<const ov::Node *> constants;
  for (const auto &node : model->get_ordered_ops()) {
    const auto inputs = node->input_values();
    const bool isConstant = inputs.empty() ? ov::is_type<Constant>(node)
                                           : std::all_of(inputs.begin(), inputs.end(), [&](auto &input) {
                                               return constants.count(input.get_node()) > 0;
                                             });
    if (isConstant) constants.insert(node.get());
    if (isConstant && !inputs.empty() && !ov::is_type<ov::op::v3::ShapeOf>(node) &&
        weights.count(inputs[0].get_node()->get_friendly_name()))
      node->set_friendly_name(inputs[0].get_node()->get_friendly_name());

    const auto change = ov::as_type_ptr<ov::op::v0::Convert>(node);
    if (change && change->get_destination_type() == inputs[0].get_element_type())
      change->output(0).replace(inputs[0]);
  }
  ov::pass::Manager passes;
  passes.register_pass<ov::pass::ConstantFolding>();
  passes.run_passes(model);
}

/// Gives nodes the names of their operators, without the numbers that the front end adds where one
/// operator became several nodes: the last of them, which gives the result, has the plain name.
///
/// Nodes that no operator named carry a number that depends on what the process did before; they get
/// another one, so that the same network is the same file.
void nameNodes(ov::Model &model, const Graph &graph) {
  std::unordered_set<std::string> operators;
  for (const Node &node : graph.nodes)
    if (!node.constant)
      for (size_t output : node.outputs) operators.insert(graph.values[output].name);

  std::map<std::string, std::vector<std::shared_ptr<ov::Node>>> nodes;
  for (const auto &node : model.get_ordered_ops()) {
    const std::string name = node->get_friendly_name();
    const std::string plain = name.substr(0, name.find_last_of('_'));
    if (name == node->get_name()) {
      nodes[node->get_type_name()].push_back(node);
    } else if (operators.count(name)) {
      nodes[name].push_back(node);
    } else if (operators.count(plain)) {
      nodes[plain].push_back(node);
    }
  }
  for (const auto &[name, group] : nodes) {
    for (size_t index = 0; index < group.size(); ++index)
      group[index]->set_friendly_name(name + "_" + std::to_string(index + 1));
    if (operators.count(name)) group.back()->set_friendly_name(name);
  }
}

void namePorts(ov::Model &model, const Graph &graph) {
  if (model.inputs().size() != graph.inputs.size() ||
      model.outputs().size() != graph.outputs.size())
    throw std::runtime_error(
        "the converted model has " + std::to_string(model.inputs().size()) + " inputs and " +
        std::to_string(model.outputs().size()) + " outputs, the graph " +
        std::to_string(graph.inputs.size()) + " and " + std::to_string(graph.outputs.size()));
  // What the front end called its tensors (numbers, mostly) is of no use to anyone.
  for (const auto &node : model.get_ops())
    for (auto &output : node->outputs()) output.get_tensor().set_names({});
  for (size_t index = 0; index < graph.inputs.size(); ++index) {
    model.input(index).get_tensor().add_names({graph.inputs[index].name});
    model.get_parameters()[index]->set_friendly_name(graph.inputs[index].name);
  }
  for (size_t index = 0; index < graph.outputs.size(); ++index) {
    const auto &result = model.get_results()[index];
    result->input_value(0).get_tensor().add_names({graph.outputs[index].name});
    result->set_friendly_name(graph.outputs[index].name + "/result");
  }
}

std::shared_ptr<ov::Model> convert(std::shared_ptr<const Graph> graph, const char *modelName) {
  static frontend::FrontEndManager *manager = new frontend::FrontEndManager();
  auto pytorch = manager->load_by_framework("pytorch");
  if (!pytorch)
    throw std::runtime_error(
        "OpenVINO's PyTorch front end (libopenvino_pytorch_frontend.so) was not found beside "
        "libopenvino.so");
  std::shared_ptr<frontend::pytorch::TorchDecoder> decoder =
      std::make_shared<Decoder>(graph, nullptr);
  auto loaded = pytorch->load({ov::Any(std::static_pointer_cast<frontend::IDecoder>(decoder))});
  if (!loaded) throw std::runtime_error("OpenVINO's PyTorch front end refused the graph");
  auto model = pytorch->convert(loaded);
  simplify(model, *graph);
  nameNodes(*model, *graph);
  namePorts(*model, *graph);
  model->set_friendly_name(modelName);
  return model;
}

std::vector<size_t> ids(const Graph &graph, const size_t *ids, size_t count) {
  for (size_t index = 0; index < count; ++index) graph.check(ids[index]);
  return {ids, ids + count};
}

}  // namespace

struct OTXGraphHandle {
  std::shared_ptr<Graph> graph = std::make_shared<Graph>();

  void addConstant(size_t value, std::shared_ptr<Constant> constant, std::string text = "") {
    graph->check(value);
    if (constant) constant->set_friendly_name(graph->values[value].name);
    graph->nodes.push_back({"prim::Constant", {}, {value}, std::move(constant), std::move(text)});
  }

  /// The shape of numbers that make up `value`: none for a single one, else a list's.
  ov::Shape numbersShape(size_t value, size_t count) const {
    graph->check(value);
    if (graph->values[value].type.is<type::List>()) return {count};
    if (count != 1)
      throw std::invalid_argument(
          graph->values[value].name + ": " + std::to_string(count) + " numbers for a single value");
    return {};
  }
};

void otx::fillGraph(OTXOpenVINOTable &table) {
  table.graphMake = [] { return new OTXGraphHandle(); };
  table.graphFree = [](OTXGraphHandle *graph) { delete graph; };

  table.graphAddValue = [](OTXGraphHandle *graph, const char *name, OTXValueType type,
                           OTXElement element, int32_t rank) {
    return guarded([&] {
      graph->graph->values.push_back(
          {name, valueType(type, element), rank, type == OTX_VALUE_NONE});
    });
  };

  table.graphAddOperator = [](OTXGraphHandle *graph, const char *name, const size_t *inputs,
                              size_t inputCount, const size_t *outputs, size_t outputCount) {
    return guarded([&] {
      graph->graph->nodes.push_back(
          {name, ids(*graph->graph, inputs, inputCount), ids(*graph->graph, outputs, outputCount),
           nullptr, ""});
    });
  };

  table.graphAddNone = [](OTXGraphHandle *graph, size_t value) {
    return guarded([&] { graph->addConstant(value, nullptr); });
  };

  table.graphAddString = [](OTXGraphHandle *graph, size_t value, const char *text) {
    return guarded([&] { graph->addConstant(value, nullptr, text); });
  };

  table.graphAddIntegers = [](OTXGraphHandle *graph, size_t value, const int64_t *numbers,
                              size_t count) {
    return guarded([&] {
      const ov::Shape shape = graph->numbersShape(value, count);
      ov::Any type = graph->graph->values[value].type;
      if (type.is<type::List>()) type = type.as<type::List>().element_type;
      const auto element = type.as<type::PyScalar>().element_type.as<ov::element::Type>();
      graph->addConstant(
          value, std::make_shared<Constant>(
                     element, shape, std::vector<int64_t>(numbers, numbers + count)));
    });
  };

  table.graphAddDoubles = [](OTXGraphHandle *graph, size_t value, const double *numbers,
                             size_t count) {
    return guarded([&] {
      const ov::Shape shape = graph->numbersShape(value, count);
      graph->addConstant(
          value, std::make_shared<Constant>(
                     ov::element::f32, shape, std::vector<double>(numbers, numbers + count)));
    });
  };

  table.graphAddTensor = [](OTXGraphHandle *graph, size_t value, OTXElement element,
                            const int64_t *shape, size_t rank, const void *bytes,
                            size_t byteCount) {
    return guarded([&] {
      const ov::element::Type type = elementType(element);
      const ov::Shape axes(shape, shape + rank);
      if (byteCount != ov::shape_size(axes) * type.size())
        throw std::invalid_argument("a tensor's bytes do not fit its shape");
      graph->addConstant(value, std::make_shared<Constant>(type, axes, bytes));
    });
  };

  table.graphAddInput = [](OTXGraphHandle *graph, const char *name, size_t value,
                           OTXElement element, const int64_t *shape, size_t rank) {
    return guarded([&] {
      graph->graph->check(value);
      std::vector<ov::Dimension> axes(shape, shape + rank);
      graph->graph->values[value].type = valueType(OTX_VALUE_TENSOR, element);
      graph->graph->inputs.push_back({name, value, ov::PartialShape(axes)});
      graph->graph->inputValues.push_back(value);
    });
  };

  table.graphAddOutput = [](OTXGraphHandle *graph, const char *name, size_t value) {
    return guarded([&] {
      graph->graph->check(value);
      graph->graph->outputs.push_back({name, value});
      graph->graph->outputValues.push_back(value);
    });
  };

  table.graphConvert = [](OTXGraphHandle *graph, const char *modelName, OTXModelHandle **model) {
    return guarded([&] { *model = new OTXModelHandle{convert(graph->graph, modelName)}; });
  };
}
