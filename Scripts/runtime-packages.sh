#!/usr/bin/env bash
# Prints the Debian packages, one a line, that an installation needs to run: those that own the shared libraries of the
# system that its program and libraries ask for.
#
#   Scripts/runtime-packages.sh PREFIX
set -euo pipefail
prefix="${1:?usage: runtime-packages.sh PREFIX}"

missing="$(find "$prefix/bin" "$prefix/lib/otx" -type f \( -name otx -o -name '*.so*' \) -exec ldd {} + 2>/dev/null |
  awk '/not found/ { print $1 }' | sort -u)"
if [ -n "$missing" ]; then
  # OpenVINO's plug-ins for other devices ask for drivers that a machine may lack; the program itself must find all.
  if ldd "$prefix/bin/otx" "$prefix"/lib/otx/libotx_*.so | grep -q 'not found'; then
    echo "runtime-packages: not found: $missing" >&2
    exit 1
  fi
fi
echo ca-certificates
# Debian merged /lib into /usr/lib, but lists files by either name.
{
  ldd "$prefix/bin/otx" "$prefix"/lib/otx/libotx_*.so | awk '$2 == "=>" && $3 ~ /^\// { print $3 }'
  # Opened at the first download.
  ldconfig -p | awk '$1 == "libcurl.so.4" { print $NF; exit }'
} | sort -u |
  while IFS= read -r file; do
    case "$file" in "$prefix"/*) continue ;; esac
    dpkg-query -S "$file" 2>/dev/null || dpkg-query -S "$(readlink -f "$file")" 2>/dev/null ||
      dpkg-query -S "/usr$file" 2>/dev/null || {
      echo "runtime-packages: no package owns $file" >&2
      exit 1
    }
  done | sed 's/:.*//' | LC_ALL=C sort -u
