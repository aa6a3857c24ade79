"""What pycocotools makes of polygons: the pixels inside, as its compressed run lengths.

    ENV/bin/pip install pycocotools
    ENV/bin/python Tools/goldens/regions.py

`Tests/OTXDataTests/RegionTests.swift` fills the same polygons.
"""

import json

import numpy as np
from pycocotools import mask as coco

from common import REPOSITORY, noise


def polygon(count, height, width, k, reach=0.0, grid=None):
    """A star of `count` corners in any order: it crosses itself."""
    units = (noise(2 * count, k) + 1) / 2
    points = units.reshape(-1, 2) * (1 + 2 * reach) - reach
    points = points * [width, height]
    if grid:
        points = np.round(points / grid) * grid
    return [float(np.float32(value)) for value in np.round(points, 3).flatten()]


CASES = {
    "square": (6, 8, [[1, 1, 5, 1, 5, 4, 1, 4]]),
    "whole": (5, 7, [[0, 0, 7, 0, 7, 5, 0, 5]]),
    "half pixels": (10, 10, [[1.5, 1.5, 6.5, 1.5, 6.5, 7.5, 1.5, 7.5]]),
    "sliver": (10, 10, [[2, 2, 2.3, 8, 2.1, 9]]),
    "point": (10, 10, [[3, 3, 3, 3, 3, 3]]),
    "outside": (10, 12, [[20, 20, 30, 20, 25, 30]]),
    "beyond": (10, 12, [[-4, -3, 16, 5, 6, 14]]),
    "hole by a bridge": (12, 12, [[1, 1, 11, 1, 11, 11, 1, 11, 1, 1, 4, 4, 4, 8, 8, 8, 8, 4, 4, 4, 1, 1]]),
    "two parts": (20, 20, [[1, 1, 8, 2, 6, 9], [5, 5, 18, 6, 12, 17]]),
    "parts that touch": (8, 8, [[0, 0, 4, 0, 4, 8, 0, 8], [4, 0, 8, 0, 8, 8, 4, 8]]),
}
for index in range(12):
    height, width = 17 + 9 * index, 31 + 5 * index
    grid = [None, 1, 0.5][index % 3]
    reach = 0.2 if index % 4 == 3 else 0
    parts = [polygon(3 + index, height, width, 7000 + 2 * index + part, reach, grid) for part in range(1 + index % 2)]
    CASES[f"star {index}"] = (height, width, parts)

result = {}
for name, (height, width, parts) in CASES.items():
    parts = [[float(value) for value in part] for part in parts]
    mask = coco.merge(coco.frPyObjects(parts, height, width))
    area = int(coco.area(mask))
    result[name] = {"height": height, "width": width, "parts": parts, "area": area, "counts": mask["counts"].decode()}

lines = [f" {json.dumps(name)}: {json.dumps(case)}" for name, case in result.items()]
target = REPOSITORY / "Tests/OTXDataTests/Goldens/regions.json"
target.write_text("{\n" + ",\n".join(lines) + "\n}\n")
print(f"{target}: {len(lines)} cases")
