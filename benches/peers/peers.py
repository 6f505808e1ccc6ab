"""Measure `anonlink link` against its peers on the same data, in the same run, taking turns on one core.

    run.sh [--binary PATH] [--repeat N] [--peers NAME,…] [--table FILE] [--json FILE] [--core C] [CASE …]

A CASE is DATA:THRESHOLD, DATA being synthetic-N, alike-N, febrl4 or febrl-like-N (default: see CASES). The table shows the
best of N turns; the JSON has every turn.

* A peer: million comparisons per second of its search alone (see turns.py), in a process of its own, without start-up, import,
  reading and indexing; pairs that pruning settles count as done.
* search: our `prepare` + `compare` as `--stats` tells them. Ratio = anonlink's seconds / these.
* whole: our command from outside, start-up, reading and writing the result included; its ratio is against the same
  seconds of anonlink, so it understates us.

Ends with 1 if in any case anonlink and ours find different numbers of candidates. (anonlink's accelerated coefficient can lose
a pair that sits exactly on the threshold when one encoding contains the other; FEBRL4 has no such pair.)
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import datasets
from table import TARGET, Table, machine

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
CASES = ["synthetic-10000:0.8", "synthetic-30000:0.7", "synthetic-30000:0.8", "synthetic-30000:0.9",
         "alike-10000:0.999", "febrl4:0.7", "febrl4:0.8", "febrl4:0.9", "febrl-like-30000:0.8", "febrl-like-30000:0.9"]
PEERS = ["anonlink", "faiss", "FPSim2", "chemfp"]
NOTES = """
anonlink: PyPI anonlink 0.15.3, `find_candidate_pairs(…, dice_coefficient_accelerated, threshold, k=None)`.
faiss: IndexBinaryFlat, range search by Hamming distance, at the distance at which two rows of mean popcount have the threshold's
Dice coefficient; it finds other pairs. It does not prune.
FPSim2: Dice in single precision, so that a pair on the threshold may differ; its windows of popcounts are looked up by numpy.
chemfp: Tanimoto t = d / (2 - d), which the same pairs reach, save for rounding on the threshold.
Numbers behind a rate: pairs found, where they are not ours."""


def turn(name, paths, threshold, core):
    """One turn of a peer in a pinned process of its own; or why it can't be had."""
    venv = Path(sys.prefix)
    missing = venv / f".missing-{name}"
    if missing.exists():
        return {"missing": missing.read_text().strip()[:200] or "its installation failed"}
    command, environment = [sys.executable], dict(os.environ)
    if name == "chemfp":
        command = [os.environ.get("PYTHON2", "python2.7")]
        environment["PYTHONPATH"] = str(venv / "python2")
    command += [str(HERE / "turns.py"), name, *map(str, paths), str(threshold)]
    try:
        done = subprocess.run(command, check=True, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              preexec_fn=lambda: os.sched_setaffinity(0, {core}))
    except OSError as error:
        return {"missing": str(error)}
    except subprocess.CalledProcessError as error:
        said = error.stderr.decode(errors="replace").strip().splitlines()
        return {"missing": said[-1][:200] if said else f"it ended with {error.returncode}"}
    return json.loads(done.stdout)


def run_ours(binary, paths, threshold, core, folder):
    """One turn of our command, pinned: its stats, and `whole`, the seconds from outside."""
    stats, output = folder / "stats.json", folder / "candidates"
    command = [str(binary), "link", *map(str, paths), "--encoding-size", str(datasets.SIZE), "--threshold",
               str(threshold), "--threads", "1", "--output", "similarity_scores", "-o", str(output),
               "--stats", str(stats), "--quiet"]
    started = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, preexec_fn=lambda: os.sched_setaffinity(0, {core}))
    whole = time.perf_counter() - started
    output.unlink()
    return {**json.loads(stats.read_text()), "whole": whole}


