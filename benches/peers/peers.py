"""Measure `anonlink link` against PyPI anonlink on the same data, in the same run, taking turns on one core.

    run.sh [--binary PATH] [--repeat N] [--json FILE] [--core C] [CASE …]

A CASE is DATA:THRESHOLD, DATA being synthetic-N, febrl4 or febrl-like-N (default: see CASES). Per case the table shows
the best of N turns; the JSON has every turn.

* anonlink: seconds of `find_candidate_pairs(…, dice_coefficient_accelerated, threshold, k=None)`, in a process of its
  own, without start-up, import and reading.
* search: our `prepare` + `compare` as `--stats` tells them. Ratio = anonlink's seconds / these.
* whole: our command from outside, start-up, reading and writing the result included; its ratio is against the same
  seconds of anonlink, so it understates us.

Ends with 1 if in any case the two find different numbers of candidates. (anonlink's accelerated coefficient can lose a
pair that sits exactly on the threshold when one encoding contains the other; FEBRL4 has no such pair.)
"""

import argparse
import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import datasets

ROOT = Path(__file__).resolve().parent.parent.parent
CASES = ["synthetic-10000:0.8", "synthetic-30000:0.7", "synthetic-30000:0.8", "synthetic-30000:0.9",
         "febrl4:0.7", "febrl4:0.75", "febrl4:0.8", "febrl4:0.9", "febrl-like-30000:0.8", "febrl-like-30000:0.9"]


def peer(path_a, path_b, threshold):
    """One turn of PyPI anonlink in this process: seconds, candidates, peak_rss_bytes."""
    from anonlink.candidate_generation import find_candidate_pairs
    from anonlink.similarities import dice_coefficient_accelerated
    from bitarray import bitarray
    parties = []
    for path in (path_a, path_b):
        packed, records = Path(path).read_bytes(), []
        for start in range(0, len(packed), datasets.SIZE):
            bits = bitarray()
            bits.frombytes(packed[start:start + datasets.SIZE])
            records.append(bits)
        parties.append(records)
    started = time.perf_counter()
    scores, _, _ = find_candidate_pairs(parties, dice_coefficient_accelerated, threshold, k=None)
    seconds = time.perf_counter() - started
    return {"seconds": seconds, "candidates": len(scores),
            "peak_rss_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024}


def run_peer(paths, threshold, core):
    """One turn of PyPI anonlink in a pinned process of its own."""
    done = subprocess.run([sys.executable, __file__, "--peer", *map(str, paths), str(threshold)], check=True,
                          stdout=subprocess.PIPE, preexec_fn=lambda: os.sched_setaffinity(0, {core}))
    return json.loads(done.stdout)


def run_ours(binary, paths, threshold, core, folder):
    """One turn of our command, pinned: its stats, and `whole`, the seconds from outside."""
    stats, output = folder / "stats.json", folder / "candidates"
    command = [str(binary), "link", *map(str, paths), "--encoding-size", str(datasets.SIZE), "--threshold",
               str(threshold), "--threads", "1", "--output", "similarity_scores", "-o", str(output),
               "--stats", str(stats)]
    started = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, preexec_fn=lambda: os.sched_setaffinity(0, {core}))
    whole = time.perf_counter() - started
    output.unlink()
    return {**json.loads(stats.read_text()), "whole": whole}


