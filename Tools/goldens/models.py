"""Goldens of the model zoo: torchvision's numbers, and those of `detectors_reference.py`.

    python Tools/goldens/models.py

writes Tests/OTXModelsTests/Goldens/*.json. Weights and pictures are filled by a formula that Swift
repeats (`common.py`, `OTXTesting`), so none are stored.
"""

import json

import torch
import torchvision
from timm.layers import resample_abs_pos_embed
from torch import nn

from common import REPOSITORY, fill, formula_input, number
from detectors_reference import ATSS, SSD, detections
from yolox_reference import YOLOX, sim_ota

OUT = REPOSITORY / "Tests/OTXModelsTests/Goldens"


def numbers(tensor, limit=None):
    values = tensor.detach().flatten()
    return [number(v) for v in (values if limit is None else values[:limit])]


def write(name, value):
    text = json.dumps(value, separators=(",", ":"))
    (OUT / f"{name}.json").write_text(text + "\n")
    print(f"{name}: {len(text)} bytes")


def multiply_adds(model, size):
    """Multiply-adds of convolutions and matrix products for one picture of `size`."""
    total = 0

    def count(module, inputs, output):
        nonlocal total
        if isinstance(module, nn.Conv2d):
            total += output[0].numel() * module.weight[0].numel()
        else:
            total += module.weight.numel()

    hooks = [m.register_forward_hook(count) for m in model.modules() if isinstance(m, (nn.Conv2d, nn.Linear))]
    model.eval()
    with torch.no_grad():
        model(torch.zeros(1, 3, *size))
    for hook in hooks:
        hook.remove()
    return total


def structure(model, size):
    state = model.state_dict()
    return {
        "tensors": [{"name": k, "shape": list(v.shape)} for k, v in state.items()],
        "parameterCount": sum(p.numel() for p in model.parameters()),
        "multiplyAdds": multiply_adds(model, size),
    }


def gradients(model, names):
    found = dict(model.named_parameters())
    return {n: {"norm": number(found[n].grad.norm()), "first": numbers(found[n].grad, 8)} for n in names}


def statistics(model, names):
    state = model.state_dict()
    return {n: numbers(state[n], 8) for n in names}


def linear_classifier(label_count):
    """A linear layer on MobileNetV3's last inverted residual."""
    backbone = nn.Sequential()
    backbone.features = torchvision.models.mobilenet_v3_large().features[:-1]
    model = nn.Sequential()
    model.backbone = backbone
    model.pool = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())
    model.head = nn.Linear(160, label_count)
    return model


def positions():
    """Position tables for another grid, smaller and larger, with and without a class token."""
    cases = []
    for sides, prefix, grid in ((5, 1, (3, 4)), (4, 0, (6, 5)), (3, 1, (3, 3))):
        table = formula_input((1, prefix + sides * sides, 3))
        values = resample_abs_pos_embed(table, grid, num_prefix_tokens=prefix)
        cases.append({"count": table.shape[1], "prefixCount": prefix, "grid": grid, "values": numbers(values)})
    write("positions", cases)


def structures():
    result = {}
    for label_count in (3,):
        result["resnet18"] = structure(torchvision.models.resnet18(num_classes=label_count), (224, 224))
        result["mobilenet_v3_large"] = structure(
            torchvision.models.mobilenet_v3_large(num_classes=label_count), (224, 224))
        result["linear_classifier"] = structure(linear_classifier(label_count), (224, 224))
        result["atss_mobilenetv2"] = structure(ATSS(label_count), (800, 992))
        result["ssd_mobilenetv2"] = structure(SSD(label_count, 864, 864), (864, 864))
        result["yolox_tiny"] = structure(YOLOX(label_count, 0.33, 0.375), (416, 416))
        result["yolox_s"] = structure(YOLOX(label_count, 0.33, 0.5), (640, 640))
    for name, value in result.items():
        write(f"structure-{name}", value)


# Objects of two pictures of 128×128; the last of the second is a crowd.
OBJECTS = [
    [([9.0, 14.5, 52.0, 61.0], 0, False), ([40.5, 33.0, 121.0, 118.5], 2, False), ([71.0, 5.0, 93.5, 22.0], 1, False)],
    [([3.5, 62.0, 66.0, 125.0], 1, False), ([70.0, 8.0, 124.0, 60.0], 0, True)],
]


def targets():
    return [
        (torch.tensor([o[0] for o in image]), torch.tensor([o[1] for o in image]), torch.tensor([o[2] for o in image]))
        for image in OBJECTS
    ]


def nothing():
    return [(torch.zeros(0, 4), torch.zeros(0, dtype=torch.long), torch.zeros(0, dtype=torch.bool))] * 2


