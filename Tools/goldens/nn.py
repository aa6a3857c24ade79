"""Layers, losses, optimizers and schedules as PyTorch computes them."""

import torch
import torch.nn.functional as F
from torch import nn
from torchvision import ops
from torchvision.models.convnext import LayerNorm2d

from common import (
    digest,
    fill,
    formula_input,
    formula_integers,
    formula_weight,
    noise,
    write,
)


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


class SelfAttention(nn.MultiheadAttention):
    def __init__(self, features, heads, **options):
        super().__init__(features, heads, batch_first=True, **options)

    def forward(self, x):
        return super().forward(x, x, x, need_weights=False)[0]


def attention():
    """Queries that look at another, masked, sequence."""
    module = fill(nn.MultiheadAttention(12, 3, batch_first=True))
    queries = formula_input((2, 4, 12)).requires_grad_()
    keys = formula_input((2, 5, 12), 1002).requires_grad_()
    values = formula_input((2, 5, 12), 1003).requires_grad_()
    hidden = torch.zeros(4, 5, dtype=torch.bool)
    hidden[:, 3] = True
    hidden[1, 0] = True
    y = module(queries, keys, values, attn_mask=hidden, need_weights=False)[0]
    (y * formula_input(y.shape, 1001)).sum().backward()
    cases = {"output": y, "queries.grad": queries.grad, "keys.grad": keys.grad,
             "values.grad": values.grad}
    for path, parameter in module.named_parameters():
        cases[f"{path}.grad"] = parameter.grad
    return cases


def layers():
    """Output, gradients of input and parameters, and the buffers afterwards, layer by layer."""
    image = (2, 8, 7, 9)
    table = {
        "conv2d": (nn.Conv2d(3, 6, 3, stride=2, padding=1), (2, 3, 9, 10), 1),
        "conv2d grouped": (
            nn.Conv2d(8, 12, 3, padding=2, dilation=2, groups=4, bias=False), image, 1),
        "conv2d depthwise": (nn.Conv2d(8, 8, 5, stride=2, padding=2, groups=8), image, 1),
        "linear": (nn.Linear(12, 5), (4, 12), 1),
        "linear without bias": (nn.Linear(12, 5, bias=False), (2, 4, 12), 1),
        "batch norm training": (nn.BatchNorm2d(8), image, 1),
        "batch norm evaluation": (nn.BatchNorm2d(8).eval(), image, 1),
        "batch norm momentum": (nn.BatchNorm2d(8, eps=1e-3, momentum=0.01), image, 1),
        "group norm": (nn.GroupNorm(4, 8), image, 1),
        "relu": (nn.ReLU(), image, 8),
        "relu6": (nn.ReLU6(), image, 8),
        "silu": (nn.SiLU(), image, 8),
        "hardswish": (nn.Hardswish(), image, 8),
        "hardsigmoid": (nn.Hardsigmoid(), image, 8),
        "sigmoid": (nn.Sigmoid(), image, 8),
        "max pool": (nn.MaxPool2d(3, stride=2, padding=1), image, 1),
        "max pool ceil": (nn.MaxPool2d(2, stride=2, ceil_mode=True), image, 1),
        "average pool": (nn.AvgPool2d(2, stride=2), image, 1),
        "average pool ceil": (
            nn.AvgPool2d(3, stride=2, padding=1, ceil_mode=True, count_include_pad=False), image, 1),
        "adaptive average pool": (nn.AdaptiveAvgPool2d(1), image, 1),
        "adaptive average pool 3x2": (nn.AdaptiveAvgPool2d((3, 2)), image, 1),
        "dropout evaluation": (nn.Dropout(0.5).eval(), image, 1),
        "squeeze excitation": (ops.SqueezeExcitation(8, 2), image, 1),
        "squeeze excitation hardsigmoid": (
            ops.SqueezeExcitation(8, 4, scale_activation=nn.Hardsigmoid), image, 1),
        "upsample nearest": (nn.Upsample(scale_factor=2, mode="nearest"), image, 1),
        "upsample bilinear": (nn.Upsample(size=(11, 13), mode="bilinear"), image, 1),
        "upsample bilinear aligned": (
            nn.Upsample(scale_factor=2, mode="bilinear", align_corners=True), image, 1),
        "conv transpose": (nn.ConvTranspose2d(8, 6, 2, stride=2), image, 1),
        "conv transpose grouped": (
            nn.ConvTranspose2d(
                8, 4, 3, stride=2, padding=1, output_padding=1, groups=2, bias=False), image, 1),
        "layer norm": (nn.LayerNorm(12), (2, 5, 12), 1),
        "layer norm two axes": (nn.LayerNorm((7, 9), eps=1e-3), image, 1),
        "layer norm channels": (LayerNorm2d(8, eps=1e-6), image, 1),
        "frozen batch norm": (ops.FrozenBatchNorm2d(8), image, 1),
        "attention": (SelfAttention(12, 3), (2, 5, 12), 1),
        "attention without bias": (SelfAttention(12, 2, bias=False), (2, 5, 12), 1),
        "leaky relu": (nn.LeakyReLU(0.1), image, 8),
        "prelu": (nn.PReLU(), image, 8),
        "prelu channels": (nn.PReLU(8), image, 8),
        "elu": (nn.ELU(0.5), image, 8),
        "gelu": (nn.GELU(), image, 4),
        "gelu tanh": (nn.GELU("tanh"), image, 4),
        "mish": (nn.Mish(), image, 8),
        "tanh": (nn.Tanh(), image, 4),
        "softplus": (nn.Softplus(), image, 8),
        "softmax": (nn.Softmax(1), image, 4),
        "adaptive max pool": (nn.AdaptiveMaxPool2d((3, 2)), image, 1),
        "pixel shuffle": (nn.PixelShuffle(2), image, 1),
        "stochastic depth evaluation": (ops.StochasticDepth(0.5, "row").eval(), image, 1),
        "flatten": (nn.Flatten(), image, 1),
        "sequential": (
            nn.Sequential(
                nn.Conv2d(8, 4, 3, padding=1, bias=False),
                nn.Sequential(nn.BatchNorm2d(4), nn.ReLU()),
                nn.Identity(),
                nn.Conv2d(4, 3, 1)),
            image, 1),
    }
    cases = {}
    for name, (module, shape, scale) in table.items():
        fill(module)
        x = (formula_input(shape) * scale).requires_grad_()
        y = module(x)
        (y * formula_input(y.shape, 1001)).sum().backward()
        cases[f"{name}/output"] = y
        cases[f"{name}/input.grad"] = x.grad
        for path, parameter in module.named_parameters():
            cases[f"{name}/{path}.grad"] = parameter.grad
        for path, buffer in module.named_buffers():
            cases[f"{name}/{path}"] = buffer
    return cases


