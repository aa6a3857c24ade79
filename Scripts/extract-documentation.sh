#!/usr/bin/env bash
# Makes a target of each page of the documentation that has Swift code (README.md, Sources/OTX/OTX.docc), so that a
# compiler reads it; prints the targets' names. Scripts/test-consumer.sh builds them.
#
#   Scripts/extract-documentation.sh CHECKOUT SOURCES
#
# The blocks of a page belong together: types stand at the top level, statements go into one function in their order.
# Lines between `<!-- compile with:` and `-->` are compiled too, and not shown.
set -euo pipefail

root="${1:?usage: extract-documentation.sh CHECKOUT SOURCES}"
sources="${2:?usage: extract-documentation.sh CHECKOUT SOURCES}"

for page in "$root"/README.md "$root"/Sources/OTX/OTX.docc/*.md; do
  grep -q '^```swift' "$page" || continue
  name="$(basename "$page" .md)Page"
  mkdir -p "$sources/$name"
  awk '
    /^```swift/ { inside = 1; block = ""; next }
    inside && /^```/ {
      inside = 0
      # A block of the package description is no program.
      if (block ~ /(^|\n)\.(package|product)\(/) next
      if (block ~ /(^|\n)(final class|class|struct|enum|protocol|extension|func|public|actor) /) types = types block
      else statements = statements block
      next
    }
    inside && /^import / { imports[$0] = 1; next }
    inside { block = block $0 "\n"; next }
    /^<!-- compile with:/ { hidden = 1; next }
    /^-->/ { hidden = 0 }
    hidden { types = types $0 "\n" }
    END {
      for (line in imports) print line
      print types
      print "func example() async throws {"
      print statements "}"
    }' "$page" >"$sources/$name/$name.swift"
  echo "$name"
done
