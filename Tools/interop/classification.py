#!/usr/bin/env python3
"""Check that Intel's Model API finds the same labels in our multi-label and hierarchical models.

Environment, once:
    python3 -m venv env
    env/bin/pip install openvino-model-api==0.4.7 opencv-python-headless

A model, exported:
    otx train --task MULTI_LABEL_CLS DATA --save-model-to tags && otx export tags/weights.pth
    otx train --task H_LABEL_CLS DATA --save-model-to tree && otx export tree/weights.pth

Then, on any pictures (made the size of the network first, so that both see the same pixels):
    env/bin/python Tools/interop/classification.py tags tree -- PICTURE...

Prints one line a model and resolver; exits with 1 if one fails.
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

MARGIN = 0.01  # A label this near to the threshold may be on its other side.


def exported(path):
    places = [path, path / "openvino.xml", path / "openvino" / "openvino.xml"]
    return next(place for place in places if place.suffix == ".xml" and place.is_file())


def otx_findings(otx, xml, pictures):
    command = [otx, "eval", str(xml), *pictures, "--json", "--quiet", "--precision", "fp32"]
    run = subprocess.run(command, stdout=subprocess.PIPE, check=True)
    return [{one["label"]: one["score"] for one in entry["prediction"]}
            for entry in json.loads(run.stdout)["predictions"]]


def check(otx, path, pictures):
    xml = exported(path)
    core = openvino.Core()
    _, _, height, width = core.read_model(xml).input(0).partial_shape
    size = (width.get_length(), height.get_length())
    passed = True
    with tempfile.TemporaryDirectory() as folder:
        resized = []
        for index, picture in enumerate(pictures):
            resized.append(f"{folder}/{index}.png")
            cv2.imwrite(resized[-1], cv2.resize(cv2.imread(picture), size))
        ours = otx_findings(otx, xml, resized)
        for resolver in ["greedy", "probabilistic"]:
            adapter = OpenvinoAdapter(
                core, str(xml), device="CPU",
                plugin_config={"INFERENCE_PRECISION_HINT": "f32"})
            wrapper = Model.create_model(
                adapter, configuration={"hierarchical_postproc": resolver})
            # Older versions have parameters on the wrapper itself.
            params = getattr(wrapper, "params", wrapper)
            threshold = params.confidence_threshold
            largest, count, different = 0.0, 0, []
            for picture, found in zip(resized, ours):
                theirs = {
                    label.name: float(label.confidence)
                    for label in wrapper(cv2.imread(picture)).top_labels}
                for label in set(found) | set(theirs):
                    mine, other = found.get(label), theirs.get(label)
                    if mine is None or other is None:
                        if abs((mine or other) - threshold) > MARGIN:
                            different.append((Path(picture).name, label, mine, other))
                    else:
                        largest = max(largest, abs(mine - other))
                        count += 1
            good = not different and largest < 1e-3 and count > 0
            passed &= good
            kind = "hierarchical" if params.hierarchical else "multi-label"
            print(f"{'ok  ' if good else 'FAIL'} {path} ({kind}, {resolver}): {count} labels of "
                  f"{len(pictures)} pictures, largest difference {largest:.1e}, "
                  f"{len(different)} of one side only {different[:3]}")
            if not params.hierarchical:
                break
    return passed


def main():
    arguments = sys.argv[1:]
    split = arguments.index("--") if "--" in arguments else len(arguments)
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--otx", default="otx", help="the program")
    parser.add_argument("models", type=Path, nargs="+", help="folders of exported models")
    options = parser.parse_args(arguments[:split])
    pictures = arguments[split + 1:]
    if not pictures:
        parser.error("name pictures after --")
    sys.exit(0 if all([check(options.otx, model, pictures) for model in options.models]) else 1)


if __name__ == "__main__":
    main()
