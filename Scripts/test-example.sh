#!/usr/bin/env bash
# Runs the example program on pictures that it draws: training, scores, export, inference with OpenVINO.
set -euo pipefail
root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)"
work="$(mktemp -d "${TMPDIR:-/tmp}/otx-example.XXXXXX")"
trap 'rm -rf "$work"' EXIT
cd "$root"
"${SWIFT:-swift}" build --product QuickStart
cd "$work"
"$root/.build/debug/QuickStart" | tee output.txt
grep -q '^OpenVINO: ' output.txt
