#!/bin/bash
# Trains within times, and measures from outside how long the whole command took.
#
#   Benchmarks/time_budget.sh DATA [TIME ...] [-- OPTION ...]     times: 90s, 5m, 1h30m; default 5m 10m 20m
#
# What stands behind -- goes to `otx train`. OTX names the program (default: .build/release/otx).
# Prints a table: the budget, the time taken, percent over it, epochs, the score. Exit status 1 where
# a run took over 5 percent more than its budget, or failed.
set -uo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
otx=${OTX:-$root/.build/release/otx}
[ $# -ge 1 ] || { sed -n '2,9s/^# \{0,1\}//p' "$0" >&2; exit 64; }
data=$1; shift
times=()
while [ $# -gt 0 ] && [ "$1" != "--" ]; do times+=("$1"); shift; done
[ "${1:-}" = "--" ] && shift
[ ${#times[@]} -gt 0 ] || times=(5m 10m 20m)
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT

seconds() {  # 1h30m -> 5400
  echo "$1" | awk '{
    n = 0; rest = $0
    while (match(rest, /^[0-9.]+[dhms]/)) {
      word = substr(rest, 1, RLENGTH); unit = substr(word, length(word)); value = substr(word, 1, length(word) - 1)
      n += value * (unit == "d" ? 86400 : unit == "h" ? 3600 : unit == "m" ? 60 : 1); rest = substr(rest, RLENGTH + 1)
    }
    print n
  }'
}

# A value of the JSON object that a run prints: number KEY, or the first score.
value() { sed -n "s/.*\"$1\" *: *\([-0-9.e]*\).*/\1/p" "$2" | head -1; }

status=0
printf '%-8s %10s %8s %8s %10s\n' budget taken over epochs score
for time in "${times[@]}"; do
  budget=$(seconds "$time")
  begin=$(date +%s.%N)
  if ! "$otx" train "$data" --time "$time" --json --quiet --work-dir "$work/$time" "$@" >"$work/result.json"; then
    echo "$time: the run failed" >&2; status=1; continue
  fi
  taken=$(echo "$(date +%s.%N) $begin" | awk '{printf "%.1f", $1 - $2}')
  over=$(echo "$taken $budget" | awk '{printf "%.1f", 100 * ($1 / $2 - 1)}')
  score=$(sed -n 's/.*: *\([0-9.e-]*\).*/\1/p' "$work/$time/latest/performance.json" | head -1)
  printf '%-8s %9ss %7s%% %8s %10.4f\n' "$time" "$taken" "$over" "$(value epochs "$work/result.json")" "${score:-0}"
  echo "$over" | awk '{exit $1 > 5}' || { echo "$time: over by more than 5 percent" >&2; status=1; }
done
exit $status
