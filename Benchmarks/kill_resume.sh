#!/usr/bin/env bash
# Kills training runs at random instants, goes on with them, and compares what they leave with what an
# uninterrupted run leaves, byte by byte.
#
#   Benchmarks/kill_resume.sh [--program PATH] [--count 100] [--seed 0] [--keep FOLDER]
#
# Every run is killed (SIGKILL) at least once, at an instant drawn from the whole length of a run:
# start-up, decoding, steps, validation, writing. Half of the resumed runs are killed again. Prints
# "100 of 100 …" and ends with 0 if all are equal. Takes about three times the length of a run (5 s
# with the release build) for each.
set -euo pipefail

root=$(cd "$(dirname "$0")/.." && pwd)
program="$root/.build/release/otx"
count=100
seed=0
folder=""
while [ $# -gt 0 ]; do
  case "$1" in
    --program) program=$(realpath "$2") ;;
    --count) count=$2 ;;
    --seed) seed=$2 ;;
    --keep) folder=$2 ;;
    *) echo "unknown option '$1'; see the top of $0" >&2; exit 64 ;;
  esac
  shift 2
done
[ -x "$program" ] || { echo "there is no program at $program; 'make build' first, or --program" >&2; exit 64; }

if [ -z "$folder" ]; then
  folder=$(mktemp -d)
  trap 'rm -rf "$folder"' EXIT
fi
mkdir -p "$folder"
cd "$folder"
RANDOM=$((seed + 1))

# What is trained: each with averaged weights and augmentation.
common="--set emaDecay=0.9 --set checkpoint.intervalMinutes=0.01 --precision fp32 --threads 1 --quiet"
declare -A kinds=(
  # Adaptive intervals, reduction on a plateau, early stopping within reach.
  [classifier]="--data-root pictures --model mobilenet_v3_large --input-size 32x32 --batch-size 4 --max-epochs 5 --set earlyStopping.warmupEpochs=1 --set earlyStopping.warmupSteps=1"
  [detector]="--data-root boxes --model ssd_mobilenetv2 --input-size 64x64 --batch-size 4 --max-epochs 4 --set optimizer.name=sgd --set optimizer.learningRate=0.01"
  # Validation within the epoch, several batches a step.
  [accumulated]="--data-root boxes --model ssd_mobilenetv2 --input-size 64x64 --batch-size 2 --max-epochs 2 --val-check-interval 0.5 --set gradientAccumulation=2"
)
names=(classifier detector accumulated)

otx() { "$program" "$@" >/dev/null; }

# Differences between two runs' folders, one a line; nothing where they are equal.
differences() {
  python3 - "$1" "$2" <<'PYTHON'
import pathlib, sys, zipfile
one, other = map(pathlib.Path, sys.argv[1:])
def records(folder):
    found = {}
    for name in ("weights.pth", "metrics.csv", "performance.json", "label_schema.json", "recipe.yaml"):
        path = folder / name
        found[name] = path.read_bytes() if path.exists() else None
    try:
        archive = zipfile.ZipFile(folder / "last.pth")
        for name in archive.namelist():
            # How long it took is no part of what was learned.
            if not name.endswith("otx/time.json"):
                found["last.pth:" + name] = archive.read(name)
    except (OSError, zipfile.BadZipFile) as error:
        found["last.pth"] = str(error).encode()
    # Each session of a run writes events of its own.
    found["files"] = sorted(path.name for path in folder.iterdir() if "tfevents" not in path.name)
    return found
a, b = records(one), records(other)
for name in sorted(set(a) | set(b)):
    if a.get(name) != b.get(name):
        print("   ", name, "differs")
PYTHON
}

# Starts a command and kills it after so many milliseconds. Returns 137 where it was killed, else what
# the command ended with before.
killed_after() {
  local milliseconds=$1 status=0; shift
  "$program" "$@" >/dev/null 2>>log.txt &
  local process=$!
  sleep "$(printf '%d.%03d' $((milliseconds / 1000)) $((milliseconds % 1000)))"
  kill -9 "$process" 2>/dev/null || true
  { wait "$process" || status=$?; } 2>/dev/null
  return $status
}

otx data draw pictures --task MULTI_CLASS_CLS --train-count 16 --val-count 4 --quiet
otx data draw boxes --train-count 16 --val-count 8 --quiet

declare -A lengths
for name in "${names[@]}"; do
  start=$(date +%s%N)
  # shellcheck disable=SC2086
  otx train ${kinds[$name]} $common --work-dir "whole-$name"
  lengths[$name]=$((($(date +%s%N) - start) / 1000000))
  echo "uninterrupted $name: ${lengths[$name]} ms, $(wc -l <"whole-$name/latest/metrics.csv") lines of metrics"
done

equal=0
kills=0
anew=0
for number in $(seq 1 "$count"); do
  name=${names[$((number % ${#names[@]}))]}
  work="killed-$number"
  # shellcheck disable=SC2206
  first=(train ${kinds[$name]} $common --work-dir "$work")
  again=(train --resume --work-dir "$work" --quiet)
  command=("${first[@]}")
  instants=""
  while true; do
    status=0
    # The first attempt is killed for certain, later ones with a chance of one half.
    if [ -z "$instants" ] || [ $((RANDOM % 2)) -eq 0 ]; then
      instant=$((RANDOM * lengths[$name] / 32768))
      instants="$instants $instant"
      killed_after "$instant" "${command[@]}" || status=$?
    else
      otx "${command[@]}" 2>>log.txt || status=$?
    fi
    [ $status -eq 0 ] && break
    # Killed after its last file was written: there is nothing left to do.
    if [ $status -ne 137 ] && tail -1 log.txt | grep -q "is at its end"; then break; fi
    if [ $status -ne 137 ]; then
      echo "run $number ($name), killed after$instants ms: $(tail -1 log.txt)"
      break
    fi
    kills=$((kills + 1))
    # Killed before there was a run: nothing to go on with.
    if ls "$work"/*/run.json >/dev/null 2>&1; then
      command=("${again[@]}")
    else
      anew=$((anew + 1))
      command=("${first[@]}")
    fi
  done
  found=$(differences "whole-$name/latest" "$work/latest")
  if [ -z "$found" ]; then
    equal=$((equal + 1))
    rm -rf "$work"
  else
    echo "run $number ($name), killed after$instants ms: $work"
    echo "$found"
  fi
done
echo "$equal of $count runs, killed $kills times ($anew times before there was a run), ended as if they had not been"
[ "$equal" -eq "$count" ]