def measure(case, paths, arguments, folder):
    """All turns of one case, and the figures made of them."""
    threshold = float(case.rsplit(":", 1)[1])
    peers, ours = {name: [] for name in arguments.peers}, []
    for _ in range(arguments.repeat):
        for name, turns in peers.items():
            if not (turns and "missing" in turns[0]):
                turns.append(turn(name, paths, threshold, arguments.core))
        ours.append(run_ours(arguments.binary, paths, threshold, arguments.core, folder))
    times = {name: [one["seconds"] for one in turns] for name, turns in peers.items() if "missing" not in turns[0]}
    times["search"] = [one["seconds"]["prepare"] + one["seconds"]["compare"] for one in ours]
    times["whole"] = [one["whole"] for one in ours]
    records = [path.stat().st_size // datasets.SIZE for path in paths]
    return {"case": case, "comparisons": records[0] * records[1], "found": ours[0]["candidates"],
            "seconds": {name: {"min": min(values), "median": statistics.median(values)} for name, values in times.items()},
            "peers": peers, "ours": ours}


def row(figures):
    """The cells of a row."""
    seconds, found = figures["seconds"], figures["found"]

    def rate(name):
        return f"{figures['comparisons'] / seconds[name]['min'] / 1e6:.0f}"

    def ratio(of, by="min"):
        return f"{seconds['anonlink'][by] / seconds[of][by]:.1f}×" if "anonlink" in seconds else "—"

    cells = [figures["case"], found]
    for name, turns in figures["peers"].items():
        if name not in seconds:
            cells.append("not installed")
        else:
            cells.append(rate(name) + (f" ({turns[0]['found']})" if turns[0]["found"] != found else ""))
    peaks = [max(one["peak_rss_bytes"] for one in turns) for turns in (figures["peers"].get("anonlink", []), figures["ours"])
             if turns and "missing" not in turns[0]]
    return [*cells, rate("search"), ratio("search"), ratio("search", "median"), f"{seconds['whole']['min']:.4f}",
            ratio("whole"), " / ".join(f"{peak / 2**20:.0f}" for peak in peaks)]


def make(name, folder):
    """The two files of a data set by its name."""
    kind, _, n = name.rpartition("-")
    makers = {"synthetic": datasets.synthetic, "alike": datasets.alike, "febrl-like": datasets.febrl_like}
    if name == "febrl4":
        return datasets.febrl4(folder)
    if kind in makers and n.isdecimal():
        return makers[kind](folder, int(n))
    sys.exit(f"no such data: {name} (synthetic-N, alike-N, febrl4 or febrl-like-N)")


def main():
    """Measure all cases; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", type=Path, default=ROOT / "target" / "dist" / "anonlink")
    parser.add_argument("--repeat", type=int, default=5, help="turns per case (default 5)")
    parser.add_argument("--peers", type=lambda names: names.split(","), default=PEERS, help="default: " + ",".join(PEERS))
    parser.add_argument("--table", type=Path, default=TARGET / "peers.md", help="write the table to this file too (%(default)s)")
    parser.add_argument("--json", type=Path, help="write all figures to this file")
    parser.add_argument("--core", type=int, default=max(os.sched_getaffinity(0)), help="the core to run on")
    parser.add_argument("cases", nargs="*", metavar="CASE", default=CASES)
    arguments = parser.parse_args()
    if unknown := set(arguments.peers) - set(PEERS):
        sys.exit(f"no such peer: {', '.join(sorted(unknown))} ({', '.join(PEERS)})")
    if not arguments.binary.exists():
        sys.exit(f"{arguments.binary} is missing: build it with `cargo build --profile dist`, or give --binary")
    table = Table(arguments.table, ["data:threshold", "candidates", *(f"{name} M/s" for name in arguments.peers), "search M/s",
                                    "search / anonlink, best", "median", "whole s", "whole / anonlink",
                                    "peak MiB, anonlink / ours"])
    results, data, missing = [], {}, {}
    with tempfile.TemporaryDirectory() as folder:
        for case in arguments.cases:
            name = case.rsplit(":", 1)[0]
            if name not in data:
                data[name] = make(name, Path(folder))
            results.append(measure(case, data[name], arguments, Path(folder)))
            table.row(row(results[-1]))
            missing.update({peer: turns[0]["missing"] for peer, turns in results[-1]["peers"].items() if "missing" in turns[0]})
    table.line(NOTES)
    for peer, reason in missing.items():
        table.line(f"{peer}: not installed: {reason}")
    if arguments.json:
        arguments.json.write_text(json.dumps({"machine": machine(), "results": results}, indent=1) + "\n")
    differ = [one["case"] for one in results
              if any(turn.get("found", one["found"]) != one["found"] for turn in one["peers"].get("anonlink", []))]
    if differ:
        table.line(f"anonlink and ours find different numbers of candidates: {', '.join(differ)}")
    return int(bool(differ))


if __name__ == "__main__":
    sys.exit(main())
