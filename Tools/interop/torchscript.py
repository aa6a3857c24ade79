#!/usr/bin/env python3
"""Check that torchvision's classifiers come in as TorchScript files and leave as OpenVINO models.

Environment, once: as for check.py.

    env/bin/python Tools/interop/torchscript.py write NETS resnet18 mobilenet_v3_small vit_b_16
    for net in NETS/*.pt; do
      otx train --model "$net" CLASSES --max-epochs 1 --save-model-to "${net%.pt}"
      otx export "${net%.pt}/weights.pth"
    done
    env/bin/python Tools/interop/torchscript.py check NETS

`write` scripts and traces each network for 3 labels (`--labels`). `check` loads what was trained into the
network in Python, and compares its answers with those of the exported model, for batches of 1 and 3.
Prints one line a network; exits with 1 if one fails.
"""

import argparse
import sys
import warnings
from pathlib import Path

import numpy as np
import openvino
import torch
import torchvision

warnings.filterwarnings("ignore")


def write(folder, names, labels, size):
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        torch.manual_seed(0)
        network = getattr(torchvision.models, name)(num_classes=labels)
        torch.jit.script(network).save(folder / f"{name}-scripted.pt")
        # A trace holds the mode it was made in; in eval mode normalisation keeps its statistics.
        trace = torch.jit.trace(network.eval(), torch.zeros(2, 3, size, size), check_trace=False)
        trace.save(folder / f"{name}-traced.pt")
        print(f"{name}: scripted and traced")


def difference(network, model, inputs):
    with torch.no_grad():
        expected = network(torch.from_numpy(inputs)).numpy()
    found = model(inputs)["logits"]
    return float(np.abs(found - expected).max() / np.abs(expected).max())


def check(folder, size):
    failures = 0
    core = openvino.Core()
    for file in sorted(folder.glob("*.pt")):
        run = file.with_suffix("")
        network = torch.jit.load(file).eval()
        network.load_state_dict(torch.load(run / "weights.pth", weights_only=True))
        path = next(run.rglob("openvino.xml"))
        model = core.read_model(path)
        # The file takes pictures of bytes where normalisation is inside; its own input says which.
        normalised = model.inputs[0].get_element_type() == openvino.Type.f32
        compiled = core.compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
        worst = 0.0
        for count in (1, 3):
            generator = np.random.default_rng(count)
            inputs = generator.normal(size=(count, 3, size, size)).astype(np.float32)
            worst = max(worst, difference(network, compiled, inputs))
        passed = worst <= 1e-4 and normalised
        failures += not passed
        print(f"{'ok    ' if passed else 'FAILED'} {file.stem}: {worst:.1e}")
    return failures


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("step", choices=["write", "check"])
    parser.add_argument("folder", type=Path)
    parser.add_argument("names", nargs="*", default=["resnet18", "mobilenet_v3_small"])
    parser.add_argument("--labels", type=int, default=3)
    parser.add_argument("--size", type=int, default=224)
    arguments = parser.parse_args()
    if arguments.step == "write":
        write(arguments.folder, arguments.names, arguments.labels, arguments.size)
        return
    sys.exit(1 if check(arguments.folder, arguments.size) else 0)


if __name__ == "__main__":
    main()
