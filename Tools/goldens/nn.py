"""Layers, losses, optimizers and schedules as PyTorch computes them."""

import torch

from common import digest, formula_input, formula_integers, formula_weight, noise, write


def formulas():
    return {
        "noise": digest(torch.from_numpy(noise(1000, 7))),
        "noise large k": digest(torch.from_numpy(noise(1000, 123456))),
        "input": formula_input((2, 3, 4)),
        "integers": formula_integers((5, 3), 10),
        "weight conv": formula_weight("a.weight", (4, 3, 3, 3), 2),
        "weight norm": formula_weight("a.weight", (5,), 3),
        "weight bias": formula_weight("a.bias", (5,), 3),
        "weight variance": formula_weight("a.running_var", (5,), 3),
    }


write("OTXNN", "formulas", formulas())
