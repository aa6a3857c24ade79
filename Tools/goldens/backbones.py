"""Goldens of the backbones: one small file a network, `Tests/OTXModelsTests/Goldens/backbones/`.

    python Tools/goldens/backbones.py [NAME …]

needs torch, torchvision and timm. Networks have three labels. A file holds a digest of the state
dictionary's names and shapes with a mark every 25 entries (so that a test says where the first
difference is), parameters, multiply-adds, how far some of the random first values spread, and the
numbers of a step on pictures of `size`: logits, loss and gradients with running statistics (in 64
bits: through the moments of a batch of two they have no stable digits), the loss and what becomes
of the running statistics in training mode. A backbone without a classifier is looked at through a
linear one on its last level.
"""

import json
import sys

import timm
import torch
import torchvision
from torch import nn
from torchvision.models.swin_transformer import ShiftedWindowAttention

from backbones_reference import CSPNeXt, OSNet
from common import REPOSITORY, fill, fill_tiled, formula_input, number
from yolox_reference import CSPDarknet

OUT = REPOSITORY / "Tests/OTXModelsTests/Goldens/backbones"
TV = torchvision.models


def plain(name, build, size=(64, 64), default=(224, 224), numbers=True):
    """A row: what users type, how it is built with 3 labels, the pictures of the numbers, the input
    size of the published weights, and which numbers: `"steady"` ones are of pictures on which no
    gradient hangs on rounding."""
    return name, lambda _=None: build(), size, default, numbers


def structure_only(name, build, default=(224, 224)):
    """A large variant of a network whose numbers are compared already."""
    return name, lambda _=None: build(), (64, 64), default, False


def vit(name, published, size=(48, 80), numbers=True):
    """A vision transformer of timm: its weights depend on the pictures' size."""
    def build(img_size=(224, 224)):
        return timm.create_model(published, img_size=img_size, num_classes=3)
    return name, build, size, (224, 224), numbers


ROWS = [
    plain("cspdarknet_tiny", lambda: CSPDarknet(0.33, 0.375), default=(416, 416)),
    plain("cspdarknet_s", lambda: CSPDarknet(0.33, 0.5), default=(640, 640)),

    vit("vit_tiny", "vit_tiny_patch16_224"),
    vit("vit_small", "vit_small_patch16_224", numbers=False),
    vit("vit_base", "vit_base_patch16_224", numbers=False),
    vit("deit_tiny", "deit_tiny_patch16_224", numbers=False),
    vit("deit_small", "deit_small_patch16_224", numbers=False),
    vit("deit_base", "deit_base_patch16_224", numbers=False),
    vit("dinov2_small", "vit_small_patch14_dinov2", size=(42, 70)),
    vit("dinov2_small_reg", "vit_small_patch14_reg4_dinov2", size=(42, 70)),
    vit("dinov2_base", "vit_base_patch14_dinov2", size=(42, 70), numbers=False),
    vit("dinov2_base_reg", "vit_base_patch14_reg4_dinov2", size=(42, 70), numbers=False),
    plain("convnext_tiny", lambda: TV.convnext_tiny(num_classes=3)),
    structure_only("convnext_small", lambda: TV.convnext_small(num_classes=3)),
    structure_only("convnext_base", lambda: TV.convnext_base(num_classes=3)),
    # Several windows and padding in the first two stages, a single window in the others.
    plain("swin_t", lambda: TV.swin_t(num_classes=3), size=(64, 128)),
    structure_only("swin_s", lambda: TV.swin_s(num_classes=3)),
    plain("cspnext_tiny", lambda: CSPNeXt(0.167, 0.375)),
    plain("cspnext_s", lambda: CSPNeXt(0.33, 0.5)),
    plain("osnet_x1_0", lambda: OSNet(3), size=(128, 64), numbers="steady"),

]

# Convolutional networks of torchvision, else timm.


def published(name, side=224):
    library = getattr(TV, name, None)

    def build():
        return library(num_classes=3) if library else timm.create_model(name, num_classes=3)
    return plain(name, build, default=(side, side), numbers="steady")


