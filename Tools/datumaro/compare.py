"""Writes what Datumaro makes of every sample data set, for the Swift readers to be compared with.

Environment: Python 3.11 or newer with `pip install datumaro==1.13.* protobuf nibabel h5py scipy`
(Datumaro recognises nothing unless it can load every one of its readers, and some need the last four).

    python Tools/datumaro/compare.py DATA --output Tests/OTXDataTests/Goldens/datumaro.json

DATA is the folder that the tests know as OTX_TEST_DATA: it holds `formats` (small samples, one folder a format), `bccd`
and `bccd_voc`. `--only TEXT` reads only the paths that contain TEXT and prints instead of writing.

    python Tools/datumaro/compare.py FOLDER --format NAME

prints what Datumaro makes of any folder, read as the format NAME: what our writers wrote, for example.

What each entry holds is told in README.md beside this file. The texts of annotations are written the same way by
`Tests/OTXDataTests/DatumaroComparison/AnnotationText.swift`: whoever changes one changes both.
"""

import argparse
import collections
import importlib.metadata
import json
import logging
import os
import sys
import warnings
import zlib

warnings.filterwarnings("ignore")

import datumaro as dm  # noqa: E402
import numpy as np  # noqa: E402

logging.getLogger().setLevel(logging.CRITICAL + 1)  # Not `disable`: Datumaro takes that back.

# A data set of more items than this is written down as counts and the first few items of each subset.
ITEM_LIMIT = 40
ITEMS_KEPT = 3

# The parts of an entry that have a line for each item.
OPENED = ("items", "media", "attributes", "annotationAttributes")

