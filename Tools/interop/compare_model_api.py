#!/usr/bin/env python3
"""Compares what Intel's Model API says with what otx says, for models of every task, fp32 and int8.

    python3 -m venv env
    env/bin/pip install openvino==2026.4.1 openvino-model-api==0.4.7 opencv-python-headless
    env/bin/python Tools/interop/compare_model_api.py --otx otx RUN PICTURES [RUN PICTURES ...]

A RUN is the folder of a trained model (weights.pth); it is exported into RUN/openvino and quantised into
RUN/int8 where that was not done. PICTURES is a folder. With --train WORK a small model of each task is
trained in WORK first, on --boxes (COCO), --kinds (a folder a label) and --hierarchy; seconds each.

Model API stretches pictures with OpenVINO's arithmetic, otx with OpenCV's, so pixels differ by one level
here and there. Pictures of the network's own size (of a tiled model: of 2 x 2 such tiles), which neither
stretches, must get the same predictions: the same labels, scores within 0.001, boxes within a pixel (Model API's are whole
numbers). The same is
shown for pictures as they are, where one finding in ten may differ: of two boxes with nearly the same
score, suppression may keep the other one.

--golden FILE writes `model_info` of every model: the repository's tests compare it with what is written.
Prints a table; exits with 1 if a model differs. Regression has no class in Model API.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import cv2
import openvino
from model_api.adapters import OpenvinoAdapter
from model_api.models import Model
from model_api.tilers import DetectionTiler

SCORE = 1e-3
# A finding this near to its threshold may be on the other side of it.
MARGIN = 2e-3


def run(*command):
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{' '.join(map(str, command))}\n{done.stderr}")
    return done.stdout


def model_info(xml):
    """Every entry of `model_info`, as text."""
    info = openvino.Core().read_model(xml).get_rt_info()["model_info"]
    return {key: str(getattr(value, "value", value)) for key, value in info.items()}


class ModelAPI:
    """Model API's wrapper, computing in 32 bits as otx does when asked to."""

    def __init__(self, xml):
        self.info = model_info(xml)
        config = {"INFERENCE_PRECISION_HINT": "f32"}
        adapter = OpenvinoAdapter(openvino.Core(), str(xml), device="CPU", plugin_config=config)
        model = Model.create_model(adapter)
        self.name = type(model).__name__
        self.is_tiled = "tile_size" in self.info
        self.call = DetectionTiler(model, execution_mode="sync") if self.is_tiled else model
        self.is_detector = self.info["task_type"] == "detection"
        several = "True" in (self.info.get("multilabel"), self.info.get("hierarchical"))
        self.is_multi_class = not self.is_detector and not several

    def findings(self, picture):
        """(label, score, box or None) of each thing found."""
        result = self.call(cv2.imread(str(picture)))
        if self.is_detector:
            return [
                (str(label), float(score), [float(side) for side in box])
                for label, score, box in zip(result.label_names, result.scores, result.bboxes)
            ]
        if self.is_multi_class:
            # Of the one label that it answers with, and of the others.
            labels = self.info["labels"].split()
            found = [(label, float(score), None) for label, score in zip(labels, result.raw_scores)]
            first = result.top_labels[0].name
            return sorted(found, key=lambda entry: (entry[0] != first, -entry[1]))
        return [(label.name, float(label.confidence), None) for label in result.top_labels]


def otx_findings(otx, xml, pictures):
    command = [otx, "eval", xml, *pictures, "--json", "--quiet", "--precision", "fp32"]
    for entry in json.loads(run(*command))["predictions"]:
        yield [
            (
                finding["label"].replace(" ", "_"),
                finding["score"],
                [finding["box"][side] for side in ("x1", "y1", "x2", "y2")]
                if finding.get("box")
                else None,
            )
            for finding in entry["prediction"]
        ]


def overlap(box, other):
    """Intersection over union."""
    width = min(box[2], other[2]) - max(box[0], other[0])
    height = min(box[3], other[3]) - max(box[1], other[1])
    shared = max(width, 0) * max(height, 0)
    areas = [(x2 - x1) * (y2 - y1) for x1, y1, x2, y2 in (box, other)]
    return shared / max(sum(areas) - shared, 1e-9)


