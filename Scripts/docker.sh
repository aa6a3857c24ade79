#!/usr/bin/env bash
# Builds the container image, and runs the program in it.
#
#   Scripts/docker.sh build [--tag TAG] [--cuda] [--no-cache] [--dry-run]
#   Scripts/docker.sh run   [--tag TAG] [--gpu auto|yes|no] [--mount FOLDER]… [--memory SIZE] [--cpus N] [--dry-run]
#                           [--] ARGUMENT…
#
#   --tag TAG       the image: NAME or NAME:VERSION; default: otx, or OTX_IMAGE
#   --cuda          build with the CUDA libraries, too (4 GB)
#   --no-cache      build every step anew
#   --gpu CHOICE    give the container the GPUs; auto: where nvidia-smi finds one
#   --mount FOLDER  let the program read a folder outside of the current one, by its own path; may be repeated
#   --memory SIZE   what the container may take, for example 8g
#   --cpus N        cores that the container may use
#   --dry-run       print the command instead of running it
#   -h, --help      this text
#
# `run` works in the current folder, as the current user: what it writes belongs to you. For example:
#
#   Scripts/docker.sh run train --data-root BCCD
#
# Nothing is downloaded by the program, so the container has no network. Measurements are kept in ~/.cache/otx-docker.
set -euo pipefail

root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)"

usage() { awk 'NR > 1 && !/^#/ { exit } NR > 1 { sub(/^# ?/, ""); print }' "${BASH_SOURCE[0]}"; }
fail() {
  printf 'docker: %s\n' "$1" >&2
  shift
  if (($# > 0)); then printf '  %s\n' "$@" >&2; fi
  exit "${status:-1}"
}
wrong() { status=64 fail "$1" "Scripts/docker.sh --help says what there is."; }

tag="${OTX_IMAGE:-otx}"
dry_run=no

# Runs a command, or prints it as it could be typed.
perform() {
  if [ "$dry_run" = yes ]; then
    printf '%q ' "$@" | sed 's/ $//'
    echo
    return
  fi
  if ! command -v docker >/dev/null; then fail "there is no 'docker' on the PATH" "See docs.docker.com for how to install it."; fi
  if ! docker info >/dev/null 2>&1; then
    fail "the docker daemon does not answer" "Is it running, and may $(id -un) use it? Try: docker info"
  fi
  exec "$@"
}

build() {
  local command=(docker build --tag "$tag")
  while (($# > 0)); do
    case "$1" in
      --tag)
        if (($# < 2)); then wrong "--tag needs a value"; fi
        tag="$2"
        command[3]="$tag"
        shift
        ;;
      --cuda) command+=(--build-arg SETUP=--cuda) ;;
      --no-cache) command+=(--no-cache --pull) ;;
      --dry-run) dry_run=yes ;;
      *) wrong "unknown option $1 of build" ;;
    esac
    shift
  done
  perform "${command[@]}" "$root"
}

run() {
  local gpu=auto mounts=() limits=() folder
  while (($# > 0)); do
    case "$1" in
      --tag | --gpu | --mount | --memory | --cpus)
        if (($# < 2)); then wrong "$1 needs a value"; fi
        case "$1" in
          --tag) tag="$2" ;;
          --gpu) gpu="$2" ;;
          --mount) mounts+=("$2") ;;
          *) limits+=("$1" "$2") ;;
        esac
        shift
        ;;
      --dry-run) dry_run=yes ;;
      --)
        shift
        break
        ;;
      --*) wrong "unknown option $1 of run; options of otx stand behind --" ;;
      *) break ;;
    esac
    shift
  done

  local command=(docker run --rm --init --network none --user "$(id -u):$(id -g)")
  # A terminal where there is one: progress is drawn, and Ctrl-C arrives.
  if [ -t 0 ] && [ -t 1 ]; then command+=(--interactive --tty --env "TERM=${TERM:-dumb}"); fi
  # The folder has the same path inside, so that paths in messages and files hold outside, too.
  command+=(--volume "$PWD:$PWD" --workdir "$PWD")
  for folder in "${mounts[@]}"; do
    if [ ! -d "$folder" ]; then fail "there is no folder $folder"; fi
    folder="$(cd "$folder" && pwd -P)"
    command+=(--volume "$folder:$folder:ro")
  done
  local cache="${XDG_CACHE_HOME:-${HOME:?neither HOME nor XDG_CACHE_HOME is set}/.cache}/otx-docker"
  if [ "$dry_run" = no ]; then mkdir -p "$cache"; fi
  command+=(--volume "$cache:/cache" --env XDG_CACHE_HOME=/cache)
  case "$gpu" in
    auto) if command -v nvidia-smi >/dev/null && nvidia-smi >/dev/null 2>&1; then command+=(--gpus all); fi ;;
    yes) command+=(--gpus all) ;;
    no) ;;
    *) wrong "--gpu $gpu: there are auto, yes and no" ;;
  esac
  perform "${command[@]}" "${limits[@]}" "$tag" "$@"
}

case "${1:-}" in
  build | run) "$@" ;;
  -h | --help) usage ;;
  "")
    usage >&2
    exit 64
    ;;
  *) wrong "unknown command $1; there are build and run" ;;
esac
