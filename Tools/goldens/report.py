"""What a report draws, as pycocotools, scikit-learn and TensorBoard have it.

    ENV/bin/pip install pycocotools scikit-learn tensorboard
    ENV/bin/python Tools/goldens/report.py

The scenes are those of `metrics.py`.
"""

import contextlib
import io
import tempfile
from pathlib import Path

import numpy as np
import sklearn.metrics as sk
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval
from tensorboard.compat.proto.event_pb2 import Event, SessionLog
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.summary.writer.record_writer import RecordWriter

from common import formula_integers, write
from metrics import SCENES, iou, scene, units, xywh


def precisions(pictures, labels):
    """Interpolated precision at 101 recalls of each label, at IoU 0.5; -1 without objects."""
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
    return evaluation.eval["precision"][0, :, :, 0, -1].T


def confusion(pictures, labels, threshold):
    """Rows: truth, then nothing; columns: prediction, then missed. The plain way, in two rounds."""
    matrix = np.zeros((labels + 1, labels + 1), dtype=int)
    for truth, found in pictures:
        found = sorted((d for d in found if d[2] >= threshold), key=lambda d: -d[2])
        taken = [False] * len(truth)
        left = []
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
                left.append((box, label))
            elif not truth[best][2]:
                taken[best] = True
                matrix[label, label] += 1
        for box, label in left:
            best, best_iou = None, 0.5
            for g, (other, _, crowd) in enumerate(truth):
                if crowd or taken[g]:
                    continue
                value = iou(box, other, False)
                if value >= best_iou:
                    best, best_iou = g, value
            if best is None:
                matrix[labels, label] += 1
            else:
                taken[best] = True
                matrix[truth[best][1], label] += 1
        for (_, label, crowd), hit in zip(truth, taken):
            if not hit and not crowd:
                matrix[label, labels] += 1
    return matrix


def curve(count, levels, k):
    """scikit-learn's curve of scores with ties."""
    truth = formula_integers([count], 2, k).numpy()
    scores = np.float32(formula_integers([count], levels, k + 1).numpy() / levels)
    precision, recall, thresholds = sk.precision_recall_curve(truth, scores)
    return {
        "precision": precision, "recall": recall, "thresholds": thresholds,
        "average": [sk.average_precision_score(truth, scores)]}


def events():
    """A file of events, byte by byte."""
    records = [
        Event(wall_time=1.5, file_version="brain.Event:2"),
        Event(wall_time=2, step=7, session_log=SessionLog(status=SessionLog.START)),
        Event(wall_time=1e9, step=300, summary=Summary(value=[
            Summary.Value(tag="train/loss", simple_value=-0.5),
            Summary.Value(tag="lr", simple_value=1e-5)])),
    ]
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "events"
        with open(file, "wb") as output:
            writer = RecordWriter(output)
            for record in records:
                writer.write(record.SerializeToString(deterministic=True))
            writer.flush()
        return np.frombuffer(file.read_bytes(), dtype=np.uint8).astype(np.float64)


def main():
    cases = {}
    for index, (name, options) in enumerate(SCENES.items()):
        pictures = scene(index, *options)
        if name in ("plain", "ties", "crowds", "noDetections", "single"):
            cases[f"{name}/precision"] = precisions(pictures, options[1]).reshape(-1)
        if options[1] < 10:
            for threshold in (0.25, 0.5):
                cases[f"{name}/confusion/{threshold}"] = confusion(
                    pictures, options[1], float(np.float32(threshold))).reshape(-1)
    for name, options in {"few": (30, 5, 7100), "many": (200, 100, 7110)}.items():
        for key, value in curve(*options).items():
            cases[f"{name}/{key}"] = value
    write("OTXCore", "report", {k: np.asarray(v, dtype=np.float64) for k, v in cases.items()},
          samples=None)
    write("OTXReport", "events", {"file": events()}, samples=None)


if __name__ == "__main__":
    main()