def differences(ours, theirs, threshold, score, is_same_place):
    """What only one side found, and scores that are too far apart."""
    left, found = list(theirs), []
    for label, sure, box in ours:
        partners = [
            other
            for other in left
            if other[0] == label and (box is None or is_same_place(box, other[2]))
        ]
        if not partners:
            if abs(sure - threshold) > MARGIN:
                found.append(("only otx", label, round(sure, 4), box))
            continue
        partner = min(partners, key=lambda other: abs(other[1] - sure))
        left.remove(partner)
        if abs(partner[1] - sure) > score:
            found.append(("score", label, round(sure, 4), round(partner[1], 4)))
    found += [
        ("only Model API", label, round(sure, 4), box)
        for label, sure, box in left
        if abs(sure - threshold) > MARGIN
    ]
    return found


def largest_score_difference(ours, theirs, is_same_place):
    apart = 0
    for label, score, box in ours:
        scores = [
            abs(other[1] - score)
            for other in theirs
            if other[0] == label and (box is None or is_same_place(box, other[2]))
        ]
        apart = max(apart, min(scores, default=0))
    return apart


def compare(otx, xml, pictures, score, is_same_place, shows):
    """Findings, those that differ, the largest difference of a score, the class of Model API."""
    wrapper = ModelAPI(xml)
    threshold = float(wrapper.info["confidence_threshold"])
    differing, count, apart = 0, 0, 0.0
    for picture, ours in zip(pictures, otx_findings(otx, xml, pictures)):
        theirs = wrapper.findings(picture)
        found = differences(ours, theirs, threshold, score, is_same_place)
        # The first label is the answer of a multi-class model, unless two are as likely.
        if wrapper.is_multi_class and ours[0][0] != theirs[0][0]:
            if ours[0][1] - ours[1][1] > MARGIN:
                found.append(("first label", ours[0][0], theirs[0][0]))
        differing += len(found)
        count += len(ours)
        apart = max(apart, largest_score_difference(ours, theirs, is_same_place))
        for line in found[:3] if shows else []:
            print(f"     {Path(picture).name}: {line}")
    return count, differing, apart, wrapper.name


def within_a_pixel(box, other):
    return max(abs(a - b) for a, b in zip(box, other)) <= 1.001


def by_half(box, other):
    return overlap(box, other) >= 0.5


def network_size(xml):
    shape = openvino.Core().read_model(xml).input(0).partial_shape
    return shape[2].get_length(), shape[3].get_length()


def with_plain_tiles(xml, folder):
    """A copy of a tiled model whose tiles are as large as its input and do not overlap.

    Nothing stretches them then, and both programs lay them alike: with an overlap, Model API takes what
    is left at the border as a smaller tile, and otx moves the last tile back into the picture.
    """
    height, width = network_size(xml)
    info, text = model_info(xml), xml.read_text()
    size, overlap = info["tile_size"], info["tiles_overlap"]
    for old, new in (
        (f'<tile_size value="{size}"', f'<tile_size value="{min(height, width)}"'),
        (f'<tiles_overlap value="{overlap}"', '<tiles_overlap value="0.0"'),
        (f"tileSize&quot;:&quot;{size}x{size}", f"tileSize&quot;:&quot;{height}x{width}"),
        (f"overlap&quot;:{overlap}", "overlap&quot;:0"),
    ):
        if old not in text:
            sys.exit(f"{xml} does not say {old}")
        text = text.replace(old, new)
    copy = Path(folder) / "openvino.xml"
    copy.write_text(text)
    copy.with_suffix(".bin").symlink_to(xml.with_suffix(".bin").resolve())
    return copy


def models(otx, folder):
    """The fp32 and the int8 model of a run."""
    plain, small = folder / "openvino/openvino.xml", folder / "int8/openvino.xml"
    if not plain.is_file():
        run(otx, "export", folder / "weights.pth", "--save-model-to", plain.parent, "--quiet")
    if not small.is_file():
        goal = ["--save-model-to", small.parent, "--max-drop", "1", "--quiet"]
        run(otx, "optimize", plain, *goal)
    return [("fp32", plain), ("int8", small)]