def mixed_precision():
    """The small network under autocast to bfloat16: types and, roughly, numbers."""
    network = small_network()
    x = formula_input((2, 3, 9, 9))
    with torch.autocast("cpu", torch.bfloat16):
        y = network(x)
        loss = F.cross_entropy(y.mean((2, 3)), torch.tensor([0, 1]))
    loss.backward()
    cases = {"output": y.float(), "loss": loss}
    for path, parameter in network.named_parameters():
        assert parameter.grad.dtype == torch.float32
        cases[f"{path}.grad"] = parameter.grad
    return cases


def losses():
    """Values, and gradients of the predictions under `sum(value * noise)`."""
    cases = {}

    def add(name, prediction, value):
        prediction = prediction.clone().requires_grad_()
        y = value(prediction)
        (y * formula_input(y.shape, 1001)).sum().backward()
        cases[name] = y
        cases[f"{name}/grad"] = prediction.grad

    logits = formula_input((6, 5)) * 4
    classes = formula_integers((6,), 5)
    add("cross entropy", logits, lambda p: F.cross_entropy(p, classes))
    add("cross entropy smoothed", logits,
        lambda p: F.cross_entropy(p, classes, label_smoothing=0.1))
    weights = formula_input((5,), 1002) + 1.5
    add("cross entropy weighted", logits,
        lambda p: F.cross_entropy(p, classes, weight=weights, reduction="sum"))
    ignoring = classes.clone()
    ignoring[1] = 255
    add("cross entropy ignoring", logits,
        lambda p: F.cross_entropy(p, ignoring, ignore_index=255))
    targets = formula_integers((6, 5), 2, 2001).float()
    add("bce", logits, lambda p: F.binary_cross_entropy_with_logits(p, targets))
    add("bce weighted sum", logits,
        lambda p: F.binary_cross_entropy_with_logits(
            p, targets, weight=weights, reduction="sum"))
    add("focal", logits, lambda p: ops.sigmoid_focal_loss(p, targets, reduction="sum"))
    add("focal elements", logits,
        lambda p: ops.sigmoid_focal_loss(p, targets, alpha=0.5, gamma=1.5, reduction="none"))
    other = formula_input((6, 5), 1003)
    add("smooth l1", logits, lambda p: F.smooth_l1_loss(p, other))
    add("smooth l1 beta", logits,
        lambda p: F.smooth_l1_loss(p, other, beta=1 / 9, reduction="sum"))

    def boxes(count, k):
        corner = (formula_input((count, 2), k) + 1) * 20
        size = (formula_input((count, 2), k + 1) + 1.1) * 15
        return torch.cat([corner, corner + size], 1)

    a, b = boxes(6, 1010), boxes(6, 1020)
    cases["boxes a"] = digest(a, None)
    cases["boxes b"] = digest(b, None)
    add("box iou", a, lambda p: ops.box_iou(p, b[:4]))
    add("paired iou", a, lambda p: torch.diagonal(ops.box_iou(p, b)))
    add("giou loss", a, lambda p: ops.generalized_box_iou_loss(p, b, reduction="none"))
    add("giou loss sum", a, lambda p: ops.generalized_box_iou_loss(p, b, reduction="sum"))
    add("diou loss", a, lambda p: ops.distance_box_iou_loss(p, b, reduction="none"))
    add("diou loss mean", a, lambda p: ops.distance_box_iou_loss(p, b, reduction="mean"))
    add("ciou loss", a, lambda p: ops.complete_box_iou_loss(p, b, reduction="none"))
    add("ciou loss mean", a, lambda p: ops.complete_box_iou_loss(p, b, reduction="mean"))

    # Formulas as they stand in the papers.
    quality = formula_input((6, 5), 1004).clamp(min=0)

    def quality_focal(p, beta):
        s = p.sigmoid()
        return -(quality - s).abs() ** beta * (
            (1 - quality) * (1 - s).log() + quality * s.log())

    def varifocal(p, alpha, gamma):
        s = p.sigmoid()
        positive = -quality * (quality * s.log() + (1 - quality) * (1 - s).log())
        return torch.where(quality > 0, positive, -alpha * s ** gamma * (1 - s).log())

    add("quality focal", logits, lambda p: quality_focal(p, 2).sum())
    add("quality focal elements", logits, lambda p: quality_focal(p, 1.5))
    add("varifocal", logits, lambda p: varifocal(p, 0.75, 2).sum())
    add("varifocal elements", logits, lambda p: varifocal(p, 0.5, 1.5))
    distances = (formula_input((6,), 1005) + 1) * 2
    distances[0], distances[1], distances[2] = 0, 4, 3
    cases["distances"] = digest(distances, None)

    # Written after the paper; equal to Python OTX 2.6's AsymmetricAngularLossWithIgnore (tried).
    def asymmetric_angular(p, t, gamma_pos=0.0, gamma_neg=1.0, k=0.8, margin=0.05):
        yes = p.sigmoid()
        no = ((-p).sigmoid() + margin).clamp(max=1)
        focus = (no * t + yes * (1 - t)) ** (gamma_pos * t + gamma_neg * (1 - t))
        return focus * -(k * t * yes.clamp(min=1e-8).log()
                         + (1 - k) * (1 - t) * no.clamp(min=1e-8).log())

    known = (formula_input((6, 5), 1006) > -0.5).float()
    add("asymmetric angular", logits, lambda p: asymmetric_angular(p, targets).sum())
    add("asymmetric angular elements", logits,
        lambda p: asymmetric_angular(p, quality, 0.5, 2, 0.6, 0.1) * known)

    def distribution_focal(p):
        probability = p.softmax(1)
        left = distances.long().clamp(max=3)
        rows = torch.arange(6)
        return -((left + 1 - distances) * probability[rows, left].log()
                 + (distances - left) * probability[rows, left + 1].log())

    add("distribution focal", logits, lambda p: distribution_focal(p).mean())
    add("distribution focal elements", logits, distribution_focal)
    return cases


