#!/usr/bin/env bash
# Whether trainings on our kernels learn as those on libtorch's operators do: the loss of each epoch and the last score,
# over some seeds, beside the spread of fp32 trainings with libtorch's operators alone.
#
#   Benchmarks/loss_curves.sh DATA [SEEDS [PRECISION ...]] [-- OPTION ...]    3 seeds; bf16
#
# What stands behind -- goes to `otx train` (model, size, epochs). OTX names the program (default: .build/release/otx);
# FOLDER keeps the runs, and those that are there are not trained again. Exit status 1 where the mean of ours lies
# further from the mean of theirs than the spread of either.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
usage="usage: loss_curves.sh DATA [SEEDS [PRECISION ...]] [-- OPTION ...]"
data="${1:?$usage}"
shift
otx="${OTX:-.build/release/otx}"
folder="${FOLDER:-}"
if [ -z "$folder" ]; then
  folder="$(mktemp -d)"
  trap 'rm -rf "$folder"' EXIT
fi
seeds=3
if [ $# -gt 0 ] && [ "$1" != -- ]; then seeds="$1" && shift; fi
precisions=()
while [ $# -gt 0 ] && [ "$1" != -- ]; do precisions+=("$1") && shift; done
[ "${1:-}" != -- ] || shift
[ ${#precisions[@]} -gt 0 ] || precisions=(bf16)

# train KERNELS PRECISION SEED OPTION...
train() {
  local run="$folder/$1-$2-$3"
  local arguments=("${@:4}" --set "kernels=$1" --precision "$2" --seed "$3")
  if [ ! -f "$run/done" ]; then
    echo "training: kernels $1, $2, seed $3" >&2
    rm -rf "$run"
    "$otx" train --data-root "$data" --weights none --report none --quiet --work-dir "$run" "${arguments[@]}" \
      >"$run.log" 2>&1 || { tail -n 5 "$run.log" >&2 && exit 1; }
    touch "$run/done"
  fi
}

for ((seed = 0; seed < seeds; seed++)); do
  train torch fp32 "$seed" "$@"
  for precision in "${precisions[@]}"; do train auto "$precision" "$seed" "$@"; done
done

# The mean, least and most of a column of metrics.csv in an epoch, over the seeds.
values() {  # KERNELS-PRECISION COLUMN EPOCH
  cat "$folder/$1-"*/latest/metrics.csv | awk -F, -v column="$2" -v epoch="$3" '
    $1 == "epoch" { for (i = 1; i <= NF; i++) place[$i] = i; next }
    $1 == epoch { value = $place[column]; sum += value; count++
      if (count == 1 || value < least) least = value; if (count == 1 || value > most) most = value }
    END { printf "%.6g %.6g %.6g", sum / count, least, most }'
}

first="$folder/torch-fp32-0/latest/metrics.csv"
# The score that picks the best weights comes first among those of validation.
score="$(head -n 1 "$first" | tr , '\n' | grep '^val/' | head -n 1)"
# Those that were validated; others have no row.
mapfile -t epochs < <(tail -n +2 "$first" | cut -d, -f1)
echo "$seeds seeds; mean (least to most)"
echo "| | epoch | libtorch's, fp32 | $(printf 'ours, %s | | ' "${precisions[@]}")"
echo "| --- | --- | --- | $(printf -- '--- | --- | %.0s' "${precisions[@]}")"
status=0
for epoch in "${epochs[@]}"; do
  columns=(train/loss)
  [ "$epoch" != "${epochs[-1]}" ] || columns+=("$score")
  for column in "${columns[@]}"; do
    read -r mean least most <<<"$(values torch-fp32 "$column" "$epoch")"
    row="| $column | $epoch | $(printf '%.4f (%.4f to %.4f)' "$mean" "$least" "$most") | "
    for precision in "${precisions[@]}"; do
      read -r own low high <<<"$(values "auto-$precision" "$column" "$epoch")"
      verdict="$(awk -v a="$mean" -v least="$least" -v most="$most" -v b="$own" -v low="$low" -v high="$high" 'BEGIN {
        gap = b > a ? b - a : a - b; spread = most - least > high - low ? most - least : high - low
        print gap <= spread ? "within" : "outside" }')"
      [ "$verdict" = within ] || status=1
      row+="$(printf '%.4f (%.4f to %.4f)' "$own" "$low" "$high") | $verdict | "
    done
    echo "$row"
  done
done
exit "$status"
