#!/usr/bin/env python3
"""Says what is linked into the image's binary. `deploy/image/build.sh` calls it, twice:

    sbom.py packages TARGET       what `cargo auditable` embeds: an SBOM precursor
    sbom.py document TARGET ZIG   the document beside the binary: CycloneDX, made by `cargo cyclonedx`

Which packages are linked is what `cargo tree` resolves for the target, without macros and build scripts. Both tools would ask
`cargo metadata`, which also names optional packages that nothing turns on (ring and quinn among them). So the first gets the list in the
form that an unstable Cargo gives it by itself, and the second's document is cut down to it.

ZIG is the folder of the `ziglang` package, which brings the C library. Nothing in what is printed depends on the time or on a path.
"""

import json
import re
import subprocess
import sys
from pathlib import Path


def run(*command):
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


def linked(target):
    """Each linked package, as (name, version), with those that it is linked to; the first one is the root."""
    options = ["--edges=normal,no-proc-macro", f"--target={target}", "--prefix=depth", "--format= {p}"]
    packages, path = {}, []
    for line in run("cargo", "tree", "--locked", *options).splitlines():
        depth, name, version = line.split()[:3]
        package = (name, version.removeprefix("v"))
        del path[int(depth) :]
        if path:
            packages[path[-1]].add(package)
        packages.setdefault(package, set())
        path.append(package)
    root = next(iter(packages))
    return {package: sorted(packages[package]) for package in [root, *sorted(set(packages) - {root})]}


def precursor(packages):
    """The packages in the form of Cargo's own SBOM precursor files."""
    # All packages but our own come from one registry, as deny.toml demands.
    registry = re.search(r'^source = "(.+)"$', Path("Cargo.lock").read_text(), re.M).group(1)
    places = {package: place for place, package in enumerate(packages)}
    rustc = run("rustc", "-vV")
    said = dict(re.findall(r"^(release|commit-hash|host): (.*)$", rustc, re.M))
    return {
        "version": 1,
        "root": 0,
        "crates": [
            {
                "id": f"{'path+file:///source' if place == 0 else registry}#{name}@{version}",
                "kind": ["bin" if place == 0 else "lib"],
                "features": [],
                "dependencies": [{"index": places[other], "kind": "normal"} for other in packages[name, version]],
            }
            for (name, version), place in places.items()
        ],
        "rustc": {
            "version": said["release"],
            "wrapper": None,
            "workspace_wrapper": None,
            "commit_hash": said["commit-hash"],
            "host": said["host"],
            "verbose_version": rustc,
        },
    }


def defined(file, name):
    """What a header defines a name to be."""
    return re.search(rf"^#define\s+{name}\s+\"?([^\"\s]+)", file.read_text(), re.M).group(1)


def bundled(target, zig):
    """What is in the binary besides packages of Cargo: (its component, the package that brings it or None)."""
    metadata = json.loads(run("cargo", "metadata", "--locked", "--format-version=1", f"--filter-platform={target}"))
    folders = {package["name"]: Path(package["manifest_path"]).parent for package in metadata["packages"]}
    licences = {package["name"]: package["license"] for package in metadata["packages"]}
    sqlite = defined(folders["libsqlite3-sys"] / "sqlite3/sqlite3.h", "SQLITE_VERSION")
    aws_lc = defined(folders["aws-lc-sys"] / "aws-lc/include/openssl/base.h", "AWSLC_VERSION_NUMBER_STRING")
    mimalloc = int(defined(folders["libmimalloc-sys"] / "c_src/mimalloc/v3/include/mimalloc.h", "MI_MALLOC_VERSION"))
    mimalloc = f"{mimalloc // 10000}.{mimalloc // 100 % 100}.{mimalloc % 100}"
    musl = defined(zig / "lib/libc/musl/src/internal/version.h", "VERSION")
    rust = run("rustc", "-vV").split("release: ")[1].split()[0]
    tool = run(str(zig / "zig"), "version").strip()

    def component(name, version, licence, description, cpe=None):
        purl = f"pkg:generic/{name}@{version}"
        found = {"type": "library", "bom-ref": purl, "name": name, "version": version, "description": description}
        found |= {"scope": "required", "licenses": [{"expression": licence}], "purl": purl}
        return found | ({"cpe": f"cpe:2.3:a:{cpe}:{version}:*:*:*:*:*:*:*"} if cpe else {})

    return [
        (component("aws-lc", aws_lc, licences["aws-lc-sys"], "Cryptography, in C and assembler", "amazon:aws-lc"), "aws-lc-sys"),
        (component("mimalloc", mimalloc, "MIT", "The allocator, in C", "microsoft:mimalloc"), "libmimalloc-sys"),
        (component("musl", musl, "MIT", "The C library, as Zig brings it", "musl-libc:musl"), None),
        (component("rust-std", rust, "MIT OR Apache-2.0", "Rust's standard library, with LLVM's libunwind", "rust-lang:rust"), None),
        (component("sqlite", sqlite, "blessing", "The embedded database, in C", "sqlite:sqlite"), "libsqlite3-sys"),
        (component("zig", tool, "MIT", "Parts of the C library and of the compiler's runtime"), None),
    ]


def described(target):
    """What `cargo cyclonedx` says, which it puts beside Cargo.toml."""
    name = f"image-{target}.cdx"
    options = ["--format=json", "--spec-version=1.5", "--no-build-deps", f"--target={target}", f"--override-filename={name}"]
    file = Path(f"{name}.json")
    try:
        run("cargo", "cyclonedx", "--quiet", *options)
        return json.loads(file.read_text())
    finally:
        file.unlink(missing_ok=True)


def document(packages, others, cyclonedx):
    """The document of `cargo cyclonedx`, with those packages and what is bundled, and nothing of the machine."""

    def ref(package):
        return f"pkg:cargo/{package[0]}@{package[1]}"

    components, root = [], next(iter(packages))
    for component in cyclonedx["components"]:
        package = (component["name"], component["version"])
        if package in packages:
            components.append(component | {"bom-ref": ref(package)})
    missing = set(packages) - {(component["name"], component["version"]) for component in components} - {root}
    if missing:
        sys.exit(f"sbom.py: cargo cyclonedx does not know {sorted(missing)}")
    components += [component for component, _ in others]

    service = cyclonedx["metadata"]["component"] | {"bom-ref": ref(root), "purl": ref(root)}
    service.pop("components", None)
    dependencies = {ref(package): [ref(other) for other in to] for package, to in packages.items()}
    names = {name: ref((name, version)) for name, version in packages}
    for component, brings in others:
        dependencies[names[brings] if brings else ref(root)].append(component["bom-ref"])
        dependencies[component["bom-ref"]] = []
    metadata = {key: value for key, value in cyclonedx["metadata"].items() if key != "timestamp"} | {"component": service}
    return {
        **{key: value for key, value in cyclonedx.items() if key != "serialNumber"},
        "metadata": metadata,
        "components": sorted(components, key=lambda component: component["bom-ref"]),
        "dependencies": [{"ref": name, "dependsOn": sorted(to)} for name, to in sorted(dependencies.items())],
    }


match sys.argv[1:]:
    case ["packages", target]:
        answer = precursor(linked(target))
    case ["document", target, zig]:
        answer = document(linked(target), bundled(target, Path(zig)), described(target))
    case _:
        sys.exit(__doc__)
json.dump(answer, sys.stdout, indent=1)
print()
