#!/usr/bin/env bash
# Seconds from the start of `otx train` to the end of its first optimizer step, reading the data set and choosing the
# recipe included: median, fastest and slowest of RUNS runs.
#
#   Benchmarks/first_step.sh DATA [RUNS] [MORE OPTIONS OF otx train]
#   Benchmarks/first_step.sh bccd 5 --model atss_mobilenetv2 --batch-size 2 --precision fp32
set -euo pipefail

data="${1:?usage: first_step.sh DATA [RUNS] [OPTIONS]}"
runs="${2:-5}"
shift $(($# < 2 ? $# : 2))
here="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
otx="${OTX:-$here/.build/release/otx}"
scratch="$(mktemp -d)"
trap 'rm -rf "$scratch"' EXIT

# The first step's log line has the time that data took; the program is ended there.
for _ in $(seq "$runs"); do
  start="${EPOCHREALTIME/[.,]/}"
  exec {log}< <(exec "$otx" train --data-root "$data" --max-epochs 1 --work-dir "$scratch/runs" "$@" 2>&1)
  program=$!
  end=""
  while read -r -u "$log" line; do
    echo "$line" >>"$scratch/log"
    if [[ "$line" == *data_time* ]]; then
      end="${EPOCHREALTIME/[.,]/}"
      break
    fi
  done
  kill "$program" 2>/dev/null || true
  exec {log}<&-
  wait "$program" 2>/dev/null || true
  if [ -z "$end" ]; then
    echo "first_step.sh: no step was taken:" >&2
    tail -n 20 "$scratch/log" >&2
    exit 1
  fi
  echo $(((end - start) / 1000)) >>"$scratch/times"
done

sort -n "$scratch/times" | awk '
  { time[NR] = $1 / 1000 }
  END { printf "first step after: median %.2f s   fastest %.2f   slowest %.2f   (%d runs)\n",
          (time[int((NR + 1) / 2)] + time[int(NR / 2) + 1]) / 2, time[1], time[NR], NR }'
