"""What every script in this folder shares: tensors filled by a formula, and digests of results.

Weights and inputs are never stored. Both languages compute them with the same integer hash, which
gives the same float bit for bit (`Sources/OTXTesting/Formula.swift` is the other half).
"""

import json
import pathlib

import numpy as np
import torch

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]


def noise(count, k):
    """`count` numbers in [-1, 1), white, a function of (i, k) only (32-bit integer hash)."""
    mask = np.uint64(0xFFFFFFFF)
    i = np.arange(count, dtype=np.uint64)
    h = (i * np.uint64(0x9E3779B1) + np.uint64((k * 0x85EBCA77 + 0x165667B1) & 0xFFFFFFFF)) & mask
    h ^= h >> np.uint64(15)
    h = (h * np.uint64(0x2C1B3C6D)) & mask
    h ^= h >> np.uint64(12)
    h = (h * np.uint64(0x297A2D39)) & mask
    h ^= h >> np.uint64(15)
    return h.astype(np.float64) / 2147483648.0 - 1.0


def formula_input(shape, k=1000):
    """An input: white noise in [-1, 1). Inputs use `k` from 1000 on, weights their index."""
    count = int(np.prod(shape)) if len(shape) else 1
    return torch.from_numpy(noise(count, k).astype(np.float32)).reshape(tuple(shape))


def formula_integers(shape, below, k=2000):
    """Integers in 0 ..< below."""
    count = int(np.prod(shape)) if len(shape) else 1
    values = np.floor((noise(count, k) + 1) / 2 * below).astype(np.int64)
    return torch.from_numpy(values).reshape(tuple(shape))


def formula_weight(name, shape, k):
    """The `k`-th floating tensor of a state dictionary.

    Two and more axes: noise * sqrt(6 / fan-in) (so that deep networks keep their magnitude), where
    fan-in is the product of all axes but the first. `running_var`, scalars and one-axis `weight`
    (a normalisation's scale): 1 + 0.1 * noise. Everything else (biases, means): 0.1 * noise.
    """
    count = int(np.prod(shape)) if len(shape) else 1
    values = noise(count, k)
    if len(shape) >= 2:
        values = values * np.sqrt(6.0 / (count // shape[0]))
    elif name.endswith("running_var") or name.endswith("weight") or len(shape) == 0:
        values = 1.0 + 0.1 * values
    else:
        values = 0.1 * values
    return torch.from_numpy(values.astype(np.float32)).reshape(tuple(shape))


def fill(module):
    """Fills a module's state dictionary: entry `k` in state-dict order; integers become 0."""
    state = module.state_dict()
    for k, (name, tensor) in enumerate(state.items()):
        if tensor.is_floating_point():
            tensor.copy_(formula_weight(name, tuple(tensor.shape), k))
        else:
            tensor.zero_()
    return module


PERIOD = 65521
TABLE = noise(PERIOD, 0)


def fill_tiled(module):
    """`fill` for large networks: noise that repeats after a prime number of elements, and smaller
    (`Sources/OTXTesting/TiledFormula.swift` is the other half and says why)."""
    state = module.state_dict()
    for k, (name, tensor) in enumerate(state.items()):
        if not tensor.is_floating_point():
            tensor.zero_()
            continue
        scale, shift = 0.1, 0.0
        if tensor.dim() >= 2:
            scale = np.sqrt(3.0 / (tensor.numel() // tensor.shape[0]))
        elif name.endswith(("running_var", "weight")) or tensor.dim() == 0:
            shift = 1.0
        table = np.roll((shift + TABLE * scale).astype(np.float32), -(k * 7919 % PERIOD))
        tensor.copy_(torch.from_numpy(np.resize(table, tensor.numel())).reshape(tensor.shape))
    return module


def number(value):
    """Nine significant digits are enough to tell any two floats apart."""
    value = float(value)
    return int(value) if value == int(value) and abs(value) < 1e9 else float(f"{value:.9g}")


def digest(tensor, samples=12):
    """Shape, sum, sum of magnitudes, and evenly spaced elements (all of them when there are few).

    `samples=None` keeps every element.
    """
    tensor = torch.as_tensor(tensor).detach()
    flat = tensor.to(torch.float64).contiguous().reshape(-1)
    count = flat.numel()
    if samples is None or count <= samples:
        picked = flat
    else:
        picked = flat[[j * (count - 1) // (samples - 1) for j in range(samples)]]
    return {
        "shape": list(tensor.shape),
        "sum": number(flat.sum()),
        "absSum": number(flat.abs().sum()),
        "samples": [number(v) for v in picked],
    }


def write(target, name, cases, samples=12):
    """Writes `Tests/<target>Tests/Goldens/<name>.json`; a case is a tensor or a digest."""
    path = REPOSITORY / "Tests" / f"{target}Tests" / "Goldens" / f"{name}.json"
    lines = []
    for key, value in cases.items():
        if not isinstance(value, dict):
            value = digest(value, samples)
        lines.append(f"    {json.dumps(key)}: {json.dumps(value, separators=(', ', ': '))}")
    text = "{\n" + f'  "torch": {json.dumps(torch.__version__.split("+")[0])},\n'
    text += '  "cases": {\n' + ",\n".join(lines) + "\n  }\n}\n"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    print(f"{path.relative_to(REPOSITORY)}: {len(cases)} cases, {len(text)} bytes")
