"""SSD on MobileNetV2 for the benchmark: the network of `Tools/goldens/detectors_reference.py`, with its
loss vectorised as a PyTorch user would write it (the reference's loops are for checking).

`python ssd_peer.py` compares the two losses.
"""

import pathlib
import sys

import torch
import torch.nn.functional as F
from torchvision import ops

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "Tools" / "goldens"))
import detectors_reference as reference  # noqa: E402


class SSDPeer(reference.SSD):
    def __init__(self, label_count, height, width):
        super().__init__(label_count, height, width)
        self.corners = self.all_anchors(height, width)

    def assign(self, boxes, threshold=0.4):
        overlaps = ops.box_iou(boxes, self.corners)
        best, owner = overlaps.max(0)
        owner = owner.where(best >= threshold, -1)
        most, anchor = overlaps.max(1)
        # One after the other: of two boxes that want the same anchor the later has it.
        for index in (most > 0).nonzero().flatten().tolist():
            owner[anchor[index]] = index
        return owner

    def loss(self, images, boxes, labels):
        scores, deltas = (x.float() for x in self(images))
        class_loss, box_loss, average = 0.0, 0.0, 0
        for n, (corners, kinds) in enumerate(zip(boxes, labels)):
            owner = self.assign(corners)
            positive = owner >= 0
            goal = kinds[owner.clamp(min=0)].where(positive, self.label_count)
            each = F.cross_entropy(scores[n], goal, reduction="none")
            count = max(int(positive.sum()), 1)
            average += count
            negative = each[~positive]
            class_loss = class_loss + each[positive].sum()
            class_loss = class_loss + negative.topk(min(3 * count, len(negative))).values.sum()
            goals = reference.encode(self.corners[positive], corners[owner[positive]])
            box_loss = box_loss + F.smooth_l1_loss(deltas[n, positive], goals, reduction="sum")
        return (class_loss + box_loss) / average


if __name__ == "__main__":
    torch.manual_seed(0)
    model = SSDPeer(3, 256, 320)
    images = torch.randn(2, 3, 256, 320)
    boxes = [torch.tensor([[10.0, 20, 90, 120], [100, 100, 230, 200]]), torch.tensor([[5.0, 5, 60, 70]])]
    labels = [torch.tensor([0, 2]), torch.tensor([1])]
    crowd = [torch.zeros(len(b), dtype=torch.bool) for b in boxes]
    expected, _ = model.losses(images, list(zip(boxes, labels, crowd)))
    print("reference", float(sum(expected.values())), "vectorised", float(model.loss(images, boxes, labels)))
