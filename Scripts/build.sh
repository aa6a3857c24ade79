#!/usr/bin/env bash
# Builds the program in release mode: .build/release/otx, which runs from any folder and without the Swift toolchain,
# whose libraries are linked into it (that also saves 30 ms at every start).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
exec "${SWIFT:-swift}" build -c release --product otx --static-swift-stdlib "$@"
