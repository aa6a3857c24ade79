#!/usr/bin/env bash
# Gets everything that building and running OTX needs, once for each user, and links it into this checkout.
#
#   Scripts/bootstrap.sh [--cuda | --cpu] [--force]
#   Scripts/bootstrap.sh --register FOLDER
#
#   --cuda   also the CUDA libraries, for a machine with an NVIDIA GPU (4 GB); this checkout keeps them from then on
#   --cpu    back to the CPU alone, the default (0.7 GB)
#   --force  unpack and compile again, although everything is there
#   --register  only notes that FOLDER holds shims that are in use: `otx cache clean` keeps what they need
#
# What it leaves:
#   ~/.cache/otx/sdk/torch-VERSION-KEY      libtorch: lib, include
#   ~/.cache/otx/sdk/openvino-VERSION-KEY   OpenVINO: libs, include
#   ~/.cache/otx/shims/LIBRARY-KEY          our C++ between Swift and that library, compiled for it
#   ~/.cache/otx/users/KEY                  names this checkout's shims, so that the cache knows what is in use
#   .sdk/{torch,openvino,shims}             links to the three, in this checkout
#
# Environment:
#   OTX_CACHE                        another place than ~/.cache/otx
#   XDG_CACHE_HOME                   another place than ~/.cache
#   OTX_LIBTORCH or LIBTORCH         a libtorch that is there already (lib, include): none is downloaded
#   OTX_OPENVINO, INTEL_OPENVINO_DIR the same for OpenVINO (libs, include; or runtime/lib, runtime/include)
#
# It may be killed at any moment and may run several times at once: everything is made aside, under a lock, and
# renamed into place when it is complete.
set -euo pipefail

root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)"
case "${OTX_CACHE:-}" in
/*) cache="$OTX_CACHE" ;;
*) cache="${XDG_CACHE_HOME:-${HOME:?neither HOME nor XDG_CACHE_HOME is set}/.cache}/otx" ;;
esac
staging="$cache/staging"
wheel_list="$root/Scripts/wheels.txt"
package_list="$root/Scripts/packages.txt"
# Raise this when what is unpacked from the same wheels changes.
layout=1
# The oldest Swift whose package manager reads our Package.swift.
swift_minimum=6.2

say() { printf 'set-up: %s\n' "$*" >&2; }
fail() {
  printf '\nset-up failed: %s\n' "$1" >&2
  shift
  if (($# > 0)); then printf '  %s\n' "$@" >&2; fi
  exit 1
}

# Notes that a folder holds shims that are in use; what is in use is not cleaned away.
register() {
  local file
  mkdir -p "$cache/users"
  file="$cache/users/$(printf '%s' "$1" | sha256sum | cut -c1-16)"
  if [ -f "$file" ]; then return; fi
  printf '%s\n' "$1" >"$file.$$"
  mv -f "$file.$$" "$file"
}

if [ "${1:-}" = --register ]; then
  register "${2:?--register needs a folder}"
  exit 0
fi

cuda=no
if [ -e "$root/.sdk/cuda" ]; then cuda=yes; fi
force=no
for argument in "$@"; do
  case "$argument" in
    --cuda) cuda=yes ;;
    --cpu) cuda=no ;;
    --force) force=yes ;;
    -h | --help) awk 'NR > 1 && !/^#/ { exit } NR > 1 { sub(/^# ?/, ""); print }' "${BASH_SOURCE[0]}" && exit 0 ;;
    *) fail "unknown option $argument" "known: --cuda, --cpu, --force" ;;
  esac
done

# MARK: - Is everything up to date?

# What the set-up depends on, as one hash: the same hash as last time, and nothing is to be done.
fingerprint() {
  {
    printf '%s\n' "$cuda" "${OTX_LIBTORCH:-}" "${LIBTORCH:-}" "${OTX_OPENVINO:-}" "${INTEL_OPENVINO_DIR:-}" "$cache"
    command -v swift || true
    stat -L -c %Y "$(command -v swift)" /var/lib/dpkg/status 2>/dev/null || true
    cat "$root"/Scripts/{bootstrap.sh,wheels.txt,packages.txt,build-shims.sh}
    shim_sources torch openvino | xargs -0 -r cat
  } | sha256sum | cut -c1-32
}

# Everything that the shims of these libraries are compiled from, in a fixed order, each path ended by a zero byte.
shim_sources() {
  local library folders
  for library in "$@"; do
    folders=("$root/Shims/$library" "$root/Sources/CTorch/include" "$root/Sources/CKernels")
    if [ "$library" = openvino ]; then folders=("$root/Shims/$library" "$root/Sources/COpenVINO/include"); fi
    find "${folders[@]}" -type f -print0 2>/dev/null || true
  done | LC_ALL=C sort -z
}

up_to_date() {
  local library
  [ "$force" = no ] && [ "$(cat "$root/.sdk/stamp" 2>/dev/null)" = "$1" ] || return 1
  [ -e "$root/.sdk/torch/lib/libtorch_cpu.so" ] && [ -e "$root/.sdk/openvino/include" ] || return 1
  for library in torch openvino; do
    [ -e "$root/.sdk/shims/libotx_$library.so" ] || return 1
  done
}

# MARK: - The machine

check_machine() {
  local system
  system="$(uname -s) $(uname -m)"
  if [ "$system" != "Linux x86_64" ]; then
    fail "this is $system; libtorch and OpenVINO are fetched for Linux x86_64 only" \
      "Elsewhere, set OTX_LIBTORCH and OTX_OPENVINO to builds of your own."
  fi
}

check_swift() {
  local version
  if ! command -v swift >/dev/null; then
    fail "there is no 'swift' on the PATH" \
      "Install Swift $swift_minimum or newer (see swift.org/install) and put its usr/bin on the PATH."
  fi
  local words
  if ! words="$(swift --version 2>&1 </dev/null)"; then
    fail "$(command -v swift) does not run" "$words"
  fi
  version="$(sed -n 's/.*Swift version \([0-9][0-9.]*\).*/\1/p' <<<"$words" | head -n 1)"
  if [ "$(printf '%s\n' "$swift_minimum" "$version" | sort -V | head -n 1)" != "$swift_minimum" ]; then
    fail "Swift ${version:-of an unknown version} is too old; $swift_minimum or newer is needed" \
      "It is $(command -v swift)."
  fi
}

