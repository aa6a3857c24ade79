"""Training as a user runs it: `otx train` of this repository against `otx train` of Python OTX 2.6.

    python3.11 -m venv ENV && ENV/bin/pip install otx==2.6.0 torch==2.8.0 torchvision==0.23.0
    ENV/bin/python Benchmarks/python_otx.py --data BCCD [--model atss_mobilenetv2 ...] [--heap stock keep]

Both sides train the same network at the same input and batch on the same pictures, from random weights, each with its
own default recipe: what a user gets who types the command. The programs take turns (`--rounds`). A figure is the
median time of a step, data included, after the first `--warmup` steps of each run; memory is the largest resident
size of the training process. `--heap keep` runs the peer once more on jemalloc that keeps its pages, which is the
best that its user could set up; ours brings its own.

BCCD is a folder of COCO files as Roboflow writes them (`train/_annotations.coco.json`). Classification trains on the
cells cut out of its pictures.
"""
import argparse
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
JEMALLOC = "/usr/lib/x86_64-linux-gnu/libjemalloc.so.2"
KEEP_PAGES = "dirty_decay_ms:-1,muzzy_decay_ms:-1,metadata_thp:auto,thp:always"

# Input and batch of the peer's default recipes; the peer's recipe file below its `recipe` folder.
MODELS = {
    "mobilenet_v3_large": ("cells", (224, 224), 64, "classification/multi_class_cls/mobilenet_v3_large.yaml"),
    "efficientnet_b0": ("cells", (224, 224), 64, "classification/multi_class_cls/efficientnet_b0.yaml"),
    "ssd_mobilenetv2": ("boxes", (864, 864), 8, "detection/ssd_mobilenetv2.yaml"),
    "atss_mobilenetv2": ("boxes", (800, 992), 8, "detection/atss_mobilenetv2.yaml"),
    "yolox_tiny": ("boxes", (416, 416), 8, "detection/yolox_tiny.yaml"),
}
SUBSETS = {"train": "train", "valid": "val", "test": "test"}


def prepare(data: Path, scratch: Path, train_count: int) -> None:
    """The same pictures in the layouts that each side reads: few for detection, cells for classification."""
    from PIL import Image

    for folder, subset in SUBSETS.items():
        document = json.loads((data / folder / "_annotations.coco.json").read_text())
        count = train_count if subset == "train" else 16
        images = document["images"][:count]
        kept = {image["id"] for image in images}
        boxes = [box for box in document["annotations"] if box["image_id"] in kept]
        used = {box["category_id"] for box in boxes}
        names = {c["id"]: c["name"] for c in document["categories"] if c["id"] in used}
        small = {
            "images": images,
            "annotations": boxes,
            "categories": [{"id": key, "name": name} for key, name in names.items()],
        }
        pictures = scratch / "boxes/images" / subset
        pictures.mkdir(parents=True)
        (scratch / "boxes/annotations").mkdir(exist_ok=True)
        (scratch / f"boxes/annotations/instances_{subset}.json").write_text(json.dumps(small))
        for image in images:
            shutil.copy(data / folder / image["file_name"], pictures / image["file_name"])
        cells = {name: 0 for name in names.values()}
        pixels = {}
        for box in document["annotations"]:
            name = names.get(box["category_id"])
            if name is None or cells[name] >= (160 if subset == "train" else 40):
                continue
            file = next(i["file_name"] for i in document["images"] if i["id"] == box["image_id"])
            if file not in pixels:
                pixels[file] = Image.open(data / folder / file).convert("RGB")
            x, y, width, height = box["bbox"]
            if width < 4 or height < 4:
                continue
            target = scratch / "cells" / subset / name
            target.mkdir(parents=True, exist_ok=True)
            cell = pixels[file].crop((x, y, x + width, y + height)).resize((128, 128))
            cell.save(target / f"{cells[name]:04d}.jpg", quality=92)
            cells[name] += 1


