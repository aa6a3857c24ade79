"""ATSS and SSD on MobileNetV2, written plainly in PyTorch: the numbers that the Swift models must give.

Loops where the Swift code is vectorised, so that the two can be wrong only independently.

Sources: ATSS (Zhang et al., CVPR 2020, arXiv 1912.02424), SSD (Liu et al., ECCV 2016, arXiv 1512.02325),
FPN (Lin et al., CVPR 2017), focal loss (Lin et al., ICCV 2017), GIoU (Rezatofighi et al., CVPR 2019).
Sizes, strides and loss weights are those of OTX 2.6, whose own heads, assigners and criteria gave the same
assignments, losses and detections on this file's weights and objects when it was written.
"""

import math

import torch
import torchvision
from torch import nn
from torch.nn import functional as F

STDS = (0.1, 0.1, 0.2, 0.2)
MAX_RATIO = abs(math.log(16 / 1000))


class MobileNetV2Features(nn.Module):
    """torchvision's MobileNetV2 up to the last inverted residual; levels 24/4, 32/8, 96/16, 320/32."""

    def __init__(self, levels):
        super().__init__()
        self.features = torchvision.models.mobilenet_v2(weights=None).features[:18]
        self.levels = levels

    def forward(self, x):
        found = []
        for index, layer in enumerate(self.features):
            x = layer(x)
            if index in self.levels:
                found.append(x)
        return found


def named(conv, **more):
    """A module with `conv` and what follows it, under the names of published detectors."""
    module = nn.Module()
    module.conv = conv
    for name, child in more.items():
        setattr(module, name, child)
    return module


class FeaturePyramid(nn.Module):
    def __init__(self, in_channels=(32, 96, 320), channels=64, extra=2):
        super().__init__()
        self.lateral_convs = nn.ModuleList([named(nn.Conv2d(c, channels, 1)) for c in in_channels])
        self.fpn_convs = nn.ModuleList(
            [named(nn.Conv2d(channels, channels, 3, padding=1)) for _ in in_channels]
            + [named(nn.Conv2d(channels, channels, 3, 2, 1)) for _ in range(extra)]
        )

    def forward(self, features):
        laterals = [m.conv(f) for m, f in zip(self.lateral_convs, features)]
        for i in range(len(laterals) - 1, 0, -1):
            up = F.interpolate(laterals[i], size=laterals[i - 1].shape[2:], mode="nearest")
            laterals[i - 1] = laterals[i - 1] + up
        outs = [m.conv(x) for m, x in zip(self.fpn_convs, laterals)]
        for i in range(len(laterals), len(self.fpn_convs)):
            source = outs[-1] if i == len(laterals) else F.relu(outs[-1])
            outs.append(self.fpn_convs[i].conv(source))
        return outs


class Scale(nn.Module):
    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(torch.tensor(1.0))


class ATSSHead(nn.Module):
    def __init__(self, label_count, channels=64, depth=4, level_count=5):
        super().__init__()

        def tower():
            return nn.ModuleList([
                named(nn.Conv2d(channels, channels, 3, padding=1, bias=False), gn=nn.GroupNorm(32, channels))
                for _ in range(depth)
            ])

        self.cls_convs = tower()
        self.reg_convs = tower()
        self.atss_cls = nn.Conv2d(channels, label_count, 3, padding=1)
        self.atss_reg = nn.Conv2d(channels, 4, 3, padding=1)
        self.atss_centerness = nn.Conv2d(channels, 1, 3, padding=1)
        self.scales = nn.ModuleList([Scale() for _ in range(level_count)])

    def forward(self, features):
        scores, deltas, centerness = [], [], []
        for x, scale in zip(features, self.scales):
            a = b = x
            for m in self.cls_convs:
                a = F.relu(m.gn(m.conv(a)))
            for m in self.reg_convs:
                b = F.relu(m.gn(m.conv(b)))
            scores.append(flat(self.atss_cls(a), self.atss_cls.out_channels))
            deltas.append(flat(self.atss_reg(b) * scale.scale, 4))
            centerness.append(flat(self.atss_centerness(b), 1))
        return torch.cat(scores, 1), torch.cat(deltas, 1), torch.cat(centerness, 1)[..., 0]


