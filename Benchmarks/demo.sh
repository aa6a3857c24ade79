#!/usr/bin/env bash
# What reading, preparing and reading out costs beside the model: pictures a second of otx-run on a 640x480 video, and of
# the model alone in OpenVINO's own benchmark_app (PyPI: openvino), alternately; and how long otx-run takes from its
# start to the first prediction.
#
#   Benchmarks/demo.sh MODEL.xml PICTURES [ROUNDS]
#
# PICTURES is a folder of JPEGs that become the video, over and over. FRAMES: other than 600. OTX_RUN: another otx-run;
# BENCHMARK_APP: another benchmark_app.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
model="${1:?usage: demo.sh MODEL.xml PICTURES [ROUNDS]}"
pictures="${2:?usage: demo.sh MODEL.xml PICTURES [ROUNDS]}"
rounds="${3:-5}"
runner="${OTX_RUN:-.build/release/otx-run}"
app="${BENCHMARK_APP:-benchmark_app}"
frames="${FRAMES:-600}"
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT

median() { sort -n | awk '{ value[NR] = $1 } END { print (value[int((NR + 1) / 2)] + value[int(NR / 2) + 1]) / 2 }'; }

# As long as a run, which otherwise would start ffmpeg again and again.
ffmpeg -v error -loop 1 -framerate 25 -pattern_type glob -i "$pictures/*.jpg" -vf scale=640:480 -frames:v "$frames" \
  -c:v libx264 -pix_fmt yuv420p "$work/video.mp4"
size="$(sed -n 's/.*type="Parameter".*//; s/.*<data shape="\([^"]*\)".*/\1/p' "$model" | head -n 1)"
IFS=, read -r _ channels height width <<<"$size"
for _ in $(seq "$rounds"); do
  "$runner" --model "$model" "$work/video.mp4" --results /dev/null 2>&1 |
    sed -n 's/.*: \([0-9.]*\) a second.*/\1/p' >>"$work/ours"
  "$app" -m "$model" -hint throughput -t 5 -shape "[1,$channels,$height,$width]" 2>/dev/null |
    sed -n 's/.*Throughput: *\([0-9.]*\) FPS.*/\1/p' >>"$work/alone"
  first="$(find "$pictures" -name '*.jpg' | sort | head -n 1)"
  start="${EPOCHREALTIME/[.,]/}"
  "$runner" --model "$model" --quiet "$first"
  echo $((${EPOCHREALTIME/[.,]/} - start)) >>"$work/start"
done
ours="$(median <"$work/ours")"
alone="$(median <"$work/alone")"
printf '%-34s %8.1f pictures/s\n' "otx-run, 640x480 video" "$ours" "the model alone, benchmark_app" "$alone"
awk -v ours="$ours" -v alone="$alone" 'BEGIN { printf "%-34s %8.2f\n", "ratio", ours / alone }'
awk -v time="$(median <"$work/start")" 'BEGIN { printf "%-34s %8.2f s\n", "start to first prediction", time / 1e6 }'
