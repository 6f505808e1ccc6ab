#!/bin/sh
# Builds the binary of the image and its SBOM twice, in two folders with homes of Cargo of their own, and compares:
# `deploy/image/reproduce.sh [amd64|arm64]`. What is built is the last commit. Takes as long as two builds, and 6 GB below TMPDIR.
set -eu
cd "$(dirname "$0")/../.."

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
for name in one another/one; do
    mkdir -p "$work/$name"
    git archive HEAD | tar -x -C "$work/$name"
    (cd "$work/$name" && env -u CARGO_TARGET_DIR CARGO_HOME="$work/$name-home" deploy/image/build.sh "$@")
done
for made in "$work"/one/target/image/*/root/anonlink*; do
    same=$(echo "$made" | sed "s|^$work/one|$work/another/one|")
    cmp "$made" "$same"
    sha256sum "$made" | sed "s|$work/one/||"
done
echo "the same bytes twice"