def small_network():
    network = nn.Sequential(
        nn.Conv2d(3, 4, 3, bias=False), nn.BatchNorm2d(4), nn.Conv2d(4, 2, 1))
    return fill(network)


def set_gradients(network, step):
    for k, parameter in enumerate(network.parameters()):
        parameter.grad = formula_input(parameter.shape, 3000 + 10 * step + k)


class LARS(torch.optim.Optimizer):
    """Algorithm 1 of You et al., 2017, biases and normalisations left out of ratio and decay."""

    def __init__(self, parameters, lr, momentum, weight_decay, trust=1e-3):
        super().__init__(parameters, dict(
            lr=lr, momentum=momentum, weight_decay=weight_decay, trust=trust))

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            for w in group["params"]:
                g, beta, ratio = w.grad, group["weight_decay"], 1.0
                if w.ndim >= 2:
                    ratio = group["trust"] * w.norm() / (g.norm() + beta * w.norm())
                    g = g + beta * w
                state = self.state[w]
                v = group["momentum"] * state.get("v", torch.zeros_like(w))
                state["v"] = v + group["lr"] * ratio * g
                w -= state["v"]


def optimizers():
    """Parameters after five steps with formula gradients and a falling learning rate."""
    def split(network, weight_decay):
        norms = [p for p in network.parameters() if p.ndim == 1]
        others = [p for p in network.parameters() if p.ndim != 1]
        return [
            {"params": others, "weight_decay": weight_decay},
            {"params": norms, "weight_decay": 0.0},
        ]

    table = {
        "sgd": lambda n: torch.optim.SGD(n.parameters(), lr=0.1),
        "sgd momentum": lambda n: torch.optim.SGD(
            n.parameters(), lr=0.1, momentum=0.9, weight_decay=0.01),
        "sgd nesterov": lambda n: torch.optim.SGD(
            n.parameters(), lr=0.1, momentum=0.9, weight_decay=0.01, nesterov=True),
        "sgd groups": lambda n: torch.optim.SGD(split(n, 0.1), lr=0.1, momentum=0.9),
        "adamw": lambda n: torch.optim.AdamW(
            n.parameters(), lr=0.1, betas=(0.8, 0.95), weight_decay=0.05),
        "adamw amsgrad": lambda n: torch.optim.AdamW(
            n.parameters(), lr=0.1, weight_decay=0.05, amsgrad=True),
        "adam": lambda n: torch.optim.Adam(
            n.parameters(), lr=0.1, betas=(0.8, 0.95), weight_decay=0.05),
        "adam amsgrad": lambda n: torch.optim.Adam(
            n.parameters(), lr=0.1, eps=1e-3, weight_decay=0.05, amsgrad=True),
        "rmsprop": lambda n: torch.optim.RMSprop(n.parameters(), lr=0.1),
        "rmsprop momentum": lambda n: torch.optim.RMSprop(
            n.parameters(), lr=0.1, alpha=0.9, eps=1e-3, momentum=0.9, weight_decay=0.05),
        "lars": lambda n: LARS(n.parameters(), lr=0.1, momentum=0.9, weight_decay=0.05),
        "adamw groups": lambda n: torch.optim.AdamW(split(n, 0.5), lr=0.1),
    }
    cases = {}
    for name, make in table.items():
        network = small_network()
        optimizer = make(network)
        for step in range(5):
            for group in optimizer.param_groups:
                group["lr"] = 0.1 / (step + 1)
            set_gradients(network, step)
            optimizer.step()
        for path, parameter in network.named_parameters():
            cases[f"{name}/{path}"] = parameter
    # Gradient clipping.
    for limit in (0.5, 100.0):
        network = small_network()
        set_gradients(network, 0)
        norm = nn.utils.clip_grad_norm_(network.parameters(), limit)
        cases[f"clip {limit:g}/norm"] = norm
        for path, parameter in network.named_parameters():
            cases[f"clip {limit:g}/{path}.grad"] = parameter.grad
    # An exponential moving average of the weights; buffers are copied.
    network = small_network()
    average = torch.optim.swa_utils.AveragedModel(
        network, multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(0.9))
    average.update_parameters(network)
    optimizer = torch.optim.SGD(network.parameters(), lr=0.1)
    for step in range(5):
        set_gradients(network, step)
        optimizer.step()
        average.update_parameters(network)
    for path, parameter in average.module.named_parameters():
        cases[f"ema/{path}"] = parameter
    return cases


