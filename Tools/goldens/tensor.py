"""Operators and their gradients as PyTorch computes them; non-maximum suppression as torchvision's."""

import torch
import torch.nn.functional as F
import torchvision

from common import digest, formula_input, formula_integers, write


def forward():
    x = formula_input((2, 3, 8, 10))
    y = formula_input((2, 3, 8, 10), 1001)
    m = formula_input((4, 6), 1002)
    n = formula_input((6, 5), 1003)
    picks = formula_integers((5,), 6)
    cases = {
        "arithmetic": (x + 2) * y - x / 3 - 1 / (y + 3) + (-x) * (1 - y),
        "remainder": torch.remainder(formula_integers((12,), 100), 7),
        "floorDivide": torch.div(formula_integers((12,), 100) - 50, 7, rounding_mode="floor"),
        "maximum": torch.maximum(x, y) + torch.minimum(x, y) * 2,
        "comparison": ((x < y) | (x >= 0.5)).float() + x.eq(y).float(),
        "lerp": x.lerp(y, 0.3),
        "matmul": m @ n,
        "einsum": torch.einsum("bchw,bcxw->bchx", x, y),
        "permute": x.permute(0, 2, 3, 1).flatten(1, 2).unsqueeze(1),
        "narrow": x.narrow(3, 2, 5).select(1, 1)[:, 1:-1:2],
        "cat": torch.cat([x, y], 1).chunk(2, 3)[1],
        "stack": torch.stack([x, y], -1),
        "split": x.split([3, 5], 2)[1].roll([1], [2]).flip([3]),
        "repeat": m.repeat(2, 1).repeat_interleave(2, 1),
        "pad": F.pad(x, [1, 2, 3, 0], value=0.5),
        "sum": x.sum(dim=[2, 3]) + x.mean(dim=1, keepdim=True).sum(dim=(2, 3)),
        "var": x.var(dim=[0, 2, 3], correction=0) + x.std(dim=[0, 2, 3]),
        "norm": torch.stack([x.norm(), x.norm(p=1), x.sum(), x.prod()]),
        "logsumexp": torch.logsumexp(x, 1),
        "cumsum": x.cumsum(3),
        "max values": x.max(1).values + x.min(1).values + x.amax((1,)),
        "max indices": x.max(1).indices * 10 + x.argmin(1),
        "indexSelect": m.index_select(1, picks),
        "gather": m.gather(1, formula_integers((4, 3), 6, 2001)),
        "scatter": torch.zeros(4, 6).scatter(1, formula_integers((4, 1), 6, 2001), 1.0),
        "index": m[:, picks],
        "maskedFill": x.masked_fill(x > 0.2, -1.0),
        "maskedSelect": x.masked_select(x > 0.9),
        "nonzero": (m > 0.4).nonzero(),
        "where": torch.where(x > 0, x, y * 0.1),
        "topk": m.topk(3, 1).values + m.topk(3, 1).indices,
        "sort": m.sort(dim=1, descending=True, stable=True).values,
        "oneHot": F.one_hot(picks, 7),
        "unique": torch.unique(formula_integers((40,), 9)),
        "math": x.exp() + (x + 2).log() + (x + 2).sqrt() + x.pow(3) + x.abs().pow(1.5) + x.clamp(-0.3, 0.4),
        "trigonometry": x.sin() + x.cos() + x.atan() + torch.atan2(x, y) + x.erf(),
        "rounding": (x * 5).floor() + (x * 5).ceil() * 2 + (x * 5).round() * 3 + (x * 5).trunc() * 5,
        "softmax": x.softmax(1) + x.log_softmax(-1),
    }
    activations = {
        "relu": F.relu, "relu6": F.relu6, "leakyRelu": F.leaky_relu, "elu": F.elu, "gelu": F.gelu,
        "silu": F.silu, "mish": F.mish, "hardswish": F.hardswish, "hardsigmoid": F.hardsigmoid,
        "sigmoid": torch.sigmoid, "logSigmoid": F.logsigmoid, "tanh": torch.tanh, "softplus": F.softplus,
    }
    for name, function in activations.items():
        cases[name] = function(x * 8)
    return {key: digest(value) for key, value in cases.items()}


