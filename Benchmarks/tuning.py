#!/usr/bin/env python3
"""Optuna's side of `OTXBenchmarks tuning`: the same functions, budgets and seeds.

    pip install optuna
    python3 Benchmarks/tuning.py --program .build/release/OTXBenchmarks [--seeds 20] [--first-seed 0]

Functions: Branin in 60 and Hartmann-6 in 100 trials (the best value; less is better), and a
learning-curve model within 270 epochs (the score of the best trial at the highest rung; more is
better). Optuna runs its TPE with defaults; on the curves with SuccessiveHalvingPruner (ASHA), the same
rungs (3, 9, 27 epochs, a factor of 3), and a search ends when the epochs are spent. Both begin with the
same values. Prints medians over the seeds and ends with 0 where ours are at least as good.
"""
import argparse
import json
import math
import statistics
import subprocess
import sys

import optuna

optuna.logging.set_verbosity(optuna.logging.ERROR)
RUNGS = [3, 9, 27]
EPOCHS = 270


def branin(x, y):
    b, c, t = 5.1 / (4 * math.pi**2), 5 / math.pi, 1 / (8 * math.pi)
    return (y - b * x * x + c * x - 6) ** 2 + 10 * (1 - t) * math.cos(x) + 10


ALPHA = [1.0, 1.2, 3.0, 3.2]
A = [[10, 3, 17, 3.5, 1.7, 8], [0.05, 10, 17, 0.1, 8, 14], [3, 3.5, 1.7, 10, 17, 8], [17, 8, 0.05, 10, 0.1, 14]]
P = [
    [1312, 1696, 5569, 124, 8283, 5886],
    [2329, 4135, 8307, 3736, 1004, 9991],
    [2348, 1451, 3522, 2883, 3047, 6650],
    [4047, 8828, 8732, 5743, 1091, 381],
]


def hartmann6(x):
    return -sum(
        ALPHA[i] * math.exp(-sum(A[i][j] * (x[j] - P[i][j] / 1e4) ** 2 for j in range(6))) for i in range(4)
    )


def curve(rate, decay, batch, optimizer, epochs):
    off = math.log10(rate / 0.02) ** 2 * 0.05 + math.log10(decay / 1e-3) ** 2 * 0.01
    ceiling = 0.95 - off - abs(math.log2(batch / 24)) * 0.01 - (0 if optimizer == "adamw" else 0.02)
    return ceiling * (1 - math.exp(-epochs * (0.1 + 5 * min(rate, 0.02))))


def best_of(objective, trials, seed):
    study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=seed))
    study.optimize(objective, n_trials=trials)
    return study.best_value


def on_branin(seed):
    return best_of(
        lambda trial: branin(trial.suggest_float("x", -5, 10), trial.suggest_float("y", 0, 15)), 60, seed
    )


def on_hartmann6(seed):
    return best_of(lambda trial: hartmann6([trial.suggest_float(f"x{i}", 0, 1) for i in range(6)]), 100, seed)


def on_curves(seed):
    spent, whole = 0, []

    def objective(trial):
        nonlocal spent
        rate = trial.suggest_float("rate", 1e-5, 1, log=True)
        decay = trial.suggest_float("decay", 1e-6, 0.1, log=True)
        batch = trial.suggest_int("batch", 4, 128, step=4)
        optimizer = trial.suggest_categorical("optimizer", ["sgd", "adamw", "adam"])
        before = 0
        for rung in RUNGS:
            if spent + rung - before > EPOCHS:
                trial.study.stop()
                raise optuna.TrialPruned()
            spent += rung - before
            before = rung
            score = curve(rate, decay, batch, optimizer, rung)
            trial.report(score, rung)
            if rung < RUNGS[-1] and trial.should_prune():
                raise optuna.TrialPruned()
        whole.append(score)
        return score

    study = optuna.create_study(
        direction="maximize",
        sampler=optuna.samplers.TPESampler(seed=seed),
        pruner=optuna.pruners.SuccessiveHalvingPruner(min_resource=RUNGS[0], reduction_factor=3),
    )
    study.enqueue_trial({"rate": 0.001, "decay": 1e-4})
    study.optimize(objective, n_trials=EPOCHS)
    return max(whole, default=0)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", help="OTXBenchmarks; without it Optuna's figures alone")
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--first-seed", type=int, default=0)
    options = parser.parse_args()
    ours = {}
    if options.program:
        command = [options.program, "tuning", "--seeds", str(options.seeds), "--json"]
        command += ["--first-seed", str(options.first_seed)]
        ours = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    good = True
    seeds = range(options.first_seed, options.first_seed + options.seeds)
    print(f"median of {options.seeds} seeds     Optuna {optuna.__version__}       ours")
    for name, function, sign in (("branin", on_branin, -1), ("hartmann6", on_hartmann6, -1), ("curves", on_curves, 1)):
        theirs = statistics.median(function(seed) for seed in seeds)
        mine = ours.get(name)
        print(f"{name:12} {theirs:24.4f} {'' if mine is None else f'{mine:10.4f}'}")
        good = good and (mine is None or sign * mine >= sign * theirs)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