ROWS += [published(name) for name in [
    "resnet18", "resnet34", "resnet50", "resnet101", "resnet152", "resnext50_32x4d",
    "resnext101_32x8d", "resnext101_64x4d", "wide_resnet50_2", "mobilenet_v2",
    "mobilenet_v3_large", "mobilenet_v3_small",
]]
ROWS += [published(f"efficientnet_b{i}", side) for i, side in enumerate([224, 240, 288, 300, 380])]
ROWS += [published(f"efficientnet_v2_{i}", side) for i, side in zip("sml", [384, 480, 480])]
ROWS += [published(name) for name in [
    "regnet_y_400mf", "regnet_y_1_6gf", "shufflenet_v2_x0_5", "shufflenet_v2_x1_0",
    "shufflenet_v2_x1_5", "shufflenet_v2_x2_0", "densenet121", "mobilenetv4_conv_small",
]]


def multiply_adds(model, size):
    """Multiply-adds of convolutions and matrix products with weights, for one picture of `size`."""
    total = 0

    def count(module, inputs, output):
        nonlocal total
        if isinstance(module, nn.Conv2d):
            total += output[0].numel() * module.weight[0].numel()
        elif isinstance(module, nn.Linear):
            total += output[0].numel() * module.weight.shape[1]
        else:
            # torchvision's Swin calls its two layers as functions, on whole windows.
            windows = [-(-side // window) * window
                       for side, window in zip(inputs[0].shape[1:3], module.window_size)]
            total += windows[0] * windows[1] * (module.qkv.weight.numel() + module.proj.weight.numel())

    layers = (nn.Conv2d, nn.Linear, ShiftedWindowAttention)
    hooks = [m.register_forward_hook(count) for m in model.modules() if isinstance(m, layers)]
    model.eval()
    with torch.no_grad():
        model(torch.zeros(1, 3, *size))
    for hook in hooks:
        hook.remove()
    return total


def structure(model):
    """A digest of names and shapes (FNV-1a, 64 bits), with marks."""
    entries = [f"{k} {'x'.join(map(str, v.shape))}" for k, v in model.state_dict().items()]
    value, marks = 0xCBF29CE484222325, []
    for index, entry in enumerate(entries):
        for byte in (entry + "\n").encode():
            value = ((value ^ byte) * 0x100000001B3) & 0xFFFFFFFFFFFFFFFF
        if index % 25 == 24 or index == len(entries) - 1:
            marks.append({"index": index, "entry": entry, "digest": f"{value:x}"})
    return {"tensorCount": len(entries), "marks": marks}


class LinearClassifier(nn.Module):
    """The means of a backbone's last level and one linear layer."""

    def __init__(self, backbone, channels, label_count):
        super().__init__()
        self.backbone = backbone
        self.head = nn.Linear(channels, label_count)

    def forward(self, x):
        return self.head(self.backbone(x)[-1].mean((2, 3)))


def values(tensor, limit):
    return [number(v) for v in tensor.detach().flatten()[:limit]]


def spread(names, count):
    """`count` of the names, evenly spaced, the first and the last among them."""
    return [names[i] for i in sorted({round(j * (len(names) - 1) / (count - 1)) for j in range(count)})]


def deviations(model):
    """How far some of the random first values of convolutions and matrices spread around 0."""
    state = model.state_dict()
    weights = [n for n, v in state.items() if v.dim() >= 2 and v.numel() >= 500]
    biases = [n[:-6] + "bias" for n in state if n.endswith("weight") and state[n].dim() >= 2]
    biases = [n for n in biases if n in state]
    chosen = spread(weights, 6) + (spread(biases, 3) if biases else [])
    return {n: number(state[n].double().square().mean().sqrt()) for n in chosen}


def step(model, x, labels):
    model.zero_grad()
    logits = model(x)
    loss = nn.functional.cross_entropy(logits, labels)
    loss.backward()
    return logits, loss


def steady_input(model, size, labels):
    """The `k` of pictures whose gradients do not hang on rounding: in a network of rectifiers some
    pictures bring a value so near to a corner that 32 bits put it on the other side. Sums are other
    ones with other numbers of threads, so that several are tried."""
    best, threads = None, torch.get_num_threads()
    for k in range(1000, 1010):
        x = formula_input((2, 3, *size), k)
        norms = []
        for kind, count in ((torch.float64, threads), (torch.float32, 1), (torch.float32, 2)):
            torch.set_num_threads(count)
            fill_tiled(model.to(kind).eval())
            step(model, x.to(kind).contiguous(memory_format=torch.channels_last), labels)
            grads = [p.grad for p in model.parameters() if p.grad is not None]
            norms.append(torch.stack([g.double().norm() for g in grads]))
        torch.set_num_threads(threads)
        worst = max(((other - norms[0]).abs() / norms[0].clamp(min=1e-12)).max().item()
                    for other in norms[1:])
        if best is None or worst < best[0]:
            best = (worst, k)
        if worst < 2e-5:
            break
    print(f"  pictures {best[1]}: gradients of 32 and 64 bits differ by {best[0]:.1e}", flush=True)
    return best[1]


def numbers(model, size, is_steady):
    labels = torch.tensor([1, 2])
    k = steady_input(model, size, labels) if is_steady else 1000
    # Tables of indices are part of the network.
    indices = {n: t.clone() for n, t in model.state_dict().items() if not t.is_floating_point()}
    (fill_tiled if is_steady else fill)(model.float()).load_state_dict(indices, strict=False)
    x = formula_input((2, 3, *size), k)
    model.double().eval()
    logits, loss = step(model, x.double(), labels)
    parameters = [(n, p) for n, p in model.named_parameters() if p.grad is not None]
    chosen = sorted({round(i * (len(parameters) - 1) / 5) for i in range(6)})
    gradients = {
        name: {"norm": number(p.grad.norm()), "first": values(p.grad, 4)}
        for name, p in (parameters[i] for i in chosen)
    }
    model.float().train()
    for name, module in model.named_modules():
        # Dropout and stochastic depth of both libraries have the same one property.
        if type(module).__name__ in ("Dropout", "StochasticDepth", "DropPath"):
            module.eval()
    with torch.no_grad():
        training = nn.functional.cross_entropy(model(x), labels)
    running = [n for n in model.state_dict() if n.endswith(("running_mean", "running_var"))]
    kept = running[:2] + running[-2:]
    return ({"pictures": k} if is_steady else {}) | {
        "logits": values(logits, 6), "loss": number(loss), "gradients": gradients,
        "trainingLoss": number(training),
        "statistics": {n: values(model.state_dict()[n], 4) for n in kept},
    }


def main():
    OUT.mkdir(exist_ok=True)
    chosen = set(sys.argv[1:])
    for name, build, size, default, has_numbers in ROWS:
        if chosen and name not in chosen:
            continue
        torch.manual_seed(0)
        model = build(default)
        result = structure(model) | {
            "parameterCount": sum(p.numel() for p in model.parameters()),
            "multiplyAdds": multiply_adds(model, default),
            "defaultSize": default, "size": size,
        }
        # Our own twins of networks that no library has start as they like.
        if has_numbers and type(model).__module__.startswith(("torchvision", "timm")):
            result["deviations"] = deviations(model)
        if has_numbers:
            model = build(size)
            with torch.no_grad():
                output = model.eval()(torch.zeros(1, 3, *size))
            if not isinstance(output, torch.Tensor):
                model = LinearClassifier(model, output[-1].shape[1], 3)
            result["numbers"] = numbers(model, size, has_numbers == "steady")
        text = json.dumps(result, separators=(",", ":"))
        (OUT / f"{name}.json").write_text(text + "\n")
        print(f"{name}: {result['parameterCount']:,} parameters, "
              f"{result['multiplyAdds'] / 1e9:.4f} G multiply-adds, {len(text)} bytes", flush=True)


if __name__ == "__main__":
    main()
