#!/usr/bin/env bash
# What a server of a model reaches: requests a second, median and 99th percentile, memory before and after, and how much
# of the model's own throughput that is (otx benchmark, in the same run). Everything stays on this machine.
#
#   Benchmarks/server.sh MODEL.xml PICTURE.jpg [SECONDS [CONNECTIONS]]
#
# OTX, OTX_RUN: other programs. RATE: as many requests a second and no more.
# The load comes from a small client in C beside this file, compiled with cc: it keeps CONNECTIONS connections open and
# sends the picture on each as soon as the answer before is there.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
model="${1:?usage: server.sh MODEL.xml PICTURE.jpg [SECONDS [CONNECTIONS]]}"
picture="${2:?usage: server.sh MODEL.xml PICTURE.jpg [SECONDS [CONNECTIONS]]}"
seconds="${3:-60}"
connections="${4:-8}"
runner="${OTX_RUN:-.build/release/otx-run}"
otx="${OTX:-.build/release/otx}"
work="$(mktemp -d)"
server=""
trap '[ -z "$server" ] || kill "$server" 2>/dev/null || true; rm -rf "$work"' EXIT

cc -O2 -Wall -Wextra -o "$work/load" Benchmarks/server_load.c
"$runner" --serve 127.0.0.1:0 --model "$model" 2>"$work/log" &
server=$!
port=""
for _ in $(seq 200); do
  port="$(sed -n 's#.*serving on http://127.0.0.1:\([0-9]*\)/.*#\1#p' "$work/log")"
  [ -z "$port" ] || break
  kill -0 "$server" || { cat "$work/log" >&2 && exit 1; }
  sleep 0.1
done
memory() { awk '/VmRSS/ { printf "%.1f", $2 / 1024 }' "/proc/$server/status"; }

# What is made once (buffers of all threads) is no growth.
"$work/load" "$port" "$picture" 5 "$connections" "${RATE:-0}" >/dev/null
before="$(memory)"
"$work/load" "$port" "$picture" "$seconds" "$connections" "${RATE:-0}" >"$work/result"
after="$(memory)"
kill -TERM "$server"
wait "$server" || true
server=""
cat "$work/result"
printf '%-34s %8s MiB before, %s MiB after\n' "memory" "$before" "$after"
if [ -x "$otx" ]; then
  alone="$("$otx" benchmark "$model" --json --quiet 2>/dev/null |
    grep -o "\"picturesPerSecond\": *[0-9.]*" | sed "s/.*: *//" | sort -n | tail -n 1)"
  printf '%-34s %8.1f pictures/s\n' "the model alone, otx benchmark" "${alone:-0}"
  ours="$(sed -n 's/^requests a second *\([0-9.]*\).*/\1/p' "$work/result")"
  awk -v ours="$ours" -v alone="${alone:-0}" 'BEGIN { if (alone > 0) printf "%-34s %8.2f\n", "ratio", ours / alone }'
fi
