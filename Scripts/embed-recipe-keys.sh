#!/bin/sh
# Writes a Swift file that holds what is said of each type and property of configuration types: the
# first paragraph of its documentation.
#
# usage: embed-recipe-keys.sh OUTPUT.swift SOURCE.swift…
set -eu
output=$1
shift
{
  echo "/// What sources say of configuration types: \`Type.property<tab>text\`. Written by the build."
  echo "enum SourceDocumentation {"
  echo '  static let text = ###"""'
  awk '
    function forget() { doc = ""; ended = 0 }
    function emit(name) { if (doc != "") { gsub(/``/, "`", doc); print "    " name "\t" doc }; forget() }
    function word(text) { sub(/[^A-Za-z0-9_].*/, "", text); return text }
    FNR == 1 { type = ""; forget() }
    /^ *\/\/\// {
      line = $0; sub(/^ *\/\/\/ ?/, "", line)
      if (line == "") ended = 1
      else if (!ended) doc = doc (doc == "" ? "" : " ") line
      next
    }
    /^(public |package )?(struct|enum|extension) [A-Z]/ {
      line = $0; sub(/^(public |package )?(struct|enum|extension) /, "", line)
      type = word(line)
      if ($0 ~ /extension /) forget(); else emit(type)
      next
    }
    /^  public var [a-zA-Z]/ { line = $0; sub(/^  public var /, "", line); emit(type "." word(line)); next }
    /^  case [a-z]/ { line = $0; sub(/^  case /, "", line); emit(type "." word(line)); next }
    { forget() }
  ' "$@"
  echo '    """###'
  echo "}"
} > "$output.partial"
mv "$output.partial" "$output"