def schedules():
    """Rates of each epoch (of each step for warm-up)."""
    def optimizer():
        return torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=0.02)

    def rates(make, count, scores=None):
        opt = optimizer()
        schedule = make(opt)
        found = []
        for epoch in range(count):
            found.append(opt.param_groups[0]["lr"])
            opt.step()
            schedule.step(*([scores[epoch]] if scores else []))
        return digest(torch.tensor(found, dtype=torch.float64), None)

    from torch.optim import lr_scheduler as s
    scores = [.1, .3, .3, .30001, .2, .5, .4, .5, .5, .49, .5, .5, .5, .5, .6, .1, .1, .1, .1, .1]
    falling = [1 - x for x in scores]
    return {
        "step": rates(lambda o: s.StepLR(o, 3, 0.5), 12),
        "cosine": rates(lambda o: s.CosineAnnealingLR(o, 20, 1e-4), 20),
        "plateau": rates(
            lambda o: s.ReduceLROnPlateau(o, mode="max", factor=0.1, patience=2), 20, scores),
        "plateau minimum": rates(
            lambda o: s.ReduceLROnPlateau(
                o, mode="min", factor=0.3, patience=1, min_lr=0.001), 20, falling),
        "multi-step": rates(lambda o: s.MultiStepLR(o, [3, 4, 11], 0.3), 14),
        "poly": rates(lambda o: s.PolynomialLR(o, 40, 0.9), 45),
        "one-cycle": rates(
            lambda o: s.OneCycleLR(o, 0.02, total_steps=40, cycle_momentum=False), 39),
        "one-cycle other": rates(
            lambda o: s.OneCycleLR(
                o, 0.02, total_steps=40, pct_start=0.12, div_factor=10, final_div_factor=100,
                cycle_momentum=False), 39),
        "one-cycle falling": rates(
            lambda o: s.OneCycleLR(
                o, 0.02, total_steps=40, pct_start=0.0, cycle_momentum=False), 39),
        "warm-up": rates(lambda o: s.LinearLR(o, 1 / 3, 1.0, 8), 12),
        "scores": digest(torch.tensor(scores, dtype=torch.float64), None),
    }


