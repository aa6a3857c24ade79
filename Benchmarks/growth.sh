#!/usr/bin/env bash
# Whether training stays as fast and as small as it begins: time per picture of an epoch over few and over many
# pictures, and memory over many steps and epochs, with a plot.
#
#   Benchmarks/growth.sh [FOLDER]     where the plot goes; default: .reports
#
#   SMALL, LARGE   numbers of pictures to compare (200, 20000)
#   EPOCHS         epochs of the soak (100), of 10 steps each
#   OTX            the program (.build/release/otx)
set -euo pipefail

here="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
otx="${OTX:-$here/.build/release/otx}"
output="${1:-$here/.reports}"
small="${SMALL:-200}" large="${LARGE:-20000}" epochs="${EPOCHS:-100}"
scratch="$(mktemp -d)"
trap 'rm -rf "$scratch"' EXIT
mkdir -p "$output"

# The folder of a run on COUNT drawn pictures.
#   train COUNT EPOCHS BATCH [OPTIONS]
train() {
  local count="$1" epochs="$2" batch="$3" data="$scratch/data-$1"
  shift 3
  [ -d "$data" ] || "$otx" data draw "$data" --task MULTI_CLASS_CLS --train-count "$count" --val-count 8 \
    >/dev/null
  "$otx" train mobilenet_v3_large "$data" --max-epochs "$epochs" --batch-size "$batch" --input-size 64x64 \
    --precision fp32 --set earlyStopping.enabled=false --work-dir "$scratch/runs" --json "$@" \
    >"$scratch/result.json" 2>"$scratch/errors" || {
    cat "$scratch/errors" >&2
    exit 1
  }
  readlink -f "$scratch/runs/latest"
}

# Seconds a picture, the median step, data included; and megabytes at the end.
figures() {
  sed -nE 's/.*Epoch \[[0-9]+\]\[[0-9]+\/[0-9]+\].* time: ([0-9.]+).* memory: ([0-9]+),.*/\1 \2/p' "$1/train.log" |
    awk -v batch="$2" '
      { time[NR] = $1; memory = $2; total += $1 }
      END {
        count = asort_(time, NR)
        printf "%.3f %.3f %d\n", 1000 * time[int((NR + 1) / 2)] / batch, 1000 * total / NR / batch, memory
      }
      function asort_(a, n,   i, j, v) {
        for (i = 2; i <= n; i++) { v = a[i]; for (j = i - 1; j > 0 && a[j] > v; j--) a[j + 1] = a[j]; a[j + 1] = v }
        return n
      }'
}

few="$(train "$small" 20 20)"
many="$(train "$large" 1 20)"
read -r few_time few_mean few_memory < <(figures "$few" 20)
read -r many_time many_mean many_memory < <(figures "$many" 20)
echo "pictures   ms a picture (median step)   (mean)   MiB at the end"
printf '%8d %28s %8s %16s\n' "$small" "$few_time" "$few_mean" "$few_memory" "$large" "$many_time" "$many_mean" "$many_memory"
awk -v a="$few_time" -v b="$many_time" 'BEGIN { printf "time per picture, %s\n", sprintf("ratio: %.3f", b / a) }'

soak="$(train "$small" "$epochs" 20)"
sed -nE 's/.*Epoch \[[0-9]+\]\[[0-9]+\/[0-9]+\].* memory: ([0-9]+),.*/\1/p' "$soak/train.log" >"$scratch/memory"
awk -v plot="$output/memory.svg" '
  { memory[NR] = $1; if ($1 > top) top = $1 }
  function middle(from, to,   i, sum) { for (i = from; i <= to; i++) sum += memory[i]; return sum / (to - from + 1) }
  END {
    if (NR < 40) { print "too few steps to judge" > "/dev/stderr"; exit 1 }
    fifth = int(NR / 5)
    early = middle(fifth, 2 * fifth); late = middle(NR - fifth + 1, NR)
    printf "memory over %d steps: %.0f MiB in the second fifth, %.0f MiB in the last, ratio: %.3f; plot: %s\n", NR, early, late, late / early, plot
    print "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 720 260\" font-family=\"sans-serif\" font-size=\"12\">" > plot
    print "<rect width=\"720\" height=\"260\" fill=\"white\"/>" > plot
    for (i = 0; i <= 4; i++) {
      y = 220 - 50 * i
      printf "<line x1=\"60\" y1=\"%d\" x2=\"700\" y2=\"%d\" stroke=\"#ddd\"/><text x=\"54\" y=\"%d\" text-anchor=\"end\">%.0f</text>\n", y, y, y + 4, top * 1.1 * i / 4 > plot
    }
    printf "<text x=\"380\" y=\"250\" text-anchor=\"middle\">step (1 to %d)</text><text x=\"14\" y=\"120\" transform=\"rotate(-90 14 120)\" text-anchor=\"middle\">resident memory, MiB</text>\n", NR > plot
    printf "<polyline fill=\"none\" stroke=\"#0068b5\" stroke-width=\"1.5\" points=\"" > plot
    for (i = 1; i <= NR; i++) printf "%.1f,%.1f ", 60 + 640 * (i - 1) / (NR - 1), 220 - 200 * memory[i] / (top * 1.1) > plot
    print "\"/></svg>" > plot
  }' "$scratch/memory"
