#!/usr/bin/env bash
# Installs the program, so that it works without this checkout, or removes what was installed.
#
#   Scripts/install.sh [--prefix FOLDER] [--destdir FOLDER] [--libraries auto|cache|copy]
#   Scripts/install.sh --uninstall [--prefix FOLDER] [--destdir FOLDER]
#
#   --prefix     where to install to; default: ~/.local
#   --destdir    a folder that stands before the prefix while a package is made
#   --libraries  libtorch and OpenVINO: `cache` leaves them in the user's cache, `copy` installs them too (0.6 GB; as
#                hard links where the disk is the same); `auto` copies where the prefix is outside the home folder,
#                because other users cannot read this one's cache
#
# What it leaves below the prefix:
#   bin/otx                                      the program
#   lib/otx/libotx_{torch,openvino}.so           our C++ between Swift and those libraries
#   lib/otx/{otx-run,libotx_run.so,otx-run-licenses}  what `otx deploy` packs
#   lib/otx/{torch,openvino}                     the libraries, with --libraries copy
#   share/otx/recipes                            the recipes, which the program reads from here
#   share/man/man1/otx.1                         the manual
#   share/{bash-completion,zsh,fish}/…           completions
#   share/otx/manifest                           every file and folder that was made: uninstalling removes these, only
#
# Environment: OTX_BUILD, a program that is built already; without it, this checkout's is built in release mode.
#
# Each file is written aside and renamed into place. It may be killed at any moment: the manifest is written first.
set -euo pipefail

root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)"
prefix="${HOME:-}/.local"
destdir=""
libraries=auto
action=install

say() { printf 'install: %s\n' "$*"; }
fail() {
  printf 'install failed: %s\n' "$1" >&2
  shift
  if (($# > 0)); then printf '  %s\n' "$@" >&2; fi
  exit 1
}

while (($# > 0)); do
  case "$1" in
    --prefix | --destdir | --libraries)
      if (($# < 2)); then fail "$1 needs a value"; fi
      declare "${1#--}=$2"
      shift
      ;;
    --uninstall) action=uninstall ;;
    -h | --help) awk 'NR > 1 && !/^#/ { exit } NR > 1 { sub(/^# ?/, ""); print }' "${BASH_SOURCE[0]}" && exit 0 ;;
    *) fail "unknown option $1" "known: --prefix, --destdir, --libraries, --uninstall" ;;
  esac
  shift
done

# Not every shell resolves the ~ of PREFIX=~/.local.
# shellcheck disable=SC2088
case "$prefix" in
  '~') prefix="${HOME:?HOME is not set}" ;;
  '~/'*) prefix="${HOME:?HOME is not set}/${prefix#'~/'}" ;;
