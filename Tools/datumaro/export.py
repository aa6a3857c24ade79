"""Writes small data sets in every format that Datumaro exports, and what Datumaro reads in them.

Environment: as for `compare.py`. Needs no data: the pictures are drawn.

    python Tools/datumaro/export.py OUTPUT

OUTPUT then holds a folder for each format and kind of data set (`voc_detection-boxes`), and `datumaro.json`, which has
the form of the golden that `compare.py` writes. The tests `WrittenByDatumaro` run it and read the folders with our formats.
"""

import argparse
import json
import os
import shutil
import sys

import compare
import datumaro as dm
import numpy as np
from datumaro.components.annotation import GroupType, RotatedBbox
from datumaro.components.media import Image

LABELS = ["cat", "red_cell", "tree"]
HEIGHT, WIDTH = 24, 32

# Datumaro's name of the reader, where it is not that of the writer.
READERS = {"yolo_ultralytics": "yolo", "mot_seq_gt": "mot_seq", "mots_png": "mots"}

# Formats of three dimensions, of other media, or of Datumaro's own binary storage.
LEFT_OUT = {"kitti3d", "kitti_raw", "sly_pointcloud", "arrow", "datumaro_binary", "tabular"}


def mask(x1, y1, x2, y2):
    bitmap = np.zeros((HEIGHT, WIDTH), dtype=np.uint8)
    bitmap[y1:y2, x1:x2] = 1
    return bitmap


def boxes():
    return [
        dm.Bbox(1, 2, 10, 12, label=0, id=1, group=1, attributes={"occluded": True, "is_crowd": False}),
        dm.Bbox(12, 3, 8, 8, label=1, id=2, group=2, attributes={"truncated": True, "is_crowd": False}),
    ]


def outlines():
    return [
        dm.Polygon([1, 2, 11, 2, 11, 14, 1, 14], label=0, id=1, group=1, attributes={"is_crowd": False}),
        dm.Polygon([20, 4, 30, 4, 25, 12], label=1, id=2, group=2, attributes={"is_crowd": False}),
    ]


def masks():
    # MOTS asks for numbers of tracks, ICDAR for the order of letters.
    return [
        dm.Mask(
            mask(1, 2, 11, 14),
            label=0,
            id=1,
            group=1,
            attributes={"is_crowd": False, "track_id": 1, "index": 0},
        ),
        dm.Mask(
            mask(15, 5, 20, 20),
            label=1,
            id=2,
            group=2,
            attributes={"is_crowd": False, "track_id": 2, "index": 1},
        ),
    ]


def points():
    return [
        dm.Points([3, 4, 9, 8, 0, 0], [2, 1, 0], label=0, id=1, group=1),
        dm.Bbox(2, 3, 9, 8, label=0, id=1, group=1),
    ]


def turned():
    return [RotatedBbox(12, 10, 8, 4, 30, label=0, id=1, group=1, attributes={"difficulty": 1})]


# From the plainest to the richest.
KINDS = {
    "pictures": lambda: [],
    "labels": lambda: [dm.Label(1)],
    "captions": lambda: [dm.Caption("two words")],
    "boxes": boxes,
    "turned": turned,
    "outlines": outlines,
    "masks": masks,
    "points": points,
}


def data_set(annotations):
    """Two pictures in train and one in val; the second of train has no annotations."""
    pixels = np.random.default_rng(0).integers(0, 256, (HEIGHT, WIDTH, 3)).astype(np.uint8)
    items = [
        dm.DatasetItem("a", subset="train", media=Image.from_numpy(pixels), annotations=annotations()),
        dm.DatasetItem("b", subset="train", media=Image.from_numpy(pixels), annotations=[]),
        dm.DatasetItem("c", subset="val", media=Image.from_numpy(pixels), annotations=annotations()),
    ]
    for number, item in enumerate(items):
        item.attributes["id"] = number + 1
        item.attributes["frame"] = number
    labels = dm.LabelCategories.from_iterable(LABELS)
    labels.add_label_group("all", LABELS, GroupType.EXCLUSIVE)
    categories = {dm.AnnotationType.label: labels}
    if annotations is points:
        layout = dm.PointsCategories.from_iterable([(0, ["nose", "ear", "tail"], [(0, 1), (1, 2)])])
        categories[dm.AnnotationType.points] = layout
    return dm.Dataset.from_iterable(items, categories=categories)


def written(output, below, writer, reader, kind):
    """Writes one data set and reads it again; nothing where that leaves nothing of the kind."""
    folder = os.path.join(output, below)
    shutil.rmtree(folder, ignore_errors=True)
    entry = None
    try:
        data_set(KINDS[kind]).export(folder, writer, save_media=True)
        entry = compare.read_entry(output, below, reader, {}, compare.detect(folder))
        entry["writer"] = writer
    except Exception as error:  # Not every format can hold every kind.
        print(f"{below} cannot be written: {error!r}", file=sys.stderr)
    if entry and entry.get("items") and (kind == "pictures" or entry["counts"]["annotations"]):
        return entry
    shutil.rmtree(folder, ignore_errors=True)
    return None


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("output", help="a folder to write to; what it has of these names is replaced")
    output = os.path.abspath(parser.parse_args().output)
    entries = []
    for writer in sorted(set(dm.Environment().exporters) - LEFT_OUT):
        reader = READERS.get(writer, writer)
        found = [written(output, f"{writer}-{kind}", writer, reader, kind) for kind in KINDS]
        found = [entry for entry in found if entry]
        # Pictures alone say something only where the format has nothing else.
        rich = [entry for entry in found if entry["counts"]["annotations"]]
        for entry in found if rich else []:
            if entry not in rich:
                shutil.rmtree(os.path.join(output, entry["path"]))
        entries += rich or found
    with open(os.path.join(output, "datumaro.json"), "w", encoding="utf-8") as file:
        file.write(compare.lines({"entries": entries}) + "\n")
    for entry in entries:
        print(entry["path"], entry["format"], entry["detected"], json.dumps(entry["counts"]))


if __name__ == "__main__":
    main()