# Path below DATA; the names of the formats to read it with, where needed with options of Datumaro's reader.
SAMPLES = [
    ("bccd", ["roboflow_coco"]),
    ("bccd_voc", ["voc", "voc_detection"]),
    ("formats/ade20k2017_dataset/dataset", ["ade20k2017"]),
    ("formats/ade20k2017_dataset/dataset_with_meta_file", ["ade20k2017"]),
    ("formats/camvid_dataset", ["camvid"]),
    ("formats/celeba_dataset/dataset", ["celeba"]),
    ("formats/celeba_dataset/dataset_with_meta_file", ["celeba"]),
    ("formats/cifar10_dataset", ["cifar"]),
    ("formats/cifar100_dataset", ["cifar"]),
    ("formats/cityscapes_dataset/dataset", ["cityscapes"]),
    ("formats/cityscapes_dataset/train_dataset", ["cityscapes"]),
    (
        "formats/coco_dataset/coco",
        [
            "coco",
            "coco_captions",
            "coco_image_info",
            "coco_instances",
            "coco_labels",
            "coco_panoptic",
            "coco_person_keypoints",
            "coco_stuff",
        ],
    ),
    ("formats/coco_dataset/coco_captions", ["coco", "coco_captions"]),
    ("formats/coco_dataset/coco_image_info", ["coco", "coco_image_info"]),
    ("formats/coco_dataset/coco_instances", ["coco", "coco_instances"]),
    ("formats/coco_dataset/coco_labels", ["coco", "coco_labels"]),
    ("formats/coco_dataset/coco_panoptic", ["coco", "coco_panoptic"]),
    ("formats/coco_dataset/coco_person_keypoints", ["coco", "coco_person_keypoints"]),
    ("formats/coco_dataset/coco_stuff", ["coco", "coco_stuff"]),
    ("formats/common_semantic_segmentation_dataset/dataset", ["common_semantic_segmentation"]),
    (
        "formats/common_semantic_segmentation_dataset/non_standard_dataset",
        [("common_semantic_segmentation", {"image_prefix": "image_", "mask_prefix": "gt_"})],
    ),
    ("formats/cvat_dataset/for_images/export_project", ["cvat"]),
    ("formats/cvat_dataset/for_images/export_task", ["cvat"]),
    ("formats/cvat_dataset/for_video", ["cvat"]),
    ("formats/cvat_dataset/test.mp4", ["video_frames"]),
    ("formats/datumaro_dataset/legacy", ["datumaro"]),
    ("formats/dota_dataset", ["dota"]),
    ("formats/icdar_dataset/text_localization", ["icdar_text_localization"]),
    ("formats/icdar_dataset/text_segmentation", ["icdar_text_segmentation"]),
    ("formats/icdar_dataset/word_recognition", ["icdar_word_recognition"]),
    ("formats/image_dir_dataset", ["image_dir"]),
    ("formats/image_zip_dataset", ["image_zip"]),
    ("formats/image_zip_dataset/1.zip", ["image_zip"]),
    ("formats/image_zip_dataset/2.zip", ["image_zip"]),
    ("formats/imagenet_dataset", ["imagenet"]),
    ("formats/imagenet_subsets_dataset", ["imagenet_with_subset_dirs"]),
    ("formats/imagenet_txt_dataset/basic", ["imagenet_txt"]),
    (
        "formats/imagenet_txt_dataset/custom_labels",
        [("imagenet_txt", {"labels_file": "synsets-alt.txt"})],
    ),
    ("formats/imagenet_txt_dataset/no_labels", [("imagenet_txt", {"labels": "generate"})]),
    ("formats/kinetics_dataset", ["kinetics"]),
    ("formats/kitti_dataset/kitti_detection", ["kitti", "kitti_detection"]),
    ("formats/kitti_dataset/kitti_segmentation", ["kitti", "kitti_segmentation"]),
    ("formats/labelme_dataset", ["label_me"]),
    ("formats/market1501_dataset", ["market1501"]),
    ("formats/mnist_csv_dataset", ["mnist_csv"]),
    ("formats/mnist_dataset", ["mnist"]),
    ("formats/mot_dataset/mot_seq", ["mot_seq"]),
    ("formats/mot_dataset/mot_seq_with_seqinfo", ["mot_seq"]),
    ("formats/mpii_json_dataset/dataset_with_numpy_files", ["mpii_json"]),
    ("formats/mpii_json_dataset/dataset_wo_numpy_files", ["mpii_json"]),
    (
        "formats/mvtec_dataset/category_0",
        ["mvtec", "mvtec_classification", "mvtec_detection", "mvtec_segmentation"],
    ),
    (
        "formats/mvtec_dataset",
        ["mvtec", "mvtec_classification", "mvtec_detection", "mvtec_segmentation"],
    ),
    ("formats/open_images_dataset/v5", ["open_images"]),
    ("formats/open_images_dataset/v6", ["open_images"]),
    ("formats/tabular_dataset/adopt-a-buddy", ["tabular"]),
    ("formats/tabular_dataset/electricity.csv", ["tabular"]),
    ("formats/tabular_dataset/electricity_missing.csv", ["tabular"]),
    ("formats/tabular_dataset/women-clothing/women_clothing.csv", ["tabular"]),
    (
        "formats/voc_dataset/voc_dataset1",
        [
            "voc",
            "voc_action",
            "voc_classification",
            "voc_detection",
            "voc_instance_segmentation",
            "voc_layout",
            "voc_segmentation",
        ],
    ),
    (
        "formats/voc_dataset/voc_dataset2",
        ["voc", "voc_action", "voc_classification", "voc_detection", "voc_layout", "voc_segmentation"],
    ),
    ("formats/voc_dataset/voc_dataset3", ["voc", "voc_detection"]),
    ("formats/widerface_dataset", ["wider_face"]),
    ("formats/yolo_dataset/annotations", ["yolo"]),
    ("formats/yolo_dataset/labels", ["yolo"]),
    ("formats/yolo_dataset/strict", ["yolo"]),
]


def number(value):
    """Two decimals at most, no trailing zeros, no minus zero."""
    text = f"{float(value):.2f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


def numbers(values):
    return " ".join(number(value) for value in values)


def mask_text(mask):
    """Area, box of the non-zero pixels (end exclusive) and the CRC-32 of COCO's run lengths (by columns, zeros first)."""
    mask = np.asarray(mask).astype(bool)
    flat = mask.flatten(order="F")
    changes = np.flatnonzero(np.diff(flat)) + 1
    ends = np.concatenate([changes, [flat.size]])
    runs = np.diff(np.concatenate([[0], ends])).tolist()
    if flat.size and flat[0]:
        runs = [0] + runs
    crc = zlib.crc32(" ".join(str(run) for run in runs).encode())
    ys, xs = np.nonzero(mask)
    box = [xs.min(), ys.min(), xs.max() + 1, ys.max() + 1] if len(xs) else [0, 0, 0, 0]
    return f"{int(mask.sum())} {numbers(box)} {crc:08x}"


