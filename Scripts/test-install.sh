#!/usr/bin/env bash
# Tests Scripts/install.sh: installs from a clone into a folder of its own, deletes the clone, and works with what is
# left. The program is .build/release/otx where there is one, else the debug program that the tests built.
#
#   Scripts/test-install.sh         ends with "N passed, N failed"
#   OTX_BUILD=PROGRAM …             another program
#   OTX_TEST_TRAIN=no …             without the training (half a minute)
set -euo pipefail

root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)"
work="$(mktemp -d "${TMPDIR:-/tmp}/otx install test.XXXXXX")"
trap 'chmod -R u+w "$work"; rm -rf "$work"' EXIT
passed=0
failed=0

check() {
  local what="$1"
  shift
  if "$@" >"$work/check.log" 2>&1; then
    passed=$((passed + 1))
    echo "ok      $what"
  else
    failed=$((failed + 1))
    echo "FAILED  $what"
    sed 's/^/        /' "$work/check.log" | tail -n 20
  fi
}

fails_saying() {
  local words="$1" output
  shift
  if output="$("$@" 2>&1)"; then
    echo "it did not fail: $output"
    return 1
  fi
  grep -q -e "$words" <<<"$output" || { echo "$output" && return 1; }
}
says() {
  local words="$1" output
  shift
  output="$("$@" 2>&1)" || { echo "$output" && return 1; }
  grep -q -e "$words" <<<"$output" || { echo "$output" && return 1; }
}
not() { ! "$@"; }

if [ -z "${OTX_BUILD:-}" ]; then
  OTX_BUILD="$root/.build/debug/otx"
  if [ -x "$root/.build/release/otx" ] && [ "$root/.build/release/otx" -nt "$OTX_BUILD" ]; then
    OTX_BUILD="$root/.build/release/otx"
  fi
fi
# Outside of any .build folder, so that it cannot find the shims of this checkout.
mkdir -p "$work/built"
cp -p "$OTX_BUILD" "$work/built/otx"
export OTX_BUILD="$work/built/otx"

# The clone has the shims of this checkout, as a set-up would give it.
clone="$work/clone"
git clone -q "file://$root" "$clone"
git -C "$root" ls-files -z --cached --others --exclude-standard | (cd "$root" && xargs -0 cp -P --parents -t "$clone" 2>/dev/null) || true
cp -a "$root/.sdk" "$clone/.sdk"
install="$clone/Scripts/install.sh"

home="$work/home of a user"
prefix="$home/.local"
mkdir -p "$home"
# The user's own cache: the installation is noted there, and nothing of the developer's is touched.
mkdir -p "$home/.cache/otx"
in_home() { env HOME="$home" XDG_CACHE_HOME="$home/.cache" "$@"; }
everything() { (cd "$1" && find . -mindepth 1 | LC_ALL=C sort); }

# What was there before stays, whatever is installed and removed.
mkdir -p "$prefix/share/man"
echo "mine" >"$prefix/share/man/mine"
everything "$prefix" >"$work/before"

check "it installs" in_home "$install"
check "the program is there" test -x "$prefix/bin/otx"
check "the shims are files, not links into the cache" test ! -L "$prefix/lib/otx/libotx_torch.so"
check "nothing is left aside" test -z "$(find "$prefix" -name '.otx-install*')"
check "it says that the program is not on the PATH" says "is not on the PATH" in_home "$install"
check "and does not where it is" not says "not on the PATH" in_home env PATH="$prefix/bin:$PATH" "$install"
check "it says that another program comes first" \
  says "another otx comes first" in_home env PATH="$work/built:$prefix/bin:$PATH" "$install"
# shellcheck disable=SC2088
check "a ~ that the shell left is understood" in_home "$install" --prefix '~/.local'
check "a relative prefix is refused" fails_saying "not an absolute path" in_home "$install" --prefix local
check "the manual is one" bash -c 'man --warnings -l "$1" 2>&1 >"$2" | tee /dev/stderr | (! grep -q .)' _ \
  "$prefix/share/man/man1/otx.1" "$work/manual.txt"
check "and speaks of options" grep -q -e '--max-epochs count' "$work/manual.txt"
check "bash completes commands" bash -c '
  source "$1"
  COMP_WORDS=(otx tr) COMP_CWORD=1
  complete -p otx >/dev/null' _ "$prefix/share/bash-completion/completions/otx"
check "zsh and fish have completions" test -s "$prefix/share/zsh/site-functions/_otx" -a \
  -s "$prefix/share/fish/vendor_completions.d/otx.fish"

# MARK: - Without the checkout