esac
case "$prefix" in
  /*) ;;
  *) fail "the prefix '$prefix' is not an absolute path" "For example: make install PREFIX=\"\$PWD/$prefix\"" ;;
esac
prefix="${prefix%/}"
case "$libraries" in
  auto | cache | copy) ;;
  *) fail "--libraries $libraries: there are auto, cache and copy" ;;
esac
target="$destdir$prefix"
manifest="share/otx/manifest"

# MARK: - The manifest: one line for each file ("f share/man/man1/otx.1") and each folder that was made ("d share/man").

old_lines() { if [ -f "$target/$manifest" ]; then grep -E '^[fd] ' "$target/$manifest" || true; fi; }

write_manifest() {
  mkdir -p "$target/share/otx"
  printf '%s\n' "# What was installed here. Scripts/install.sh --uninstall (make uninstall) removes it." "$@" \
    >"$target/$manifest.$$"
  mv -f "$target/$manifest.$$" "$target/$manifest"
}

# Removes the files given as lines of the manifest, then their folders where they are empty.
remove_lines() {
  local line
  for line in "$@"; do
    case "$line" in
      "f "*) rm -f "$target/${line#f }" ;;
    esac
  done
  # The deepest first.
  printf '%s\n' "$@" | sed -n 's/^d //p' | LC_ALL=C sort -r | while IFS= read -r line; do
    if [ "$line" = . ]; then line=""; fi
    rmdir "$target/$line" 2>/dev/null || true
  done
}

# Removes what an installation that was killed had written aside.
remove_strays() {
  local folder stray
  printf '%s\n' "$@" | sed -n 's/^f //p' | xargs -r -d '\n' dirname | LC_ALL=C sort -u | while IFS= read -r folder; do
    for stray in "$target/$folder"/.otx-install.* "$target/$folder"/manifest.[0-9]*; do
      if [ -e "$stray" ] && ! kill -0 "${stray##*.}" 2>/dev/null; then rm -f "$stray"; fi
    done
  done
}

# MARK: - Uninstalling

uninstall() {
  if [ ! -f "$target/$manifest" ]; then
    fail "nothing is installed in $target (there is no $manifest)" "Name the prefix it was installed with: make uninstall PREFIX=…"
  fi
  if [ ! -w "$target/share/otx" ]; then fail "$target may not be changed by $(id -un)" "Run it as the user who installed it."; fi
  local lines
  mapfile -t lines < <(old_lines)
  remove_strays "${lines[@]}" "f $manifest"
  # The manifest goes last: an uninstallation that is killed can be repeated.
  remove_lines "${lines[@]}"
  rm -f "$target/$manifest"
  remove_lines "${lines[@]}"
  say "removed from $target: $(printf '%s\n' "${lines[@]}" | grep -c '^f ') files"
  say "downloaded libraries stay, for other checkouts: ${XDG_CACHE_HOME:-${HOME:-}/.cache}/otx"
}

# MARK: - Installing

# Says at once that a folder cannot be written, before anything is built.
check_prefix() {
  local folder="$target"
  while [ ! -e "$folder" ]; do folder="$(dirname "$folder")"; done
  if [ ! -d "$folder" ]; then fail "$folder is not a folder, so nothing can be installed in $target"; fi
  if [ ! -w "$folder" ] || [ ! -x "$folder" ]; then
    fail "$folder may not be written to by $(id -un), so nothing can be installed in $target" \
      "Install for yourself: make install PREFIX=~/.local" \
      "Or for everybody:     make build && sudo make install PREFIX=$prefix"
  fi
}

# Sets `program`.
find_program() {
  program="${OTX_BUILD:-}"
  if [ -n "$program" ]; then
    if [ ! -x "$program" ]; then fail "OTX_BUILD is $program, which is no program"; fi
    return
  fi
  program="$root/.build/release/otx"
  if [ "$(id -u)" = 0 ] && [ -n "${SUDO_USER:-}" ]; then
    # As root it would leave files that the user cannot remove.
    if [ ! -x "$program" ]; then fail "the program is not built yet" "Run first, without sudo: make build"; fi
    return
  fi
  "$root/Scripts/bootstrap.sh"
  "$root/Scripts/build.sh"
}

# Notes the folders above a file that are not there yet.
note_folders() {
  local folder="$1"
  while [ "$folder" != . ]; do
    folder="$(dirname "$folder")"
    if [ -n "${seen[$folder]:-}" ]; then return; fi
    seen[$folder]=1
    if [ ! -e "$target/$folder" ]; then lines+=("d $folder"); fi
  done
}

# Plans to put a file somewhere: `plan MODE SOURCE DESTINATION`.
plan() {
  modes+=("$1")
  sources+=("$2")
  destinations+=("$3")
  lines+=("f $3")
  note_folders "$3"
}

# Puts a file into place in one step. Libraries become hard links where they can: nobody changes them.
put() {
  local mode="$1" source="$2" destination="$target/$3" aside
  mkdir -p "$(dirname "$destination")"
  aside="$(dirname "$destination")/.otx-install.$$"
  rm -f "$aside"
  if [ "$mode" = link ]; then
    ln -P "$source" "$aside" 2>/dev/null || cp -P --preserve=mode,timestamps "$source" "$aside"
  else
    install -m "$mode" "$source" "$aside"
  fi
  mv -fT "$aside" "$destination"
}

# The shared libraries of libtorch or OpenVINO, as paths below $1.
library_files() { (cd "$1" && find . -name '*.so*' \( -type f -o -type l \) -printf '%P\n' | LC_ALL=C sort); }

plan_libraries() {
  local library folder source file
  for library in torch openvino; do
    folder=lib
    if [ "$library" = openvino ]; then folder=libs; fi
    source="$(cd "$root/.sdk/$library/$folder" && pwd -P)"
    while IFS= read -r file; do
      plan link "$source/$file" "lib/otx/$library/$folder/$file"
    done < <(library_files "$source")
  done
}

# What `otx deploy` packs, where it is built.
plan_runner() {
  local folder file
  folder="$(dirname "$program")"
  if [ ! -x "$folder/otx-run" ] || [ ! -e "$folder/libotx_run.so" ]; then return; fi
  plan 755 "$folder/libotx_run.so" lib/otx/libotx_run.so
  plan 755 "$folder/otx-run" lib/otx/otx-run
  for file in "$folder"/otx-run-licenses/*.txt; do
    if [ -e "$file" ]; then plan 644 "$file" "lib/otx/otx-run-licenses/${file##*/}"; fi
  done
}