def annotation_text(annotation, names):
    kind = annotation.type.name
    index = getattr(annotation, "label", None)
    label = names[index] if index is not None and 0 <= index < len(names) else "-"
    if kind == "label":
        text = f"label {label}"
    elif kind == "bbox":
        x, y, w, h = annotation.get_bbox()
        text = f"box {label} {numbers([x, y, x + w, y + h])}"
    elif kind == "rotated_bbox":
        parts = [annotation.cx, annotation.cy, annotation.w, annotation.h, annotation.r]
        text = f"rotated {label} {numbers(parts)}"
    elif kind in ("polygon", "polyline", "ellipse"):
        text = f"{kind} {label} {numbers(annotation.points)}"
    elif kind == "points":
        xs, ys = annotation.points[0::2], annotation.points[1::2]
        parts = zip(xs, ys, [int(v) for v in annotation.visibility])
        text = f"points {label} " + " ".join(f"{number(x)} {number(y)} {v}" for x, y, v in parts)
    elif kind == "caption":
        text = "caption " + " ".join(annotation.caption.split())
    elif kind == "mask":
        text = f"mask {label} {mask_text(annotation.image)}"
    elif kind == "cuboid_3d":
        text = f"cuboid {label} {numbers(annotation.points)}"
    elif kind == "cuboid_2d":
        text = f"cuboid2d {label} {numbers(np.asarray(annotation.points).flatten())}"
    elif kind == "tabular":
        cells = [f"{key}={cell(value)}" for key, value in annotation.values.items()]
        text = "tabular " + "; ".join(cells)
    else:
        text = f"{kind} {label}"
    for name in ("is_crowd", "difficult"):
        if str(annotation.attributes.get(name)).lower() in ("true", "1"):  # Some readers leave texts.
            text += f" #{name}"
    return text


def annotation_attributes(annotation):
    """The attributes of an annotation as texts, by name."""
    return {
        name: attribute(plain(annotation.attributes[name]))
        for name in sorted(annotation.attributes)
        if name not in ("is_crowd", "difficult")
    }


def attribute(value):
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (list, tuple)):
        return " ".join(attribute(part) for part in value)
    return cell(value)


def cell(value):
    if isinstance(value, float):
        return number(value)
    return " ".join(str(value).split())


def plain(value):
    """A value of an attribute as JSON can hold it."""
    if isinstance(value, (bool, int, float, str)) or value is None:
        return value
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, (list, tuple, set)):
        return [plain(part) for part in value]
    if isinstance(value, dict):
        return {str(key): plain(part) for key, part in value.items()}
    return str(value)


def media_of(item):
    """File name and height and width, where they are known without decoding a video."""
    media = item.media
    result = {}
    path = getattr(media, "path", None)
    if isinstance(path, str) and path:
        result["file"] = os.path.basename(path)
    if isinstance(media, dm.Image):
        try:
            if media.size:
                result["size"] = [int(side) for side in media.size]
        except Exception:  # A missing file has no size: that is no failure of the format.
            pass
    return result


def read(path, name, options):
    dataset = dm.Dataset.import_from(path, name, **options)
    categories = dataset.categories()
    labels = categories.get(dm.AnnotationType.label)
    names = [label.name for label in labels] if labels else []
    entry = {"labels": names}
    parents = {label.name: label.parent for label in labels or [] if label.parent}
    if parents:
        entry["parents"] = parents
    points = categories.get(dm.AnnotationType.points)
    if points:
        entry["keyPoints"] = {
            names[index] if index < len(names) else str(index): {
                "names": list(category.labels),
                "joints": sorted([list(joint) for joint in category.joints]),
            }
            for index, category in points.items.items()
        }
    items, media, attributes, details = {}, {}, {}, {}
    kinds = collections.Counter()
    for item in dataset:
        texts = sorted(annotation_text(annotation, names) for annotation in item.annotations)
        kinds.update(annotation.type.name for annotation in item.annotations)
        items.setdefault(item.subset, {})[item.id] = texts
        media.setdefault(item.subset, {})[item.id] = media_of(item)
        kept = {key: plain(value) for key, value in item.attributes.items()}
        if kept and len(kept) < 8:
            attributes.setdefault(item.subset, {})[item.id] = kept
        pairs = [
            [annotation_text(annotation, names), annotation_attributes(annotation)]
            for annotation in item.annotations
        ]
        pairs = sorted((pair for pair in pairs if pair[1]), key=lambda pair: pair[0])
        if pairs:
            details.setdefault(item.subset, {})[item.id] = pairs
    entry["counts"] = {
        "subsets": {subset: len(items[subset]) for subset in sorted(items)},
        "annotations": {kind: kinds[kind] for kind in sorted(kinds)},
    }
    partial = sum(len(group) for group in items.values()) > ITEM_LIMIT
    if partial:
        entry["partial"] = True
    for key, groups in [
        ("items", items),
        ("media", media),
        ("attributes", attributes),
        ("annotationAttributes", details),
    ]:
        kept = {}
        for subset in sorted(groups):
            ids = sorted(items[subset])
            ids = ids[:ITEMS_KEPT] if partial else ids
            rows = {id: groups[subset][id] for id in ids if groups[subset].get(id) or key == "items"}
            if rows:
                kept[subset] = rows
        if kept or key == "items":
            entry[key] = kept
    return entry


