#!/usr/bin/env bash
# Runs all tests: the set-up script's, a package that depends on this one, the example program, the container's script,
# an installation, then the Swift tests, whose summary is the last line. The first five are left out where nothing that they test has changed
# since they passed.
#
#   Scripts/test.sh                 all of them
#   Scripts/test.sh --unit          only the Swift tests that need no libtorch and no OpenVINO: seconds, once built
#   Scripts/test.sh --integration   only the other Swift tests
#   Scripts/test.sh [ARGUMENT…]     only `swift test ARGUMENT…` (for example --filter OTXCoreTests)
#
# .reports/tests.xml tells of each Swift test in JUnit's format.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
swift="${SWIFT:-swift}"

# Runs a script, unless these files are as they were when it passed.
once() {
  local script="$1" stamp hash
  shift
  stamp=".build/passed-$script"
  hash="$(git ls-files -z --cached --others --exclude-standard -- "$@" "Scripts/$script.sh" | sort -z -u |
    { xargs -0 -r sha256sum 2>/dev/null || true; } | sha256sum)" # a link to a folder has no sum
  if [ "$(cat "$stamp" 2>/dev/null)" = "$hash" ]; then
    echo "$script: passed before, and nothing that it tests has changed since"
  else
    "Scripts/$script.sh"
    mkdir -p .build
    echo "$hash" >"$stamp"
  fi
}

# The targets that are pure Swift, or need libraries of the system only.
unit='^OTX(Core|Data|Image|Recipe)Tests\.'
report=(--xunit-output .reports/tests.xml)
mkdir -p .reports

case "${1:-}" in
  "") ;;
  --unit-pattern) echo "$unit" && exit ;;
  --unit) exec "$swift" test --disable-xctest "${report[@]}" --filter "$unit" "${@:2}" ;;
  --integration) exec "$swift" test --disable-xctest --no-parallel "${report[@]}" --skip "$unit" "${@:2}" ;;
  *) exec "$swift" test --disable-xctest "$@" ;;
esac
"$swift" build --build-tests
once test-bootstrap Scripts
once test-consumer Package.swift Sources Shims Plugins Recipes Scripts/consumer.swift
once test-example Package.swift Sources Shims Plugins Recipes Examples
once test-docker Dockerfile .dockerignore Scripts
once test-install Package.swift Sources Shims Plugins Recipes Scripts
# One test at a time: tensors of all tests share the generator, the threads and the modes of one library, and each test
# of them uses all cores anyway.
exec "$swift" test --disable-xctest --skip-build --no-parallel "${report[@]}"