# What the program itself writes: the manual and the completions.
make_texts() {
  local shell
  if ! "$program" --version >"$work/version" 2>"$work/errors"; then
    fail "$program does not run" "$(tail -n 3 "$work/errors")"
  fi
  "$program" --generate-manual >"$work/otx.1" || fail "$program cannot write its manual"
  for shell in bash zsh fish; do
    "$program" --generate-completion-script "$shell" >"$work/completion.$shell" || fail "$program cannot write completions"
  done
}

# `make install`, and what then stands in the way of typing `otx`.
say_path() {
  local first
  case ":$PATH:" in
    *":$prefix/bin:"*)
      first="$(command -v otx || true)"
      if [ -n "$first" ] && [ "$first" != "$prefix/bin/otx" ]; then
        say "another otx comes first on the PATH: $first"
      fi
      ;;
    *)
      say "$prefix/bin is not on the PATH; to change that, add to ~/.profile:"
      printf '  export PATH="%s/bin:$PATH"\n' "$prefix"
      ;;
  esac
}

install_all() {
  local library recipe old line i
  local -A seen=()
  local lines=() modes=() sources=() destinations=()
  check_prefix
  find_program
  work="$(mktemp -d "${TMPDIR:-/tmp}/otx-install.XXXXXX")"
  trap 'rm -rf "$work"' EXIT
  make_texts
  if [ "$libraries" = auto ]; then
    libraries=copy
    if [ -z "$destdir" ] && [ -n "${HOME:-}" ] && [[ "$prefix/" == "${HOME%/}/"* ]]; then libraries=cache; fi
  fi

  for library in torch openvino; do
    if [ ! -e "$root/.sdk/shims/libotx_$library.so" ]; then
      fail "the shim for $library is not built yet" "Run first: make setup"
    fi
    plan 755 "$root/.sdk/shims/libotx_$library.so" "lib/otx/libotx_$library.so"
  done
  plan_runner
  if [ "$libraries" = copy ]; then plan_libraries; fi
  for recipe in "$root"/Recipes/*.yaml "$root"/Recipes/*/*.yaml; do
    plan 644 "$recipe" "share/otx/recipes/${recipe#"$root"/Recipes/}"
  done
  plan 644 "$work/otx.1" share/man/man1/otx.1
  plan 644 "$work/completion.bash" share/bash-completion/completions/otx
  plan 644 "$work/completion.zsh" share/zsh/site-functions/_otx
  plan 644 "$work/completion.fish" share/fish/vendor_completions.d/otx.fish
  # Last, so that a new program never stands beside old shims.
  plan 755 "$program" bin/otx
  note_folders "$manifest"

  # Folders that an earlier installation made are still ours.
  mapfile -t old < <(old_lines)
  for line in "${old[@]}"; do
    if [[ "$line" == "d "* ]]; then lines+=("$line"); fi
  done
  mapfile -t lines < <(printf '%s\n' "${lines[@]}" | LC_ALL=C sort -u)
  remove_strays "${lines[@]}" "${old[@]}" "f $manifest"
  write_manifest "${lines[@]}" "${old[@]}"
  for ((i = 0; i < ${#sources[@]}; i++)); do put "${modes[i]}" "${sources[i]}" "${destinations[i]}"; done
  # What an earlier version installed and this one does not have.
  mapfile -t old < <(comm -13 <(printf '%s\n' "${lines[@]}") <(printf '%s\n' "${old[@]}" | LC_ALL=C sort -u))
  if ((${#old[@]} > 0)); then remove_lines "${old[@]}"; fi
  write_manifest "${lines[@]}"

  if [ -z "$destdir" ]; then
    # The cache keeps what an installation uses.
    "$root/Scripts/bootstrap.sh" --register "$prefix/lib/otx"
    if ! "$prefix/bin/otx" --version >/dev/null 2>"$work/errors"; then
      fail "the installed program does not run" "$(tail -n 3 "$work/errors")"
    fi
  fi
  say "otx $(cat "$work/version") is installed in $target"
  if [ "$libraries" = cache ]; then
    say "libtorch and OpenVINO stay in $(dirname "$(dirname "$(readlink -f "$root/.sdk/torch")")")"
  fi
  if ldd "$program" 2>/dev/null | grep -q 'libswiftCore\.so'; then
    say "this program was linked with the libraries of the Swift toolchain and needs it to stay"
  fi
  if [ -z "$destdir" ]; then say_path; fi
}

if [ "$action" = uninstall ]; then uninstall; else install_all; fi
