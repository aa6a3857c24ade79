#!/usr/bin/env bash
# Fuzzes the training kernels against plain loops, over random shapes, on every instruction set of this processor;
# then on tensors of more than 2^31 values.
#
#   Scripts/test-kernels.sh [CASES]            10,000 unless given
#   Scripts/test-kernels.sh --sanitize [CASES] 1,000 each under the address, undefined-behaviour and thread sanitizers
#
# OTX_CXX is the C++ compiler; the sanitizers need its runtime (Debian: libclang-rt-*-dev).
set -euo pipefail

root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
compiler="${OTX_CXX:-clang++}"
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT

# fuzz NAME CASES FLAG...: compiles with the flags and runs.
fuzz() {
  local name="$1" cases="$2"
  shift 2
  "$compiler" -std=c++20 -g -Wall -Wextra -Werror "$@" -I "$root/Sources/CKernels/include" \
    "$root"/Sources/CKernels/*.cpp "$root"/Tools/kernels/*.cpp -pthread -o "$work/$name"
  printf '%s: ' "$name"
  "$work/$name" "${OTX_SEED:-0}" "$cases"
}

if [ "${1:-}" = --sanitize ]; then
  # The thread sanitizer of Swift's compiler knows Dispatch and wants to be linked to it.
  libraries="$(dirname "$(dirname "$("$compiler" -print-resource-dir)")")/swift/linux" dispatch=()
  if [ -e "$libraries/libdispatch.so" ]; then
    dispatch=("-L$libraries" -ldispatch -lBlocksRuntime "-Wl,-rpath,$libraries")
  fi
  fuzz address "${2:-1000}" -O1 -fuse-ld=lld -fsanitize=address,undefined -fno-sanitize-recover=all
  fuzz thread "${2:-1000}" -O1 -fuse-ld=lld -fsanitize=thread "${dispatch[@]}"
else
  fuzz plain "${1:-10000}" -O2
  printf 'large: '
  "$work/plain" large
fi
