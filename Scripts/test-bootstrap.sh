#!/usr/bin/env bash
# Tests Scripts/bootstrap.sh on small wheels made here, in a home folder of its own: no network, a few seconds.
#
#   Scripts/test-bootstrap.sh         ends with "N passed, N failed"
#   OTX_TEST_NETWORK=1 …              adds one real set-up from the package index (600 MB)
#
# shellcheck disable=SC2016 # `bash -c` gets its values as arguments
set -euo pipefail

source_root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)"
work="$(mktemp -d "${TMPDIR:-/tmp}/otx set-up test.XXXXXX")"
# pip splits its list of folders at spaces.
wheels="$(mktemp -d "${TMPDIR:-/tmp}/otx-wheels.XXXXXX")"
trap 'rm -rf "$work" "$wheels"' EXIT
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

# MARK: - A small world

# Wheels with the layout of the real ones.
make_wheels() {
  python3 - "$wheels/good" <<'PYTHON'
import os, sys, zipfile
folder = sys.argv[1]
os.makedirs(folder)
def wheel(file, name, version, tag, contents):
    with zipfile.ZipFile(os.path.join(folder, file), "w", zipfile.ZIP_DEFLATED) as archive:
        for path, text in contents.items():
            archive.writestr(path, text)
        info = f"{name}-{version}.dist-info"
        archive.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        archive.writestr(f"{info}/WHEEL", f"Wheel-Version: 1.0\nRoot-Is-Purelib: false\nTag: {tag}\n")
        archive.writestr(f"{info}/RECORD", "")
wheel("torch-2.15.0-cp311-cp311-manylinux_2_28_x86_64.whl", "torch", "2.15.0", "cp311-cp311-manylinux_2_28_x86_64", {
    "torch/lib/libtorch_cpu.so": "cpu", "torch/lib/libc10.so": "c10", "torch/lib/libtorch_cuda.so": "cuda" * 99,
    "torch/lib/libtorch_python.so": "python", "torch/include/ATen/core/Tensor.h": "// tensor", "torch/nn/__init__.py": ""})
wheel("openvino-2026.4.1-22982-cp311-cp311-manylinux_2_28_x86_64.whl", "openvino", "2026.4.1",
    "cp311-cp311-manylinux_2_28_x86_64", {
    "openvino/libs/libopenvino.so.2641": "ov", "openvino/include/openvino/openvino.hpp": "// ov", "openvino/__init__.py": ""})
wheel("nvidia_cuda_runtime-13.2.86-py3-none-manylinux2014_x86_64.manylinux_2_17_x86_64.whl", "nvidia_cuda_runtime",
    "13.2.86", "py3-none-manylinux2014_x86_64", {"nvidia/cu13/lib/libcudart.so.13": "rt", "nvidia/cu13/lib/libcudart_static.a": "a"})
PYTHON
}

# A checkout with the real scripts, the small wheels and a shim "compiler" that counts its runs.
make_checkout() {
  local checkout="$1" file
  mkdir -p "$checkout/Scripts" "$checkout"/Shims/{torch,openvino} "$checkout"/Sources/C{Torch,OpenVINO}/include
  cp "$source_root"/Scripts/{bootstrap.sh,packages.txt} "$checkout/Scripts/"
  for file in "$wheels/good"/*.whl; do
    printf '%s always %s %s %s\n' "$(if [[ "$file" == */openvino-* ]]; then echo openvino; else echo torch; fi)" \
      "$(sha256sum "$file" | cut -d' ' -f1)" "$(stat -c %s "$file")" "$(basename "$file")"
  done >"$checkout/Scripts/wheels.txt"
  cat >"$checkout/Scripts/build-shims.sh" <<'SHIMS'
