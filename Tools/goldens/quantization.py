#!/usr/bin/env python3
"""Where NNCF quantises networks: the operations of each as a plain graph, and the places of its quantisers.

    python3 -m venv NNCF && NNCF/bin/pip install 'nncf==3.4.*' openvino==2026.4.1
    NNCF/bin/python Tools/goldens/quantization.py resnet18=PATH/openvino.xml ... [--model-type transformer] [--preset mixed]

Writes Tests/OTXOpenVINOTests/Goldens/quantization-NAME.json. Weights do not matter for the places; the networks are
exported by `otx export` at a small size.
"""

import argparse
import json
from pathlib import Path

import nncf
import numpy
import openvino
from openvino._offline_transformations import apply_moc_transformations

FOLDER = Path(__file__).resolve().parents[2] / "Tests/OTXOpenVINOTests/Goldens"
ATTRIBUTES = ("transpose_a", "transpose_b")


def is_layer(node):
    return node.get_type_name() == "MatMul" or "Convolution" in node.get_type_name()


def simplified(path):
    """The model as OpenVINO's converter would have made it, with the layers' own names."""
    core = openvino.Core()
    names = [node.get_friendly_name() for node in core.read_model(path).get_ordered_ops() if is_layer(node)]
    model = core.read_model(path)
    apply_moc_transformations(model, cf=False)
    layers = [node for node in model.get_ordered_ops() if is_layer(node)]
    if len(layers) == len(names):
        for node, name in zip(layers, names):
            node.set_friendly_name(name)
    return model


def described(model):
    nodes = model.get_ordered_ops()
    index = {node.get_friendly_name(): i for i, node in enumerate(nodes)}
    assert len(index) == len(nodes)
    rows = []
    for node in nodes:
        inputs = [port.get_source_output() for port in node.inputs()]
        attributes = node.get_attributes()
        rows.append({
            "type": node.get_type_name(),
            "name": node.get_friendly_name(),
            "inputs": [[index[out.get_node().get_friendly_name()], out.get_index()] for out in inputs],
            "outputs": [{
                "element": out.get_element_type().get_type_name(),
                "shape": [-1 if d.is_dynamic else d.get_length() for d in out.get_partial_shape()]
                if out.get_partial_shape().rank.is_static else None,
            } for out in (node.outputs() if node.get_type_name() != "Result" else [])],
            "attributes": {key: str(attributes[key]).lower() for key in ATTRIBUTES if key in attributes},
        })
    return rows


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("models", nargs="+", help="NAME=openvino.xml")
    parser.add_argument("--model-type")
    parser.add_argument("--preset")
    arguments = parser.parse_args()
    for word in arguments.models:
        name, path = word.split("=", 1)
        model = simplified(path)
        nodes = described(model)
        shape = [1 if d.is_dynamic else d.get_length() for d in model.input().get_partial_shape()]
        options = {}
        if arguments.model_type:
            options["model_type"] = nncf.ModelType(arguments.model_type)
        if arguments.preset:
            options["preset"] = nncf.QuantizationPreset(arguments.preset)
        picture = numpy.random.default_rng(0).normal(size=shape).astype("f4")
        quantized = nncf.quantize(
            model, nncf.Dataset([picture]), subset_size=1,
            advanced_parameters=nncf.AdvancedQuantizationParameters(backend_params={"compress_weights": False}), **options)
        places = {}
        for node in quantized.get_ordered_ops():
            if node.get_type_name() == "FakeQuantize":
                is_weight = "/fq_weights_" in node.get_friendly_name()
                places[node.get_friendly_name()] = not is_weight and len(node.input_value(1).get_node().get_data().ravel()) > 1
        golden = {"modelType": arguments.model_type or "", "preset": arguments.preset or "", "nodes": nodes, "places": places}
        file = FOLDER / f"quantization-{name}.json"
        file.write_text(json.dumps(golden, separators=(",", ":"), sort_keys=True) + "\n")
        print(file, file.stat().st_size, len(places))


if __name__ == "__main__":
    main()