def flat(x, columns):
    """[N, a*C, H, W] → [N, H*W*a, C]"""
    return x.permute(0, 2, 3, 1).reshape(x.shape[0], -1, columns)


class ATSS(nn.Module):
    STRIDES = (8, 16, 32, 64, 128)

    def __init__(self, label_count):
        super().__init__()
        self.backbone = MobileNetV2Features((6, 13, 17))
        self.neck = FeaturePyramid()
        self.bbox_head = ATSSHead(label_count)
        self.label_count = label_count

    def forward(self, x):
        return self.bbox_head(self.neck(self.backbone(x)))

    def anchors(self, height, width):
        """Per level: squares of 8 strides, centred on the top left corner of each cell."""
        levels = []
        for stride in self.STRIDES:
            rows, columns = math.ceil(height / stride), math.ceil(width / stride)
            levels.append(torch.tensor([
                [x * stride - 4 * stride, y * stride - 4 * stride, x * stride + 4 * stride, y * stride + 4 * stride]
                for y in range(rows) for x in range(columns)
            ], dtype=torch.float32))
        return levels

    def all_anchors(self, height, width):
        return torch.cat(self.anchors(height, width))

    def raw(self, x):
        scores, deltas, centerness = self(x)
        anchors = self.all_anchors(*x.shape[2:])
        boxes = torch.stack([clip(decode(anchors, d), *x.shape[2:]) for d in deltas])
        return boxes, scores.sigmoid() * centerness.sigmoid()[..., None]

    def losses(self, x, targets):
        """targets: per image (boxes [G, 4], labels [G], crowd [G])"""
        scores, deltas, centerness = self(x)
        levels = self.anchors(*x.shape[2:])
        anchors = torch.cat(levels)
        assigned, average = [], 0
        cls_loss = box_loss = center_loss = 0.0
        centerness_sum = 0.0
        for n, (boxes, labels, crowd) in enumerate(targets):
            owner = atss_assign(levels, boxes[~crowd])
            assigned.append(owner)
            positive = [a for a, g in enumerate(owner) if g >= 0]
            average += max(len(positive), 1)
            goal = torch.zeros(len(anchors), self.label_count)
            weight = torch.ones(len(anchors), 1)
            kept_boxes, kept_labels = boxes[~crowd], labels[~crowd]
            for a in range(len(anchors)):
                if owner[a] >= 0:
                    goal[a, kept_labels[owner[a]]] = 1
                elif any(covered(anchors[a], c) > 0.5 for c in boxes[crowd]):
                    weight[a] = 0
            cls_loss = cls_loss + (torchvision.ops.sigmoid_focal_loss(scores[n], goal) * weight).sum()
            for a in positive:
                box = kept_boxes[owner[a]]
                quality = center_quality(anchors[a], box)
                centerness_sum += quality
                predicted = decode(anchors[a:a + 1], deltas[n, a:a + 1])
                box_loss = box_loss + quality * (1 - giou(predicted[0], box))
                center_loss = center_loss + F.binary_cross_entropy_with_logits(centerness[n, a], quality)
        return {
            "loss_cls": cls_loss / average,
            "loss_bbox": 2 * box_loss / max(float(centerness_sum), 1.0),
            "loss_centerness": center_loss / average,
        }, assigned


def decode(anchors, deltas):
    wh = anchors[:, 2:] - anchors[:, :2]
    center = (anchors[:, 2:] + anchors[:, :2]) / 2
    d = deltas * torch.tensor(STDS)
    half = wh * d[:, 2:].clamp(-MAX_RATIO, MAX_RATIO).exp() / 2
    center = center + wh * d[:, :2]
    return torch.cat([center - half, center + half], 1)


def encode(anchors, boxes):
    awh, bwh = anchors[:, 2:] - anchors[:, :2], boxes[:, 2:] - boxes[:, :2]
    offset = ((boxes[:, 2:] + boxes[:, :2]) - (anchors[:, 2:] + anchors[:, :2])) / 2 / awh
    return torch.cat([offset, (bwh / awh).log()], 1) / torch.tensor(STDS)


def clip(boxes, height, width):
    return torch.stack([
        boxes[:, 0].clamp(0, width), boxes[:, 1].clamp(0, height),
        boxes[:, 2].clamp(0, width), boxes[:, 3].clamp(0, height)], 1)


