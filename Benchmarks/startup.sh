#!/usr/bin/env bash
# How long the program takes to answer: median, fastest and slowest of RUNS runs, in milliseconds.
#
#   Benchmarks/startup.sh [RUNS]
#   PEER="python -m otx.cli" Benchmarks/startup.sh    # a peer's command line, run alternately
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

runs="${1:-11}"
otx="${OTX:-.build/release/otx}"
if [ ! -x "$otx" ]; then
  echo "startup.sh: $otx is missing; build it (make build) or set OTX" >&2
  exit 1
fi

# Milliseconds that a command takes; its output is thrown away.
milliseconds() {
  local start="${EPOCHREALTIME/[.,]/}"
  "$@" >/dev/null 2>&1
  echo $(((${EPOCHREALTIME/[.,]/} - start) / 100)) | sed -E 's/^(.)$/0\1/; s/(.)$/.\1/'
}

summary() {
  sort -n "$1" | awk -v name="$2" '
    { time[NR] = $1 }
    END { printf "%-28s median %8.1f ms   fastest %8.1f   slowest %8.1f   (%d runs)\n",
            name, (time[int((NR + 1) / 2)] + time[int(NR / 2) + 1]) / 2, time[1], time[NR], NR }'
}

scratch="$(mktemp -d)"
trap 'rm -rf "$scratch"' EXIT
read -r -a peer <<<"${PEER:-}"
for arguments in "--help" "find" "find --all" "---completion train -- --recipe 0 0 x"; do
  : >"$scratch/ours"
  : >"$scratch/peer"
  "$otx" $arguments >/dev/null # the first run reads the file from disk
  for _ in $(seq "$runs"); do
    milliseconds "$otx" $arguments >>"$scratch/ours"
    if ((${#peer[@]} > 0)); then milliseconds "${peer[@]}" $arguments >>"$scratch/peer"; fi
  done
  summary "$scratch/ours" "otx $arguments"
  if ((${#peer[@]} > 0)); then summary "$scratch/peer" "$PEER $arguments"; fi
done
