#!/usr/bin/env python3
"""Measure the image's static binary (musl with mimalloc) against a static one of glibc, taking turns in one run.

    builds.py [--turns N] [--records N] [--musl PATH] [--gnu PATH]

Without paths both are built: musl by deploy/image/build.sh, glibc by cargo with `+crt-static`. Data are random encodings of
128 bytes, half of their bits set in a way that leaves the search something to prune, a third of them copies.

* search: prepare + compare of `anonlink link --stats`, one thread.
* threads: the same with two threads, which also allocate at the same time.
* job: a whole linkage over REST on a server of its own: create, upload both parties as JSON, run, fetch the groups.

Prints medians and the ratio glibc / musl (above 1: musl is quicker). Ends with 1 if the two give different results.
"""

import argparse
import base64
import json
import os
import platform
import random
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SIZE = 128


def build():
    """Both binaries: (musl, gnu)."""
    subprocess.run([ROOT / "deploy/image/build.sh"], check=True)
    machine = platform.machine()
    target = f"{machine}-unknown-linux-gnu"
    flags = '-C target-feature=+crt-static --cfg getrandom_backend="linux_getrandom"'
    subprocess.run(["cargo", "build", "--locked", "--profile", "dist", "--bin", "anonlink", "--target", target],
                   check=True, cwd=ROOT, env={**os.environ, "RUSTFLAGS": flags})
    arch = {"x86_64": "amd64", "aarch64": "arm64"}[machine]
    return ROOT / f"target/image/{arch}/root/anonlink", ROOT / f"target/{target}/dist/anonlink"


def parties(records, seed=1):
    """Two parties' encodings."""
    rng = random.Random(seed)
    fresh = lambda: (rng.getrandbits(SIZE * 8) & (rng.getrandbits(SIZE * 8) | rng.getrandbits(SIZE * 8))).to_bytes(SIZE, "big")
    a, b = ([fresh() for _ in range(records)] for _ in range(2))
    for row in range(0, records, 3):
        copy = bytearray(rng.choice(a))
        copy[row % SIZE] ^= 0x5A
        b[row] = bytes(copy)
    return a, b


def link(binary, files, threads, folder):
    """Seconds of the search, and the result."""
    out, stats = folder / "groups.json", folder / "stats.json"
    subprocess.run([binary, "link", *files, "--encoding-size", str(SIZE), "--threshold", "0.8", "--threads", str(threads),
                    "-o", out, "--stats", stats, "--quiet"], check=True)
    seconds = json.loads(stats.read_text())["seconds"]
    return seconds["prepare"] + seconds["compare"], out.read_bytes()


class Server:
    """A server on an empty directory."""

    def __init__(self, binary, folder):
        self.process = subprocess.Popen(
            [binary, "serve", "--listen", "127.0.0.1:0", "--data-dir", folder, "--rate-limit", "0"],
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        self.url = next(word for word in self.process.stdout.readline().split() if word.startswith("http")) + "/api/v1"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()

    def call(self, method, path, token="", body=None):
        """The body of an answer."""
        headers = {"Content-Type": "application/json", **({"Authorization": token} if token else {})}
        request = urllib.request.Request(self.url + path, data=body, method=method, headers=headers)
        with urllib.request.urlopen(request) as answer:
            return answer.read()

    def job(self, bodies):
        """Seconds of a whole linkage, and its groups."""
        started = time.perf_counter()
        made = json.loads(self.call("POST", "/projects", body=json.dumps({"schema": {}, "result_type": "groups"}).encode()))
        project, token = f"/projects/{made['project_id']}", made["result_token"]
        for update, body in zip(made["update_tokens"], bodies):
            self.call("POST", f"{project}/clks", update, body)
        run = json.loads(self.call("POST", f"{project}/runs", token, b'{"threshold": 0.8}'))["run_id"]
        while (state := json.loads(self.call("GET", f"{project}/runs/{run}/status", token))["state"]) != "completed":
            if state == "error":
                sys.exit("the run failed")
            time.sleep(0.002)
        groups = self.call("GET", f"{project}/runs/{run}/result", token)
        return time.perf_counter() - started, groups


def main():
    """Measure; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--turns", type=int, default=7)
    parser.add_argument("--records", type=int, default=30_000, help="of each party [30000]")
    parser.add_argument("--musl", type=Path)
    parser.add_argument("--gnu", type=Path)
    arguments = parser.parse_args()
    binaries = (arguments.musl, arguments.gnu) if arguments.musl and arguments.gnu else build()
    names = ("musl", "gnu")
    seconds = {(what, name): [] for what in ("search", "threads", "job") for name in names}
    results = {}
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        data = parties(arguments.records)
        files = [folder / "a.bin", folder / "b.bin"]
        for file, party in zip(files, data):
            file.write_bytes(b"".join(party))
        bodies = [json.dumps({"clks": [base64.b64encode(one).decode() for one in party]}).encode() for party in data]
        with Server(binaries[0], folder / "musl") as musl, Server(binaries[1], folder / "gnu") as gnu:
            for _ in range(arguments.turns):
                for name, binary, server in zip(names, binaries, (musl, gnu)):
                    for what, measured in (("search", lambda: link(binary, files, 1, folder)),
                                           ("threads", lambda: link(binary, files, 2, folder)),
                                           ("job", lambda: server.job(bodies))):
                        spent, result = measured()
                        seconds[what, name].append(spent)
                        results.setdefault("job" if what == "job" else "link", set()).add(result)
    print(f"{arguments.records} x {arguments.records} at 0.8, medians of {arguments.turns}\n\n"
          "| | musl, mimalloc | glibc | glibc / musl |\n| --- | --- | --- | --- |")
    for what in ("search", "threads", "job"):
        musl, gnu = (statistics.median(seconds[what, name]) for name in names)
        print(f"| {what} | {musl:.4f} s | {gnu:.4f} s | {gnu / musl:.2f} |")
    return int(any(len(found) != 1 for found in results.values()))


if __name__ == "__main__":
    sys.exit(main())