#!/usr/bin/env bash
set -euo pipefail
test -d "$2/include"
if [ -n "${SLOW_SHIM:-}" ]; then sleep "$SLOW_SHIM"; fi
echo "$1" >>"$HOME/compiled"
cat "$(dirname "$0")/../Shims/$1"/* >"$3/libotx_$1.so"
SHIMS
  chmod +x "$checkout/Scripts/build-shims.sh"
  echo "one" >"$checkout/Shims/torch/a.cpp"
  echo "two" >"$checkout/Shims/openvino/a.cpp"
}

# A fresh home folder, with a space in its name.
new_home() {
  HOME="$work/home $1"
  mkdir -p "$HOME"
  export HOME
  : >"$HOME/compiled"
}

set_up() { "$checkout/Scripts/bootstrap.sh"; }
compiled() { [ "$(wc -l <"$HOME/compiled")" = "$1" ]; }
fails_saying() {
  local words="$1" output
  shift
  if output="$("$@" 2>&1)"; then
    echo "it succeeded, saying: $output"
    return 1
  fi
  echo "$output"
  grep -q -- "$words" <<<"$output"
}
complete() {
  [ "$(cat "$checkout/.sdk/torch/lib/libtorch_cpu.so")" = cpu ] &&
    [ "$(cat "$checkout/.sdk/torch/lib/libcudart.so.13")" = rt ] &&
    [ -e "$checkout/.sdk/torch/include/ATen/core/Tensor.h" ] &&
    [ -e "$checkout/.sdk/openvino/libs/libopenvino.so.2641" ] &&
    [ -e "$checkout/.sdk/openvino/include/openvino/openvino.hpp" ] &&
    [ -s "$checkout/.sdk/shims/libotx_torch.so" ] && [ -s "$checkout/.sdk/shims/libotx_openvino.so" ]
}

unset XDG_CACHE_HOME OTX_LIBTORCH LIBTORCH OTX_OPENVINO INTEL_OPENVINO_DIR
export PIP_NO_INDEX=1 PIP_FIND_LINKS="$wheels/good"
unset PIP_CONFIG_FILE
make_wheels
checkout="$work/check out"
make_checkout "$checkout"

# MARK: - Tests

new_home fresh
check "a fresh machine is set up, in paths with spaces" set_up
check "everything is there" complete
check "nothing of Python or CUDA is unpacked" \
  bash -c '! find "$1" | grep -e cuda.so -e python -e "\.py$" -e "\.a$"' _ "$HOME/.cache/otx/sdk"
check "no wheel stays behind" bash -c '! find "$1" -name "*.whl" | grep .' _ "$HOME/.cache"
check "each shim was compiled once" compiled 2

start="$(date +%s%N)"
set_up || true
milliseconds=$((($(date +%s%N) - start) / 1000000))
check "nothing is done when up to date, in $milliseconds ms (< 1000)" test "$milliseconds" -lt 1000
check "and no shim compiled again" compiled 2

first="$checkout"
checkout="$work/second"
make_checkout "$checkout"
PIP_FIND_LINKS="$wheels/nowhere" check "a second checkout shares the libraries and the shims" set_up
check "both are complete" complete
check "without compiling" compiled 2
check "the cache knows who uses it" bash -c 'sort "$HOME"/.cache/otx/users/* | diff - <(printf "%s\n" "$@" | sort)' _ \
  "$first/.sdk/shims" "$checkout/.sdk/shims"
echo "changed" >>"$checkout/Shims/torch/a.cpp"
check "a changed shim source" set_up
check "compiles that shim only" compiled 3
check "for this checkout" grep -q changed "$checkout/.sdk/shims/libotx_torch.so"
checkout="$first"
check "and not for the other" bash -c '! grep -q changed "$1"' _ "$checkout/.sdk/shims/libotx_torch.so"
check "which is still up to date" bash -c '"$1" && [ "$(wc -l <"$HOME/compiled")" = 3 ]' _ "$checkout/Scripts/bootstrap.sh"

new_home concurrent
check "two at once both succeed" bash -c '
  SLOW_SHIM=0.5 "$1" & first=$!
  SLOW_SHIM=0.5 "$2" & second=$!
  wait $first && wait $second' _ "$checkout/Scripts/bootstrap.sh" "$work/second/Scripts/bootstrap.sh"
check "and leave everything" complete
check "compiled once for each source" compiled 3

# Killed at many different moments, never asked to clean up after itself.
new_home killed
kill_and_repeat() {
  local delay pid
  for delay in 0.05 0.2 0.4 0.7 1.0 1.4 1.8 2.3; do
    rm -rf "$checkout/.sdk"
    SLOW_SHIM=0.3 setsid "$checkout/Scripts/bootstrap.sh" &
    pid=$!
    sleep "$delay"
    kill -KILL -- "-$pid" 2>/dev/null || true
    wait "$pid" 2>/dev/null || true
    # Whatever bears its final name is complete.
    local library
    for library in "$HOME"/.cache/otx/sdk/torch-*; do
      if [ -d "$library" ]; then [ -e "$library/lib/libcudart.so.13" ] || return 1; fi
    done
  done
  set_up && complete && ! [ -e "$HOME/.cache/otx/staging" ]
}
check "killed at eight moments, and run again" kill_and_repeat

new_home corrupted
cp -r "$wheels/good" "$wheels/corrupted"
printf 'x' | dd of="$wheels/corrupted/torch-2.15.0-cp311-cp311-manylinux_2_28_x86_64.whl" bs=1 seek=60 conv=notrunc status=none
rm -rf "$checkout/.sdk"
PIP_FIND_LINKS="$wheels/corrupted" check "a wheel with another SHA-256 is refused" \
  fails_saying "not the file whose SHA-256" set_up
check "and leaves no libtorch" bash -c '! ls -d "$HOME"/.cache/otx/sdk/torch-*'
check "the right one then serves" set_up
rm -rf "$checkout/.sdk"

new_home unreachable
PIP_FIND_LINKS="$wheels/nowhere" check "an unreachable index is said" fails_saying "could not download" set_up
mkdir -p "$HOME/.cache/otx/staging/wheels"
cp "$wheels/good"/*.whl "$HOME/.cache/otx/staging/wheels/"
PIP_FIND_LINKS="$wheels/nowhere" check "what a killed run had downloaded is used" set_up

new_home own
rm -rf "$checkout/.sdk"
mkdir -p "$work/own torch"/{lib,include/ATen/core} "$work/own openvino"/runtime/{include/openvino,lib/intel64}
touch "$work/own torch/lib/"lib{torch_cpu,c10}.so "$work/own torch/include/ATen/core/Tensor.h"
touch "$work/own openvino/runtime/include/openvino/openvino.hpp"
OTX_LIBTORCH="$work/own torch" INTEL_OPENVINO_DIR="$work/own openvino" PIP_FIND_LINKS="$wheels/nowhere" \
  check "own libraries are used, and nothing is downloaded" set_up
check "libtorch is linked" test "$(readlink -f "$checkout/.sdk/torch")" = "$(readlink -f "$work/own torch")"
check "OpenVINO's own layout is understood" \
  test "$(readlink -f "$checkout/.sdk/openvino/libs")" = "$(readlink -f "$work/own openvino/runtime/lib/intel64")"
check "the shims are compiled for them" compiled 2
OTX_LIBTORCH="$wheels/good" check "a folder that is no libtorch is refused" fails_saying "has no lib/libtorch_cpu.so" set_up
check "back to the downloaded ones" set_up
check "complete again" complete

new_home swift
rm -rf "$checkout/.sdk"
mkdir -p "$work/old"
printf '#!/bin/sh\necho "Swift version 5.9.2 (swift-5.9.2-RELEASE)"\n' >"$work/old/swift"
chmod +x "$work/old/swift"
PATH="$work/old:$PATH" check "an old Swift is refused" fails_saying "Swift 5.9.2 is too old" set_up

printf '#!/bin/sh\necho "libncurses is missing" >&2\nexit 127\n' >"$work/old/swift"
PATH="$work/old:$PATH" check "a Swift that does not run is said, in its words" fails_saying "libncurses is missing" set_up

# A user who may not install packages, on a machine that lacks them.
mkdir -p "$work/user"
printf '#!/bin/sh\necho 1000\n' >"$work/user/id"
printf '#!/bin/sh\nexit 1\n' | tee "$work/user/sudo" >"$work/user/dpkg-query"
chmod +x "$work/user"/*
PATH="$work/user:$PATH" check "missing packages that may not be installed are named, with the command" \
  fails_saying "sudo apt-get install -y .*libopencv-core-dev" set_up

if [ "${OTX_TEST_NETWORK:-}" = 1 ]; then
  new_home network
  unset PIP_NO_INDEX PIP_FIND_LINKS
  checkout="$work/real"
  git clone -q "$source_root" "$checkout"
  check "a real set-up" set_up
  size="$(du -sm "$HOME/.cache/otx" | cut -f1)"
  check "uses $size MB (at most 900)" test "$size" -le 900
fi

echo
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
