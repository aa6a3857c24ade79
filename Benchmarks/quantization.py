#!/usr/bin/env python3
"""Post-training quantisation beside NNCF's, on the same models, pictures and machine.

    python3 -m venv NNCF && NNCF/bin/pip install 'nncf==3.4.*' openvino==2026.4.1 pillow
    NNCF/bin/python Benchmarks/quantization.py --otx .build/release/otx --data BCCD outputs/openvino/openvino.xml ...

Prints for each model: whether the same places are quantised, with which ranges, the score, the latency at the
device's default precision, and what quantising took in time and memory. NNCF gets the model as OpenVINO's own
converter would have made it (normalisation folded into weights); ours does that itself.
"""

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy
import openvino


def network_input(model):
    shape = model.input().partial_shape
    return shape[2].get_length(), shape[3].get_length()


def pictures(model, files):
    """Pictures as the network takes them: resized without keeping the ratio, normalised."""
    from PIL import Image

    height, width = network_input(model)
    info = {key: model.get_rt_info(["model_info", key]).value.split() for key in ("mean_values", "scale_values")}
    mean, scale = (numpy.array([float(x) for x in info[key]], numpy.float32) for key in info)
    for file in files:
        image = numpy.asarray(Image.open(file).convert("RGB").resize((width, height), Image.BILINEAR), numpy.float32)
        yield numpy.ascontiguousarray(((image - mean) / scale).transpose(2, 0, 1)[None])


def is_layer(node):
    return node.get_type_name() == "MatMul" or "Convolution" in node.get_type_name()


def quantize(arguments):
    """NNCF's side, in a process of its own so that its memory is its own."""
    import nncf
    from openvino._offline_transformations import apply_moc_transformations

    model = openvino.Core().read_model(arguments.models[0])
    names = [node.get_friendly_name() for node in model.get_ordered_ops() if is_layer(node)]
    apply_moc_transformations(model, cf=False)
    # What is left of a layer whose normalisation was folded into it has a name of the pass.
    layers = [node for node in model.get_ordered_ops() if is_layer(node)]
    if len(layers) == len(names):
        for node, name in zip(layers, names):
            node.set_friendly_name(name)
    files = json.load(sys.stdin)
    data = nncf.Dataset(list(pictures(model, files)) if arguments.preload else pictures_again(model, files))
    start = time.perf_counter()
    options = {"subset_size": len(files)}
    if arguments.preset:
        options["preset"] = nncf.QuantizationPreset(arguments.preset)
    if arguments.model_type:
        options["model_type"] = nncf.ModelType(arguments.model_type)
    quantized = nncf.quantize(model, data, **options)
    openvino.save_model(quantized, arguments.write, compress_to_fp16=False)
    print(json.dumps({
        "seconds": time.perf_counter() - start,
        "memory": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
    }))


class pictures_again:
    """NNCF goes through the pictures several times."""

    def __init__(self, model, files):
        self.model, self.files = model, files

    def __iter__(self):
        return pictures(self.model, self.files)


def places(path):
    """What of a model is quantised: each input of an operation, and the range of its values."""
    found = {}
    between = ("Multiply", "Subtract", "Convert", "Reshape")
    for node in openvino.Core().read_model(path).get_ordered_ops():
        name = node.get_friendly_name()
        for port in node.inputs():
            source = port.get_source_output().get_node()
            if source.get_type_name() == "FakeQuantize":
                bounds = [source.input_value(i).get_node().get_data().ravel() for i in (1, 2)]
                found[(name, port.get_index(), "activation")] = (bounds, source.get_friendly_name())
            inner = source
            if node.get_type_name() in between:
                continue
            while inner.get_type_name() in between:
                inner = inner.input_value(0).get_node()
            if inner.get_type_name() == "Constant" and inner.get_element_type().get_type_name() in ("i8", "u8"):
                found[(name, port.get_index(), "weight")] = (None, "")
    return found


def compare(ours, theirs):
    only = {"ours": sorted(set(ours) - set(theirs)), "nncf": sorted(set(theirs) - set(ours))}
    worst = 0.0
    for key in set(ours) & set(theirs):
        if ours[key][0] is None:
            continue
        for own, other in zip(ours[key][0], theirs[key][0]):
            if own.shape != other.shape:
                worst = float("inf")
                continue
            worst = max(worst, float(numpy.max(numpy.abs(own - other)) / max(numpy.max(numpy.abs(other)), 1e-9)))
    return only, worst


def latencies(paths, seconds):
    """Median milliseconds of each model, in turns."""
    core = openvino.Core()
    runs = []
    for path, properties in paths:
        model = core.read_model(path)
        height, width = network_input(model)
        model.reshape([1, 3, height, width])
        request = core.compile_model(model, "CPU", {"PERFORMANCE_HINT": "LATENCY", **properties}).create_infer_request()
        request.set_input_tensor(openvino.Tensor(numpy.random.default_rng(0).normal(size=(1, 3, height, width)).astype("f4")))
        for _ in range(3):
            request.infer()
        runs.append((request, []))
    start = time.perf_counter()
    while time.perf_counter() - start < seconds or len(runs[0][1]) < 5:
        for request, times in runs:
            begin = time.perf_counter()
            request.infer()
            times.append(time.perf_counter() - begin)
    return [1000 * statistics.median(times) for _, times in runs]


