#!/usr/bin/env bash
# Kills searches for hyper-parameters and their trials at random instants, goes on with them, and
# compares what they find with what an undisturbed search finds.
#
#   Benchmarks/search_kill.sh [--program PATH] [--count 20] [--seed 0] [--model NAME] [--keep FOLDER]
#
# Each search is disturbed until it ends: in turn the search itself or one of its trials is killed
# (SIGKILL), up to three times. In the end trials, values, rungs and scores must be those of the
# undisturbed search, no rung may have been finished twice, and no process may be left. Prints
# "20 of 20 …" and ends with 0 if all are equal.
set -euo pipefail

root=$(cd "$(dirname "$0")/.." && pwd)
program="$root/.build/release/otx"
count=20
seed=0
model=mobilenet_v3_small
folder=""
while [ $# -gt 0 ]; do
  case "$1" in
    --program) program=$(realpath "$2") ;;
    --count) count=$2 ;;
    --seed) seed=$2 ;;
    --model) model=$2 ;;
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

search=(
  train --data-root pictures --model "$model" --input-size 32x32 --batch-size 4
  --max-epochs 4 --weights none --hpo --budget "5 trials" --hpo-jobs 1
  --set search.reductionFactor=2 --set search.minimumEpochs=1 --set earlyStopping.enabled=false
  --precision fp32 --threads 1 --report none --quiet
)

# Trials with values, scores and state, and the best: everything that must not depend on time.
found() {
  "$program" hpo show --work-dir "$1" --json | python3 -c '
import json, sys
search = json.load(sys.stdin)
for trial in search["trials"]:
    del trial["seconds"]
print(json.dumps([search["trials"], search["best"], search["epochs"]], sort_keys=True))'
}

# Milliseconds between two instants of date +%s%N.
milliseconds() { echo $((($2 - $1) / 1000000)); }

[ -d pictures ] || "$program" data draw pictures --task MULTI_CLASS_CLS --train-count 8 --val-count 4 --quiet >/dev/null
rm -rf whole
start=$(date +%s%N)
"$program" "${search[@]}" --work-dir whole >/dev/null
length=$(milliseconds "$start" "$(date +%s%N)")
found whole >whole.json
echo "undisturbed: $length ms, $(grep -c ' | Trial .* after ' whole/search/latest/search.log) rungs of 5 trials"

equal=0
kills=0
for number in $(seq 1 "$count"); do
  work="killed-$number"
  rm -rf "$work"
  trouble=""
  instants=""
  for attempt in $(seq 1 12); do
    if ls "$work"/search/*/search.json >/dev/null 2>&1; then
      command=(train --hpo --resume --work-dir "$work" --quiet)
    else
      command=("${search[@]}" --work-dir "$work")
    fi
    "$program" "${command[@]}" >/dev/null 2>>"log-$number.txt" &
    process=$!
    if [ "$attempt" -le 3 ]; then
      instant=$((RANDOM * length / 32768))
      sleep "$(printf '%d.%03d' $((instant / 1000)) $((instant % 1000)))"
      victim=$process
      # Every other time a trial, where one is under way.
      if [ $((RANDOM % 2)) -eq 0 ]; then
        child=$(pgrep -P "$process" | head -1 || true)
        [ -n "$child" ] && victim=$child
      fi
      if kill -9 "$victim" 2>/dev/null; then
        kills=$((kills + 1))
        instants="$instants $instant$([ "$victim" = "$process" ] || echo ' (trial)')"
      fi
    fi
    status=0
    { wait "$process" || status=$?; } 2>/dev/null
    if [ "$status" -eq 137 ]; then
      # Its children die with it; the system needs an instant for that.
      for _ in 1 2 3 4 5 6 7 8 9 10; do
        orphans=$(pgrep -f -- "--otx-worker .*/$work/" || true)
        [ -z "$orphans" ] && break
        sleep 0.1
      done
      [ -z "$orphans" ] || trouble="$trouble orphans($orphans)"
      continue
    fi
    # Killed after the last file was written: there is nothing left to go on with.
    if [ "$status" -ne 0 ] && ! tail -1 "log-$number.txt" | grep -q "no search to go on with"; then
      trouble="$trouble status($status: $(tail -1 "log-$number.txt"))"
    fi
    break
  done
  found "$work" >"$work.json" || trouble="$trouble unreadable"
  twice=$(sed -n 's/.* | \(Trial [0-9]* after [0-9]* epochs*\).*/\1/p' "$work"/search/latest/search.log | sort | uniq -d)
  [ -z "$twice" ] || trouble="$trouble twice($twice)"
  cmp -s whole.json "$work.json" || trouble="$trouble other-result"
  [ -f "$work/latest/weights.pth" ] || trouble="$trouble no-weights"
  if [ -z "$trouble" ]; then
    equal=$((equal + 1))
    rm -rf "$work" "$work.json" "log-$number.txt"
  else
    echo "search $number, killed after$instants ms:$trouble ($folder/$work)"
  fi
done
echo "$equal of $count searches, killed $kills times, ended as if they had not been"
[ "$equal" -eq "$count" ]
