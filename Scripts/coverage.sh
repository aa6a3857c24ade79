#!/usr/bin/env bash
# Runs the Swift tests with counters, and writes which lines they reach:
#
#   .reports/htmlcov/index.html   every file, line by line
#   .reports/coverage.txt         a line for each target, and the sum, which is printed
#
#   Scripts/coverage.sh [--unit]   --unit: only the tests that need no libtorch and no OpenVINO
#
# The counters need a build of their own, in .build-coverage.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
swift="${SWIFT:-swift}"
build=.build-coverage
tools="$(dirname "$(readlink -f "$(command -v "$swift")")")"

selection=()
case "${1:-}" in
  "") ;;
  --unit) selection=(--filter "$(Scripts/test.sh --unit-pattern)") ;;
  *)
    echo "coverage: unknown option $1; known: --unit" >&2
    exit 64
    ;;
esac

mkdir -p .reports
status=0
"$swift" test --disable-xctest --scratch-path "$build" --enable-code-coverage --no-parallel "${selection[@]}" \
  --xunit-output .reports/tests.xml || status=$?

binaries="$("$swift" build --scratch-path "$build" --show-bin-path)"
profile="$binaries/codecov/default.profdata"
program="$(find "$binaries" -maxdepth 1 -name '*PackageTests.xctest' | head -n 1)"
if [ ! -f "$profile" ] || [ -z "$program" ]; then
  echo "coverage: the tests left no counters; see above" >&2
  exit 1
fi
# Sources of ours, not those of packages, of tests and of what the build wrote.
ignored="($build|/Tests/|/Benchmarks/|/Examples/|/OTXTesting/)"
rm -rf .reports/htmlcov.new
"$tools/llvm-cov" show "$program" -instr-profile "$profile" -format=html -output-dir .reports/htmlcov.new \
  -ignore-filename-regex "$ignored" -show-line-counts-or-regions >/dev/null
rm -rf .reports/htmlcov
mv .reports/htmlcov.new .reports/htmlcov
"$tools/llvm-cov" export "$program" -instr-profile "$profile" -format=lcov -ignore-filename-regex "$ignored" |
  awk -F: '
    $1 == "SF" { target = "other"; if (match($2, /\/Sources\/[^\/]+/)) target = substr($2, RSTART + 9, RLENGTH - 9) }
    $1 == "LF" { lines[target] += $2; all += $2 }
    $1 == "LH" { hit[target] += $2; reached += $2 }
    END {
      for (target in lines) printf "%-14s %5.1f %% of %d lines\n", target, 100 * hit[target] / (lines[target] ? lines[target] : 1), lines[target] | "LC_ALL=C sort"
      close("LC_ALL=C sort")
      printf "%-14s %5.1f %% of %d lines\n", "together", 100 * reached / (all ? all : 1), all
    }' | tee .reports/coverage.txt
echo "coverage: .reports/htmlcov/index.html"
exit "$status"
