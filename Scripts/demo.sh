#!/usr/bin/env bash
# The whole road in one command: data, training, evaluation, export to OpenVINO, evaluation again, predictions drawn on
# pictures. Everything it leaves is in demo-output/.
#
#   Scripts/demo.sh [DATA]   DATA: a dataset of your own (a folder or a data.yaml); without it, one is drawn
#
# Environment: OTX_DEMO_OUTPUT, another folder than demo-output; OTX_DEMO_EPOCHS, how long to train at most (12).
set -euo pipefail

root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)"
data="${1:-}"
if [ -n "$data" ]; then data="$(realpath -e -- "$data")"; fi
mkdir -p "${OTX_DEMO_OUTPUT:-$root/demo-output}"
output="$(cd "${OTX_DEMO_OUTPUT:-$root/demo-output}" && pwd -P)"
otx="$root/.build/release/otx"
started="$SECONDS"
summary=()

# Says what comes, shows the command, runs it, and notes how long it took.
step() {
  local title="$1" before="$SECONDS"
  shift
  printf '\n── %s\n   otx %s\n\n' "$title" "$*"
  "$otx" "$@"
  summary+=("$(printf '%-44s %4d s' "$title" "$((SECONDS - before))")")
}

echo "── building the program"
"$root/Scripts/build.sh"

# Only what a demonstration left before is removed, and only in its own folder.
rm -rf "${output:?}"/{model,openvino,pictures,runs,summary.txt,performance.json,performance-openvino.json}
# Paths below the folder read better in what is shown.
cd "$output"

train=(train --work-dir runs --save-model-to model --max-epochs "${OTX_DEMO_EPOCHS:-12}")
if [ -z "$data" ]; then
  rm -rf data
  step "drawing a dataset" data draw data --train-count 96 --val-count 16
  data=data
  train+=(--input-size 192x256)
fi
step "looking at the data" data info "$data"
step "training: the data chooses the model" "${train[@]}" "$data"
step "scoring the checkpoint" eval model/weights.pth "$data" --save-performance performance.json
step "exporting to OpenVINO" export model/weights.pth --save-model-to openvino
step "scoring the OpenVINO model" eval openvino/openvino.xml "$data" --save-performance performance-openvino.json

# Pictures that were not trained on, where the folders tell.
pictures() {
  local folder="$data"
  if [ -f "$folder" ]; then folder="$(dirname "$folder")"; fi
  find -L "$folder" -type f \( -iname '*.jpg' -o -iname '*.jpeg' -o -iname '*.png' -o -iname '*.bmp' \) | sort
}
mapfile -t chosen < <(pictures | grep -E '/(test|valid|val)/' | head -n 6)
if ((${#chosen[@]} == 0)); then mapfile -t chosen < <(pictures | head -n 6); fi
step "drawing predictions on ${#chosen[@]} pictures" \
  eval openvino/openvino.xml "${chosen[@]}" --save-predictions pictures

{
  printf '%s\n' "${summary[@]}"
  printf '%-44s %4d s\n' "together, with the build" "$((SECONDS - started))"
  echo
  echo "score of the checkpoint       $(tr -d '\n' <performance.json)"
  echo "score of the OpenVINO model   $(tr -d '\n' <performance-openvino.json)"
  echo
  echo "checkpoint       $output/model/weights.pth"
  echo "OpenVINO model   $output/openvino/openvino.xml"
  echo "pictures         $output/pictures"
} | tee "$output/summary.txt" | sed '1s/^/\n── summary\n/'