mv "$clone" "$work/moved away"
otx() { (cd "$home" && env -i HOME="$home" PATH=/usr/bin:/bin TERM=dumb LANG=C.UTF-8 "$prefix/bin/otx" "$@"); }
# Trains on a terminal of 40 columns and looks at what was drawn on it.
bars() {
  local command line longest=0 LC_ALL=C.UTF-8
  command="$(printf '%q ' env -i HOME="$home" PATH=/usr/bin:/bin TERM=xterm LANG=C.UTF-8 "$prefix/bin/otx" train \
    ssd_mobilenetv2 data --max-epochs 2 --batch-size 4 --input-size 64x64 --precision fp32)"
  (cd "$home" && script -qec "stty cols 40; $command" /dev/null) | tr '\r' '\n' | grep -a -e '━' -e '╌' >"$work/bars"
  while IFS= read -r line; do
    line="${line//$'\e[K'/}"
    if ((${#line} > longest)); then longest=${#line}; fi
  done <"$work/bars"
  cat "$work/bars"
  ((longest > 20 && longest < 40)) && grep -q '/s.*0:0' "$work/bars"
}
plain_lines() {
  otx train ssd_mobilenetv2 data --max-epochs 1 --batch-size 4 --input-size 64x64 --precision fp32 2>"$work/log" || return 1
  cat "$work/log"
  grep -q 'Epoch \[1\]\[1/2\]' "$work/log" && ! grep -q -e $'\r' -e $'\e' "$work/log"
}
check "it finds recipes beside itself" says "$prefix/share/otx/recipes/" otx find --recipe DETECTION
check "doctor finds the shims beside it" says "$prefix/lib/otx/libotx_torch.so" otx doctor
echo "model: ssd_mobilenetv2
maxEpochs: 3" >"$prefix/share/otx/recipes/quick.yaml"
check "a recipe that was added there is listed" says quick otx find --recipe DETECTION
rm "$prefix/share/otx/recipes/quick.yaml"
if [ "${OTX_TEST_TRAIN:-yes}" != no ]; then
  check "it draws data" otx data draw data --train-count 8 --val-count 2
  check "it trains" otx train ssd_mobilenetv2 data --max-epochs 1 --batch-size 4 --input-size 64x64 --precision fp32
  check "on 40 columns progress stays on one line, with rate and time left" bars
  check "to a file it writes no carriage returns" plain_lines
  check "it exports" otx export --save-model-to ir
  check "it scores the exported model" says "f-measure" otx eval ir/openvino.xml data
fi
mv "$work/moved away" "$clone"

# MARK: - Refusals, packages, removal

if [ "$(id -u)" != 0 ]; then
  mkdir -p "$work/read only"
  chmod a-w "$work/read only"
  check "a prefix that cannot be written is refused before anything is built" \
    fails_saying "may not be written to" in_home "$install" --prefix "$work/read only/usr"
else
  # Root may write anywhere but into what is no folder.
  check "a prefix that is a file is refused before anything is built" \
    fails_saying "is not a folder" in_home "$install" --prefix "$OTX_BUILD/usr"
fi
check "a program that does not run is refused" \
  fails_saying "does not run" in_home env OTX_BUILD=/bin/false "$install"
check "and leaves the old one" otx --version

check "DESTDIR stands before the prefix, and libraries come along" \
  in_home "$install" --destdir "$work/package" --prefix /usr
check "they are there" test -e "$work/package/usr/lib/otx/torch/lib/libtorch_cpu.so"
check "and are what the shim takes" says "$work/package/usr/lib/otx/torch/lib/libtorch_cpu.so" \
  ldd "$work/package/usr/lib/otx/libotx_torch.so"
check "so that OpenVINO is found, too" says "$work/package/usr/lib/otx/openvino/libs/libopenvino.so" \
  ldd "$work/package/usr/lib/otx/libotx_openvino.so"
check "a package is removed" in_home "$install" --uninstall --destdir "$work/package" --prefix /usr
check "without a rest" test -z "$(find "$work/package" -type f -o -type l)"

# A file of an earlier version, which this one does not have.
echo "f share/otx/recipes/old.yaml" >>"$prefix/share/otx/manifest"
touch "$prefix/share/otx/recipes/old.yaml" "$prefix/share/otx/recipes/mine.yaml"
check "it installs over itself" in_home "$install"
check "and removes what is no longer part of it" test ! -e "$prefix/share/otx/recipes/old.yaml"
check "but nothing else" test -e "$prefix/share/otx/recipes/mine.yaml"
rm "$prefix/share/otx/recipes/mine.yaml"

# Killed at several moments: what is there runs or is not there, and can be removed.
kill_and_remove() {
  local delay pid
  for delay in 0.1 0.3 0.6 1.0; do
    in_home setsid "$install" >/dev/null 2>&1 &
    pid=$!
    sleep "$delay"
    kill -KILL -- "-$pid" 2>/dev/null || true
    wait "$pid" 2>/dev/null || true
    otx --version || return 1
  done
  in_home "$install"
}
check "killed at four moments, the program runs" kill_and_remove
check "and nothing is left aside" test -z "$(find "$prefix" -name '.otx-install*' -o -name 'manifest.[0-9]*')"
check "it is removed" in_home "$install" --uninstall
check "exactly as it was before" diff "$work/before" <(everything "$prefix")
check "there is nothing to remove then" fails_saying "nothing is installed" in_home "$install" --uninstall

echo
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
