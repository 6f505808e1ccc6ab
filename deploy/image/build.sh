#!/bin/sh
# Makes what the image consists of, for one architecture: `deploy/image/build.sh [amd64|arm64]` (default: this machine's).
#
#   target/image/ARCH/root    the binary, what is in it (anonlink.cdx.json), certificate authorities, user and group: the image's root,
#                             owned by root
#   target/image/ARCH/state   the folders that the service may write to, owned by its user
#
# The Dockerfile's builder calls it, and so do the tests and anyone without Docker. It needs a Rust toolchain and Python with pip or
# venv: Zig's C compiler for musl, which builds for either architecture on either, comes from PyPI, and what tells the packages in the
# binary from Cargo's registry; both are kept for all checkouts, in $ANONLINK_TEST_TOOLS or
# the user's cache. The binary is static and made for the architecture's baseline; kernels
# are chosen at run time.
#
# It holds no path of this machine, so that the same source and tools can give the same bytes in any folder. `deploy/image/reproduce.sh`
# compares two builds.
set -eu
cd "$(dirname "$0")/../.."

ziglang=0.17.1
zigbuild=0.24.1
auditable=0.7.7
cyclonedx=0.5.9

machine() {
    case $(uname -m) in
        x86_64) echo amd64 ;;
        aarch64) echo arm64 ;;
        *) uname -m ;;
    esac
}
arch=${1:-$(machine)}
case $arch in
    amd64) target=x86_64-unknown-linux-musl ;;
    arm64) target=aarch64-unknown-linux-musl ;;
    *) echo "build.sh: no image for $arch: amd64 and arm64 are those that are made" >&2 && exit 2 ;;
esac

kept=${ANONLINK_TEST_TOOLS:-${XDG_CACHE_HOME:-$HOME/.cache}/anonlink/test-tools}
mkdir -p "$kept"
tools=$kept/zig-$ziglang-$zigbuild
if [ ! -x "$tools/bin/cargo-zigbuild" ]; then
    rm -rf "$tools"
    python3 -m venv "$tools"
    "$tools/bin/pip" install --quiet --disable-pip-version-check "ziglang==$ziglang" "cargo-zigbuild==$zigbuild"
fi
listing=$kept/sbom-$auditable-$cyclonedx
for tool in "cargo-auditable@$auditable" "cargo-cyclonedx@$cyclonedx"; do
    [ -x "$listing/bin/${tool%@*}" ] || CARGO_PROFILE_DEV_DEBUG=0 cargo install --quiet --locked --debug --root "$listing" "$tool"
done
rustc --print target-libdir --target "$target" | xargs test -d || rustup target add "$target"

# Flags of the caller's own machine must not get into an image for all, nor where things lie on it: names of source files are in
# messages of panics and in what C libraries say of their errors. The library's own source is there or not, as the toolchain was installed.
unset RUSTFLAGS CARGO_BUILD_RUSTFLAGS
built=${CARGO_TARGET_DIR:-$PWD/target}
home=${CARGO_HOME:-$HOME/.cargo}
library=$(rustc --print sysroot)/lib/rustlib/src/rust
hidden="$PWD=/source $built=/build $home=/cargo $kept=/tools $library=/rustc/$(rustc -vV | sed -n 's/^commit-hash: //p')"
separator=$(printf '\037')
CARGO_ENCODED_RUSTFLAGS= CFLAGS=
for from in $hidden; do
    CARGO_ENCODED_RUSTFLAGS=$CARGO_ENCODED_RUSTFLAGS${CARGO_ENCODED_RUSTFLAGS:+$separator}--remap-path-prefix=$from
    CFLAGS="$CFLAGS -ffile-prefix-map=$from"
done
export CARGO_ENCODED_RUSTFLAGS "CFLAGS_$(echo "$target" | tr - _)=$CFLAGS" SOURCE_DATE_EPOCH=0
unset CFLAGS
PATH=$tools/bin:$listing/bin:$PATH

out=target/image/$arch
rm -rf "$out.new"
mkdir -p "$out.new"
# The list of packages gets into the binary by the wrapper that `cargo auditable` sets. It is set here by its name alone: Cargo makes its
# path a part of all symbols. What it reads is our list, and not what it finds itself (see sbom.py).
deploy/image/sbom.py packages "$target" >"$out.new/packages"
RUSTC_WORKSPACE_WRAPPER=cargo-auditable CARGO_AUDITABLE_ORIG_ARGS= CARGO_SBOM_PATH=$PWD/$out.new/packages \
    cargo zigbuild --locked --profile dist --bin anonlink --target "$target"
rm "$out.new/packages"
mkdir -p "$out.new/root/etc/ssl/certs" "$out.new/state/data" "$out.new/state/tmp"
cp "$built/$target/dist/anonlink" "$out.new/root/anonlink"
zig=$("$tools/bin/python" -c 'import pathlib, ziglang; print(pathlib.Path(ziglang.__file__).parent)')
deploy/image/sbom.py document "$target" "$zig" >"$out.new/root/anonlink.cdx.json"
cp "${CA_CERTIFICATES:-/etc/ssl/certs/ca-certificates.crt}" "$out.new/root/etc/ssl/certs/ca-certificates.crt"
echo 'anonlink:x:65532:65532:anonlink:/data:/anonlink' >"$out.new/root/etc/passwd"
echo 'anonlink:x:65532:' >"$out.new/root/etc/group"
chmod -R u=rwX,go=rX "$out.new"
chmod 755 "$out.new/root/anonlink"
# As anywhere; and a tmpfs that is put there takes its permissions from it.
chmod 1777 "$out.new/state/tmp"
rm -rf "$out"
mv "$out.new" "$out"
echo "$out: $(wc -c <"$out/root/anonlink") bytes"