def initialization():
    """What `torch.manual_seed(3)` draws."""
    cases = {}

    def add(name, make):
        torch.manual_seed(3)
        module = make()
        for path, parameter in module.named_parameters():
            cases[f"{name}/{path}"] = parameter

    def tensor(name, initialize):
        torch.manual_seed(3)
        weight = torch.empty(6, 4, 3, 3)
        initialize(weight)
        cases[name] = weight

    add("conv2d", lambda: nn.Conv2d(4, 6, 3))
    add("conv2d grouped", lambda: nn.Conv2d(4, 8, 3, groups=2))
    add("linear", lambda: nn.Linear(7, 5))
    add("conv transpose", lambda: nn.ConvTranspose2d(4, 6, 3))
    add("attention", lambda: nn.MultiheadAttention(8, 2))
    add("embedding", lambda: nn.Embedding(5, 4))
    add("sequential", lambda: nn.Sequential(nn.Conv2d(4, 6, 3), nn.BatchNorm2d(6), nn.Conv2d(6, 2, 1)))
    tensor("kaiming normal", lambda w: nn.init.kaiming_normal_(w, mode="fan_out", nonlinearity="relu"))
    tensor("kaiming uniform", lambda w: nn.init.kaiming_uniform_(w, a=1))
    tensor("xavier uniform", nn.init.xavier_uniform_)
    tensor("xavier normal", nn.init.xavier_normal_)
    tensor("normal", lambda w: nn.init.normal_(w, 0.5, 0.01))
    tensor("uniform", lambda w: nn.init.uniform_(w, -0.5, 0.25))
    for mode in ("row", "batch"):
        torch.manual_seed(3)
        cases[f"stochastic depth {mode}"] = ops.stochastic_depth(torch.ones(8, 2, 1, 1), 0.4, mode)
    return cases


if __name__ == "__main__":
    torch.set_num_threads(1)
    write("OTXNN", "formulas", formulas())
    write("OTXNN", "layers", layers(), samples=8)
    write("OTXNN", "attention", attention(), samples=8)
    write("OTXNN", "mixed_precision", mixed_precision(), samples=8)
    write("OTXNN", "losses", losses(), samples=8)
    write("OTXNN", "optimizers", optimizers(), samples=8)
    write("OTXNN", "schedules", schedules())
    write("OTXNN", "initialization", initialization(), samples=8)
