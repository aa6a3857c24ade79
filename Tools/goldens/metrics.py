"""Scores of pycocotools and scikit-learn on scenes that a formula draws.

    ENV/bin/pip install pycocotools scikit-learn torchmetrics
    ENV/bin/python Tools/goldens/metrics.py

`Tests/OTXCoreTests/Scenes.swift` draws the same scenes.
"""

import contextlib
import io

import numpy as np
import sklearn.metrics as sk
import torch
import torchmetrics
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from common import formula_integers, noise, write

SCENES = {
    # name: (images, labels, objects, detections, score levels, crowds, jitter, scale)
    "plain": (12, 3, 6, 12, 100000, 0, 0.3, 1),
    "fractions": (12, 3, 6, 12, 100000, 0, 0.3, 0.37),
    "ties": (20, 2, 8, 16, 3, 0, 0.4, 1),
    "crowds": (15, 3, 8, 16, 50, 0.35, 0.3, 1),
    "duplicates": (10, 2, 5, 20, 2, 0, 0, 1),
    "manyLabels": (25, 40, 6, 12, 1000, 0.1, 0.3, 1),
    "overAHundred": (3, 1, 60, 260, 500, 0.1, 0.5, 1),
    "noDetections": (4, 2, 5, 0, 10, 0, 0.3, 1),
    "noObjects": (4, 2, 0, 9, 10, 0, 0.3, 1),
    "nothing": (2, 2, 0, 0, 10, 0, 0.3, 1),
    "large": (10, 2, 5, 10, 1000, 0.1, 0.2, 4),
    "onlyCrowds": (5, 2, 4, 8, 100, 1.1, 0.3, 1),
    "single": (3, 1, 2, 3, 7, 0, 0.2, 1),
}
SIZE = 240


def units(count, k):
    return ((noise(count, k) + 1) / 2).tolist()


def scene(index, images, labels, objects, detections, levels, crowds, jitter, scale):
    """Boxes (x1, y1, x2, y2 as 32-bit floats), labels, crowd flags and scores of each picture."""
    k = 5000 + 10 * index
    object_units = units(images * objects * 8, k)
    detection_units = units(images * detections * 8, k + 1)
    count_units = units(images * 2, k + 2)
    result = []
    for image in range(images):
        truth, found = [], []
        for j in range(int(count_units[2 * image] * (objects + 1))):
            u = object_units[(image * objects + j) * 8:][:8]
            width = 1 + int(u[0] * u[0] * SIZE * 0.6)
            height = 1 + int(u[1] * u[1] * SIZE * 0.6)
            x, y = int(u[2] * (SIZE - width)), int(u[3] * (SIZE - height))
            truth.append(((x, y, width, height), int(u[4] * labels), u[5] < crowds))
        for j in range(int(count_units[2 * image + 1] * (detections + 1))):
            u = detection_units[(image * detections + j) * 8:][:8]
            if truth and u[0] < 0.7:
                (x, y, width, height), label, _ = truth[int(u[1] * len(truth))]
                x += int((u[2] - 0.5) * jitter * width)
                y += int((u[3] - 0.5) * jitter * height)
                width = max(1, width + int((u[4] - 0.5) * jitter * width))
                if u[5] < 0.1:
                    label = int(u[6] * labels)
            else:
                width, height = 1 + int(u[1] * 80), 1 + int(u[2] * 80)
                x, y = int(u[3] * (SIZE - width)), int(u[4] * (SIZE - height))
                label = int(u[6] * labels)
            found.append(((x, y, width, height), label, (1 + int(u[7] * levels)) / (levels + 1)))

        def corners(box):
            x, y, width, height = box
            values = (x * scale, y * scale, (x + width) * scale, (y + height) * scale)
            return [float(np.float32(value)) for value in values]

        result.append((
            [(corners(box), label, crowd) for box, label, crowd in truth],
            [(corners(box), label, float(np.float32(score))) for box, label, score in found],
        ))
    return result


def xywh(box):
    return [box[0], box[1], box[2] - box[0], box[3] - box[1]]