# Installs the Debian packages given, or says how to.
install_packages() {
  local command=(apt-get install -y --no-install-recommends -o DPkg::Lock::Timeout=300 "$@")
  local prefix=()
  if [ "$(id -u)" != 0 ]; then
    if ! command -v sudo >/dev/null || ! sudo -n true 2>/dev/null; then
      fail "these system packages are missing and may not be installed from here: $*" \
        "Run: sudo apt-get install -y $*" "Then run the same command again."
    fi
    prefix=(sudo -n)
  fi
  say "installing the system packages $*"
  export DEBIAN_FRONTEND=noninteractive
  if ! "${prefix[@]}" "${command[@]}" </dev/null >"$staging/apt.log" 2>&1; then
    # Package lists that are missing or old are the usual reason.
    "${prefix[@]}" apt-get update </dev/null >>"$staging/apt.log" 2>&1 || true
    if ! "${prefix[@]}" "${command[@]}" </dev/null >>"$staging/apt.log" 2>&1; then
      tail -n 15 "$staging/apt.log" >&2
      fail "could not install the system packages $*" "Run: sudo apt-get update && sudo apt-get install -y $*"
    fi
  fi
}

check_packages() {
  local packages missing=() package
  mapfile -t packages < <(grep -v -e '^#' -e '^$' "$package_list")
  if ! command -v dpkg-query >/dev/null; then
    say "this is neither Debian nor Ubuntu; please see to it that these are installed: ${packages[*]}"
    return
  fi
  for package in "${packages[@]}"; do
    if [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" != installed ]; then
      missing+=("$package")
    fi
  done
  if ((${#missing[@]} > 0)); then install_packages "${missing[@]}"; fi
}

# Sets `pip` to a command that downloads wheels; Python serves for nothing else.
find_pip() {
  pip=(python3 -m pip)
  if "${pip[@]}" --version >/dev/null 2>&1; then return; fi
  pip=(pip3)
  if "${pip[@]}" --version >/dev/null 2>&1; then return; fi
  if command -v apt-get >/dev/null; then
    install_packages python3 python3-pip
    pip=(/usr/bin/python3 -m pip)
    if "${pip[@]}" --version >/dev/null 2>&1; then return; fi
  fi
  fail "pip is missing; it fetches libtorch and OpenVINO" "Run: sudo apt-get install -y python3-pip"
}

check_disk_space() {
  local needed=1500 free
  if [ "$cuda" = yes ]; then needed=9000; fi
  free="$(df -Pm "$cache" | awk 'NR == 2 { print $4 }')"
  if ((free < needed)); then
    fail "$cache has $free MB of free disk space; $needed MB are needed while unpacking" \
      "Free some space, or set XDG_CACHE_HOME to a folder on a larger disk."
  fi
}

# MARK: - Wheels

# The lines of the wheel list for one library: "sha256 bytes file".
wheels_of() {
  awk -v library="$1" -v cuda="$cuda" \
    '$1 == library && ($2 == "always" || cuda == "yes") { print $3, $4, $5 }' "$wheel_list"
}

# "2.15.0" of the library's own wheel.
version_of() {
  awk -v library="$1" '$1 == library && index($5, library "-") == 1 { split($5, part, "-"); print part[2] }' "$wheel_list"
}

# Where a library is unpacked to: another list of wheels is another folder.
directory_of() {
  local key flavour=""
  key="$({ echo "$layout"; wheels_of "$1"; } | sha256sum | cut -c1-8)"
  if [ "$1" = torch ] && [ "$cuda" = yes ]; then flavour=-cuda; fi
  echo "$cache/sdk/$1-$(version_of "$1")$flavour-$key"
}

# Prints how far a download is: a line that changes on a terminal, else a line every five seconds.
show_progress() {
  local what="$1" total="$2" directory="$3" pid="$4" done_bytes interval=5 tick=0
  if [ -t 2 ]; then interval=1; fi
  while kill -0 "$pid" 2>/dev/null; do
    sleep 0.2
    tick=$((tick + 1))
    if ((tick % (interval * 5) != 0)); then continue; fi
    done_bytes="$(find "$directory" -type f -name '*.whl' -printf '%s\n' 2>/dev/null | sort -n | tail -n 1)"
    local text="$what: $((${done_bytes:-0} / 1000000)) MB"
    if [ "$total" != - ]; then text="$text of $((total / 1000000)) MB ($((${done_bytes:-0} * 100 / total)) %)"; fi
    if [ -t 2 ]; then printf '\r\033[Kset-up: %s' "$text" >&2; else say "$text"; fi
  done
  if [ -t 2 ]; then printf '\r\033[K' >&2; fi
}

has_hash() { [ -f "$1" ] && [ "$(sha256sum "$1" | cut -d' ' -f1)" = "$2" ]; }

# Downloads one wheel into the staging folder; one that is there from a run that was killed is kept.
download() {
  local hash="$1" bytes="$2" file="$3" target="$staging/wheels/$3"
  if has_hash "$target" "$hash"; then return; fi
  rm -f "$target"

  # name-version[-build]-python-abi-platform.whl says for what the wheel is asked for, whatever Python is here.
  local name version python abi platforms options=() platform
  IFS=- read -r name version _ <<<"$file"
  IFS=- read -r platforms abi python _ <<<"$(rev <<<"${file%.whl}")"
  python="$(rev <<<"$python")" abi="$(rev <<<"$abi")" platforms="$(rev <<<"$platforms")"
  options=(--python-version 3.11 --implementation "${python:0:2}" --abi "$abi")
  for platform in ${platforms//./ }; do options+=(--platform "$platform"); done

  local label="downloading ${name//_/-} $version"
  if [ "$bytes" = - ]; then say "$label"; else say "$label ($((bytes / 1000000)) MB)"; fi
  rm -rf "$staging/pip"
  mkdir -p "$staging/pip" "$staging/wheels"
  printf '%s==%s --hash=sha256:%s\n' "$name" "$version" "$hash" >"$staging/requirement.txt"
  TMPDIR="$staging/pip" "${pip[@]}" download --quiet --progress-bar off --no-input --disable-pip-version-check \
    --no-cache-dir --no-deps --only-binary=:all: "${options[@]}" --require-hashes -d "$staging/wheels" \
    -r "$staging/requirement.txt" </dev/null >"$staging/pip.log" 2>&1 &
  local pid=$!
  show_progress "$label" "$bytes" "$staging" "$pid"
  if ! wait "$pid"; then
    cat "$staging/pip.log" >&2
    if grep -q -i 'hash' "$staging/pip.log"; then
      fail "$file is not the file whose SHA-256 Scripts/wheels.txt records, and was not used" \
        "Recorded: $hash" "Run this again; if it stays so, the package index or a proxy serves another file."
    fi
    fail "could not download $file" "Is the package index reachable? pip's own words are above."
  fi
  if ! has_hash "$target" "$hash"; then
    rm -f "$target"
    fail "$file arrived with another SHA-256 than the one in Scripts/wheels.txt, and was not used" "Recorded: $hash"
  fi
}

# Unpacks the parts of a wheel that OTX uses into a folder.
unpack() {
  local wheel="$1" library="$2" into="$3" scratch="$staging/unpacked" only=() except=()
  rm -rf "$scratch"
  mkdir -p "$scratch" "$into"
  case "$(basename "$wheel")" in
    openvino-*) only=('openvino/libs/*' 'openvino/include/*') ;;
    torch-*)
      only=('torch/lib/*.so*' 'torch/include/*')
      except=('torch/lib/libtorch_python*' 'torch/lib/libshm*')
      if [ "$cuda" = no ]; then
        # libtorch.so only joins the CPU library with the CUDA one, and cannot load without it.
        except+=('torch/lib/libtorch_cuda*' 'torch/lib/libc10_cuda*' 'torch/lib/libtorch_nvshmem*'
          'torch/lib/libcaffe2_nvrtc*' 'torch/lib/libtorch.so' 'torch/lib/libtorch_global_deps*')
      fi
      ;;
    nvidia_cuda_cupti-*) only=('nvidia/*/libcupti.so*') ;;
    nvidia_cuda_runtime-*)
      only=('nvidia/*/libcudart.so*')
      if [ "$cuda" = yes ]; then only+=('nvidia/*/include/*'); fi
      ;;
    *) only=('nvidia/*.so*') ;;
  esac
  # -x takes everything that follows it.
  if ((${#except[@]} > 0)); then except=(-x "${except[@]}"); fi
  unzip -q -o "$wheel" "${only[@]}" "${except[@]}" -d "$scratch" || fail "could not unpack $wheel"
  if [ -d "$scratch/nvidia" ]; then
    # libtorch looks for these beside itself.
    mkdir -p "$into/lib"
    find "$scratch/nvidia" -name '*.so*' -exec mv -t "$into/lib" {} +
    find "$scratch/nvidia" -type d -name include -exec cp -a {} "$into/" \;
  else
    # Hard links: what the wheels bring is joined, and nothing is copied.
    cp -al "$scratch/$library/." "$into/"
  fi
  rm -rf "$scratch"
}

# Downloads and unpacks a library, unless it is there. Call it with the lock held.
get_library() {
  local library="$1" directory sha256 bytes file
  directory="$(directory_of "$library")"
  if [ -d "$directory" ] && [ "$force" = no ]; then return; fi
  find_pip
  check_disk_space
  rm -rf "${staging:?}/$library"
  while read -r sha256 bytes file; do
    download "$sha256" "$bytes" "$file"
    say "unpacking $file"
    unpack "$staging/wheels/$file" "$library" "$staging/$library"
    rm -f "$staging/wheels/$file"
  done < <(wheels_of "$library")
  mkdir -p "$cache/sdk"
  if [ -d "$directory" ]; then
    rm -rf "$staging/old"
    mv -T "$directory" "$staging/old"
  fi
  mv -T "$staging/$library" "$directory"
}

# The folder of a library that the user has already, or nothing.
own_library() {
  if [ "$1" = torch ]; then
    echo "${OTX_LIBTORCH:-${LIBTORCH:-}}"
  else
    echo "${OTX_OPENVINO:-${INTEL_OPENVINO_DIR:-}}"
  fi
}

# Refuses a folder of the user's that is not what its variable says.
check_own_library() {
  local library="$1" directory="$2" file
  local wanted=(lib/libtorch_cpu.so lib/libc10.so include/ATen/core/Tensor.h)
  local names="OTX_LIBTORCH (or LIBTORCH)"
  if [ "$library" = openvino ]; then
    wanted=(include/openvino/openvino.hpp)
    names="OTX_OPENVINO (or INTEL_OPENVINO_DIR)"
    if [ -d "$directory/runtime/include" ]; then wanted=(runtime/include/openvino/openvino.hpp); fi
  fi
  for file in "${wanted[@]}"; do
    if [ ! -e "$directory/$file" ]; then
      fail "$names is $directory, which has no $file" "Unset it, and the library is downloaded; or correct it."
    fi
  done
}

# MARK: - Links and shims

# Makes or moves a symbolic link in one step.
link() {
  local target="$1" name="$2"
  if [ "$(readlink "$name" 2>/dev/null)" = "$target" ]; then return; fi
  if [ -d "$name" ] && [ ! -L "$name" ]; then rm -rf "$name"; fi
  ln -s "$target" "$name.$$"
  mv -T "$name.$$" "$name"
}

# Links a library, wherever it is, into .sdk.
link_library() {
  local library="$1" directory="$2"
  if [ "$library" = openvino ] && [ -d "$directory/runtime/include" ]; then
    # OpenVINO's own archive has another layout than the wheel.
    local libraries="$directory/runtime/lib/intel64"
    if [ ! -d "$libraries" ]; then libraries="$directory/runtime/lib"; fi
    if [ -L "$root/.sdk/openvino" ]; then rm -f "$root/.sdk/openvino"; fi
    mkdir -p "$root/.sdk/openvino"
    link "$directory/runtime/include" "$root/.sdk/openvino/include"
    link "$libraries" "$root/.sdk/openvino/libs"
  else
    link "$directory" "$root/.sdk/$library"
  fi
}

# The C++ compiler of the Swift toolchain, so that a machine without another one will do.
compiler() {
  local beside_swift
  beside_swift="$(dirname "$(readlink -f "$(command -v swift)")")/clang++"
  if [ -x "$beside_swift" ]; then echo "$beside_swift"; else echo clang++; fi
}

# Compiles a shim for the library in .sdk, unless the cache has it, and links it. Other sources or another library
# are another folder, so that checkouts do not disturb each other.
get_shim() {
  local library="$1" key directory real made
  real="$(cd "$root/.sdk/$library" && pwd -P)"
  key="$({ echo "$real"; cat "$root/Scripts/build-shims.sh"; shim_sources "$library" | xargs -0 -r cat; } |
    sha256sum | cut -c1-12)"
  directory="$cache/shims/$library-$key"
  if [ "$force" = yes ] || [ ! -e "$directory/libotx_$library.so" ]; then
    say "compiling the shim for $library"
    made="$(mktemp -d "$staging/shim-$library.XXXXXX")"
    OTX_CXX="$(compiler)" "$root/Scripts/build-shims.sh" "$library" "$real" "$made" </dev/null >"$made/log" 2>&1 || {
      cat "$made/log" >&2
      fail "could not compile the shim for $library (in $real)"
    }
    if [ ! -e "$made/libotx_$library.so" ]; then fail "Scripts/build-shims.sh made no libotx_$library.so"; fi
    mkdir -p "$directory"
    mv -f "$made/libotx_$library.so" "$directory/"
    rm -rf "$made"
  fi
  mkdir -p "$root/.sdk/shims"
  link "$directory/libotx_$library.so" "$root/.sdk/shims/libotx_$library.so"
}

# Programs of other packages have no .sdk near them: they take the shims of the checkout that was set up last.
link_latest() {
  local library
  mkdir -p "$cache/shims/latest"
  for library in torch openvino; do
    link "$(readlink -f "$root/.sdk/shims/libotx_$library.so")" "$cache/shims/latest/libotx_$library.so"
  done
}

# MARK: - The road

set_up() {
  local library own job jobs=()
  # Nothing goes on in the background when this is interrupted.
  trap 'exit 130' INT TERM
  trap 'kill $(jobs -p) 2>/dev/null || true' EXIT
  exec 9>"$cache/lock"
  if ! flock -n 9; then
    say "another set-up is running; waiting for it"
    flock 9
  fi
  # Only the holder of the lock writes here: what else lies there was left by a run that was killed. Wheels are kept.
  mkdir -p "$staging"
  find "$staging" -mindepth 1 -maxdepth 1 ! -name wheels -exec rm -rf {} +

  check_swift
  check_packages
  if [ -L "$root/.sdk" ]; then rm -f "$root/.sdk"; fi
  mkdir -p "$root/.sdk"
  for library in openvino torch; do
    own="$(own_library "$library")"
    if [ -n "$own" ]; then
      check_own_library "$library" "$own"
      link_library "$library" "$(cd "$own" && pwd)"
    else
      check_machine
      get_library "$library"
      link_library "$library" "$(directory_of "$library")"
    fi
    # The first shim compiles while the second library downloads.
    get_shim "$library" &
    jobs+=($!)
  done
  for job in "${jobs[@]}"; do wait "$job" || exit 1; done
  rm -rf "$staging"
}

if [ ! -x "$root/Scripts/build-shims.sh" ]; then fail "Scripts/build-shims.sh is missing from this checkout"; fi
print="$(fingerprint)"
if up_to_date "$print"; then
  link_latest
  register "$root/.sdk/shims"
  exit 0
fi
mkdir -p "$cache"
set_up
link_latest
register "$root/.sdk/shims"
if [ "$cuda" = yes ]; then touch "$root/.sdk/cuda"; else rm -f "$root/.sdk/cuda"; fi
# Read again: a package that was installed changes it.
fingerprint >"$root/.sdk/stamp.$$"
mv -f "$root/.sdk/stamp.$$" "$root/.sdk/stamp"
say "ready: libtorch in $(readlink -f "$root/.sdk/torch"), OpenVINO in $(readlink -f "$root/.sdk/openvino")"
