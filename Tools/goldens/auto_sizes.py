"""Input sizes and tiles that Python OTX 2.6 fits to a dataset's statistics.

    python3.11 -m venv ENV && ENV/bin/pip install otx==2.6.0
    ENV/bin/python Tools/goldens/auto_sizes.py

Calls `adapt_input_size_to_dataset` and `adapt_tile_config` themselves, with the statistics handed in: those
of a real dataset come back from a logarithm and miss whole numbers by a rounding error, which going up to a
multiple makes 32 pixels of. `Tests/OTXRecipeTests/AdaptedSizeTests.swift` reads the numbers.
"""

import json
import pathlib
from types import SimpleNamespace

from otx.data.utils import utils
from otx.types import OTXTaskType

TARGET = pathlib.Path(__file__).resolve().parents[2] / "Tests/OTXRecipeTests/Goldens/auto_sizes.json"

# height, width (robust maxima), then of the objects: robust minimum, mean, robust maximum, most in a picture
CASES = [
    (416, 416, 30, 80, 200, 24), (416, 416, 32, 75, 180, 30), (832, 832, 64, 90, 300, 12),
    (1080, 1920, 48, 120, 640, 9), (1080, 1920, 20, 60, 400, 88), (1920, 1080, 100, 200, 800, 4),
    (300, 200, 100, 120, 190, 2), (200, 300, 90.5, 120, 190, 2), (333, 517, 77.7, 100, 300.5, 3),
    (480, 640, 33.3, 99.9, 250, 7), (480, 640, 31.9, 64, 128, 7), (4000, 3000, 12, 14.2, 30, 900),
    (2048, 2048, 8.4, 17.5, 16000.0, 2500), (720, 1280, 255, 300, 700, 1), (100, 900, 40, 50, 95, 5),
    (901, 103, 50, 60, 100, 5), (64, 64, 5, 10, 30, 3), (513, 257, 32.5, 70, 140, 6),
    (600, 800, None, None, None, 0), (224, 224, None, None, None, 0), (31, 4097, None, None, None, 0),
    (768, 1024, 56.25, 111.1, 222.2, 40), (1000, 1000, 125, 125, 125, 1), (257, 255, 16, 20, 40, 15),
]
MULTIPLES = [32, 16, 14, 1]


def statistics(case):
    height, width, smallest, mean, largest, count = case
    shapes = {} if smallest is None else {"robust_min": smallest, "avg": mean, "robust_max": largest}
    return {
        "image": {"height": {"robust_max": float(height)}, "width": {"robust_max": float(width)}},
        "annotation": {"size_of_shape": shapes, "num_per_image": {"max": float(count)}},
    }


dataset = SimpleNamespace(subsets=lambda: {"train": object()})
rows = []
for index, case in enumerate(CASES):
    utils.compute_robust_dataset_statistics = lambda *_, **__: statistics(case)
    multiple = MULTIPLES[index % 2 if index % 5 else index % 4]
    size = utils.adapt_input_size_to_dataset(dataset, OTXTaskType.DETECTION, multiple)
    row = dict(zip(["height", "width", "smallest", "mean", "largest", "count"], case), multiple=multiple, size=list(size))
    if case[2] is not None:
        tiling = SimpleNamespace(object_tile_ratio=0.03)
        utils.adapt_tile_config(tiling, dataset, OTXTaskType.DETECTION)
        row |= {"tile": tiling.tile_size[0], "overlap": tiling.overlap, "instances": tiling.max_num_instances}
    rows.append(row)

TARGET.write_text("[\n" + ",\n".join(" " + json.dumps(row) for row in rows) + "\n]\n")
print(f"{TARGET}: {len(rows)} cases")
