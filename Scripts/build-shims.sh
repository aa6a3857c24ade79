#!/usr/bin/env bash
# Builds the shared libraries between Swift and the C++ libraries underneath.
#
#   Scripts/build-shims.sh torch    LIBTORCH_DIRECTORY OUTPUT_DIRECTORY
#   Scripts/build-shims.sh openvino OPENVINO_DIRECTORY OUTPUT_DIRECTORY
#
# LIBTORCH_DIRECTORY holds `lib` and `include`, OPENVINO_DIRECTORY `libs` (or `runtime/lib/intel64`)
# and `include`. The result finds its library in the folder `torch` or `openvino` beside itself, else
# where it was when it was built.
set -euo pipefail

root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
compiler="${OTX_CXX:-clang++}"

fail() {
  echo "build-shims.sh: $*" >&2
  exit 1
}

# Compiles every source of one shim, each in a process of its own, and links them.
#   build_shim NAME "SOURCE_DIRECTORY..." OUTPUT_DIRECTORY COMPILE_FLAG... -- LINK_FLAG...
build_shim() {
  local name="$1" folder output="$3" sources=()
  for folder in $2; do sources+=("$root/$folder"/*.cpp); done
  shift 3
  local compile=() link=()
  while [ "$1" != "--" ]; do
    compile+=("$1")
    shift
  done
  shift
  link=("$@")
  local work
  mkdir -p "$output"
  work="$(mktemp -d "$output/.build-$name.XXXXXX")"
  # shellcheck disable=SC2064
  trap "rm -rf '$work'" EXIT
  local source objects=()
  for source in "${sources[@]}"; do
    objects+=("$work/$(basename "$source" .cpp).o")
  done
  # NDEBUG as both libraries were built: without it, headers of libtorch lay some types out otherwise.
  printf '%s\0' "${sources[@]}" |
    WORK="$work" xargs -0 -n 1 -P "${OTX_JOBS:-$(nproc)}" bash -c '
      source="${@: -1}"
      "${@:1:$#-1}" -c "$source" -o "$WORK/$(basename "$source" .cpp).o"
    ' build "$compiler" -std=c++20 -O2 -DNDEBUG -fPIC -Wall -Wextra -Werror -fvisibility=hidden \
      "${compile[@]}"
  "$compiler" -shared "${objects[@]}" "${link[@]}" -o "$work/$name"
  mv -f "$work/$name" "$output/$name"
  echo "$output/$name"
}

build_openvino() {
  local library="$1" output="$2" libraries runtime frontend include
  for libraries in "$library/libs" "$library/runtime/lib/intel64" "$library/lib" ""; do
    [ -n "$libraries" ] || fail "$library has no OpenVINO libraries (looked into libs, runtime/lib/intel64, lib)"
    runtime="$(find "$libraries" -maxdepth 1 -name 'libopenvino.so*' 2>/dev/null | sort | tail -1)"
    [ -z "$runtime" ] || break
  done
  frontend="$(find "$libraries" -maxdepth 1 -name 'libopenvino_pytorch_frontend.so*' | sort | tail -1)"
  [ -n "$frontend" ] || fail "$libraries has no libopenvino_pytorch_frontend.so"
  for include in "$library/include" "$library/runtime/include" ""; do
    [ -n "$include" ] || fail "$library has no OpenVINO headers (looked into include, runtime/include)"
    [ ! -f "$include/openvino/openvino.hpp" ] || break
  done
  libraries="$(cd "$libraries" && pwd)"
  build_shim libotx_openvino.so Shims/openvino "$output" \
    -I "$root/Sources/COpenVINO/include" -isystem "$include" \
    -- "$runtime" "$frontend" "-Wl,-rpath,\$ORIGIN/openvino/libs:$libraries" "-Wl,--no-undefined"
}

build_torch() {
  local library="$1" output="$2"
  [ -f "$library/include/ATen/core/Tensor.h" ] || fail "$library has no libtorch headers (looked into include)"
  [ -f "$library/lib/libtorch_cpu.so" ] || fail "$library has no libtorch_cpu.so (looked into lib)"
  library="$(cd "$library" && pwd)"
  build_shim libotx_torch.so "Shims/torch Sources/CKernels" "$output" \
    -I "$root/Sources/CTorch/include" -I "$root/Sources/CKernels/include" -isystem "$library/include" \
    -isystem "$library/include/torch/csrc/api/include" \
    -- "-L$library/lib" -ltorch_cpu -lc10 "-Wl,-rpath,\$ORIGIN/torch/lib:$library/lib"
}

[ $# -eq 3 ] || fail "usage: build-shims.sh torch|openvino LIBRARY_DIRECTORY OUTPUT_DIRECTORY"
case "$1" in
  torch) build_torch "$2" "$3" ;;
  openvino) build_openvino "$2" "$3" ;;
  *) fail "unknown shim '$1'; there are: torch, openvino" ;;
esac
