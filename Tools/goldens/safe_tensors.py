"""Files that the `safetensors` package wrote, in hex, with what they hold.

    ENV/bin/pip install safetensors
    ENV/bin/python Tools/goldens/safe_tensors.py          # writes the goldens
    ENV/bin/python Tools/goldens/safe_tensors.py FILE …   # opens files of ours as users do
"""

import json
import sys

import safetensors
import safetensors.torch
import torch

from checkpoints import described, network, types
from common import REPOSITORY

CASES = {
    "network": (dict(network().state_dict()), {"format": "pt"}),
    "types": (types(), None),
    "shapes": (
        {"scalar": torch.tensor(5), "empty": torch.zeros(0, 4), "row": torch.arange(3.0)}, None),
    "names": (
        {'a "quoted" \\ name': torch.ones(1), "zürich": torch.zeros(2), "tab\there": torch.ones(2),
         "😀": torch.ones(1), "\u0001": torch.ones(1)},
        {'key "1"': "line\nfeed"}),
    "nothing": ({}, None),
}


def main():
    cases = {}
    for name, (state, metadata) in CASES.items():
        data = safetensors.torch.save(state, metadata)
        cases[name] = {
            "file": data.hex(),
            "metadata": metadata or {},
            "tensors": [{"name": key, **described(value)} for key, value in state.items()],
        }
    path = REPOSITORY / "Tests/OTXCoreTests/Goldens/safetensors.json"
    content = {"safetensors": safetensors.__version__, "cases": cases}
    path.write_text(json.dumps(content, indent=1) + "\n")
    print(f"{path.relative_to(REPOSITORY)}: {path.stat().st_size} bytes")


def check(paths):
    for path in paths:
        with safetensors.safe_open(path, "pt") as file:
            print(f"{path}: {len(file.keys())} tensors, metadata {file.metadata()}")
            for key in file.keys():
                item = file.get_tensor(key)
                print(f"  {key}: {item.dtype} {tuple(item.shape)} {item.flatten()[:4].tolist()}")


if __name__ == "__main__":
    check(sys.argv[1:]) if len(sys.argv) > 1 else main()
