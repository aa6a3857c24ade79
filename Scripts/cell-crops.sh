#!/usr/bin/env bash
# cell-crops.sh OTX CELLS OUT: data sets to classify, made of the blood cells of a detection data set.
#
#   OUT/kinds       one picture a cell, in a folder of its kind (multi-class)
#   OUT/cells       whole pictures with the kinds of cells that they show (multi-label)
#   OUT/hierarchy   one picture a cell: nucleated or not, then its kind (hierarchical)
#
# OTX is the program, CELLS a data set whose objects are called RBC, WBC and Platelets.
set -euo pipefail

[ $# -eq 3 ] || { echo "usage: $0 OTX CELLS OUT" >&2; exit 64; }
otx=$1 cells=$2 out=$3
mkdir -p "$out"

"$otx" data crop "$cells" --output "$out/kinds" --quiet
"$otx" data convert "$cells" --to coco --output "$out/cells" --quiet

staged=$(mktemp -d "$out/.hierarchy.XXXXXX")
for subset in "$out"/kinds/*/; do
  subset=$(basename "$subset")
  for kind in "$out/kinds/$subset"/*/; do
    kind=$(basename "$kind")
    case $kind in
      WBC) group=nucleated ;;
      *) group=anucleate ;;
    esac
    mkdir -p "$staged/$subset/$group"
    cp -rl "$out/kinds/$subset/$kind" "$staged/$subset/$group/$kind"
  done
done
chmod 755 "$staged"
mv "$staged" "$out/hierarchy"
echo "wrote $out/kinds, $out/cells and $out/hierarchy"
