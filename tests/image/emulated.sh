#!/bin/sh
# An image's binary on an emulated processor: FEBRL4 gives the golden groups and scores, and the selftest passes if it is the other
# architecture's: `tests/image/emulated.sh amd64|arm64 ANONLINK WORK`.
#
# For amd64 the processor is one that has nothing beyond the architecture's baseline: a binary that was made for the machine that
# built it would die of an illegal instruction. Exits 77, with the reason as its last line, if there is no emulator here.
set -eu
cd "$(dirname "$0")/../.."
arch=$1 binary=$2 out=$3/emulated-$1

case $arch in
    amd64) name=x86_64 cpu="-cpu qemu64" ;;
    arm64) name=aarch64 cpu= ;;
esac
emulator=$(command -v "qemu-$name" || command -v "qemu-$name-static") || { echo "no qemu-$name here" && exit 77; }
# shellcheck disable=SC2086 # two words or none
run() { "$emulator" $cpu "$binary" "$@"; }

# link THRESHOLD OUTPUT
link() {
    run link fixtures/febrl4/a.json fixtures/febrl4/b.json --threshold "$1" --output "$2" -o "$out-$2.json" --quiet
}
link 0.8 groups
python3 fixtures/check.py groups fixtures/golden/febrl4-0.8.json "$out-groups.json"
link 0.75 similarity_scores
python3 fixtures/check.py scores fixtures/golden/febrl4-0.75.json "$out-similarity_scores.json"
# The whole service where nothing else runs this binary: minutes of emulation.
if [ "$arch" = "$(uname -m | sed 's/x86_64/amd64/; s/aarch64/arm64/')" ]; then
    echo "golden groups and scores"
else
    run selftest | tail -n 1
fi
