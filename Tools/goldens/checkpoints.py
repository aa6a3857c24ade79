"""Files that `torch.save` wrote, as text, with what they hold: what our reader must understand.

    ENV/bin/python Tools/goldens/checkpoints.py          # writes the goldens
    ENV/bin/python Tools/goldens/checkpoints.py FILE …   # opens files of ours as users do
"""

import argparse
import base64
import collections
import io
import json
import os
import pathlib
import sys

import numpy as np
import torch

from common import REPOSITORY, fill


class Dangerous:
    """A pickle that runs a program when Python opens it without care."""

    def __reduce__(self):
        return (os.system, ("exit 1",))


def saved(value, **options):
    buffer = io.BytesIO()
    torch.save(value, buffer, **options)
    return buffer.getvalue()


def old(value, **options):
    """As PyTorch before 1.6 wrote it."""
    return saved(value, _use_new_zipfile_serialization=False, **options)


def described(tensor):
    values = tensor.detach().to(torch.float64).reshape(-1).tolist()
    return {"type": str(tensor.dtype).split(".")[-1], "shape": list(tensor.shape), "values": values}


def network():
    return fill(torch.nn.Sequential(torch.nn.Conv2d(1, 2, 2), torch.nn.BatchNorm2d(2)))


def types():
    names = "float32 float64 float16 bfloat16 int64 int32 int16 int8 uint8 bool".split()
    return {name: torch.tensor([0, 1, 3]).to(getattr(torch, name)) for name in names}


def views():
    base = torch.arange(12, dtype=torch.float32).reshape(3, 4)
    return {
        "whole": base,
        "transposed": base.t(),
        "slice": base[1:, 1:3],
        "row": base[2],
        "expanded": torch.tensor([7.0]).expand(2, 3),
        "scalar": torch.tensor(5, dtype=torch.int64),
        "empty": torch.zeros(0, 4),
        "channels_last": torch.arange(8.0).reshape(1, 2, 2, 2).contiguous(
            memory_format=torch.channels_last),
        "parameter": torch.nn.Parameter(torch.tensor([1.5, -2.5])),
    }


def training():
    model = network()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    model(torch.ones(2, 1, 3, 3)).sum().backward()
    optimizer.step()
    return {
        "epoch": 3,
        "big": 2**40,
        "negative": -(2**33),
        "rate": 0.1,
        "name": "zürich",
        "nothing": None,
        "done": False,
        "pair": (1, "two"),
        "sizes": [torch.Size([2, 3])],
        "by_number": {0: 1.5, 1: [True]},
        "optimizer": optimizer.state_dict()["param_groups"],
        "state_dict": model.state_dict(),
    }


def wrapped():
    """Weights as training programs wrap them: the averaged ones are meant, and are all ones."""
    plain = network().state_dict()
    averaged = {f"module.{name}": torch.ones_like(value) for name, value in plain.items()}
    return {
        "epoch": torch.tensor(3),
        "ema": {"decay": 0.999, "module": averaged},
        "model": plain,
    }


def published():
    """Weights beside objects of a program's own, as training references leave them."""
    return {
        "model": network().state_dict(),
        "args": argparse.Namespace(lr=0.1, data=pathlib.PurePosixPath("/data"), sizes={1, 2}),
        "best": np.float64(0.5),
        "history": np.arange(3),
        "raw": b"abc",
        "program": Dangerous(),
        "frozen": frozenset({1}),
        "counts": collections.Counter("aab"),
        "defaults": collections.defaultdict(list, {"a": [1]}),
    }


def shapes():
    """Weights where programs of the world put them: the file's tree, and the weights in it."""
    state = network().state_dict()
    half = {name: value.half() if value.is_floating_point() else value for name, value in state.items()}
    brain = {name: value.bfloat16() if value.is_floating_point() else value for name, value in state.items()}
    lightning = {
        "epoch": 3, "global_step": 7, "pytorch-lightning_version": "2.4.0",
        "state_dict": {f"model.{name}": value for name, value in state.items()},
        "loops": {"fit_loop": {"state_dict": {}}}, "callbacks": {"ModelCheckpoint": {"best": torch.tensor(0.5)}},
        "optimizer_states": [{"state": {0: {"step": torch.tensor(1.0)}}, "param_groups": []}],
        "hyper_parameters": {"lr": 0.1, "root": pathlib.PurePosixPath("/data")},
    }
    return {
        "modelStateDict": ({"epoch": 1, "model_state_dict": state}, state),
        "timm": ({"arch": "resnet18", "state_dict": state, "state_dict_ema": half}, half),
        "params": ({"params": half, "params_ema": state}, state),
        "lightning": (lightning, lightning["state_dict"]),
        "dataParallel": ({f"module.{name}": value for name, value in state.items()},) * 2,
        "half": (half, half),
        "brain": (brain, brain),
        "onlyPart": ({"epoch": 3, "my_network": state, "loss": [0.5]}, state),
        "counted": ({**state, "version": 2, "extra._extra_state": None}, state),
    }


def main():
    flat = {
        "network": (saved(network().state_dict()), network().state_dict()),
        "protocol4": (saved(network().state_dict(), pickle_protocol=4), network().state_dict()),
        "types": (saved(types()), types()),
        "views": (saved(views()), views()),
        "wrapped": (saved(wrapped()), wrapped()["ema"]["module"]),
        "published": (saved(published()), network().state_dict()),
        "published4": (saved(published(), pickle_protocol=4), network().state_dict()),
        "training": (saved(training()), training()["state_dict"]),
        "legacy": (old(types()), types()),
        "legacyViews": (old(views()), views()),
        "legacyTraining": (old(training()), training()["state_dict"]),
        "legacy4": (old(network().state_dict(), pickle_protocol=4), network().state_dict()),
        **{name: (saved(value), state) for name, (value, state) in shapes().items()},
    }
    refused = {
        "dangerous": saved(collections.OrderedDict(weight=Dangerous())),
        "module": saved(network()),
        "legacyModule": old(network()),
        "several": saved({"left": network().state_dict(), "right": network().state_dict()}),
        "modelInModel": saved({"epoch": 3, "model": network()}),
        "noStateDictionary": saved([1, 2]),
    }
    cases = {
        key: {
            "file": base64.b64encode(data).decode(),
            "tensors": [{"name": name, **described(value)} for name, value in state.items()],
        }
        for key, (data, state) in flat.items()
    }
    path = REPOSITORY / "Tests/OTXCoreTests/Goldens/checkpoints.json"
    content = {
        "torch": torch.__version__.split("+")[0],
        "readable": cases,
        "refused": {key: base64.b64encode(data).decode() for key, data in refused.items()},
    }
    path.write_text(json.dumps(content, indent=1) + "\n")
    print(f"{path.relative_to(REPOSITORY)}: {path.stat().st_size} bytes")


def check(paths):
    """Opens each file the way a user does, mapped into memory as well."""
    for path in paths:
        for mapped in (False, True):
            value = torch.load(path, weights_only=True, mmap=mapped)
            print(f"{path} ({'mapped' if mapped else 'read'}): {type(value).__name__}")
        for key, item in value.items():
            if isinstance(item, torch.Tensor):
                print(f"  {key}: {item.dtype} {tuple(item.shape)} {item.flatten()[:4].tolist()}")
            else:
                print(f"  {key}: {item!r}")


if __name__ == "__main__":
    check(sys.argv[1:]) if len(sys.argv) > 1 else main()
