#!/usr/bin/env bash
# Runs the tests; arguments go to `swift test` (for example --filter OTXCoreTests).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
exec "${SWIFT:-swift}" test --disable-xctest "$@"
