#!/usr/bin/env python3
"""Check that other programs take what otx leaves: PyTorch, torchvision and Intel's Model API.

Environment, once:
    python3 -m venv env
    env/bin/pip install torch==2.15.0 torchvision==0.29.2 openvino==2026.4.1 \
        openvino-model-api==0.4.7 opencv-python-headless

A classifier that torchvision has, and a detector, exported:
    otx train resnet18 CLASSES --save-model-to rn18
    otx train ssd_mobilenetv2 DETECTION --save-model-to ssd
    otx export rn18/weights.pth && otx export ssd/weights.pth

Then, on any pictures:
    env/bin/python Tools/interop/check.py --classifier rn18 --detector ssd PICTURE...

Prints one line a check; exits with 1 if one fails.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

import cv2
import numpy as np
import openvino
import torch
import torchvision
from model_api.adapters import OpenvinoAdapter
from model_api.models import Model

MEAN = np.float32([123.675, 116.28, 103.53])
STD = np.float32([58.395, 57.12, 57.375])
failures = 0


def report(name, passed, detail):
    global failures
    failures += not passed
    print(f"{'ok  ' if passed else 'FAIL'} {name}: {detail}")


def otx_findings(otx, model, pictures):
    """What otx finds in each picture: a list of {label, score, box?}."""
    command = [otx, "eval", str(model), *pictures, "--json", "--quiet", "--precision", "fp32"]
    run = subprocess.run(command, stdout=subprocess.PIPE, check=True)
    return [entry["prediction"] for entry in json.loads(run.stdout)["predictions"]]


def exported(path):
    """The .xml that `path` means: itself, or the one that `otx export` left in a run's folder."""
    places = [path, path / "openvino.xml", path / "openvino" / "openvino.xml"]
    return next((place for place in places if place.suffix == ".xml" and place.is_file()), None)


def input_size(xml):
    _, _, height, width = openvino.Core().read_model(xml).input(0).partial_shape
    return height.get_length(), width.get_length()


def model_api(xml, precise=True):
    """Intel's wrapper of a model; precise: computed in f32, as `otx eval` does."""
    if not precise:
        return Model.create_model(str(xml))
    config = {"INFERENCE_PRECISION_HINT": "f32"}
    adapter = OpenvinoAdapter(openvino.Core(), str(xml), device="CPU", plugin_config=config)
    return Model.create_model(adapter)


def open_weights(weights):
    state = torch.load(weights, weights_only=True)
    passed = all(isinstance(value, torch.Tensor) for value in state.values())
    report(f"torch.load(weights_only=True) of {weights}", passed, f"{len(state)} tensors")
    return state


def probabilities(network, picture, size):
    """What the network says, the picture prepared as otx does: stretched, mean and std."""
    image = cv2.cvtColor(cv2.imread(picture), cv2.COLOR_BGR2RGB)
    image = cv2.resize(image, (size[1], size[0]), interpolation=cv2.INTER_LINEAR)
    array = ((image.astype(np.float32) - MEAN) / STD).transpose(2, 0, 1)[None]
    with torch.no_grad():
        return network(torch.from_numpy(array)).softmax(1)[0].numpy()


def model_info(weights):
    """What the checkpoint says of its model, in a record that torch passes over."""
    with zipfile.ZipFile(weights) as archive:
        record = next(name for name in archive.namelist() if name.endswith("otx/model_info.json"))
        return json.loads(archive.read(record))


def check_classifier(otx, run, pictures):
    state = open_weights(run / "weights.pth")
    info = model_info(run / "weights.pth")
    name, count = info["model"], len(info["labels"]["names"])
    network = getattr(torchvision.models, name)(num_classes=count)
    matched = network.load_state_dict(state, strict=True)
    report(f"torchvision.{name}.load_state_dict(strict=True)", True, matched)
    network.eval()

    xml = exported(run)
    size = input_size(xml)
    labels = openvino.Core().read_model(xml).get_rt_info(["model_info", "labels"]).astype(str)
    labels = labels.split()
    wrapper = model_api(xml)
    difference, api_difference, same = 0.0, 0.0, True
    for picture, findings in zip(pictures, otx_findings(otx, run / "weights.pth", pictures)):
        scores = {finding["label"].replace(" ", "_"): finding["score"] for finding in findings}
        ours = np.float32([scores[label] for label in labels])
        theirs = probabilities(network, picture, size)
        difference = max(difference, float(np.abs(ours - theirs).max()))
        result = wrapper(cv2.imread(picture))
        api_difference = max(api_difference, float(np.abs(ours - result.raw_scores).max()))
        same &= result.top_labels[0].name == labels[int(ours.argmax())]
    report(
        "torchvision's probabilities equal otx's", difference < 1e-4,
        f"{len(pictures)} pictures, largest difference {difference:.1e}")
    # Model API stretches pictures with OpenVINO's own arithmetic: a little off.
    report(
        f"{type(wrapper).__name__} of Model API says the same as otx",
        same and api_difference < 0.02,
        f"{len(pictures)} pictures, largest difference of a probability {api_difference:.1e}")


