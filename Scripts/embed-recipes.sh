#!/bin/sh
# Writes a Swift file that holds the text of recipe files.
#
# usage: embed-recipes.sh OUTPUT.swift RECIPE.yaml…
set -eu
output=$1
shift
{
  echo "/// The recipes of \`Recipes/\`: name and text. Written by the build, not by hand."
  echo "enum BuiltInRecipes {"
  echo "  static let texts: [(name: String, text: String)] = ["
  for recipe in "$@"; do
    printf '    ("%s", ###"""\n' "$(basename "$recipe" .yaml)"
    cat "$recipe"
    printf '\n"""###),\n'
  done
  echo "  ]"
  echo "}"
} > "$output.partial"
mv "$output.partial" "$output"
