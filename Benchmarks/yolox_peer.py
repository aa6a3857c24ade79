"""YOLOX for the benchmark: the network of `Tools/goldens/yolox_reference.py`, with its loss as a PyTorch user
would write it, picture by picture (the reference's loops are for checking).

`python yolox_peer.py` compares the two losses.
"""

import pathlib
import sys

import torch
import torch.nn.functional as F
from torchvision import ops

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "Tools" / "goldens"))
import yolox_reference as reference  # noqa: E402


class YOLOXPeer(reference.YOLOX):
    def __init__(self, label_count, height, width, scale=0.375):
        super().__init__(label_count, 0.33, scale)
        self.grid = self.cells(height, width)

    @torch.no_grad()
    def assign(self, predicted, scores, objectness, boxes, labels, limit=10):
        centers, strides = self.grid[:, :2] + self.grid[:, 2:] / 2, self.grid[:, 2]
        low, high = boxes[:, None, :2], boxes[:, None, 2:]
        inside = torch.cat([centers - low, high - centers], -1).amin(-1) > 0
        near = (centers - (low + high) / 2).abs().amax(-1) < 2.5 * strides
        candidates = (inside | near).any(0).nonzero()[:, 0]
        overlaps = ops.box_iou(boxes, predicted[candidates])
        probability = (scores[candidates].sigmoid() * objectness[candidates].sigmoid()[:, None]).sqrt()
        goal = F.one_hot(labels, self.label_count).float()[:, None].expand(-1, len(candidates), -1)
        cost = F.binary_cross_entropy(probability.expand(len(boxes), -1, -1), goal, reduction="none").sum(-1)
        cost = cost - 3 * (overlaps + 1e-8).log() + 1e5 * ~(inside & near)[:, candidates]
        counts = overlaps.topk(min(limit, overlaps.shape[1]), 1).values.sum(1).int().clamp(min=1)
        taken = torch.zeros_like(cost)
        for g, count in enumerate(counts.tolist()):
            taken[g, cost[g].topk(count, largest=False).indices] = 1
        crowded = taken.sum(0) > 1
        if crowded.any():
            best = cost[:, crowded].argmin(0)
            taken[:, crowded] = 0
            taken[best, crowded] = 1
        positive = taken.any(0)
        owner = taken[:, positive].argmax(0)
        return candidates[positive], owner, overlaps[owner, positive.nonzero()[:, 0]]

    def loss(self, images, boxes, labels):
        scores, offsets, objectness = (x.float() for x in self(images))
        predicted = torch.stack([reference.decode(self.grid, o) for o in offsets])
        found, goals, wanted, goal_objects = [], [], [], torch.zeros_like(objectness)
        for n, (b, kinds) in enumerate(zip(boxes, labels)):
            if len(b) == 0:
                continue
            cell, owner, overlap = self.assign(predicted[n], scores[n], objectness[n], b, kinds)
            found.append(cell + n * len(self.grid))
            goals.append(b[owner])
            wanted.append(F.one_hot(kinds[owner], self.label_count) * overlap[:, None])
            goal_objects[n, cell] = 1
        found = torch.cat(found)
        count = max(len(found), 1)
        rows, goal = predicted.flatten(0, 1)[found], torch.cat(goals)
        size = (torch.minimum(rows[:, 2:], goal[:, 2:]) - torch.maximum(rows[:, :2], goal[:, :2])).clamp(min=0)
        both = size.prod(1)
        overlap = both / (
            (rows[:, 2:] - rows[:, :2]).prod(1) + (goal[:, 2:] - goal[:, :2]).prod(1) - both + 1e-16)
        box_loss = (1 - overlap.square()).sum()
        entropy = F.binary_cross_entropy_with_logits
        object_loss = entropy(objectness, goal_objects, reduction="sum")
        class_loss = entropy(scores.flatten(0, 1)[found], torch.cat(wanted), reduction="sum")
        return (5 * box_loss + object_loss + class_loss) / count


def main():
    torch.manual_seed(0)
    model = YOLOXPeer(3, 128, 160).eval()
    for module in model.head.reg_preds:
        torch.nn.init.constant_(module.bias, 1.0)
    images = torch.randn(2, 3, 128, 160)
    boxes = [torch.tensor([[3.0, 4.0, 60.0, 50.0], [40.0, 40.0, 90.0, 110.0]]), torch.tensor([[10.0, 20.0, 30.0, 44.0]])]
    labels = [torch.tensor([0, 2]), torch.tensor([1])]
    plain = [(b, kinds, torch.zeros(len(b), dtype=torch.bool)) for b, kinds in zip(boxes, labels)]
    with torch.no_grad():
        terms, _ = model.losses(images, plain)
        print(float(model.loss(images, boxes, labels)), float(sum(terms.values())))


if __name__ == "__main__":
    main()