def ours(otx: str, model: str, root: Path, arguments, scratch: Path) -> dict:
    _, (height, width), batch, _ = MODELS[model]
    folder = Path(tempfile.mkdtemp(dir=scratch))
    command = [
        otx, "train", model, str(root), "--max-epochs", str(arguments.epochs), "--batch-size", str(batch),
        "--input-size", f"{height}x{width}", "--work-dir", str(folder), "--weights", "none", "--seed", "0", "--json",
    ]  # fmt: skip
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if done.returncode != 0:
        raise SystemExit(f"{' '.join(command)}\n{done.stderr[-3000:]}")
    log = next(folder.glob("2*/train.log")).read_text()
    times = [float(t) for t in re.findall(r"Epoch \[\d+\]\[\d+/\d+\].*? time: ([0-9.]+)", log)]
    result = json.loads(done.stdout)
    return {"seconds": times[arguments.warmup:], "batch": batch, "memory": result["peakMemoryBytes"]}


def peer(model: str, root: Path, heap: str, arguments, scratch: Path) -> dict:
    import otx

    _, (height, width), batch, recipe = MODELS[model]
    folder = Path(tempfile.mkdtemp(dir=scratch))
    events = folder / "steps.jsonl"
    command = [
        sys.executable, str(HERE / "python_otx_peer.py"), str(events), "train",
        "--config", str(Path(otx.__file__).parent / "recipe" / recipe), "--data_root", str(root),
        "--max_epochs", str(arguments.epochs), "--seed", "0", "--work_dir", str(folder),
        "--data.input_size", f"[{height},{width}]", "--data.train_subset.batch_size", str(batch),
    ]  # fmt: skip
    environment = dict(os.environ)
    if heap == "keep":
        environment |= {"LD_PRELOAD": JEMALLOC, "MALLOC_CONF": KEEP_PAGES}
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, env=environment)
    rows = [json.loads(line) for line in events.read_text().splitlines()] if events.exists() else []
    steps = [row["seconds"] for row in rows if row["event"] == "step"]
    if not steps:
        raise SystemExit(f"{' '.join(command)}\n{(done.stderr or done.stdout)[-3000:]}")
    memory = next((row["bytes"] for row in rows if row["event"] == "memory"), 0)
    return {"seconds": steps[arguments.warmup:], "batch": batch, "memory": memory}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--model", nargs="+", choices=MODELS, default=list(MODELS))
    parser.add_argument("--heap", nargs="+", choices=["stock", "keep"], default=["stock", "keep"])
    parser.add_argument("--otx", default=str(HERE.parent / ".build/release/otx"), help="the program of this repository")
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--warmup", type=int, default=2, help="steps of each run that do not count")
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--pictures", type=int, default=24, help="training pictures of a detector")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        scratch = Path(name)
        prepare(arguments.data, scratch, arguments.pictures)
        print("model               peer's heap   ours img/s   peer img/s   ratio   ours GiB   peer GiB   ratio")
        for model in arguments.model:
            root = scratch / MODELS[model][0]
            for heap in arguments.heap:
                mine, theirs = [], []
                for _ in range(arguments.rounds):
                    mine.append(ours(arguments.otx, model, root, arguments, scratch))
                    theirs.append(peer(model, root, heap, arguments, scratch))
                speeds, sizes = [], []
                for runs in (mine, theirs):
                    median = statistics.median(second for run in runs for second in run["seconds"])
                    speeds.append(runs[0]["batch"] / median)
                    sizes.append(max(run["memory"] for run in runs) / 2**30)
                print(
                    f"{model:<20}{heap:<11}{speeds[0]:>13.2f}{speeds[1]:>13.2f}{speeds[0] / speeds[1]:>8.2f}"
                    f"{sizes[0]:>11.2f}{sizes[1]:>11.2f}{sizes[0] / max(sizes[1], 1e-9):>8.2f}",
                    flush=True,
                )


if __name__ == "__main__":
    main()