def area(box):
    return (box[2] - box[0]) * (box[3] - box[1])


def intersection(a, b):
    width = torch.clamp(torch.minimum(a[2], b[2]) - torch.maximum(a[0], b[0]), min=0)
    height = torch.clamp(torch.minimum(a[3], b[3]) - torch.maximum(a[1], b[1]), min=0)
    return width * height


def iou(a, b):
    both = intersection(a, b)
    return both / torch.clamp(area(a) + area(b) - both, min=1e-6)


def covered(a, b):
    """The share of `a` that lies in `b`."""
    return intersection(a, b) / torch.clamp(area(a), min=1e-6)


def giou(a, b):
    both = intersection(a, b)
    union = torch.clamp(area(a) + area(b) - both, min=1e-6)
    hull = (torch.maximum(a[2], b[2]) - torch.minimum(a[0], b[0])) * (
        torch.maximum(a[3], b[3]) - torch.minimum(a[1], b[1]))
    hull = torch.clamp(hull, min=1e-6)
    return both / union - (hull - union) / hull


def center_quality(anchor, box):
    x, y = (anchor[0] + anchor[2]) / 2, (anchor[1] + anchor[3]) / 2
    l, t, r, b = x - box[0], y - box[1], box[2] - x, box[3] - y
    return torch.sqrt(torch.minimum(l, r) / torch.maximum(l, r) * torch.minimum(t, b) / torch.maximum(t, b))


def atss_assign(levels, boxes, k=9):
    """Section 3 of the paper: for each object the k nearest anchors of each level; those whose IoU is at least
    mean + standard deviation of the candidates' IoU, and whose centre lies in the object, are positive."""
    anchors = torch.cat(levels)
    best = [(-1.0, -1)] * len(anchors)
    centers = (anchors[:, :2] + anchors[:, 2:]) / 2
    for g, box in enumerate(boxes):
        candidates, start = [], 0
        for level in levels:
            distance = (centers[start:start + len(level)] - (box[:2] + box[2:]) / 2).norm(dim=1)
            nearest = distance.argsort(stable=True)[:k]
            candidates += [start + int(a) for a in nearest]
            start += len(level)
        overlaps = torch.stack([iou(anchors[a], box) for a in candidates])
        threshold = overlaps.mean() + overlaps.std()
        for a, overlap in zip(candidates, overlaps):
            x, y = centers[a]
            inside = min(x - box[0], y - box[1], box[2] - x, box[3] - y) > 0.01
            if overlap >= threshold and inside and overlap > best[a][0]:
                best[a] = (float(overlap), g)
    return [g for _, g in best]


class SSDHead(nn.Module):
    def __init__(self, label_count, in_channels=(96, 320), anchor_counts=(4, 5)):
        super().__init__()

        def branch(channels, out):
            return nn.Sequential(
                nn.Conv2d(channels, channels, 3, padding=1, groups=channels),
                nn.BatchNorm2d(channels), nn.ReLU(), nn.Conv2d(channels, out, 1))

        pairs = list(zip(in_channels, anchor_counts))
        self.cls_convs = nn.ModuleList([branch(c, a * (label_count + 1)) for c, a in pairs])
        self.reg_convs = nn.ModuleList([branch(c, a * 4) for c, a in pairs])
        self.register_buffer("anchor_sizes", torch.zeros(sum(anchor_counts), 2))
        self.label_count = label_count

    def forward(self, features):
        scores = [flat(m(x), self.label_count + 1) for m, x in zip(self.cls_convs, features)]
        deltas = [flat(m(x), 4) for m, x in zip(self.reg_convs, features)]
        return torch.cat(scores, 1), torch.cat(deltas, 1)