def within_a_pixel(box, other):
    return np.abs(np.subtract(box, other)).max() <= 1


def overlap_by_half(box, other):
    """Intersection over union of at least 0.5."""
    width = min(box[2], other[2]) - max(box[0], other[0])
    height = min(box[3], other[3]) - max(box[1], other[1])
    shared = max(width, 0) * max(height, 0)
    areas = [(x2 - x1) * (y2 - y1) for x1, y1, x2, y2 in (box, other)]
    return shared >= 0.5 * (sum(areas) - shared)


def unmatched(these, those, is_same_place):
    """Those of `these` (label, score, box) that have no partner of the same label and place."""
    left = list(those)
    missing = []
    for label, score, box in these:
        partner = next(
            (one for one in left
             if one[0] == label and is_same_place(one[2], box)), None)
        if partner:
            left.remove(partner)
        else:
            missing.append((label, round(score, 3), [round(float(x), 1) for x in box]))
    return missing


def detections(findings):
    """What otx found as (label, score, box)."""
    return [
        (finding["label"].replace(" ", "_"), finding["score"],
         [finding["box"][key] for key in ("x1", "y1", "x2", "y2")])
        for finding in findings]


def api_detections(wrapper, picture):
    result = wrapper(cv2.imread(picture))
    return [
        (str(label), float(score), box)
        for label, score, box in zip(result.label_names, result.scores, result.bboxes)]


def compare_detections(otx, xml, wrapper, pictures, is_same_place):
    """How many boxes otx finds, and which of both sides have no partner on the other."""
    margin = 0.02  # A detection this near to the threshold may be on its other side.
    threshold = wrapper.params.confidence_threshold

    def sure(found):
        return [one for one in found if one[1] > threshold + margin]

    total, problems = 0, []
    for picture, findings in zip(pictures, otx_findings(otx, xml, pictures)):
        ours, theirs = detections(findings), api_detections(wrapper, picture)
        total += len(sure(ours))
        for side, these, those in (("otx", ours, theirs), ("Model API", theirs, ours)):
            for one in unmatched(sure(these), those, is_same_place):
                problems.append(f"only {side}, {Path(picture).name}: {one}")
    return total, problems


def check_detector(otx, path, pictures):
    xml = exported(path)
    if (path / "weights.pth").is_file():
        open_weights(path / "weights.pth")
    wrapper = model_api(xml)
    report(
        "Model API takes the IR", True,
        f"{type(wrapper).__name__}, labels {wrapper.params.labels}, "
        f"threshold {wrapper.params.confidence_threshold:.3f}")
    # Model API stretches pictures with OpenVINO's arithmetic, otx with OpenCV's. The pixels differ
    # by one level here and there, and of two boxes with nearly the same score suppression may keep
    # the other one. Pictures of the network's size show that everything else is the same.
    height, width = input_size(xml)
    with tempfile.TemporaryDirectory() as folder:
        stretched = []
        for index, picture in enumerate(pictures):
            stretched.append(f"{folder}/{index}-{Path(picture).stem}.png")
            cv2.imwrite(stretched[-1], cv2.resize(cv2.imread(picture), (width, height)))
        total, problems = compare_detections(otx, xml, wrapper, stretched, within_a_pixel)
    report(
        "Model API finds the boxes that otx finds, pictures of the network's size",
        total > 0 and not problems,
        f"{total} boxes in {len(pictures)} pictures, all but {len(problems)} within a pixel")
    for problem in problems:
        print(f"     {problem}")
    total, problems = compare_detections(otx, xml, wrapper, pictures, overlap_by_half)
    report(
        "the same, pictures as they are", total > 0 and len(problems) <= 0.1 * total,
        f"{total} boxes in {len(pictures)} pictures, all but {len(problems)} overlap by half")
    default = model_api(xml, precise=False)
    count = sum(len(api_detections(default, picture)) for picture in pictures)
    report(
        "Model.create_model(xml), in the device's own precision", count > 0, f"{count} boxes")


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--classifier", type=Path, help="folder of an exported resnet18")
    parser.add_argument("--detector", type=Path, help="folder of an exported detector, or its .xml")
    parser.add_argument("--otx", default="otx", help="the program")
    parser.add_argument("pictures", nargs="+")
    arguments = parser.parse_args()
    if arguments.classifier:
        check_classifier(arguments.otx, arguments.classifier, arguments.pictures)
    if arguments.detector:
        check_detector(arguments.otx, arguments.detector, arguments.pictures)
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
