#!/usr/bin/env bash
# Tests Scripts/docker.sh by what it would run, and what the image is built from; needs no docker.
set -euo pipefail

root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)"
work="$(mktemp -d "${TMPDIR:-/tmp}/otx docker test.XXXXXX")"
trap 'rm -rf "$work"' EXIT
docker="$root/Scripts/docker.sh"
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

# What is printed holds these words; with `!` before them, it does not.
says() {
  local words="$1" output
  shift
  output="$("$@" 2>&1)" || { echo "$output" && return 1; }
  if [ "${words:0:1}" = '!' ]; then
    ! grep -qF -e "${words:1}" <<<"$output" || { echo "$output" && return 1; }
  else
    grep -qF -e "$words" <<<"$output" || { echo "$output" && return 1; }
  fi
}
refuses() {
  local words="$1" output status=0
  shift
  output="$("$@" 2>&1)" || status=$?
  if [ "$status" != 64 ] || ! grep -qF -e "$words" <<<"$output"; then
    echo "$status: $output"
    return 1
  fi
}

mkdir -p "$work/pictures" "$work/bin" "$work/other data"
cd "$work/pictures"
# A machine without a GPU, whatever this one has.
export PATH="$work/bin:/usr/bin:/bin"

check "build" says "docker build --tag otx $root" "$docker" build --dry-run
check "build with CUDA and a tag" says "docker build --tag mine:1 --build-arg SETUP=--cuda" "$docker" build --tag mine:1 --cuda --dry-run
check "run hands arguments over" says "otx train --data-root BCCD" "$docker" run --dry-run train --data-root BCCD
check "even with spaces" says 'otx find --task a\ b' "$docker" run --dry-run -- find --task "a b"
check "as the current user" says "--user $(id -u):$(id -g)" "$docker" run --dry-run find
check "in the current folder" says "$(printf -- '--workdir %q' "$PWD")" "$docker" run --dry-run find
check "without network" says "--network none" "$docker" run --dry-run find
check "reading another folder" says ":ro" "$docker" run --mount "$work/other data" --dry-run find
check "within limits" says "--memory 8g --cpus 2" "$docker" run --memory 8g --cpus 2 --dry-run find
check "without a GPU where there is none" says "!--gpus" "$docker" run --dry-run find
printf '#!/bin/sh\nexit 9\n' >"$work/bin/nvidia-smi"
chmod +x "$work/bin/nvidia-smi"
check "nor where the driver does not answer" says "!--gpus" "$docker" run --dry-run find
printf '#!/bin/sh\nexit 0\n' >"$work/bin/nvidia-smi"
check "with the GPUs where there are some" says "--gpus all" "$docker" run --dry-run find
check "unless told not to" says "!--gpus" "$docker" run --gpu no --dry-run find
check "no terminal where there is none" says "!--tty" "$docker" run --dry-run find
check "a terminal where there is one" says "--interactive --tty" \
  script -qec "$(printf '%q run --dry-run find' "$docker")" /dev/null
check "an unknown option is refused" refuses "unknown option --gpus" "$docker" run --gpus all find
check "an unknown command is refused" refuses "unknown command push" "$docker" push
check "the help names every option" says "--no-cache" "$docker" --help
printf '#!/bin/sh\nexit 1\n' >"$work/bin/docker"
chmod +x "$work/bin/docker"
silent_daemon() { local output; ! output="$("$docker" run find 2>&1)" && grep -q "daemon does not answer" <<<"$output"; }
check "a daemon that does not answer is said" silent_daemon

# What the Dockerfile copies is there, and what bootstrap reads is copied before it runs.
copied_files_exist() {
  local line word
  while read -r line; do
    for word in $line; do
      if [ "$word" != . ] && [ ! -e "$root/$word" ]; then
        echo "no $word"
        return 1
      fi
    done
  done < <(sed -n 's/^COPY \([A-Z.].*\) [^ ]*$/\1/p' "$root/Dockerfile")
}
check "everything that the Dockerfile copies exists" copied_files_exist
set_up_reads_what_is_copied() {
  local file
  for file in $(grep -oE 'Scripts/(\{[^}]*\}|[a-z-]+\.(sh|txt))' "$root/Scripts/bootstrap.sh" | sed 's/[{}]/ /g; s/,/ /g; s/Scripts\///g' | tr ' ' '\n' | sort -u); do
    grep -q "Scripts/$file" "$root/Dockerfile" || { echo "$file is not copied" && return 1; }
  done
}
check "and everything that the set-up reads is copied before it" set_up_reads_what_is_copied

echo
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
