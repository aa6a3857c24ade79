#!/usr/bin/env python3
"""Check that TensorBoard reads the events of a run, also of one that was stopped and went on.

Environment, once:
    python3 -m venv env
    env/bin/pip install tensorboard

A run:
    otx train DATA --work-dir runs

Then:
    env/bin/python Tools/interop/tensorboard_events.py runs/latest

Prints one line a check; exits with 1 if one fails.
"""

import csv
import math
import sys
from pathlib import Path

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

failures = 0


def report(name, passed, detail):
    global failures
    failures += not passed
    print(f"{'ok  ' if passed else 'FAIL'} {name}: {detail}")


def main():
    run = Path(sys.argv[1])
    events = EventAccumulator(str(run), size_guidance={"scalars": 0})
    events.Reload()
    tags = events.Tags()["scalars"]
    expected = {"lr", "epoch", "train/loss", "train/grad_norm", "performance/images_per_second"}
    report("scalars", expected <= set(tags), ", ".join(tags))
    steps = [event.step for event in events.Scalars("train/loss")]
    report("one curve", steps == list(range(1, len(steps) + 1)), f"{len(steps)} steps")
    finite = all(math.isfinite(e.value) for e in events.Scalars("train/loss"))
    report("losses", finite, "all finite")

    with open(run / "metrics.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    for name in (name for name in rows[0] if name.startswith("val/")):
        wanted = [(int(r["iteration"]), float(r[name])) for r in rows if r[name] != "nan"]
        got = [(e.step, e.value) for e in events.Scalars(name)] if name in tags else []
        same = len(wanted) == len(got) and all(
            a == c and math.isclose(b, d, rel_tol=1e-6, abs_tol=1e-7)
            for (a, b), (c, d) in zip(wanted, got))
        report(name, same, f"{len(got)} values as in metrics.csv")
    sys.exit(failures > 0)


if __name__ == "__main__":
    main()