def coco(pictures, labels):
    """pycocotools' twelve figures, then per label average precision and recall at IoU 0.5."""
    annotations, results = [], []
    for image, (truth, found) in enumerate(pictures):
        for box, label, crowd in truth:
            bbox = xywh(box)
            annotations.append({
                "id": len(annotations) + 1, "image_id": image + 1, "category_id": label + 1,
                "bbox": bbox, "area": bbox[2] * bbox[3], "iscrowd": int(crowd)})
        for box, label, score in found:
            bbox = xywh(box)
            results.append({
                "id": len(results) + 1, "image_id": image + 1, "category_id": label + 1,
                "bbox": bbox, "area": bbox[2] * bbox[3], "iscrowd": 0, "score": score})

    def dataset(items):
        made = COCO()
        made.dataset = {
            "images": [{"id": i + 1} for i in range(len(pictures))],
            "categories": [{"id": i + 1, "name": str(i)} for i in range(labels)],
            "annotations": items}
        made.createIndex()
        return made

    with contextlib.redirect_stdout(io.StringIO()):
        evaluation = COCOeval(dataset(annotations), dataset(results), "bbox")
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    precision = evaluation.eval["precision"][0, :, :, 0, -1]
    average = [float(np.mean(p)) if (p > -1).all() else -1 for p in precision.T]
    recall = evaluation.eval["recall"][0, :, 0, -1].tolist()
    return evaluation.stats, average, recall


def iou(a, b, crowd):
    (ax, ay, aw, ah), (bx, by, bw, bh) = xywh(a), xywh(b)
    width = min(ax + aw, bx + bw) - max(ax, bx)
    height = min(ay + ah, by + bh) - max(ay, by)
    if width <= 0 or height <= 0:
        return 0
    both = width * height
    return both / (aw * ah if crowd else aw * ah + bw * bh - both)


def f_counts(pictures, threshold):
    """Hits, misses and false alarms: matched anew at each threshold, the plain way."""
    hits = misses = wrong = 0
    for truth, found in pictures:
        found = sorted((d for d in found if d[2] >= threshold), key=lambda d: -d[2])
        taken = [False] * len(truth)
        for box, label, _ in found:
            best, best_iou = None, 0.5
            for crowd_round in (False, True):
                if best is not None:
                    break
                for g, (other, other_label, crowd) in enumerate(truth):
                    if other_label != label or crowd != crowd_round or (taken[g] and not crowd):
                        continue
                    value = iou(box, other, crowd)
                    if value >= best_iou:
                        best, best_iou = g, value
            if best is None:
                wrong += 1
            elif not truth[best][2]:
                taken[best] = True
                hits += 1
        misses += sum(1 for t, (_, _, crowd) in zip(taken, truth) if not t and not crowd)
    return hits, misses, wrong


def f_measures(pictures):
    """F, precision, recall at the 39 thresholds."""
    rows = []
    for index in range(1, 40):
        hits, misses, wrong = f_counts(pictures, float(np.float32(0.025 * index)))
        whole = 2 * hits + misses + wrong
        rows += [
            2 * hits / whole if whole else -1,
            hits / (hits + wrong) if hits + wrong else 0,
            hits / (hits + misses) if hits + misses else 0]
    return rows


def classification(labels, count, right, k, missing=None):
    """A share `right` of predictions equals the truth, which lacks the label `missing`."""
    truth = formula_integers([count], labels, k).numpy()
    if missing is not None:
        truth[truth == missing] = 0
    guess = formula_integers([count], labels, k + 1).numpy()
    predicted = np.where(np.array(units(count, k + 2)) < right, truth, guess)
    names = list(range(labels))
    rows = sk.precision_recall_fscore_support(truth, predicted, labels=names, zero_division=0)
    macro = sk.precision_recall_fscore_support(truth, predicted, average="macro", zero_division=0)
    import warnings
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        balanced = sk.balanced_accuracy_score(truth, predicted)
    return {
        "values": [sk.accuracy_score(truth, predicted), balanced, macro[2], macro[0], macro[1]],
        "perLabel": np.concatenate([rows[0], rows[1], rows[2], rows[3]]),
        "confusion": sk.confusion_matrix(truth, predicted, labels=names).reshape(-1),
    }


