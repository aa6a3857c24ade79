"""Compares what model.py of `otx export --format pytorch` says with what `otx eval` says.

    python Tools/interop/pytorch_program.py OTX CHECKPOINT PICTURE ...

OTX is the program; Python needs torch, torchvision, numpy and pillow. Labels must be the same; scores
and values may differ by 0.002, boxes by half a pixel (libjpeg of Pillow may decode a level apart).
"""

import json
import subprocess
import sys
import tempfile


def output(*command):
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def differences(found, expected):
    if [entry["label"] for entry in found] != [entry["label"] for entry in expected]:
        labels = sorted(entry["label"] for entry in found), sorted(e["label"] for e in expected)
        if labels[0] != labels[1]:
            yield f"labels {labels[0]} instead of {labels[1]}"
            return
        # Two of all but one score may change places.
        key = lambda entry: (entry["label"], -entry["score"])
        found, expected = sorted(found, key=key), sorted(expected, key=key)
    for one, other in zip(found, expected):
        for name, allowed in (("score", 2e-3), ("value", 2e-3)):
            difference = abs((one.get(name) or 0) - (other.get(name) or 0))
            if difference > allowed * max(1, abs(other.get(name) or 0)):
                yield f"{one['label']}: {name} {one[name]} instead of {other[name]}"
        if other.get("box"):
            apart = max(abs(one["box"][side] - other["box"][side]) for side in other["box"])
            if apart > 0.5:
                yield f"{one['label']}: box {one['box']} instead of {other['box']}"


def main():
    otx, checkpoint, pictures = sys.argv[1], sys.argv[2], sys.argv[3:]
    expected = output(otx, "eval", checkpoint, *pictures, "--json", "--quiet")["predictions"]
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(
            [otx, "export", checkpoint, "--format", "pytorch", "--save-model-to", folder, "--quiet"],
            check=True,
            stdout=subprocess.DEVNULL,
        )
        found = output(sys.executable, f"{folder}/model.py", *pictures)["predictions"]
    failed = 0
    for one, other in zip(found, expected, strict=True):
        lines = list(differences(one["prediction"], other["prediction"]))
        failed += bool(lines)
        for line in lines:
            print(f"{other['image']}: {line}")
    count = sum(len(entry["prediction"]) for entry in expected)
    print(f"{len(expected)} pictures, {count} findings, {failed} pictures differ")
    sys.exit(failed > 0)


if __name__ == "__main__":
    main()