def detector(name, model, iou_threshold, gradient_names, statistic_names):
    fill(model)
    if isinstance(model, SSD):
        model.set_anchor_sizes(128, 128)
    x = formula_input((2, 3, 128, 128))
    model.eval()
    with torch.no_grad():
        boxes, scores = model.raw(x)
        found = detections(boxes, scores, iou_threshold)
        empty, _ = model.losses(x, nothing())
    # Gradients with running moments, in 64 bits: those through the moments of a batch of two have
    # no stable digits at the first layers.
    model.double()
    torch.set_default_dtype(torch.float64)
    evaluated, _ = model.losses(x.double(), [(b.double(), l, c) for b, l, c in targets()])
    sum(evaluated.values()).backward()
    torch.set_default_dtype(torch.float32)
    gradient = gradients(model, gradient_names)
    model.float()
    model.train()
    with torch.no_grad():
        losses, assigned = model.losses(x, targets())
    step = max(1, boxes.shape[1] // 40)
    write(name, {
        "anchors": numbers(model.all_anchors(128, 128)[::step]), "step": step,
        "boxes": numbers(boxes[:, ::step]), "scores": numbers(scores[:, ::step]),
        "detections": [numbers(rows[:20]) for rows in found], "detectionCounts": [len(rows) for rows in found],
        "losses": {k: number(v) for k, v in losses.items()},
        "emptyLosses": {k: number(v) for k, v in empty.items()},
        "assigned": [{str(a): g for a, g in enumerate(owner) if g >= 0} for owner in assigned],
        "gradients": gradient,
        "statistics": statistics(model, statistic_names),
    })


def detectors():
    detector(
        "atss_mobilenetv2", ATSS(3), 0.6,
        ["backbone.features.0.0.weight", "backbone.features.17.conv.2.weight", "neck.lateral_convs.0.conv.weight",
         "neck.fpn_convs.2.conv.bias", "bbox_head.cls_convs.0.gn.weight", "bbox_head.atss_cls.bias",
         "bbox_head.atss_reg.weight", "bbox_head.atss_centerness.bias", "bbox_head.scales.2.scale"],
        ["backbone.features.0.1.running_mean", "backbone.features.17.conv.3.running_var"])
    detector(
        "ssd_mobilenetv2", SSD(3, 128, 128), 0.45,
        ["backbone.features.0.0.weight", "backbone.features.17.conv.2.weight", "bbox_head.cls_convs.0.0.weight",
         "bbox_head.cls_convs.1.3.bias", "bbox_head.reg_convs.0.3.weight", "bbox_head.reg_convs.1.1.bias"],
        ["backbone.features.0.1.running_mean", "bbox_head.cls_convs.1.1.running_var"])


def yolox():
    for width, count in ((0.375, 5_055_855), (0.5, 8_968_255)):  # as the program that published them prints
        assert sum(p.numel() for p in YOLOX(80, 0.33, width).parameters()) == count
    model = YOLOX(3)
    model.uses_l1 = True
    detector(
        "yolox_tiny", model, 0.65,
        ["backbone.backbone.stem.conv.conv.weight", "backbone.backbone.dark5.1.conv2.bn.weight",
         "backbone.C3_p4.m.0.conv2.conv.weight", "backbone.bu_conv1.conv.weight", "head.stems.1.bn.bias",
         "head.cls_convs.0.0.conv.weight", "head.cls_preds.1.bias", "head.reg_preds.0.weight",
         "head.reg_preds.2.bias", "head.obj_preds.0.bias"],
        ["backbone.backbone.stem.conv.bn.running_mean", "head.reg_convs.1.1.bn.running_var"])


def assignments():
    """SimOTA by itself: cells of 96×128, four pictures, boxes predicted near and far."""
    height, width, label_count = 96, 128, 3
    cells = YOLOX(label_count).cells(height, width)
    objects = [
        [],
        [([30.0, 20.0, 90.0, 70.0], 1)],
        # Crowded: many that overlap, one smaller than a cell, one that is the picture.
        [([8.0 * i + 3, 6.0 * j + 2, 8.0 * i + 40, 6.0 * j + 38], (i + j) % 3) for i in range(4) for j in range(4)]
        + [([101.0, 50.0, 103.5, 52.0], 2), ([0.0, 0.0, 128.0, 96.0], 0)],
        [([60.0, 1.0, 61.5, 95.0], 0), ([5.0, 60.0, 120.0, 64.0], 2)],
    ]
    noise = formula_input((len(objects), len(cells), 4), 1001)
    scores = formula_input((len(objects), len(cells), label_count), 1002) * 4
    objectness = formula_input((len(objects), len(cells)), 1003) * 4
    cases = []
    for n, found in enumerate(objects):
        boxes = torch.tensor([o[0] for o in found]).reshape(-1, 4)
        labels = torch.tensor([o[1] for o in found], dtype=torch.long)
        # Cell a predicts object a % G, off by up to a third of its sides.
        near = boxes[torch.arange(len(cells)) % max(len(found), 1)] if found else torch.ones(len(cells), 4)
        sides = (near[:, 2:] - near[:, :2]).repeat(1, 2)
        predicted = near + noise[n] * sides * 0.33
        owner, overlap = sim_ota(predicted, scores[n], objectness[n], cells, boxes, labels)
        cases.append({
            "boxes": boxes.tolist(), "labels": labels.tolist(),
            "owners": {str(a): g for a, g in enumerate(owner) if g >= 0},
            "overlaps": {str(a): number(overlap[a]) for a, g in enumerate(owner) if g >= 0},
        })
    write("simota", cases)


if __name__ == "__main__":
    torch.set_num_threads(2)
    OUT.mkdir(parents=True, exist_ok=True)
    structures()
    positions()
    detectors()
    yolox()
    assignments()
