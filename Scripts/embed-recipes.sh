#!/bin/sh
# Writes a Swift file that holds the text of recipe files.
#
# usage: embed-recipes.sh OUTPUT.swift FOLDER RECIPE.yaml…   (a recipe's name is its path below FOLDER)
set -eu
output=$1
folder=${2%/}
shift 2
{
  echo "/// The recipes of \`Recipes/\`: name and text. Written by the build, not by hand."
  echo "enum BuiltInRecipes {"
  echo "  static let texts: [(name: String, text: String)] = ["
  for recipe in "$@"; do
    name=${recipe#"$folder"/}
    printf '    ("%s", ###"""\n' "${name%.yaml}"
    cat "$recipe"
    printf '\n"""###),\n'
  done
  echo "  ]"
  echo "}"
} > "$output.partial"
mv "$output.partial" "$output"
