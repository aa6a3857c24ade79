#!/usr/bin/env bash
# Tests that another package can depend on the library product OTX: clones this repository by a file:// address at a
# version tag, builds a small program on it, and runs one training step. The code of the documentation is built with it,
# and the example package Examples/OwnModel, which is run too.
#
#   Scripts/test-consumer.sh [FOLDER]   a folder to work in, kept; default: a temporary one
set -euo pipefail

root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)"
swift="${SWIFT:-swift}"
if [ $# -gt 0 ]; then
  mkdir -p "$1"
  work="$(cd "$1" && pwd -P)"
  rm -rf "$work/otx-swift" "$work/consumer/.build/checkouts" "$work/consumer/Package.resolved"
else
  work="$(mktemp -d "${TMPDIR:-/tmp}/otx-consumer.XXXXXX")"
  trap 'rm -rf "$work"' EXIT
fi

# The repository as a user gets it: what is committed, and nothing else; uncommitted changes to committed files too,
# so that a change can be tried before its commit.
git clone -q "file://$root" "$work/otx-swift"
git -C "$root" diff HEAD --binary | git -C "$work/otx-swift" apply --allow-empty --index 2>/dev/null || true
git -C "$work/otx-swift" -c user.name=test -c user.email=test@localhost commit -q --allow-empty -m "as in the work tree"
git -C "$work/otx-swift" tag 0.0.1

mkdir -p "$work/consumer/Sources/Consumer"
pages="$("$root/Scripts/extract-documentation.sh" "$work/otx-swift" "$work/consumer/Sources")"
page_targets="$(sed 's/.*/    .target(name: "&", dependencies: [.product(name: "OTX", package: "otx-swift"), .product(name: "OTXTuning", package: "otx-swift")]),/' <<<"$pages")"
cat >"$work/consumer/Package.swift" <<PACKAGE
// swift-tools-version: 6.2
import PackageDescription

let package = Package(
  name: "consumer",
  dependencies: [.package(url: "file://$work/otx-swift", from: "0.0.1")],
  targets: [
$page_targets
    .executableTarget(
      name: "OwnModel",
      dependencies: [.product(name: "OTX", package: "otx-swift"), .product(name: "OTXCLI", package: "otx-swift")]),
    .executableTarget(name: "Consumer", dependencies: [.product(name: "OTX", package: "otx-swift")]),
  ]
)
PACKAGE
cp "$root/Scripts/consumer.swift" "$work/consumer/Sources/Consumer/Consumer.swift"
# The sources of the example, built here so that the library is compiled once.
mkdir -p "$work/consumer/Sources/OwnModel"
cp "$root"/Examples/OwnModel/Sources/OwnModel/*.swift "$work/consumer/Sources/OwnModel/"

cd "$work/consumer"
"$swift" build
.build/debug/Consumer "$work/run"
rm -rf "$work/own-model"
.build/debug/OwnModel "$work/own-model"
.build/debug/OwnModel otx find --task MULTI_CLASS_CLS | grep -q tiny_classifier
echo "the code of $(wc -l <<<"$pages") pages compiles: $(tr '\n' ' ' <<<"$pages")"
