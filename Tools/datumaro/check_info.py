"""Compares `otx data info --json` with the golden file of Datumaro's readings, sample by sample.

    python Tools/datumaro/check_info.py OTX DATA [GOLDEN]

OTX is the program, DATA the folder that compare.py was given. Each sample is opened without being
told its format; subsets and the numbers of their items must be Datumaro's. Annotations, coordinates
and labels are compared one by one in Tests/OTXDataTests/DatumaroComparison.
"""

import collections
import json
import pathlib
import subprocess
import sys

SUBSETS = {
    "train": "train", "training": "train", "trainval": "train", "default": "train",
    "val": "val", "valid": "val", "validation": "val", "test": "test",
}

# What Datumaro calls a subset and is none of the four: the sample's own word, and ours for it.
OWN_WORDS = {
    "annotations": "train", "subset1": "train", "query": "test", "data_batch_1": "train",
    "test_batch": "test", "electricity": "train", "electricity_missing": "train",
    "women_clothing": "train",
}

# Where counts differ on purpose, with the reason.
DELIBERATE = {
    "formats/kinetics_dataset": "a clip is read as its frames, one a second, where Datumaro has the clip",
    "formats/mvtec_dataset/category_0": "Datumaro's mvtec joins three readings of each picture",
    "formats/voc_dataset/voc_dataset2": "read as voc: every picture that any list names",
}


# Samples without pictures: no data for vision, so they are refused.
REFUSED = {
    "formats/tabular_dataset/adopt-a-buddy", "formats/tabular_dataset/electricity.csv",
    "formats/tabular_dataset/electricity_missing.csv",
    "formats/tabular_dataset/women-clothing/women_clothing.csv",
}


def wanted(entry):
    counts = collections.Counter()
    for name, count in entry["counts"]["subsets"].items():
        word = name.lower()
        counts[SUBSETS.get(word) or OWN_WORDS.get(word, "train")] += count
    return dict(counts)


def main():
    program, data = sys.argv[1], pathlib.Path(sys.argv[2])
    default = pathlib.Path(__file__).parents[2] / "Tests/OTXDataTests/Goldens/datumaro.json"
    golden = json.loads(pathlib.Path(sys.argv[3] if len(sys.argv) > 3 else default).read_text())
    samples = {}
    for entry in golden["entries"]:
        if "error" not in entry and "counts" in entry:
            samples.setdefault(entry["path"], []).append(entry)
    good = bad = 0
    for path, entries in samples.items():
        run = subprocess.run(
            [program, "data", "info", "--json", "--quiet", str(data / path)],
            capture_output=True, text=True)
        if run.returncode != 0 and path in REFUSED:
            good += 1
            print(f"refused {path}: holds no pictures")
            continue
        if run.returncode != 0:
            bad += 1
            print(f"DIFFERS {path}: {run.stderr.strip().splitlines()[0] if run.stderr else run.returncode}")
            continue
        info = json.loads(run.stdout)
        expected = [wanted(entry) for entry in entries]
        if info["subsets"] in expected or path in DELIBERATE:
            good += 1
            why = "" if info["subsets"] in expected else f" ({DELIBERATE[path]})"
            print(f"same    {path}: {info['format']}, {info['subsets']}{why}")
        else:
            bad += 1
            print(f"DIFFERS {path}: {info['format']}, {info['subsets']} where Datumaro has {expected[0]}")
    print(f"{good} of {good + bad} samples are as Datumaro has them, or refused for want of pictures")
    return 1 if bad else 0


sys.exit(main())
