#!/usr/bin/env bash
# Checks that a deployed package runs where nothing is installed.
#
#   Scripts/test-deploy.sh PACKAGE.zip [PICTURES]
#
# The package is unpacked into an empty root that holds the C library and its loader and nothing else, and run there on
# a folder of pictures (default: the package's own sample). Where the system allows no such root (chroot needs root's
# rights, or user namespaces), it is run in an empty environment instead, and `ldd` shows that every library is found
# inside the package or belongs to the C library. With OTX_DEBOOTSTRAP=SUITE, the root is a bare Debian's instead.
# With OTX_PYTHON, a Python that has torch, torchvision, numpy and pillow, the package's PyTorch program runs, too, and
# must find what otx-run finds.
set -euo pipefail

say() { printf 'test-deploy: %s\n' "$*"; }
fail() {
  printf 'test-deploy failed: %s\n' "$*" >&2
  exit 1
}

archive="${1:?usage: test-deploy.sh PACKAGE.zip [PICTURES]}"
pictures="${2:-}"
work="$(mktemp -d "${TMPDIR:-/tmp}/otx-deploy.XXXXXX")"
trap 'rm -rf "$work"' EXIT
root="$work/root"
mkdir -p "$root/proc" "$root/tmp" "$root/dev"

if [ -n "${OTX_DEBOOTSTRAP:-}" ]; then
  say "making a bare $OTX_DEBOOTSTRAP"
  debootstrap --variant=minbase "$OTX_DEBOOTSTRAP" "$root" >"$work/debootstrap.log" 2>&1 ||
    { tail -n 5 "$work/debootstrap.log" >&2 && fail "debootstrap could not make a root"; }
fi

unzip -q "$archive" -d "$root"
name="$(basename "$archive" .zip)"
package="$root/$name"
[ -x "$package/otx-run" ] || fail "$name/otx-run is not there, or lost its right to be run"
say "$(stat -c %s "$archive") bytes packed, $(du -sb "$package" | cut -f1) unpacked"

# Nothing of this machine may be named in what the loader reads.
while IFS= read -r file; do
  if readelf -d "$file" 2>/dev/null | grep -E '\((RPATH|RUNPATH)\)' | grep -qE '\[/|:/'; then
    fail "$file looks for libraries in folders of this machine"
  fi
done < <(find "$package" -name '*.so*' -o -name otx-run)

# The C library, its parts and its loader: what every Linux of this kind has.
loader="$(readelf -l "$package/otx-run" | sed -n 's/.*program interpreter: \(.*\)\]/\1/p')"
system=(libc.so.6 libm.so.6 libdl.so.2 libpthread.so.0 librt.so.1 libresolv.so.2 libmvec.so.1)
outside="$(find "$package" \( -name '*.so*' -o -name otx-run \) -exec env -i ldd {} + 2>/dev/null |
  awk '$2 == "=>" && $3 ~ /^\// { print $1, $3 } $3 == "not" { print $1, "missing" }' | sort -u |
  grep -vF "$package/" || true)"
while read -r library place; do
  [ -n "$library" ] || continue
  # The program finds the package's before the system's; ldd of a library alone cannot know that.
  if find "$package/lib" -name "$library" | grep -q .; then continue; fi
  case " ${system[*]} " in
    *" $library "*) ;;
    *) fail "the package needs $library ($place), which it does not hold" ;;
  esac
done <<<"$outside"

if [ -z "${OTX_DEBOOTSTRAP:-}" ]; then
  mkdir -p "$root$(dirname "$loader")"
  cp -L "$loader" "$root$loader"
  folder="$(dirname "$(ldd "$package/otx-run" | awk '$1 == "libc.so.6" { print $3 }')")"
  mkdir -p "$root$folder"
  for library in "${system[@]}"; do
    if [ -e "$folder/$library" ]; then cp -L "$folder/$library" "$root$folder/$library"; fi
  done
fi
if [ -n "$pictures" ]; then
  cp -rL "$pictures" "$root/pictures"
else
  mkdir "$root/pictures"
  cp "$package"/sample.* "$root/pictures/" 2>/dev/null || fail "the package has no sample: name a folder of pictures"
fi
count="$(find "$root/pictures" -type f | wc -l)"

