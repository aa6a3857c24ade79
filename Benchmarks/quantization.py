#!/usr/bin/env python3
"""Post-training quantisation beside NNCF's, on the same models, pictures and machine.

    python3 -m venv NNCF && NNCF/bin/pip install 'nncf==3.4.*' openvino==2026.4.1 pillow
    NNCF/bin/python Benchmarks/quantization.py --otx .build/release/otx --data BCCD outputs/openvino/openvino.xml ...

Prints a table: whether the same places are quantised, with which ranges, the scores, latencies and pictures a second
(whole numbers beside the device's default arithmetic), and what quantising took in time and memory. NNCF gets the
model as OpenVINO's own converter would have made it (normalisation folded into weights); ours does that itself.
`quantization.sh` trains the networks first.
"""

import argparse
import json
import os
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
        "memory": peak_memory(),
    }))


def peak_memory():
    """Bytes; not of getrusage, which counts what the process that started this one held."""
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmHWM"))


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


class Variant:
    """A model in one arithmetic, compiled to answer soon and to answer many."""

    def __init__(self, core, path, properties):
        model = core.read_model(path)
        height, width = network_input(model)
        model.reshape([1, 3, height, width])
        noise = numpy.random.default_rng(0).normal(size=(1, 3, height, width)).astype("f4")
        tensor = openvino.Tensor(noise)
        self.request = core.compile_model(
            model, "CPU", {"PERFORMANCE_HINT": "LATENCY", **properties}).create_infer_request()
        self.request.set_input_tensor(tensor)
        many = core.compile_model(model, "CPU", {"PERFORMANCE_HINT": "THROUGHPUT", **properties})
        self.queue = openvino.AsyncInferQueue(many, many.get_property("OPTIMAL_NUMBER_OF_INFER_REQUESTS"))
        self.tensor = tensor
        self.single = core.compile_model(
            model, "CPU", {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_NUM_THREADS": 1, **properties}
        ).create_infer_request()
        self.single.set_input_tensor(tensor)
        self.times, self.busy, self.rates = [], [], []
        for _ in range(3):
            self.request.infer()
            self.single.infer()

    def latency(self):
        begin = time.perf_counter()
        self.request.infer()
        return time.perf_counter() - begin

    def cpu_time(self):
        """What one thread computes for, which other programs hardly touch."""
        begin = time.process_time()
        self.single.infer()
        return time.process_time() - begin

    def rate(self, seconds):
        """Pictures a second, several at a time."""
        begin, count = time.perf_counter(), 0
        while time.perf_counter() - begin < seconds:
            self.queue.start_async({0: self.tensor})
            count += 1
        self.queue.wait_all()
        return count / (time.perf_counter() - begin)


def speeds(variants, seconds):
    """Of each variant: median milliseconds, milliseconds of CPU time (the least of many runs on one thread), pictures a
    second (the median turn). All take turns: what else the machine does hits all."""
    core = openvino.Core()
    runs = [Variant(core, path, properties) for path, properties in variants]
    start = time.perf_counter()
    while time.perf_counter() - start < seconds or len(runs[0].times) < 9:
        for run in runs:
            run.times.append(run.latency())
            run.busy.append(run.cpu_time())
    for turn in range(9):
        for run in runs:
            rate = run.rate(seconds / 40)
            if turn > 0:  # the first warms up
                run.rates.append(rate)
    return [
        (1000 * statistics.median(run.times), 1000 * min(run.busy), statistics.median(run.rates)) for run in runs]


def command(*words, stdin=None):
    """What a command prints."""
    done = subprocess.run([str(word) for word in words], input=stdin, capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"{' '.join(map(str, words))}\n{done.stderr[-3000:]}")
    return done.stdout


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


def compare_model(arguments, path, data, folder):
    files = training_pictures(data, arguments.subset_size)
    extra = (["--preset", arguments.preset] if arguments.preset else []) + (
        ["--model-type", arguments.model_type] if arguments.model_type else [])

    def optimize(name, *options):
        text = command(
            arguments.otx, "optimize", path, data, "--subset-size", len(files), "--save-model-to", folder / name,
            "--json", "--quiet", *options, *extra)
        return json.loads(text)

    # The same places as NNCF's, whatever that does to score and speed; then as users get it.
    same, ours = optimize("same", "--all-layers", "--force"), optimize("ours")
    own = folder / "nncf.xml"
    text = command(sys.executable, __file__, "--write", own, *extra, path, stdin=json.dumps(files))
    theirs = json.loads(text.strip().splitlines()[-1])
    score = json.loads(command(arguments.otx, "eval", own, data, "--subset", "val", "--json", "--quiet"))
    only, worst = compare(places(same["xml"]), places(own))
    names = ["fp32", "bf16", "same", "ours", "nncf"]
    variants = [
        (path, {"INFERENCE_PRECISION_HINT": "f32"}), (path, {"INFERENCE_PRECISION_HINT": "bf16"}),
        (same["xml"], {}), (ours["xml"], {}), (own, {})]
    if "BF16" not in openvino.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES"):
        del names[1], variants[1]
    times = speeds(variants, arguments.seconds)
    return {
        "model": path.parent.parent.name if path.parent.name == "openvino" else path.stem,
        "places": len(places(own)),
        "onlyOurs": [f"{name}:{port} {kind}" for name, port, kind in only["ours"]],
        "onlyNNCF": [f"{name}:{port} {kind}" for name, port, kind in only["nncf"]],
        "rangeDifference": worst,
        "metric": ours["metric"],
        "before": ours["before"],
        "same": same["after"],
        "after": ours["after"],
        "afterNNCF": score["metrics"].get(ours["metric"]),
        "leftForScore": len(ours["revertedForScore"]),
        "leftForSpeed": len(ours["revertedForSpeed"]),
        "milliseconds": dict(zip(names, [latency for latency, _, _ in times])),
        "cpuMilliseconds": dict(zip(names, [busy for _, busy, _ in times])),
        "picturesPerSecond": dict(zip(names, [rate for _, _, rate in times])),
        "seconds": same["quantizationSeconds"],
        "secondsNNCF": theirs["seconds"],
        "memory": same["peakMemoryBytes"],
        "memoryNNCF": theirs["memory"],
    }


def table(rows):
    """The rows as a Markdown table; 'same' is ours with all of NNCF's places, 'ours' as users get it."""
    variants = list(rows[0]["milliseconds"])
    lines = [[
        "model", "places", "score " + "/".join(["fp32", "same", "ours", "NNCF"]),
        "left", "latency, ms: " + "/".join(variants), "CPU time, ms", "pictures/s",
        "CPU time to NNCF's: same/ours", "seconds", "memory, MB"]]
    for row in rows:
        busy = row["cpuMilliseconds"]
        differing = len(row["onlyOurs"]) + len(row["onlyNNCF"])
        lines.append([
            row["model"], f"{row['places']}" + (f" ({differing} differ)" if differing else ""),
            "/".join(f"{row[key]:.4f}" for key in ("before", "same", "after", "afterNNCF")),
            f"{row['leftForScore'] + row['leftForSpeed']}",
            "/".join(f"{row['milliseconds'][name]:.2f}" for name in variants),
            "/".join(f"{busy[name]:.2f}" for name in variants),
            "/".join(f"{row['picturesPerSecond'][name]:.0f}" for name in variants),
            f"{busy['same'] / busy['nncf']:.2f}/{busy['ours'] / busy['nncf']:.2f}",
            f"{row['seconds']:.1f}/{row['secondsNNCF']:.1f} = {row['seconds'] / row['secondsNNCF']:.2f}",
            f"{row['memory'] / 1e6:.0f}/{row['memoryNNCF'] / 1e6:.0f} = {row['memory'] / row['memoryNNCF']:.2f}"])
    lines.insert(1, ["---"] * len(lines[0]))
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="+", help="MODEL.xml, or MODEL.xml=DATA for data of its own")
    parser.add_argument("--otx", default=".build/release/otx")
    parser.add_argument("--data")
    parser.add_argument("--subset-size", type=int, default=300)
    parser.add_argument("--preset")
    parser.add_argument("--model-type")
    parser.add_argument("--seconds", type=float, default=10, help="to measure latencies for, and pictures a second")
    parser.add_argument("--json", help="a file for the figures, one line a model")
    parser.add_argument("--keep", type=Path, help="a folder for the quantised models")
    parser.add_argument("--write", help=argparse.SUPPRESS)
    parser.add_argument("--preload", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.write:
        return quantize(arguments)
    rows = []
    for model in arguments.models:
        path, _, data = model.partition("=")
        if not data and not arguments.data:
            parser.error("--data is needed")
        with tempfile.TemporaryDirectory() as scratch:
            folder = arguments.keep / str(len(rows)) if arguments.keep else Path(scratch)
            folder.mkdir(parents=True, exist_ok=True)
            row = compare_model(arguments, Path(path), data or arguments.data, folder)
        rows.append(row)
        print(f"{row['model']}: load {os.getloadavg()[0]:.1f}; places only ours {row['onlyOurs'] or 0}, only NNCF's"
              f" {row['onlyNNCF'] or 0}; ranges differ by {row['rangeDifference']:.1e}", file=sys.stderr, flush=True)
        if arguments.json:
            with open(arguments.json, "a") as file:
                file.write(json.dumps(row) + "\n")
    print(table(rows))


if __name__ == "__main__":
    main()
