"""Training pictures a second of a torch DataLoader over PIL and torchvision.

    python loader_peer.py FOLDER plain|mosaic SIDE WORKERS SECONDS

The same work as loader_peer.cpp does, as a PyTorch user writes it.
"""

import pathlib
import random
import sys
import time

import torch
from PIL import Image
from torch.utils.data import DataLoader, Dataset
from torchvision.transforms import v2


class Pictures(Dataset):
    def __init__(self, folder, mode, side):
        self.paths = sorted(pathlib.Path(folder).glob("*.jpg"))
        self.mode, self.side = mode, side
        self.plain = v2.Compose([v2.RandomHorizontalFlip(), v2.Resize((side, side)), v2.PILToTensor()])
        self.last = v2.Compose([v2.RandomHorizontalFlip(), v2.PILToTensor()])

    def __len__(self):
        return 1 << 20

    def read(self, index):
        return Image.open(self.paths[index % len(self.paths)]).convert("RGB")

    def __getitem__(self, index):
        if self.mode == "plain":
            return self.plain(self.read(index))
        side = self.side
        canvas = Image.new("RGB", (2 * side, 2 * side), (114, 114, 114))
        x, y = random.randint(side // 2, side * 3 // 2), random.randint(side // 2, side * 3 // 2)
        for part in range(4):
            image = self.read(random.randrange(len(self.paths)))
            scale = min(side / image.height, side / image.width)
            image = image.resize((round(image.width * scale), round(image.height * scale)))
            left = x if part & 1 else x - image.width
            top = y if part & 2 else y - image.height
            canvas.paste(image, (left, top))
        canvas = v2.functional.affine(
            canvas, random.uniform(-10, 10), [0, 0], random.uniform(0.5, 1.5), [0.0],
            interpolation=v2.InterpolationMode.BILINEAR, fill=[114, 114, 114])
        canvas = v2.functional.center_crop(canvas, [side, side])
        return self.last(canvas)


def main():
    folder, mode, side, workers, seconds = sys.argv[1:]
    torch.set_num_threads(1)
    loader = DataLoader(Pictures(folder, mode, int(side)), batch_size=8, num_workers=int(workers))
    batches = iter(loader)
    next(batches)
    done, start = 0, time.perf_counter()
    while time.perf_counter() - start < float(seconds):
        done += len(next(batches))
    print(f"{done / (time.perf_counter() - start):.1f}", flush=True)


main()
