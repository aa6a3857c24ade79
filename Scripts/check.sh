#!/usr/bin/env bash
# Everything that a change must pass: format, scripts, documentation, words, build with warnings as errors, tests.
#
#   Scripts/check.sh                      all of it
#   Scripts/check.sh --quick [--no-format]  without build and tests; without the format
#
# shellcheck disable=SC2016 # awk has variables of its own
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 1

swift="${SWIFT:-swift}"
failures=()

# Runs one check; its output is shown when it fails.
check() {
  local name="$1" output
  shift
  if output="$("$@" 2>&1)"; then
    echo "ok      $name"
  else
    echo "FAILED  $name"
    tail -n 60 <<<"$output" | sed 's/^/        /'
    failures+=("$name")
  fi
}

# The files of the repository, without binaries and links.
text_files() { git ls-files --cached --others --exclude-standard "$@" | while read -r file; do
  if [ -f "$file" ] && [ ! -L "$file" ]; then echo "$file"; fi
done; }

format_is_clean() { "$swift" format lint -s -r -p Sources Tests Examples Package.swift; }

scripts_are_clean() {
  if ! command -v shellcheck >/dev/null; then
    echo "shellcheck is missing: sudo apt-get install -y shellcheck"
    return 1
  fi
  shellcheck -S warning Scripts/*.sh .ci/run
}

# Public types and functions need a doc comment. None is needed where a documented protocol of ours says it already,
# nor for what fulfils a protocol of the standard library, nor for a property whose name says all, nor for tensor
# operations, which are named as PyTorch's and documented there.
public_is_documented() {
  local sources required undocumented
  sources="$(text_files 'Sources/*.swift' | grep -v -e '^Sources/OTXTesting/' -e '^Sources/OTXTensor/Operations/')"
  required="$(tr '\n' '\0' <<<"$sources" | xargs -0 awk '
    /^(public|package) protocol / { inside = 1 }
    /^}/ { inside = 0 }
    inside && match($0, /(func|associatedtype) [A-Za-z]+/) { split(substr($0, RSTART, RLENGTH), word, " "); print word[2] }' |
    sort -u | tr '\n' ' ')"
  undocumented="$(tr '\n' '\0' <<<"$sources" | xargs -0 awk -v required="$required" '
    BEGIN {
      split(required " encode hash next makeIterator index Element Index Iterator RawValue Failure", names, " ")
      for (i in names) known[names[i]] = 1
    }
    FNR == 1 { documented = 0 }
    /^ *\/\/\// { documented = 1; next }
    /^ *@/ && !/ (func|struct|class|enum|protocol) / { next }
    /^ *public ([a-z]+ )*(func|struct|class|enum|protocol|actor|typealias) / && !documented && match($0, /(func|struct|class|enum|protocol|actor|typealias) [A-Za-z]+/) {
      split(substr($0, RSTART, RLENGTH), word, " ")
      if (!(word[2] in known)) print FILENAME ":" FNR ": " $0
    }
    { documented = 0 }')"
  if [ -n "$undocumented" ]; then
    echo "public without a doc comment:"
    echo "$undocumented"
    return 1
  fi
}

# A user's bad input must never end the program; a test may.
nothing_traps() {
  local found
  found="$(text_files 'Sources/*.swift' | grep -v '^Sources/OTXTesting/' | tr '\n' '\0' |
    xargs -0 grep -nE '\b(fatalError\(|try!|as! )' | grep -vE ':[0-9]+: *//')"
  if [ -n "$found" ]; then
    echo "$found"
    return 1
  fi
}

# Addresses stand for sources that are cited; whatever is downloaded is asked for by name, never by address.
addresses_are_known() {
  local allowed='weights\.invalid|huggingface\.co|download\.pytorch\.org|download\.openmmlab\.com|drive\.google\.com|github\.com|www\.apache\.org|arxiv\.org|(www\.)?swift\.org|docs\.openvino\.ai|pytorch\.org|cocodataset\.org|host\.robots\.ox\.ac\.uk|(www\.)?w3\.org|localhost|127\.0\.0\.1|example\.(com|org)|semver\.org|json-schema\.org|git-lfs\.github\.com|keepachangelog\.com|openaccess\.thecvf\.com|doi\.org'
  local found
  found="$(text_files | tr '\n' '\0' | xargs -0 grep -nIoE '(https?|ftp)://[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+' |
    grep -vE "://($allowed)\$")"
  if [ -n "$found" ]; then
    echo "unknown addresses (add the host to Scripts/check.sh when it is a source that is cited):"
    echo "$found"
    return 1
  fi
}

# Nothing of the machine or the way it was made on.
words_are_clean() {
  local found
  found="$(text_files | grep -v '^Scripts/check.sh$' | tr '\n' '\0' |
    xargs -0 grep -nIE '(^|[^A-Za-z0-9._$}])/(work|root|tmp/wheels)/|\b(issue|issues) #?[0-9]+\b|\bTODO\b|\bFIXME\b|\bXXX\b')"
  if [ -n "$found" ]; then
    echo "$found"
    return 1
  fi
}

# Files that a reader can hold in mind; a model's file holds network, loss and descriptor.
files_are_short() {
  local found
  found="$(text_files 'Sources/*.swift' 'Sources/*.cpp' 'Shims/*.cpp' | while read -r file; do
    limit=400
    if [[ "$file" == Sources/OTXModels/* ]]; then limit=600; fi
    # Tables that a script writes.
    if [[ "$file" == *+Rows.swift ]]; then continue; fi
    lines="$(wc -l <"$file")"
    if ((lines > limit + limit / 10)); then echo "$file has $lines lines (limit about $limit)"; fi
  done)"
  if [ -n "$found" ]; then
    echo "$found"
    return 1
  fi
}

if [ "${2:-}" != "--no-format" ]; then check "Swift files are formatted" format_is_clean; fi
check "scripts are clean" scripts_are_clean
check "public declarations are documented" public_is_documented
check "nothing traps on bad input" nothing_traps
check "addresses are known" addresses_are_known
check "words are clean" words_are_clean
check "files are short" files_are_short
if [ "${1:-}" != "--quick" ]; then
  check "everything builds without a warning" "$swift" build --build-tests
  check "the tests pass" Scripts/test.sh
fi

echo
if ((${#failures[@]} > 0)); then
  printf 'failed: %s\n' "${failures[@]}"
  exit 1
fi
echo "all checks passed"
