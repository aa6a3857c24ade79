"""Opening a COCO annotation file: ours, pycocotools' `COCO(file)` and Datumaro's import, in turns.

    swift build -c release --product OTXBenchmarks
    PYTHON Benchmarks/coco_index.py --ours ".build/release/OTXBenchmarks coco-index" \
        --pycocotools PYTHON_WITH_PYCOCOTOOLS --datumaro PYTHON_WITH_DATUMARO

Draws a file like COCO's `instances_train2017.json` (seed fixed) into a temporary folder: 118,000 pictures, 860,000
objects with boxes and outlines as long as COCO's are, one in ten of several parts, one in a hundred a crowd with run
lengths. The pictures are not there; nobody looks at them. Each program opens it in a process of its own and reports
its seconds and its peak memory; the medians of the rounds are compared. `--scale 0.1 1` shows how time grows.
"""

import argparse
import json
import math
import os
import random
import statistics
import subprocess
import sys
import tempfile

IMAGES, OBJECTS, LABELS = 118_000, 860_000, 80


def outline(draw, x, y, width, height):
    """A closed line about the middle of the box, with two decimals as COCO's have."""
    count = max(3, min(200, int(draw.lognormvariate(2.95, 0.55))))
    points = []
    for step in range(count):
        angle = 2 * math.pi * step / count
        radius = 0.35 + 0.15 * draw.random()
        points.append(f"{x + width * (0.5 + radius * math.cos(angle)):.2f}")
        points.append(f"{y + height * (0.5 + radius * math.sin(angle)):.2f}")
    return "[" + ", ".join(points) + "]"


def shapes(draw, count):
    """Texts of `segmentation` and `bbox` to choose from: drawing each anew would take minutes."""
    result = []
    for index in range(count):
        width, height = 8 + 300 * draw.random() ** 2, 8 + 240 * draw.random() ** 2
        x, y = (640 - width) * draw.random(), (480 - height) * draw.random()
        box = f"[{x:.2f}, {y:.2f}, {width:.2f}, {height:.2f}]"
        if index % 100 == 0:
            runs = [draw.randrange(1, 400) for _ in range(400)]
            runs.append(640 * 480 - sum(runs))
            counts = ", ".join(map(str, runs))
            result.append(('{"counts": [' + counts + '], "size": [480, 640]}', box, 1, width * height))
            continue
        parts = 2 + index % 3 if index % 10 == 1 else 1
        text = ", ".join(outline(draw, x, y, width, height) for _ in range(parts))
        result.append(("[" + text + "]", box, 0, width * height * 0.6))
    return result


def write(path, scale):
    draw = random.Random(0)
    images, objects = int(IMAGES * scale), int(OBJECTS * scale)
    pool = shapes(draw, 5_000)
    ids = random.Random(1).sample(range(1, 2_300_000), objects)
    with open(path, "w", encoding="utf-8") as file:
        file.write('{"info": {"year": 2017}, "licenses": [], "images": [')
        for index in range(images):
            file.write(
                f'{", " if index else ""}{{"license": 3, "file_name": "{index + 1:012d}.jpg", "coco_url": '
                f'"images/train2017/{index + 1:012d}.jpg", "height": 480, "width": 640, '
                f'"date_captured": "2013-11-14 11:18:45", "flickr_url": "pictures/of/a/kind/of/length/{index}_z.jpg", '
                f'"id": {index + 1}}}'
            )
        file.write('], "annotations": [')
        for index in range(objects):
            shape, box, crowd, area = pool[draw.randrange(len(pool))]
            file.write(
                f'{", " if index else ""}{{"segmentation": {shape}, "area": {area:.4f}, "iscrowd": {crowd}, '
                f'"image_id": {draw.randrange(images) + 1}, "bbox": {box}, '
                f'"category_id": {draw.randrange(LABELS) + 1}, "id": {ids[index]}}}'
            )
        names = ", ".join(
            f'{{"supercategory": "thing", "id": {n + 1}, "name": "label {n + 1}"}}' for n in range(LABELS)
        )
        file.write(f'], "categories": [{names}]}}')


def peer(name, path):
    """Opens the file with another library; runs in a process of its own."""
    import resource
    import time

    if name == "pycocotools":
        from pycocotools.coco import COCO

        start = time.perf_counter()
        opened = COCO(path)
        objects = len(opened.anns)
    else:
        import datumaro

        start = time.perf_counter()
        opened = datumaro.Dataset.import_from(os.path.dirname(os.path.dirname(path)), "coco_instances")
        opened.init_cache()
        objects = len(opened)
    seconds = time.perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    print(json.dumps({"seconds": seconds, "peakMemoryBytes": peak, "count": objects}))


def run(command):
    output = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    return json.loads([line for line in output.splitlines() if line.startswith("{")][-1])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ours", default=".build/release/OTXBenchmarks coco-index")
    parser.add_argument("--pycocotools", help="a Python that has it")
    parser.add_argument("--datumaro", help="a Python that has it")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--datumaro-rounds", type=int, default=1, help="it takes minutes")
    parser.add_argument("--scale", type=float, nargs="+", default=[1])
    parser.add_argument("--peer", help=argparse.SUPPRESS)
    parser.add_argument("--file", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.peer:
        return peer(arguments.peer, arguments.file)
    print("| file | program | seconds | ours is faster by | peak memory, MiB | ours of it |\n|---|---|---|---|---|---|")
    for scale in arguments.scale:
        with tempfile.TemporaryDirectory() as folder:
            os.makedirs(os.path.join(folder, "annotations"))
            os.makedirs(os.path.join(folder, "images", "train2017"))
            path = os.path.join(folder, "annotations", "instances_train2017.json")
            write(path, scale)
            compare(path, scale, arguments)


def compare(path, scale, arguments):
    programs = [("ours", arguments.ours.split() + [path], arguments.rounds)]
    for name in ["pycocotools", "datumaro"]:
        python = getattr(arguments, name)
        rounds = arguments.datumaro_rounds if name == "datumaro" else arguments.rounds
        if python:
            programs.append((name, [python, sys.argv[0], "--peer", name, "--file", path], rounds))
    results = {name: [] for name, _, _ in programs}
    for turn in range(max(rounds for _, _, rounds in programs)):
        for name, command, rounds in programs:
            if turn < rounds:
                results[name].append(run(command))
    ours = results["ours"]
    title = f"{int(IMAGES * scale):,} pictures, {int(OBJECTS * scale):,} objects, {os.path.getsize(path) >> 20} MiB"

    def median(rows, key):
        return statistics.median(row[key] for row in rows)

    for name, rows in results.items():
        seconds, peak = median(rows, "seconds"), median(rows, "peakMemoryBytes")
        faster = seconds / median(ours, "seconds")
        share = median(ours, "peakMemoryBytes") / peak
        print(f"| {title} | {name} | {seconds:.2f} | {faster:.1f} | {peak / 2**20:.0f} | {share:.2f} |", flush=True)


if __name__ == "__main__":
    main()
