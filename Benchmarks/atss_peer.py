"""ATSS on MobileNetV2 for the benchmark: the network of `Tools/goldens/detectors_reference.py`, with
its loss vectorised as a PyTorch user would write it (the reference's loops are for checking).

`python atss_peer.py` compares the two losses.
"""

import pathlib
import sys

import torch
import torch.nn.functional as F
import torchvision
from torchvision import ops

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "Tools" / "goldens"))
import detectors_reference as reference  # noqa: E402


class ATSSPeer(reference.ATSS):
    def __init__(self, label_count, height, width):
        super().__init__(label_count)
        levels = [level for level in self.anchors(height, width)]
        self.level_sizes = [len(level) for level in levels]
        self.corners = torch.cat(levels)
        self.centers = (self.corners[:, :2] + self.corners[:, 2:]) / 2

    def assign(self, boxes, k=9):
        middle = (boxes[:, :2] + boxes[:, 2:]) / 2
        distance = (self.centers[None] - middle[:, None]).square().sum(-1)
        found, start = [], 0
        for part in distance.split(self.level_sizes, 1):
            found.append(part.topk(min(k, part.shape[1]), 1, largest=False).indices + start)
            start += part.shape[1]
        candidates = torch.cat(found, 1)
        low, high = boxes[:, None, :2], boxes[:, None, 2:]
        overlaps = ops.box_iou(boxes, self.corners).gather(1, candidates)
        threshold = overlaps.mean(1, keepdim=True) + overlaps.std(1, keepdim=True)
        centers = self.centers[candidates]
        inside = torch.minimum(centers - low, high - centers).amin(-1) > 0.01
        table = torch.full((len(boxes), len(self.corners)), -1.0)
        table.scatter_(1, candidates, overlaps.where((overlaps >= threshold) & inside, -1.0))
        best, owner = table.max(0)
        return owner.where(best >= 0, -1)

    def loss(self, images, boxes, labels):
        scores, deltas, centerness = (x.float() for x in self(images))
        with torch.no_grad():
            owners, start = [], 0
            for b in boxes:
                owner = self.assign(b)
                owners.append(owner.where(owner < 0, owner + start))
                start += len(b)
            owner = torch.stack(owners)
            positive = owner >= 0
            average = positive.sum(1).clamp(min=1).sum()
            all_labels = torch.cat(labels)
            goal = torch.zeros_like(scores)
            image, anchor = positive.nonzero(as_tuple=True)
            goal[image, anchor, all_labels[owner[positive]]] = 1
            target = torch.cat(boxes)[owner[positive]]
            center = self.centers[anchor]
            low, high = center - target[:, :2], target[:, 2:] - center
            quality = (torch.minimum(low, high) / torch.maximum(low, high)).prod(1).sqrt()
        class_loss = ops.sigmoid_focal_loss(scores, goal, reduction="sum") / average
        decoded = reference.decode(self.corners[anchor], deltas[positive])
        giou = ops.generalized_box_iou_loss(decoded, target)
        box_loss = 2 * (giou * quality).sum() / quality.sum().clamp(min=1)
        center_loss = F.binary_cross_entropy_with_logits(
            centerness[positive], quality, reduction="sum") / average
        return class_loss + box_loss + center_loss


if __name__ == "__main__":
    torch.manual_seed(0)
    model = ATSSPeer(3, 256, 320)
    images = torch.randn(2, 3, 256, 320)
    boxes = [torch.tensor([[10.0, 20, 90, 120], [100, 100, 230, 200]]), torch.tensor([[5.0, 5, 60, 70]])]
    labels = [torch.tensor([0, 2]), torch.tensor([1])]
    crowd = [torch.zeros(len(b), dtype=torch.bool) for b in boxes]
    expected, _ = model.losses(images, list(zip(boxes, labels, crowd)))
    print("reference", float(sum(expected.values())), "vectorised", float(model.loss(images, boxes, labels)))