def multi_label(labels, count, share, levels, k):
    """Every label in a `share` of pictures; probabilities of `levels` steps that know something."""
    truth = (np.array(units(count * labels, k)) < share).reshape(count, labels).astype(int)
    guess = np.array(units(count * labels, k + 1)).reshape(count, labels)
    steps = np.floor((0.6 * guess + 0.4 * truth) * levels)
    score = (np.float32(steps) + np.float32(0.25)) / np.float32(levels)
    found = (score > np.float32(0.5)).astype(int)
    assert truth.any(0).all()
    macro = sk.precision_recall_fscore_support(truth, found, average="macro", zero_division=0)
    rows = sk.precision_recall_fscore_support(truth, found, average=None, zero_division=0)
    torch_map = torchmetrics.functional.classification.multilabel_average_precision(
        torch.from_numpy(score), torch.from_numpy(truth), labels)
    mean_precision = sk.average_precision_score(truth, score, average="macro")
    assert abs(torch_map.item() - mean_precision) < 1e-5
    return {
        "values": [
            (truth == found).mean(), macro[2], sk.f1_score(truth, found, average="micro"),
            mean_precision, macro[0], macro[1], sk.accuracy_score(truth, found)],
        "perLabel": np.concatenate([
            rows[0], rows[1], rows[2], sk.average_precision_score(truth, score, average=None)]),
    }


def hierarchy(sizes, count, known, k):
    """Groups of `sizes`; the truth of each is `known` of a share of pictures."""
    width = sum(sizes)
    scores = np.float32(units(count * width, k)).reshape(count, width)
    exclusive, single, start = [], [], 0
    for index, size in enumerate(sizes):
        truth = formula_integers([count], max(size, 2), k + 1 + index).numpy()
        kept = np.array(units(count, k + 50 + index)) < known
        part = scores[:, start:start + size]
        found = part.argmax(1) if size > 1 else (part[:, 0] > np.float32(0.5)).astype(int)
        (exclusive if size > 1 else single).append(sk.accuracy_score(truth[kept], found[kept]))
        start += size
    parts = [np.mean(exclusive), np.mean(single)]
    return {"values": [np.mean(parts), *parts]}


def measures(count, width, k):
    truth = (100 * noise(count * width, k)).astype(np.float32).reshape(count, width)
    found = truth + (30 * noise(count * width, k + 1)).astype(np.float32).reshape(count, width)
    truth, found = truth.astype(np.float64), found.astype(np.float64)
    scores = [sk.mean_absolute_error, sk.r2_score, sk.root_mean_squared_error]
    return {
        "values": [score(truth, found) for score in scores],
        "perTarget": np.concatenate(
            [score(truth, found, multioutput="raw_values") for score in scores]),
    }


def main():
    cases = {}
    for index, (name, options) in enumerate(SCENES.items()):
        pictures = scene(index, *options)
        stats, average, recall = coco(pictures, options[1])
        cases[f"{name}/size"] = [sum(len(t) for t, _ in pictures), sum(len(d) for _, d in pictures)]
        cases[f"{name}/coco"] = stats
        cases[f"{name}/ap"] = average
        cases[f"{name}/recall"] = recall
        cases[f"{name}/f"] = f_measures(pictures)
    for name, options in {
        "few": (3, 40, 0.5, 7000), "many": (12, 500, 0.7, 7010), "missing": (5, 60, 0.6, 7020, 2),
        "sparse": (30, 25, 0.2, 7030), "two": (2, 5, 1, 7040),
    }.items():
        for key, value in classification(*options).items():
            cases[f"{name}/{key}"] = value
    for name, options in {
        "tags": (4, 60, 0.4, 10000, 7100), "rareTags": (6, 300, 0.05, 1000, 7110),
        "tiedTags": (3, 50, 0.5, 4, 7120),
    }.items():
        for key, value in multi_label(*options).items():
            cases[f"{name}/{key}"] = value
    cases["heads/values"] = hierarchy([2, 4, 3, 1, 1], 80, 0.7, 7200)["values"]
    for key, value in measures(50, 3, 7300).items():
        cases[f"measures/{key}"] = value
    write("OTXCore", "metrics", {k: np.asarray(v, dtype=np.float64) for k, v in cases.items()},
          samples=None)


if __name__ == "__main__":
    main()