def measure(case, paths, binary, repeat, core, folder):
    """All turns of one case, and the figures made of them."""
    threshold = float(case.rsplit(":", 1)[1])
    peers, ours = [], []
    for _ in range(repeat):
        peers.append(run_peer(paths, threshold, core))
        ours.append(run_ours(binary, paths, threshold, core, folder))
    times = {"anonlink": [turn["seconds"] for turn in peers],
             "search": [turn["seconds"]["prepare"] + turn["seconds"]["compare"] for turn in ours],
             "whole": [turn["whole"] for turn in ours]}
    figures = {name: {"min": min(values), "median": statistics.median(values)} for name, values in times.items()}
    records = [path.stat().st_size // datasets.SIZE for path in paths]
    return {"case": case, "comparisons": records[0] * records[1], "seconds": figures,
            "ratio": {of: {by: figures["anonlink"][by] / figures[of][by] for by in ("min", "median")}
                      for of in ("search", "whole")},
            "candidates": {"anonlink": peers[0]["candidates"], "ours": ours[0]["candidates"]},
            "peak_rss_bytes": {"anonlink": max(turn["peak_rss_bytes"] for turn in peers),
                               "ours": max(turn["peak_rss_bytes"] for turn in ours)},
            "turns": {"anonlink": peers, "ours": ours}}


def row(figures):
    """One line of the table."""
    seconds, ratio, memory = figures["seconds"], figures["ratio"], figures["peak_rss_bytes"]
    rate = {name: figures["comparisons"] / seconds[name]["min"] / 1e6 for name in ("anonlink", "search")}
    agree = figures["candidates"]["anonlink"] == figures["candidates"]["ours"]
    return (f"| {figures['case']} | {figures['candidates']['ours']}{'' if agree else ' DIFFERENT'} "
            f"| {seconds['anonlink']['min']:.3f} ({rate['anonlink']:.0f}) "
            f"| {seconds['search']['min']:.4f} ({rate['search']:.0f}) | {ratio['search']['min']:.1f}× "
            f"| {ratio['search']['median']:.1f}× | {seconds['whole']['min']:.4f} | {ratio['whole']['min']:.1f}× "
            f"| {memory['anonlink'] / 2**20:.0f} / {memory['ours'] / 2**20:.0f} |")


def make(name, folder):
    """The two files of a data set by its name."""
    kind, _, n = name.rpartition("-")
    makers = {"synthetic": datasets.synthetic, "febrl-like": datasets.febrl_like}
    if name == "febrl4":
        return datasets.febrl4(folder)
    if kind in makers and n.isdecimal():
        return makers[kind](folder, int(n))
    sys.exit(f"no such data: {name} (synthetic-N, febrl4 or febrl-like-N)")


def main():
    """Measure all cases; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", type=Path, default=ROOT / "target" / "release" / "anonlink")
    parser.add_argument("--repeat", type=int, default=5, help="turns per case (default 5)")
    parser.add_argument("--json", type=Path, help="write all figures to this file")
    parser.add_argument("--core", type=int, default=max(os.sched_getaffinity(0)), help="the core to run on")
    parser.add_argument("cases", nargs="*", metavar="CASE", default=CASES)
    arguments = parser.parse_args()
    if not arguments.binary.exists():
        sys.exit(f"{arguments.binary} is missing: build it with `cargo build --release`, or give --binary")
    results, data = [], {}
    print("| data:threshold | candidates | anonlink s (M/s) | search s (M/s) | ratio, best | ratio, median | whole s "
          "| ratio, best | peak MiB, anonlink / ours |\n| --- | --- | --- | --- | --- | --- | --- | --- | --- |")
    with tempfile.TemporaryDirectory() as folder:
        for case in arguments.cases:
            name = case.rsplit(":", 1)[0]
            if name not in data:
                data[name] = make(name, Path(folder))
            results.append(measure(case, data[name], arguments.binary, arguments.repeat, arguments.core, Path(folder)))
            print(row(results[-1]), flush=True)
    if arguments.json:
        machine = {"machine": platform.machine(), "system": platform.platform(), "python": platform.python_version()}
        arguments.json.write_text(json.dumps({"machine": machine, "results": results}, indent=1) + "\n")
    return int(any(one["candidates"]["anonlink"] != one["candidates"]["ours"] for one in results))


if __name__ == "__main__":
    if sys.argv[1:2] == ["--peer"]:
        print(json.dumps(peer(sys.argv[2], sys.argv[3], float(sys.argv[4]))))
    else:
        sys.exit(main())
