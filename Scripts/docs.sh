#!/usr/bin/env bash
# Writes the documentation of the library OTX as a web site: .reports/documentation (open it through a web server, for
# example `python3 -m http.server -d .reports/documentation`, at /documentation/otx).
#
#   Scripts/docs.sh [FOLDER]
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

swift="${SWIFT:-swift}"
output="${1:-.reports/documentation}"
graphs="$(mktemp -d "${TMPDIR:-/tmp}/otx-graphs.XXXXXX")"
trap 'rm -rf "$graphs"' EXIT
"$swift" package dump-symbol-graph --minimum-access-level public --skip-synthesized-members >/dev/null
find .build -path '*symbolgraph*' -name 'OTX.symbols.json' -newer Package.swift -exec cp {} "$graphs/" \;
find .build -path '*symbolgraph*' -name 'OTX@*.symbols.json' -newer Package.swift -exec cp {} "$graphs/" \;
mkdir -p "$(dirname "$output")"
docc convert Sources/OTX/OTX.docc --additional-symbol-graph-dir "$graphs" --output-path "$output" \
  --fallback-display-name OTX --fallback-bundle-identifier org.otx-swift.OTX
echo "documentation: $output"