def first_line(error, data):
    """The exception behind the exceptions: Datumaro wraps the cause several times."""
    while error.__cause__ is not None:
        error = error.__cause__
    lines = [line for line in str(error).replace(data + "/", "").splitlines() if line.strip()]
    return f"{type(error).__name__}: {lines[0].strip() if lines else ''}"


def detect(path):
    return sorted(dm.Environment().detect_dataset(path)) if os.path.isdir(path) else []


def read_entry(data, below, name, options, detected):
    result = {"path": below, "format": name, "detected": detected}
    if options:
        result["options"] = options
    try:
        result.update(read(os.path.join(data, below), name, options))
    except Exception as error:
        result["error"] = first_line(error, data)
    return result


def entries(data, only):
    for below, formats in SAMPLES:
        if only and only not in below:
            continue
        if not os.path.exists(os.path.join(data, below)):
            sys.exit(f"{below} is missing in {data}: DATA must hold every sample named in this script.")
        detected = detect(os.path.join(data, below))
        for format in formats:
            name, options = format if isinstance(format, tuple) else (format, {})
            yield read_entry(data, below, name, options, detected)


def lines(value, depth=0, keys=()):
    """JSON with one line an item: objects are opened down to the items, everything below stays on one line."""
    opened = depth < 2 or (depth == 2) or (keys and keys[-1] in OPENED)
    opened = opened or (len(keys) > 1 and keys[-2] in OPENED and depth == 4)
    if not value or not opened or not isinstance(value, (dict, list)):
        return json.dumps(value, ensure_ascii=False)
    pad, end = " " * (depth + 1), " " * depth
    if isinstance(value, dict):
        parts = [
            f"{pad}{json.dumps(key, ensure_ascii=False)}: {lines(part, depth + 1, keys + (key,))}"
            for key, part in value.items()
        ]
        return "{\n" + ",\n".join(parts) + f"\n{end}}}"
    return "[\n" + ",\n".join(pad + lines(part, depth + 1, keys) for part in value) + f"\n{end}]"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("data", help="the folder of samples (OTX_TEST_DATA)")
    parser.add_argument("--output", help="the golden file to write")
    parser.add_argument("--only", help="only paths that contain this; prints")
    parser.add_argument("--format", help="reads the folder itself, as this format, whole; prints")
    arguments = parser.parse_args()
    data = os.path.abspath(arguments.data)
    if arguments.format:
        global ITEM_LIMIT
        ITEM_LIMIT = sys.maxsize
        print(json.dumps(read_entry(data, "", arguments.format, {}, detect(data)), ensure_ascii=False))
        return
    document = {
        "datumaro": importlib.metadata.version("datumaro"),
        "entries": list(entries(data, arguments.only)),
    }
    text = lines(document) + "\n"
    if arguments.only or not arguments.output:
        print(text, end="")
        return
    with open(arguments.output, "w", encoding="utf-8") as file:
        file.write(text)
    for entry in document["entries"]:
        counted = entry.get("error") or json.dumps(entry["counts"])
        print(f"{entry['path']} {entry['format']} {entry['detected']}: {counted}")


if __name__ == "__main__":
    main()
