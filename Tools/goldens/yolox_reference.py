"""YOLOX tiny and s, written plainly in PyTorch: the numbers that the Swift models must give.

Loops where the Swift code is vectorised, so that the two can be wrong only independently.

Sources: YOLOX (Ge et al., arXiv 2107.08430), CSPNet (Wang et al., CVPRW 2020), PANet (Liu et al., CVPR 2018).
Names, sizes, constants and initial biases are those of the published checkpoints and of the program that made
them (Megvii-BaseDetection/YOLOX 0.3, Apache 2.0).
"""

import math

import torch
from torch import nn
from torch.nn import functional as F

from detectors_reference import clip, covered, iou


class Block(nn.Module):
    def __init__(self, in_channels, channels, kernel=1, stride=1):
        super().__init__()
        self.conv = nn.Conv2d(in_channels, channels, kernel, stride, kernel // 2, bias=False)
        self.bn = nn.BatchNorm2d(channels, eps=1e-3, momentum=0.03)

    def forward(self, x):
        return F.silu(self.bn(self.conv(x)))


class Stem(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.conv = Block(12, channels, 3)

    def forward(self, x):
        corners = [x[:, :, 0::2, 0::2], x[:, :, 1::2, 0::2], x[:, :, 0::2, 1::2], x[:, :, 1::2, 1::2]]
        return self.conv(torch.cat(corners, 1))


class Residual(nn.Module):
    def __init__(self, channels, shortcut):
        super().__init__()
        self.conv1 = Block(channels, channels)
        self.conv2 = Block(channels, channels, 3)
        self.shortcut = shortcut

    def forward(self, x):
        y = self.conv2(self.conv1(x))
        return x + y if self.shortcut else y


class CSP(nn.Module):
    def __init__(self, in_channels, channels, count, shortcut=True):
        super().__init__()
        half = channels // 2
        self.conv1 = Block(in_channels, half)
        self.conv2 = Block(in_channels, half)
        self.conv3 = Block(2 * half, channels)
        self.m = nn.Sequential(*[Residual(half, shortcut) for _ in range(count)])

    def forward(self, x):
        return self.conv3(torch.cat([self.m(self.conv1(x)), self.conv2(x)], 1))


class SPP(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.conv1 = Block(channels, channels // 2)
        self.conv2 = Block(channels // 2 * 4, channels)

    def forward(self, x):
        x = self.conv1(x)
        return self.conv2(torch.cat([x] + [F.max_pool2d(x, k, 1, k // 2) for k in (5, 9, 13)], 1))


class CSPDarknet(nn.Module):
    def __init__(self, depth, width):
        super().__init__()
        c, n = int(64 * width), max(round(3 * depth), 1)
        self.stem = Stem(c)
        self.dark2 = nn.Sequential(Block(c, 2 * c, 3, 2), CSP(2 * c, 2 * c, n))
        self.dark3 = nn.Sequential(Block(2 * c, 4 * c, 3, 2), CSP(4 * c, 4 * c, 3 * n))
        self.dark4 = nn.Sequential(Block(4 * c, 8 * c, 3, 2), CSP(8 * c, 8 * c, 3 * n))
        self.dark5 = nn.Sequential(Block(8 * c, 16 * c, 3, 2), SPP(16 * c), CSP(16 * c, 16 * c, n, False))

    def forward(self, x):
        found = []
        x = self.stem(x)
        for stage in (self.dark2, self.dark3, self.dark4, self.dark5):
            x = stage(x)
            found.append(x)
        return found


class Neck(nn.Module):
    def __init__(self, depth, width):
        super().__init__()
        n = max(round(3 * depth), 1)
        a, b, c = (int(x * width) for x in (256, 512, 1024))
        self.backbone = CSPDarknet(depth, width)
        self.lateral_conv0 = Block(c, b)
        self.C3_p4 = CSP(2 * b, b, n, False)
        self.reduce_conv1 = Block(b, a)
        self.C3_p3 = CSP(2 * a, a, n, False)
        self.bu_conv2 = Block(a, a, 3, 2)
        self.C3_n3 = CSP(2 * a, b, n, False)
        self.bu_conv1 = Block(b, b, 3, 2)
        self.C3_n4 = CSP(2 * b, c, n, False)

    def forward(self, x):
        _, fine, middle, coarse = self.backbone(x)
        up = nn.Upsample(scale_factor=2)
        p5 = self.lateral_conv0(coarse)
        p4 = self.reduce_conv1(self.C3_p4(torch.cat([up(p5), middle], 1)))
        n3 = self.C3_p3(torch.cat([up(p4), fine], 1))
        n4 = self.C3_n3(torch.cat([self.bu_conv2(n3), p4], 1))
        n5 = self.C3_n4(torch.cat([self.bu_conv1(n4), p5], 1))
        return [n3, n4, n5]


class Head(nn.Module):
    def __init__(self, label_count, width):
        super().__init__()
        c = int(256 * width)
        levels = [int(x * width) for x in (256, 512, 1024)]
        self.cls_convs = nn.ModuleList([nn.Sequential(Block(c, c, 3), Block(c, c, 3)) for _ in levels])
        self.reg_convs = nn.ModuleList([nn.Sequential(Block(c, c, 3), Block(c, c, 3)) for _ in levels])
        self.cls_preds = nn.ModuleList([nn.Conv2d(c, label_count, 1) for _ in levels])
        self.reg_preds = nn.ModuleList([nn.Conv2d(c, 4, 1) for _ in levels])
        self.obj_preds = nn.ModuleList([nn.Conv2d(c, 1, 1) for _ in levels])
        self.stems = nn.ModuleList([Block(x, c) for x in levels])
        for conv in [*self.cls_preds, *self.obj_preds]:
            nn.init.constant_(conv.bias, -math.log(99))

    def forward(self, features):
        """Per picture and cell: label scores, offsets, objectness."""
        scores, offsets, objectness = [], [], []
        for i, x in enumerate(features):
            x = self.stems[i](x)
            box = self.reg_convs[i](x)
            scores.append(self.cls_preds[i](self.cls_convs[i](x)).flatten(2))
            offsets.append(self.reg_preds[i](box).flatten(2))
            objectness.append(self.obj_preds[i](box).flatten(2))
        join = lambda parts: torch.cat(parts, 2).transpose(1, 2)  # noqa: E731
        return join(scores), join(offsets), join(objectness)[..., 0]


class YOLOX(nn.Module):
    STRIDES = (8, 16, 32)

    def __init__(self, label_count, depth=0.33, width=0.375):
        super().__init__()
        self.backbone = Neck(depth, width)
        self.head = Head(label_count, width)
        self.label_count = label_count
        self.uses_l1 = False

    def forward(self, x):
        """`x` is RGB; the network itself was trained on BGR."""
        return self.head(self.backbone(x.flip(1)))

    def cells(self, height, width):
        """Rows (x, y of the top left corner, stride)."""
        return torch.tensor([
            [column * stride, row * stride, stride]
            for stride in self.STRIDES
            for row in range(height // stride) for column in range(width // stride)
        ], dtype=torch.get_default_dtype())

    def all_anchors(self, height, width):
        """The cells as boxes."""
        cells = self.cells(height, width)
        return torch.cat([cells[:, :2], cells[:, :2] + cells[:, 2:]], 1)

    def raw(self, x):
        scores, offsets, objectness = self(x)
        cells = self.cells(*x.shape[2:])
        boxes = torch.stack([clip(decode(cells, o), *x.shape[2:]) for o in offsets])
        return boxes, scores.sigmoid() * objectness.sigmoid()[..., None]

    def losses(self, x, targets):
        """targets: per image (boxes [G, 4], labels [G], crowd [G])"""
        scores, offsets, objectness = self(x)
        cells = self.cells(*x.shape[2:])
        squares = self.all_anchors(*x.shape[2:])
        cls_loss = box_loss = obj_loss = l1_loss = 0.0
        assigned, count = [], 0
        for n, (boxes, labels, crowd) in enumerate(targets):
            kept_boxes, kept_labels = boxes[~crowd], labels[~crowd]
            predicted = decode(cells, offsets[n])
            with torch.no_grad():
                owner, overlap = sim_ota(predicted, scores[n], objectness[n], cells, kept_boxes, kept_labels)
            assigned.append(owner)
            for a, g in enumerate(owner):
                goal = torch.tensor(1.0 if g >= 0 else 0.0)
                if g >= 0 or not any(covered(squares[a], c) > 0.5 for c in boxes[crowd]):
                    obj_loss = obj_loss + F.binary_cross_entropy_with_logits(objectness[n, a], goal)
                if g < 0:
                    continue
                count += 1
                box = kept_boxes[g]
                both = overlap_of(predicted[a], box)
                box_loss = box_loss + 1 - both * both
                wanted = torch.zeros(self.label_count)
                wanted[kept_labels[g]] = overlap[a]
                cls_loss = cls_loss + F.binary_cross_entropy_with_logits(scores[n, a], wanted, reduction="sum")
                if self.uses_l1:
                    x0, y0, stride = cells[a]
                    offset = torch.stack([
                        ((box[0] + box[2]) / 2 - x0) / stride, ((box[1] + box[3]) / 2 - y0) / stride,
                        ((box[2] - box[0]) / stride + 1e-8).log(), ((box[3] - box[1]) / stride + 1e-8).log()])
                    l1_loss = l1_loss + (offsets[n, a] - offset).abs().sum()
        count = max(count, 1)
        zero = (scores.sum() + offsets.sum()) * 0
        terms = {
            "loss_cls": (cls_loss + zero) / count, "loss_bbox": 5 * (box_loss + zero) / count,
            "loss_obj": obj_loss / count}
        if self.uses_l1:
            terms["loss_l1"] = (l1_loss + zero) / count
        return terms, assigned


def decode(cells, offsets):
    center = cells[:, :2] + offsets[:, :2] * cells[:, 2:]
    half = offsets[:, 2:].exp() * cells[:, 2:] / 2
    return torch.cat([center - half, center + half], 1)


def overlap_of(a, b):
    """The IoU that the loss sees."""
    width = torch.clamp(torch.minimum(a[2], b[2]) - torch.maximum(a[0], b[0]), min=0)
    height = torch.clamp(torch.minimum(a[3], b[3]) - torch.maximum(a[1], b[1]), min=0)
    both = width * height
    return both / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - both + 1e-16)


def sim_ota(predicted, scores, objectness, cells, boxes, labels, radius=2.5, limit=10):
    """For each cell the object that it is to learn (-1: none), and its overlap with it.

    Costs are summed in doubles; of equal ones the first cell counts as the cheaper.
    """
    owner, overlap = [-1] * len(cells), [0.0] * len(cells)
    if len(boxes) == 0:
        return owner, overlap
    middles = cells[:, :2] + cells[:, 2:] / 2
    inside = [[False] * len(cells) for _ in boxes]
    near = [[False] * len(cells) for _ in boxes]
    for g, box in enumerate(boxes):
        for a, (x, y) in enumerate(middles.tolist()):
            x1, y1, x2, y2 = box.tolist()
            inside[g][a] = x1 < x < x2 and y1 < y < y2
            reach = radius * float(cells[a, 2])
            near[g][a] = abs(x - (x1 + x2) / 2) < reach and abs(y - (y1 + y2) / 2) < reach
    candidates = [a for a in range(len(cells)) if any(inside[g][a] or near[g][a] for g in range(len(boxes)))]
    probability = (scores.sigmoid() * objectness.sigmoid()[:, None]).sqrt()
    costs = [{} for _ in boxes]
    overlaps = [{} for _ in boxes]
    wishes = [[] for _ in cells]
    for g, box in enumerate(boxes):
        goal = F.one_hot(labels[g], scores.shape[1]).to(scores.dtype)
        for a in candidates:
            overlaps[g][a] = iou(predicted[a], box)
            cost = F.binary_cross_entropy(probability[a], goal, reduction="sum")
            cost = cost - 3 * (overlaps[g][a] + 1e-8).log()
            costs[g][a] = float(cost) + (0 if inside[g][a] and near[g][a] else 1e5)
        best = sorted(overlaps[g].values(), reverse=True)[:limit]
        count = max(int(sum(best)), 1) if best else 0
        for a in sorted(candidates, key=lambda a: costs[g][a])[:count]:
            wishes[a].append(g)
    for a in candidates:
        if len(wishes[a]) > 1:
            owner[a] = min(range(len(boxes)), key=lambda g: costs[g][a])
        elif wishes[a]:
            owner[a] = wishes[a][0]
        if owner[a] >= 0:
            overlap[a] = float(overlaps[owner[a]][a])
    return owner, overlap