class SSD(nn.Module):
    STRIDES = (16, 32)
    ANCHOR_COUNTS = (4, 5)
    # Heights and widths at an input of 864×864.
    HEIGHTS = (48.9243877087132, 147.73088476194903, 158.23569788707474, 324.14510379107367,
               587.6216059488938, 381.60024152086544, 323.5988913027747, 702.7486097568518, 741.4865860938451)
    WIDTHS = (38.641007923271076, 92.49516032784699, 271.4234764938237, 141.53469410876247,
              206.04136086566515, 386.6542727907841, 716.9892752215089, 453.75609561761405, 788.4629155558277)

    def __init__(self, label_count, height, width):
        super().__init__()
        self.backbone = MobileNetV2Features((13, 17))
        self.bbox_head = SSDHead(label_count)
        self.label_count = label_count
        self.set_anchor_sizes(height, width)

    def set_anchor_sizes(self, height, width):
        self.bbox_head.anchor_sizes.copy_(torch.tensor(
            [[h * height / 864, w * width / 864] for h, w in zip(self.HEIGHTS, self.WIDTHS)]))

    def forward(self, x):
        return self.bbox_head(self.backbone(x))

    def all_anchors(self, height, width):
        found, start = [], 0
        for stride, count in zip(self.STRIDES, self.ANCHOR_COUNTS):
            for row in range(math.ceil(height / stride)):
                for column in range(math.ceil(width / stride)):
                    x, y = (column + 0.5) * stride, (row + 0.5) * stride
                    for h, w in self.bbox_head.anchor_sizes[start:start + count].tolist():
                        found.append([x - w / 2, y - h / 2, x + w / 2, y + h / 2])
            start += count
        return torch.tensor(found)

    def raw(self, x):
        scores, deltas = self(x)
        anchors = self.all_anchors(*x.shape[2:])
        boxes = torch.stack([clip(decode(anchors, d), *x.shape[2:]) for d in deltas])
        return boxes, scores.softmax(-1)[..., :-1]

    def losses(self, x, targets):
        scores, deltas = self(x)
        anchors = self.all_anchors(*x.shape[2:])
        cls_loss = box_loss = 0.0
        average, assigned = 0, []
        for n, (boxes, labels, crowd) in enumerate(targets):
            kept_boxes, kept_labels = boxes[~crowd], labels[~crowd]
            owner = max_iou_assign(anchors, kept_boxes)
            assigned.append(owner)
            goal = torch.tensor([self.label_count if g < 0 else int(kept_labels[g]) for g in owner])
            ce = F.cross_entropy(scores[n], goal, reduction="none")
            positive = [a for a, g in enumerate(owner) if g >= 0]
            negative = [a for a, g in enumerate(owner)
                        if g < 0 and not any(covered(anchors[a], c) > 0.5 for c in boxes[crowd])]
            count = max(len(positive), 1)
            average += count
            hardest = ce[negative].topk(min(3 * count, len(negative))).values
            cls_loss = cls_loss + ce[positive].sum() + hardest.sum()
            if positive:
                goals = encode(anchors[positive], kept_boxes[[owner[a] for a in positive]])
                box_loss = box_loss + F.smooth_l1_loss(deltas[n, positive], goals, reduction="sum")
        return {"loss_cls": cls_loss / average, "loss_bbox": box_loss / average}, assigned


def max_iou_assign(anchors, boxes, threshold=0.4):
    owner = [-1] * len(anchors)
    if len(boxes) == 0:
        return owner
    overlaps = torch.stack([torch.stack([iou(a, b) for a in anchors]) for b in boxes])
    for a in range(len(anchors)):
        best = overlaps[:, a].max(0)
        if best.values >= threshold:
            owner[a] = int(best.indices)
    for g in range(len(boxes)):
        best = overlaps[g].max(0)
        if best.values > 0:
            owner[int(best.indices)] = g
    return owner


def detections(boxes, scores, iou_threshold, candidate_count=1000, limit=100):
    """Greedy suppression image by image, label by label: rows (x1, y1, x2, y2, score, label), surest first."""
    found = []
    for b, s in zip(boxes, scores):
        values, flat_index = s.flatten().topk(min(candidate_count, s.numel()))
        anchor, label = flat_index // s.shape[1], flat_index % s.shape[1]
        visible = (b[anchor][:, 2:] > b[anchor][:, :2]).all(1)
        values, anchor, label = values[visible], anchor[visible], label[visible]
        keep = torchvision.ops.batched_nms(b[anchor], values, label, iou_threshold)[:limit]
        found.append(torch.cat([b[anchor][keep], values[keep, None], label[keep, None].float()], 1))
    return found
