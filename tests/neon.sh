#!/bin/sh
# Runs the matching engine's tests on AArch64 under emulation: `tests/neon.sh [cargo test arguments]`.
#
# The engine needs neither C code nor the rest of the program, so a small package around src/match is built for
# the musl target, which rustc links by itself with its own lld, and run by qemu-user. Missing tools are installed
# (qemu-user by apt-get, the target by rustup).
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
target=aarch64-unknown-linux-musl
work=${CARGO_TARGET_DIR:-$root/target}/neon
lld=$(rustc --print sysroot)/lib/rustlib/$(rustc -vV | sed -n 's/^host: //p')/bin/rust-lld

command -v qemu-aarch64 >/dev/null || apt-get install -y qemu-user
rustup target list --installed 2>/dev/null | grep -qx $target || rustup target add $target

# The versions of dependencies are those of the main manifest.
version() { sed -n "s/^$1 = *\({ *version = \)\{0,1\}\"\([^\"]*\)\".*/\2/p" "$root/Cargo.toml" | head -n 1; }

mkdir -p "$work/src"
cat >"$work/Cargo.toml" <<EOF
[package]
name = "anonlink"
version = "0.0.0"
edition = "2024"

[dependencies]
bitvec = "$(version bitvec)"
rand_chacha = "$(version rand_chacha)"
rustix = { version = "$(version rustix)", features = ["mm"] }
thiserror = "$(version thiserror)"

[dev-dependencies]
proptest = { version = "$(version proptest)", default-features = false, features = ["std"] }

[[test]]
name = "matching"
path = "$root/tests/matching.rs"

[profile.dev]
opt-level = 2

[workspace]
EOF
cat >"$work/src/lib.rs" <<EOF
#[path = "$root/src/match/mod.rs"]
pub mod matching;
EOF

cd "$work"
env CARGO_TARGET_AARCH64_UNKNOWN_LINUX_MUSL_LINKER="$lld" \
    CARGO_TARGET_AARCH64_UNKNOWN_LINUX_MUSL_RUNNER=qemu-aarch64 \
    PROPTEST_CASES="${PROPTEST_CASES:-24}" CARGO_TARGET_DIR="$work/target" \
    cargo test --target $target "$@"