# A root needs /proc: programs find their own folder there. With replace=exec the subshell becomes the program.
replace=""
run() {
  if [ "$(id -u)" = 0 ]; then
    $replace unshare --mount --pid --fork --kill-child sh -c 'mount -t proc proc "$1/proc" && exec chroot "$@"' sh "$root" "$@"
  else
    $replace unshare --user --map-root-user --mount --pid --fork --kill-child sh -c \
      'mount -t proc proc "$1/proc" && exec chroot "$@"' sh "$root" "$@"
  fi
}
where="a root with the C library alone"
if [ -n "${OTX_DEBOOTSTRAP:-}" ]; then where="a bare $OTX_DEBOOTSTRAP"; fi
if ! run "/$name/otx-run" --version >"$work/version" 2>"$work/why"; then
  # A root that works and a package that does not is what this is about.
  if grep -q 'shared librar' "$work/why"; then fail "in $where: $(cat "$work/why")"; fi
  say "no root of its own can be made here ($(tail -n 1 "$work/why")); running in an empty environment"
  where="an empty environment"
  run() { $replace env -i "$root$1" "${@:2}"; }
  cp -r "$root/pictures" "$work/pictures"
fi
start="$(date +%s.%N)"
if [ "$where" = "an empty environment" ]; then
  run "/$name/otx-run" "$work/pictures" >"$work/results" 2>"$work/log" || { cat "$work/log" >&2 && fail "it does not run"; }
else
  run "/$name/otx-run" /pictures --output /drawn >"$work/results" 2>"$work/log" || { cat "$work/log" >&2 && fail "it does not run"; }
  [ "$(find "$root/drawn" -type f | wc -l)" = "$count" ] || fail "not every picture was drawn"
fi
end="$(date +%s.%N)"
[ "$(grep -c '"prediction":' "$work/results")" = "$count" ] || fail "$count pictures, $(wc -l <"$work/results") results"
say "$(grep -v hwloc "$work/log" | head -n 1)"
say "$count pictures in $where: $(awk "BEGIN { printf \"%.2f\", $end - $start }") s"

# The page's server, asked from outside of the root.
(replace="exec" && run "/$name/otx-run" --serve 127.0.0.1:0 >"$work/server" 2>&1) &
server=$!
trap 'kill -KILL "$server" 2>/dev/null || true; wait 2>/dev/null || true; rm -rf "$work"' EXIT
address=""
for _ in $(seq 300); do
  address="$(sed -n 's/.*serving on \(http[^ ]*\).*/\1/p' "$work/server")"
  [ -z "$address" ] || break
  kill -0 "$server" 2>/dev/null || { cat "$work/server" >&2 && fail "it does not serve"; }
  sleep 0.1
done
[ -n "$address" ] || fail "it does not come to serve"
picture="$(find "$root/pictures" -type f | sort | head -n 1)"
curl -sf -F "file=@$picture" "${address}predict" >"$work/served" || fail "the server does not answer: $(cat "$work/server")"
found="$(grep -F "$(basename "$picture")\"" "$work/results" | grep -o '"label":' | wc -l)"
[ "$(grep -o '"label":' "$work/served" | wc -l)" = "$found" ] || fail "the server found other things than otx-run's $found"
# unshare passes no other signal on; the server's own end is tested elsewhere.
kill -KILL "$server"
wait "$server" 2>/dev/null || true
say "its server found the same $found things in $(basename "$picture")"

# A C program of one's own, by the package's header and library.
compiler="$(command -v cc || command -v clang || true)"
if [ -n "$compiler" ]; then
  # shellcheck disable=SC2016
  (cd "$package" && "$compiler" -Wall -Wextra -Werror example.c -I. -Llib -lotx_run '-Wl,-rpath,$ORIGIN/lib' -o example) ||
    fail "example.c does not compile"
  env -i "$package/example" "$package" "$root"/pictures/* >"$work/found" || fail "the C program does not run"
  found="$(grep -o '"label":' "$work/results" | wc -l)"
  [ "$(wc -l <"$work/found")" = "$found" ] || fail "the C program found $(wc -l <"$work/found") things, otx-run $found"
  if env -i "$package/example" "$package" "$package/README.md" 2>/dev/null; then fail "the C program takes any file"; fi
  say "the C program found the same $found things"
fi
# The same model with PyTorch.
if [ -n "${OTX_PYTHON:-}" ]; then
  [ -f "$package/pytorch/model.py" ] || fail "there is no pytorch/model.py: $(grep -m 1 'PyTorch program' "$package/README.md")"
  tool="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)/Tools/interop/pytorch_program.py"
  "$OTX_PYTHON" "$tool" --package "$package" "$root"/pictures/* >"$work/pytorch" || { cat "$work/pytorch" >&2 && fail "PyTorch and otx-run differ"; }
  say "PyTorch finds what otx-run finds: $(head -n 1 "$work/pytorch"); $(du -cb "$package"/pytorch/* | tail -n 1 | cut -f1) bytes of it unpacked"
fi
say "passed"
