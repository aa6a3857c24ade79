#!/usr/bin/env bash
# Lets git check each commit: the format of what is committed, and the quick part of Scripts/check.sh.
#
#   Scripts/hooks.sh            sets the hook up in this checkout
#   Scripts/hooks.sh --remove   removes it
#   Scripts/hooks.sh --run      what the hook does
#
# `git commit --no-verify` leaves the checks out once.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
swift="${SWIFT:-swift}"
hook="$(git rev-parse --git-path hooks)/pre-commit"
mark="# Set up by Scripts/hooks.sh."

refuse() {
  printf '\nnot committed: %s\n' "$1" >&2
  shift
  printf '  %s\n' "$@" "To commit nevertheless: git commit --no-verify" >&2
  exit 1
}

# Looks at what is staged, which need not be what lies in the folder.
run() {
  local file files=() staged
  while IFS= read -r -d '' file; do
    # The link to the system's OpenCV is no file of ours.
    if [[ "$file" == *.swift ]]; then files+=("$file"); fi
  done < <(git diff --cached --name-only --diff-filter=ACMR -z)
  if ((${#files[@]} > 0)); then
    staged="$(mktemp -d "${TMPDIR:-/tmp}/otx-hook.XXXXXX")"
    # shellcheck disable=SC2064
    trap "rm -rf '$staged'" EXIT
    git checkout-index -q --prefix="$staged/" -- "${files[@]}"
    # In the folder, so that paths are as the user knows them.
    if ! (cd "$staged" && "$swift" format lint -s -p --configuration "$OLDPWD/.swift-format" "${files[@]}") \
      >"$staged/lint.log" 2>&1; then
      cat "$staged/lint.log" >&2
      mapfile -t files < <(grep -oE '^[^:]+\.swift:' "$staged/lint.log" | tr -d : | sort -u)
      refuse "what is staged is not formatted, or breaks a rule (above)" \
        "To format it: swift format -i ${files[*]} && git add ${files[*]}"
    fi
  fi
  Scripts/check.sh --quick --no-format || refuse "a check fails (above)" "To see it again: Scripts/check.sh --quick"
}

case "${1:-}" in
  "")
    if [ -e "$hook" ] && ! grep -qF "$mark" "$hook"; then
      echo "hooks: there is another hook already, which is left alone: $hook" >&2
      echo "  Add this line to it: Scripts/hooks.sh --run" >&2
      exit 1
    fi
    mkdir -p "$(dirname "$hook")"
    printf '#!/bin/sh\n%s\nexec Scripts/hooks.sh --run\n' "$mark" >"$hook.$$"
    chmod +x "$hook.$$"
    mv -f "$hook.$$" "$hook"
    echo "hooks: git checks format and lint before each commit ($hook)"
    ;;
  --remove)
    if [ -e "$hook" ] && grep -qF "$mark" "$hook"; then rm -f "$hook"; fi
    echo "hooks: git checks nothing before a commit"
    ;;
  --run) run ;;
  *)
    echo "hooks: unknown option $1; known: --remove, --run" >&2
    exit 64
    ;;
esac
