#!/usr/bin/env bash
# Trains six networks for a minute or two each, exports them, quantises them and compares with NNCF, as one table.
#
#   python3 -m venv NNCF && NNCF/bin/pip install 'nncf==3.4.*' openvino==2026.4.1 pillow
#   Benchmarks/quantization.sh NNCF/bin/python BCCD CROPS [FOLDER]
#
# BCCD: a detection data set; CROPS: class folders (`Scripts/cell-crops.sh`). What FOLDER (build/quantization) holds
# already is not trained again. OTX: another program than .build/release/otx; MODELS: fewer networks; ARGUMENTS: options
# of quantization.py (`--seconds 20`).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
usage="usage: quantization.sh PYTHON DETECTION_DATA CLASSIFICATION_DATA [FOLDER]"
python="${1:?$usage}"
detection="${2:?$usage}"
classification="${3:?$usage}"
folder="${4:-build/quantization}"
otx="${OTX:-.build/release/otx}"
read -r -a arguments <<<"${ARGUMENTS:-}"
read -r -a wanted <<<"${MODELS:-ssd_mobilenetv2 atss_mobilenetv2 yolox_tiny mobilenet_v3_large efficientnet_b0 resnet50}"

models=()
for model in "${wanted[@]}"; do
  # Data, task, input, epochs: as little as makes the scores mean something.
  case "$model" in
    ssd_*) data="$detection" task=DETECTION size=256x320 epochs=8 ;;
    atss_*) data="$detection" task=DETECTION size=256x320 epochs=6 ;;
    yolox_*) data="$detection" task=DETECTION size=320x320 epochs=8 ;;
    *) data="$classification" task=MULTI_CLASS_CLS size=128x128 epochs=1 ;;
  esac
  run="$folder/$model"
  if [ ! -f "$run/openvino/openvino.xml" ]; then
    echo "training $model, $size, $epochs epochs" >&2
    mkdir -p "$run"
    "$otx" train --model "$model" --task "$task" --data "$data" --input-size "$size" --max-epochs "$epochs" \
      --weights none --report none --work-dir "$run/runs" --save-model-to "$run" >"$run/train.log" 2>&1 ||
      { tail -n 5 "$run/train.log" >&2; exit 1; }
    "$otx" export "$run/weights.pth" --data "$data" --save-model-to "$run/openvino" >"$run/export.log" 2>&1 ||
      { tail -n 5 "$run/export.log" >&2; exit 1; }
  fi
  models+=("$run/openvino/openvino.xml=$data")
done
exec "$python" Benchmarks/quantization.py --otx "$otx" "${arguments[@]}" "${models[@]}"