def network():
    x = formula_input((2, 6, 9, 11))
    w = formula_input((8, 3, 3, 3), 1001)
    b = formula_input((8,), 1002)
    scale, shift = formula_input((6,), 1003), formula_input((6,), 1004)
    mean, variance = formula_input((6,), 1005), formula_input((6,), 1006) + 1.5
    cases = {
        "conv2d": F.conv2d(x, w, b, stride=(2, 1), padding=1, dilation=(1, 2), groups=2),
        "convTranspose2d": F.conv_transpose2d(x, formula_input((6, 4, 3, 3), 1007), stride=2, padding=1, output_padding=1, groups=1),
        "linear": F.linear(x, formula_input((5, 11), 1008), formula_input((5,), 1009)),
        "embedding": F.embedding(formula_integers((3, 4), 6), formula_input((6, 5), 1010)),
        "batchNorm eval": F.batch_norm(x, mean, variance, scale, shift, False, 0.1, 1e-3),
        "groupNorm": F.group_norm(x, 3, scale, shift),
        "layerNorm": F.layer_norm(x, (11,), formula_input((11,), 1011), formula_input((11,), 1012)),
        "maxPool2d": F.max_pool2d(x, 3, 2, 1, ceil_mode=True),
        "avgPool2d": F.avg_pool2d(x, (3, 2), (2, 2), (1, 1), count_include_pad=False),
        "adaptiveAvgPool2d": F.adaptive_avg_pool2d(x, (4, 3)),
        "adaptiveMaxPool2d": F.adaptive_max_pool2d(x, (4, 3)),
        "upsampleNearest": F.interpolate(x, scale_factor=2.0),
        "upsampleBilinear": F.interpolate(x, size=(13, 7), mode="bilinear", align_corners=False),
        "pixelShuffle": F.pixel_shuffle(formula_input((1, 8, 3, 3), 1013), 2),
        "attention": F.scaled_dot_product_attention(
            formula_input((2, 2, 5, 8), 1014), formula_input((2, 2, 7, 8), 1015), formula_input((2, 2, 7, 8), 1016)),
    }
    means, variances = mean.clone(), variance.clone()
    cases["batchNorm training"] = F.batch_norm(x, means, variances, scale, shift, True, 0.1, 1e-3)
    cases["batchNorm running"] = torch.stack([means, variances])
    logits = formula_input((7, 5), 1020) * 3
    labels = formula_integers((7,), 5)
    targets = (formula_input((7, 5), 1021) + 1) / 2
    cases |= {
        "crossEntropy": F.cross_entropy(logits, labels, label_smoothing=0.1),
        "crossEntropy weighted": F.cross_entropy(logits, labels, weight=formula_input((5,), 1022).abs(), ignore_index=2, reduction="sum"),
        "binaryCrossEntropyWithLogits": F.binary_cross_entropy_with_logits(logits, targets, pos_weight=torch.full((5,), 2.0)),
        "binaryCrossEntropy": F.binary_cross_entropy(targets, targets, reduction="none"),
        "smoothL1Loss": F.smooth_l1_loss(logits, targets, beta=0.5, reduction="sum"),
        "l1 and mse": F.l1_loss(logits, targets) + F.mse_loss(logits, targets),
        "klDivergence": F.kl_div(logits.log_softmax(1), targets, reduction="sum"),
    }
    return {key: digest(value) for key, value in cases.items()}


def gradients():
    """A small network with branches; the gradient of each leaf."""
    x = formula_input((2, 3, 12, 12))
    leaves = {
        "conv": formula_input((8, 3, 3, 3), 1001),
        "scale": formula_input((8,), 1002) + 1,
        "shift": formula_input((8,), 1003),
        "depthwise": formula_input((8, 1, 3, 3), 1004),
        "linear": formula_input((5, 8), 1005),
    }
    for leaf in leaves.values():
        leaf.requires_grad_()
    y = F.conv2d(x, leaves["conv"], stride=2, padding=1)
    y = F.hardswish(F.batch_norm(y, None, None, leaves["scale"], leaves["shift"], True))
    z = F.conv2d(y, leaves["depthwise"], padding=1, groups=8)
    pooled = F.adaptive_avg_pool2d(torch.cat([z * y.sigmoid()], 1), 1).flatten(1)
    logits = F.linear(pooled, leaves["linear"])
    loss = F.cross_entropy(logits, torch.tensor([1, 3])) + 0.1 * F.max_pool2d(z, 2).abs().mean()
    loss.backward()
    return {"loss": digest(loss)} | {name: digest(leaf.grad) for name, leaf in leaves.items()}


def boxes(count, spread, size, k):
    """`count` boxes with corners spread over `spread` and edges up to `size`."""
    corner = (formula_input((count, 2), k) + 1) / 2 * spread
    extent = (formula_input((count, 2), k + 1) + 1) / 2 * size
    return torch.cat([corner, corner + extent], 1)


def suppression():
    cases = {}

    def add(name, dets, scores, threshold):
        kept = torchvision.ops.nms(dets, scores, threshold)
        cases[name] = digest(kept, samples=None if kept.numel() <= 400 else 400)

    dense = boxes(500, 100, 60, 3000)
    scores = (formula_input((500,), 3010) + 1) / 2
    add("dense 0.5", dense, scores, 0.5)
    add("dense 0", dense, scores, 0.0)
    add("ties", dense, (scores * 4).round(), 0.3)
    shifted = boxes(2000, 200, 80, 3020) + (formula_integers((2000, 1), 12, 3021) * 2000).float()
    add("batched", shifted, (formula_input((2000,), 3022) + 1) / 2, 0.6)
    flat = boxes(200, 50, 30, 3030)
    flat[::7, 2:] = flat[::7, :2]
    add("empty boxes", flat, (formula_input((200,), 3032) + 1) / 2, 0.4)
    return cases


torch.manual_seed(0)
write("OTXTensor", "forward", forward())
write("OTXTensor", "network", network())
write("OTXTensor", "gradients", gradients())
write("OTXTensor", "suppression", suppression())
