#!/usr/bin/env bash
# Builds the program in release mode: .build/release/otx, which runs from any folder.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
exec "${SWIFT:-swift}" build -c release --product otx "$@"
