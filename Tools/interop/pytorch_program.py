"""Compares what model.py of `otx export --format pytorch` says with what `otx eval` says.

    python Tools/interop/pytorch_program.py OTX CHECKPOINT PICTURE ...
    python Tools/interop/pytorch_program.py --package FOLDER PICTURE ...

OTX is the program; Python needs torch, torchvision, numpy and pillow. Labels must be the same; scores
and values may differ by 0.002, boxes by half a pixel (libjpeg of Pillow may decode a level apart).
--package compares pytorch/model.py of an unpacked package of `otx deploy` with its otx-run, both in 32
bits, and hands model.py what is no picture: a message must come, and no traceback.
"""

import json
import os
import subprocess
import sys
import tempfile


def output(*command):
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def apart(one, other):
    """How far two findings of the same label are from each other: of boxes, pixels of the worst side."""
    if other.get("box"):
        return max(abs(one["box"][side] - other["box"][side]) for side in other["box"])
    return abs(one["score"] - other["score"])


def differences(found, expected):
    labels = [sorted(entry["label"] for entry in side) for side in (found, expected)]
    if labels[0] != labels[1]:
        yield f"labels {labels[0]} instead of {labels[1]}"
        return
    # The order of those with nearly the same score says nothing: the nearest is the same.
    left = list(found)
    for other in expected:
        one = min(
            (entry for entry in left if entry["label"] == other["label"]),
            key=lambda entry: apart(entry, other),
        )
        left.remove(one)
        for name, allowed in (("score", 2e-3), ("value", 2e-3)):
            difference = abs((one.get(name) or 0) - (other.get(name) or 0))
            if difference > allowed * max(1, abs(other.get(name) or 0)):
                yield f"{one['label']}: {name} {one[name]} instead of {other[name]}"
        if other.get("box") and apart(one, other) > 0.5:
            yield f"{one['label']}: box {one['box']} instead of {other['box']}"
    first, other = expected[:2] if len(expected) > 1 else (None, None)
    if first and found[0]["label"] != first["label"] and first["score"] - other["score"] > 4e-3:
        yield f"{found[0]['label']} comes first instead of {first['label']}"


def compare(found, expected):
    """Prints what differs; how many pictures do."""
    failed = 0
    for one, other in zip(found, expected, strict=True):
        lines = list(differences(one["prediction"], other["prediction"]))
        failed += bool(lines)
        for line in lines:
            print(f"{other['image']}: {line}")
    count = sum(len(entry["prediction"]) for entry in expected)
    print(f"{len(expected)} pictures, {count} findings, {failed} pictures differ")
    return failed


def check_bad_input(program, picture):
    """Hands the program what is no picture, with one that is; how often it does wrong."""
    failed = 0
    with tempfile.TemporaryDirectory() as folder:
        os.mkdir(f"{folder}/empty")
        with open(f"{folder}/text.jpg", "w") as file:
            file.write("no picture")
        with open(picture, "rb") as file, open(f"{folder}/half.jpg", "wb") as half:
            half.write(file.read()[:600])
        for name in ("missing.jpg", "text.jpg", "half.jpg", "empty"):
            path = f"{folder}/{name}"
            run = subprocess.run(
                [sys.executable, program, path, picture], capture_output=True, text=True
            )
            said = run.stderr.strip().splitlines()
            good = run.returncode == 1 and len(said) == 1 and path in said[0]
            good &= len(json.loads(run.stdout)["predictions"]) == 1
            failed += not good
            print(f"{name}: {run.stderr.strip()}{'' if good else '  WRONG'}")
    return failed


def check_package(folder, pictures):
    run = subprocess.run(
        [f"{folder}/otx-run", "--precision", "fp32", *pictures],
        check=True, capture_output=True, text=True,
    )
    expected = [json.loads(line) for line in run.stdout.splitlines() if line.startswith("{")]
    program = f"{folder}/pytorch/model.py"
    found = output(sys.executable, program, *pictures)["predictions"]
    return compare(found, expected) + check_bad_input(program, pictures[0])


def main():
    if sys.argv[1] == "--package":
        sys.exit(check_package(sys.argv[2], sys.argv[3:]) > 0)
    otx, checkpoint, pictures = sys.argv[1], sys.argv[2], sys.argv[3:]
    expected = output(otx, "eval", checkpoint, *pictures, "--json", "--quiet")["predictions"]
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(
            [otx, "export", checkpoint, "--format", "pytorch", "--save-model-to", folder, "--quiet"],
            check=True,
            stdout=subprocess.DEVNULL,
        )
        found = output(sys.executable, f"{folder}/model.py", *pictures)["predictions"]
    sys.exit(compare(found, expected) > 0)


if __name__ == "__main__":
    main()
