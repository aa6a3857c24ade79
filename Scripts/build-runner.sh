#!/usr/bin/env bash
# Builds what runs deployed models, in release mode: .build/release/otx-run, the library .build/release/libotx_run.so
# that it opens, and the licences of what is linked into it: .build/release/otx-run-licenses.
#
# Swift's runtime and the image libraries are linked into the library, so that a deployed package has few files, starts
# fast and needs nothing installed. Only the functions of otx_run.h can be seen from outside: a program that has a
# Swift runtime or image libraries of its own does not meet ours.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
swift="${SWIFT:-swift}"
# The same flags as those of build.sh: others would compile everything again.
flags=(-c release --static-swift-stdlib -Xswiftc -static-stdlib "$@")
folder="$("$swift" build "${flags[@]}" --show-bin-path)"
mkdir -p "$folder"

# The linker takes the first library of a name that it finds. The package manager lets it look first where pkg-config
# says that image libraries are: for this one link, in a folder of static ones. The others are not made for being part
# of a shared library (on Debian).
static=(opencv_core opencv_imgproc webp webpdemux)
work="$(mktemp -d "${TMPDIR:-/tmp}/otx-runner.XXXXXX")"
trap 'rm -rf "$work"' EXIT
mkdir "$work/lib" "$work/pkgconfig"
for place in "/usr/lib/$(uname -m)-linux-gnu" /usr/lib64 /usr/lib /usr/local/lib; do
  for name in "${static[@]}"; do
    if [ -f "$place/lib$name.a" ]; then ln -sf "$place/lib$name.a" "$work/lib/lib$name.a"; fi
  done
  for name in libturbojpeg libwebp libwebpdemux; do
    if [ -f "$place/pkgconfig/$name.pc" ]; then
      sed "s#^libdir=.*#libdir=$work/lib#" "$place/pkgconfig/$name.pc" >"$work/pkgconfig/$name.pc"
    fi
  done
done

printf '{ global: otx_run_*; local: *; };\n' >"$work/exports"
options=(-Xlinker "--version-script=$work/exports" -Xlinker -s)
# What the static libraries need, after them.
options+=(-Xlinker -lopencv_core -Xlinker -lz)
# OpenCV's windows of OpenGL and its solvers for matrices of a hundred rows and more come along and are never called:
# ours are pictures and matrices of two rows. Anything else that is missing is an error here.
for name in glXGetProcAddressARB cblas_{s,d,c,z}gemm {s,d}{gels,geqrf,gesdd,gesv,getrf,posv,potrf}_; do
  options+=(-Xlinker "--defsym=$name=0")
done
options+=(-Xlinker --no-undefined)
# Its folders count for what its libraries need, too (DT_RPATH, not DT_RUNPATH).
options+=(-Xlinker --disable-new-dtags)
# OpenCV and OpenVINO share oneTBB: OpenVINO's, which stands in this folder of a package, and here in the set-up's.
options+=(-Xlinker -rpath -Xlinker '$ORIGIN/openvino/libs')
if [ -d .sdk/openvino/libs ]; then
  libraries="$(cd .sdk/openvino/libs && pwd -P)"
  options+=(-Xlinker -rpath -Xlinker "$libraries" -Xlinker "$libraries/libtbb.so.12")
fi
rm -f "$folder/libotx_run.so" "$folder/otx-run"
PKG_CONFIG_PATH="$work/pkgconfig${PKG_CONFIG_PATH:+:$PKG_CONFIG_PATH}" \
  "$swift" build "${flags[@]}" --product otx_run "${options[@]}"
# The program itself asks for the C++ library, which a package has in this folder.
"$swift" build "${flags[@]}" --product otx-run -Xlinker -s -Xlinker -rpath -Xlinker '$ORIGIN/lib'

# The licences of what was linked in, where the system has them; a package brings those of its own files.
licenses="$folder/otx-run-licenses"
rm -rf "$licenses"
mkdir -p "$licenses"
for package in libopencv-core-dev libwebp-dev zlib1g-dev; do
  if [ -f "/usr/share/doc/$package/copyright" ]; then cp "/usr/share/doc/$package/copyright" "$licenses/$package.txt"; fi
done
toolchain="$(dirname "$(dirname "$(readlink -f "$(command -v "$swift")")")")"
if [ -f "$toolchain/share/swift/LICENSE.txt" ]; then cp "$toolchain/share/swift/LICENSE.txt" "$licenses/swift.txt"; fi
cp LICENSE "$licenses/otx.txt"