def command(*words, stdin=None):
    """Runs a command; gives its output and its peak memory."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    done = subprocess.run([str(word) for word in words], input=stdin, capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"{' '.join(map(str, words))}\n{done.stderr[-3000:]}")
    return done.stdout, max(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss, before) * 1024


def training_pictures(root, count):
    """As `otx optimize` takes them: spread over the training subset, in the order of the annotations."""
    for name in ("train/_annotations.coco.json", "annotations/instances_train.json"):
        file = Path(root) / name
        if file.exists():
            folder = file.parent if "train/" in name else Path(root) / "images/train"
            items = [folder / image["file_name"] for image in json.loads(file.read_text())["images"]]
            break
    else:
        items = sorted(path for path in (Path(root) / "train").rglob("*") if path.suffix.lower() in (".jpg", ".png"))
    if len(items) > count:
        items = [items[i * len(items) // count] for i in range(count)]
    found = [str(item) for item in items if item.exists()]
    if not found:
        sys.exit(f"{root}: no training pictures; a COCO dataset with train/ or images/train/ is needed")
    return found


def compare_model(arguments, path, folder):
    files = training_pictures(arguments.data, arguments.subset_size)
    extra = (["--preset", arguments.preset] if arguments.preset else []) + (
        ["--model-type", arguments.model_type] if arguments.model_type else [])
    text, memory = command(
        arguments.otx, "optimize", path, arguments.data, "--subset-size", len(files), "--all-layers", "--force",
        "--save-model-to", folder / "ours", "--json", "--quiet", *extra)
    ours = json.loads(text)
    own = folder / "nncf.xml"
    text, _ = command(sys.executable, __file__, "--write", own, *extra, path, stdin=json.dumps(files))
    theirs = json.loads(text.strip().splitlines()[-1])
    score = json.loads(command(arguments.otx, "eval", own, arguments.data, "--subset", "val", "--json", "--quiet")[0])
    only, worst = compare(places(ours["xml"]), places(own))
    times = latencies(
        [(path, {"INFERENCE_PRECISION_HINT": "f32"}), (path, {}), (ours["xml"], {}), (own, {})], arguments.seconds)
    return {
        "model": str(path),
        "places": len(places(own)),
        "onlyOurs": [f"{name}:{port} {kind}" for name, port, kind in only["ours"]],
        "onlyNNCF": [f"{name}:{port} {kind}" for name, port, kind in only["nncf"]],
        "rangeDifference": worst,
        "before": ours["before"],
        "after": ours["after"],
        "afterNNCF": score["metrics"].get(ours["metric"]),
        "milliseconds": dict(zip(["fp32", "default", "int8", "nncf"], times)),
        "seconds": ours["quantizationSeconds"],
        "secondsNNCF": theirs["seconds"],
        "memory": ours["peakMemoryBytes"],
        "memoryNNCF": theirs["memory"],
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="+", type=Path)
    parser.add_argument("--otx", default=".build/release/otx")
    parser.add_argument("--data")
    parser.add_argument("--subset-size", type=int, default=300)
    parser.add_argument("--preset")
    parser.add_argument("--model-type")
    parser.add_argument("--seconds", type=float, default=10, help="to measure latencies for")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--write", help=argparse.SUPPRESS)
    parser.add_argument("--preload", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.write:
        return quantize(arguments)
    if not arguments.data:
        parser.error("--data is needed")
    for path in arguments.models:
        with tempfile.TemporaryDirectory() as folder:
            row = compare_model(arguments, path, Path(folder))
        if arguments.json:
            print(json.dumps(row), flush=True)
            continue
        time_ms = row["milliseconds"]
        print(f"{path}")
        print(f"  places     {row['places']}, only ours {row['onlyOurs'] or 0}, only NNCF's {row['onlyNNCF'] or 0};"
              f" ranges differ by {row['rangeDifference']:.1e}")
        print(f"  score      before {row['before']:.4f}, ours {row['after']:.4f}, NNCF's {row['afterNNCF']:.4f}")
        print(f"  latency    fp32 {time_ms['fp32']:.2f}, default {time_ms['default']:.2f}, ours {time_ms['int8']:.2f},"
              f" NNCF's {time_ms['nncf']:.2f} ms: ratio {time_ms['int8'] / time_ms['nncf']:.2f}")
        print(f"  quantising ours {row['seconds']:.1f} s, NNCF's {row['secondsNNCF']:.1f} s:"
              f" ratio {row['seconds'] / row['secondsNNCF']:.2f}")
        print(f"  memory     ours {row['memory'] / 1e6:.0f} MB, NNCF's {row['memoryNNCF'] / 1e6:.0f} MB:"
              f" ratio {row['memory'] / row['memoryNNCF']:.2f}", flush=True)


if __name__ == "__main__":
    main()