def check(otx, folder, pictures, shows):
    """Prints the table's rows of one run; whether all is well."""
    good = True
    for kind, xml in models(otx, folder):
        info = model_info(xml)
        height, width = network_size(xml)
        with tempfile.TemporaryDirectory() as work:
            own = []
            for index, picture in enumerate(pictures):
                own.append(f"{work}/{index:04}.png")
                image = cv2.imread(str(picture))
                tiles = 2 if "tile_size" in info else 1
                cv2.imwrite(own[-1], cv2.resize(image, (tiles * width, tiles * height)))
            model = with_plain_tiles(xml, work) if "tile_size" in info else xml
            exact = compare(otx, model, own, SCORE, within_a_pixel, shows)
        free = compare(otx, xml, pictures, 0.1, by_half, False)
        # Model API rounds boxes to whole pixels before it puts tiles together.
        allowed = 0.01 * exact[0] if "tile_size" in info else 0
        passed = exact[0] > 0 and exact[1] <= allowed and free[1] <= max(1, 0.1 * free[0])
        good &= passed
        print(
            f"{folder.name:14} {kind:5} {exact[3]:20} {exact[0]:6} {exact[1]:5} {exact[2]:9.1e} "
            f"{free[0]:6} {free[1]:5} {free[2]:9.1e}  {'ok' if passed else 'DIFFERS'}",
            flush=True,
        )
    one, other = (model_info(xml) for _, xml in models(otx, folder))
    if one != other:
        print(f"{folder.name}: model_info of int8 differs: {set(one.items()) ^ set(other.items())}")
        good = False
    return good


def train(otx, arguments):
    """Small models of every task that Model API knows; (run, pictures) of each."""
    boxes, work = arguments.boxes, arguments.train
    plans = []
    if arguments.kinds:
        plans.append(("multiclass", arguments.kinds, "mobilenet_v3_small", "96x96", []))
    if arguments.hierarchy:
        plans.append(("hierarchical", arguments.hierarchy, "mobilenet_v3_small", "96x96", []))
    if boxes:
        task = ["--task", "MULTI_LABEL_CLS"]
        plans.append(("multilabel", boxes, "mobilenet_v3_small", "128x128", task))
        for name, model in (
            ("ssd", "ssd_mobilenetv2"), ("atss", "atss_mobilenetv2"), ("yolox", "yolox_tiny")
        ):
            plans.append((name, boxes, model, "256x256", []))
        tiles = ["--set", "data.tiling.enabled=true"]
        plans.append(("tiled", boxes, "ssd_mobilenetv2", "256x256", tiles))
    for name, data, model, size, options in plans:
        folder = work / name
        if not (folder / "weights.pth").is_file():
            run(
                otx, "train", data, "--model", model, "--input-size", size, "--max-epochs", "3",
                "--report", "none", "--work-dir", work / "runs", "--save-model-to", folder,
                "--quiet", *options,
            )
        yield folder, data


def pictures_in(folder, count):
    found = sorted(
        path
        for path in Path(folder).rglob("*")
        if path.suffix.lower() in (".jpg", ".jpeg", ".png") and "train" not in path.parts
    )
    return [str(path) for path in found[:: max(1, len(found) // count)][:count]]


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--otx", default="otx", help="the program")
    parser.add_argument("--count", type=int, default=20, help="pictures of each model")
    parser.add_argument("--golden", type=Path, help="where model_info of all models goes")
    parser.add_argument("--train", type=Path, metavar="WORK", help="train small models first")
    parser.add_argument("--boxes", type=Path)
    parser.add_argument("--kinds", type=Path)
    parser.add_argument("--hierarchy", type=Path)
    parser.add_argument("--show", action="store_true", help="print what differs")
    parser.add_argument("pairs", nargs="*", type=Path, metavar="RUN PICTURES")
    arguments = parser.parse_args()
    pairs = list(zip(arguments.pairs[::2], arguments.pairs[1::2]))
    if arguments.train:
        pairs += train(arguments.otx, arguments)
    if not pairs:
        parser.error("name a run and pictures, or --train")
    print(
        "                                             network's size         pictures as they are\n"
        "model          type  Model API's class     found  diff     score  found  diff     score"
    )
    good, golden = True, {}
    for folder, data in pairs:
        good &= check(arguments.otx, folder, pictures_in(data, arguments.count), arguments.show)
        golden[folder.name] = model_info(folder / "openvino/openvino.xml")
    if arguments.golden:
        arguments.golden.write_text(json.dumps(golden, indent=1, sort_keys=True) + "\n")
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
