"""Goldens of saliency maps: Python OTX's own algorithms on networks filled by the formula.

    python Tools/goldens/explain.py

needs torch, torchvision, timm and otx==2.6.0, whose `explain_algo.py` is used as it is. Writes
`Tests/OTXModelsTests/Goldens/explain.json`: for each network the pictures' shape, the map of each label
(0 to 255, cut off to whole numbers there, rounded here: one level apart at most) and the feature vector.
"""

import json

import timm
import torch
import torchvision
from otx.backend.native.tools.explain.explain_algo import ActivationMap, ReciproCAM, ViTReciproCAM

from common import REPOSITORY, fill, formula_input, number

OUT = REPOSITORY / "Tests/OTXModelsTests/Goldens/explain.json"


def convolutional(network, features, head, shape):
    """ReciproCAM and the activation map of a network that averages its last features."""
    network = fill(network).eval()
    found = features(network)(formula_input(shape, 77))
    maps = ReciproCAM(head(network), num_classes=3).func(found)
    return {
        "shape": list(shape),
        "maps": maps.flatten().int().tolist(),
        "activation": ActivationMap().func(found).flatten().int().tolist(),
        "features": [number(value) for value in found.mean(dim=(2, 3)).flatten()[:64].tolist()],
    }


def transformer(shape):
    """ViT-ReciproCAM: the last block sees its normalised tokens masked, patch by patch."""
    size = shape[2:]
    network = fill(timm.create_model("vit_tiny_patch16_224", img_size=size, num_classes=3)).eval()
    last = network.blocks[-1]
    kept = {}
    hook = last.register_forward_pre_hook(lambda _, given: kept.update(tokens=given[0]))
    network(formula_input(shape, 77))
    hook.remove()
    maps = []
    for tokens in kept["tokens"]:
        def head(seen):
            x = tokens + last.ls1(last.attn(seen))
            x = x + last.ls2(last.mlp(last.norm2(x)))
            return network.head(network.norm(x)[:, 0])
        maps.append(ViTReciproCAM(head, num_classes=3).func(last.norm1(tokens[None])))
    return {"shape": list(shape), "maps": torch.cat(maps).flatten().int().tolist()}


def main():
    nn = torch.nn
    goldens = {
        "resnet18": convolutional(
            torchvision.models.resnet18(num_classes=3),
            lambda net: nn.Sequential(*list(net.children())[:-2]),
            lambda net: nn.Sequential(net.avgpool, nn.Flatten(), net.fc),
            (2, 3, 96, 128),
        ),
        "mobilenet_v3_large": convolutional(
            torchvision.models.mobilenet_v3_large(num_classes=3),
            lambda net: net.features,
            lambda net: nn.Sequential(net.avgpool, nn.Flatten(), net.classifier),
            (2, 3, 96, 128),
        ),
        "vit_tiny": transformer((2, 3, 64, 64)),
    }
    OUT.write_text(json.dumps(goldens) + "\n")
    for name, golden in goldens.items():
        print(name, golden["maps"][:12])


if __name__ == "__main__":
    with torch.no_grad():
        main()
