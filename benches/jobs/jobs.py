"""Measure whole jobs over REST: create a project, upload both parties, run, fetch the groups.

    run.sh [--binary PATH] [--repeat N] [--workers N] [--data FOLDER] [--table FILE] [--json FILE] [CASE …]

A CASE is RECORDS:FORM:THRESHOLD, FORM being binary, json, blocked (JSON with five block ids to a record) or dense (binary;
default: see CASES). The data are ../peers' synthetic ones, those of dense its FEBRL4 recombined; they are made before the clock
starts, and uploaded from files, so that this client stays small whatever their size; without --data they are made anew each time,
which takes minutes for a million records, and ten for dense ones. Each case has a server of its own on an empty directory,
durability as it is by default, with all the cores of this machine, and with --workers as many processes of `anonlink work` beside
it. The clock is the client's, from the first request to the last byte of the result; it asks for the run's state every 2 ms, and
ever more rarely up to 50 ms. Processor time and peak memory are of this job alone: the server's, each worker's, and this client's
processor time.

Medians of N jobs; the JSON has every job. Ends with 1 if two jobs of a case differ in their result, or two forms of the same
data (binary and json) do.
"""

import argparse
import hashlib
import http.client
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "peers"))
import datasets  # noqa: E402  (found by the line above)
from table import TARGET, Table, machine  # noqa: E402

ROOT = Path(__file__).resolve().parent.parent.parent
CASES = [f"{records}:{form}:{threshold}" for records in (1000, 10_000, 100_000)
         for form in ("binary", "json") for threshold in (0.7, 0.8, 0.9)]
CASES += ["10000:blocked:0.8", "100000:blocked:0.8", "1000000:blocked:0.8", "1000000:binary:0.8", "1000000:dense:0.8"]

PACKED = ("binary", "dense")  # forms that are uploaded packed


class Process:
    """One of our processes, as Linux sees it."""

    def __init__(self, name, command, log):
        self.name = name
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True)

    def forget_peak(self):
        """Peak memory counts from now on."""
        Path(f"/proc/{self.process.pid}/clear_refs").write_text("5")

    def cpu(self):
        """Seconds of processor time so far."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def peak(self):
        """Peak memory in bytes."""
        lines = Path(f"/proc/{self.process.pid}/status").read_text().splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM"))

    def stop(self):
        """Ends it in order."""
        self.process.terminate()
        self.process.wait()


class Server:
    """`anonlink serve` on a free port, below a folder, and workers beside it."""

    def __init__(self, binary, folder, flags=(), workers=0):
        place = ["--data-dir", str(folder / "data")]
        self.log = open(folder / "log", "w+", encoding="utf-8")
        serve = Process("serve", [str(binary), "serve", "--listen", "127.0.0.1:0", *place, "--rate-limit", "0", *flags],
                        self.log)
        self.address = serve.process.stdout.readline().split("http://")[1].strip()
        self.processes = [serve]
        for number in range(workers):
            command = [str(binary), "work", *place, "--concurrency", "1"]
            self.processes.append(Process(f"work {number + 1}", command, self.log))
        self.connection = http.client.HTTPConnection(self.address, blocksize=1 << 18)
        self.forget_peak, self.cpu, self.peak = serve.forget_peak, serve.cpu, serve.peak

    def call(self, method, path, token="", body=None, headers=None, want=200):
        """One request; the parsed answer, or its bytes if `want` is None."""
        headers = {"Authorization": token, **(headers or {})}
        if isinstance(body, dict):
            body = json.dumps(body)
        if isinstance(body, str):
            headers.setdefault("Content-Type", "application/json")
        self.connection.request(method, f"/api/v1{path}", body, headers)
        answer = self.connection.getresponse()
        content = answer.read()
        if answer.status != (want or 200):
            sys.exit(f"{method} {path}: {answer.status} {content[:300]!r}")
        return json.loads(content) if want and content else content

    def stop(self):
        """Ends all in order."""
        self.connection.close()
        for process in reversed(self.processes):
            process.stop()
        self.log.close()


def files(form, records, folder):
    """The files that the two parties upload; made unless they are there."""
    kind = {"blocked": "blocked", "dense": "febrl-like"}.get(form, "synthetic")
    suffix = "bin" if form in PACKED else "json"
    paths = [folder / f"{kind}-{records}-{party}.{suffix}" for party in "ab"]
    if not all(path.exists() for path in paths):
        if form == "blocked":
            datasets.blocked(folder, records)
        elif form == "dense":
            datasets.febrl_like(folder, records)
        else:
            packed = [path.with_suffix(".bin") for path in paths]
            if not all(path.exists() for path in packed):
                datasets.synthetic(folder, records)
            if form == "json":
                for source, path in zip(packed, paths):
                    datasets.write_json(source, path)
    return paths


def upload(server, project, path, token, form):
    """One party's upload, read from the file while it goes out."""
    size = path.stat().st_size
    headers = {"Content-Length": str(size), "Content-Type": "application/json"}
    if form in PACKED:
        headers.update({"Content-Type": "application/octet-stream", "Hash-Count": str(size // datasets.SIZE),
                        "Hash-Size": str(datasets.SIZE)})
    with open(path, "rb") as body:
        server.call("POST", f"{project}/{'binaryclks' if form in PACKED else 'clks'}", token, body, headers, want=201)


def job(server, paths, form, threshold):
    """One job: seconds by phase, processor time and peak memory of each process, and what came out."""
    for process in server.processes:
        process.forget_peak()
    cpu = {process.name: process.cpu() for process in server.processes}
    client, started = time.process_time(), time.perf_counter()
    wanted = {"schema": {}, "result_type": "groups", "uses_blocking": form == "blocked"}
    project = server.call("POST", "/projects", body=wanted, want=201)
    path, token = f"/projects/{project['project_id']}", project["result_token"]
    for file, update in zip(paths, project["update_tokens"]):
        upload(server, path, file, update, form)
    uploaded = time.perf_counter()
    run = f"{path}/runs/" + server.call("POST", f"{path}/runs", token, {"threshold": threshold}, want=201)["run_id"]
    while True:
        status = server.call("GET", f"{run}/status", token)
        if status["state"] in ("completed", "error"):
            break
        time.sleep(min(max(0.002, (time.perf_counter() - uploaded) / 50), 0.05))
    if status["state"] == "error":
        sys.exit(f"the run failed: {status}")
    done = time.perf_counter()
    result = server.call("GET", f"{run}/result", token, want=None)
    ended = time.perf_counter()
    figures = {"total": ended - started, "upload": uploaded - started, "run": done - uploaded, "result": ended - done,
               "client_cpu": time.process_time() - client, "result_bytes": len(result),
               "processes": {process.name: {"cpu": process.cpu() - cpu[process.name], "peak_rss_bytes": process.peak()}
                             for process in server.processes},
               "result_digest": hashlib.blake2b(result, digest_size=16).hexdigest()}
    server.call("DELETE", path, token, want=204)
    return figures


def measure(case, paths, binary, repeat, workers):
    """All jobs of one case."""
    _, form, threshold = case.split(":")
    with tempfile.TemporaryDirectory() as folder:
        server = Server(binary, Path(folder), workers=workers)
        try:
            jobs = [job(server, paths, form, float(threshold)) for _ in range(repeat)]
        finally:
            server.stop()
    names = ("total", "upload", "run", "result", "client_cpu", "result_bytes")
    medians = {name: statistics.median(one[name] for one in jobs) for name in names}
    medians["processes"] = {
        name: {figure: statistics.median(one["processes"][name][figure] for one in jobs)
               for figure in ("cpu", "peak_rss_bytes")} for name in jobs[0]["processes"]}
    digests = {one["result_digest"] for one in jobs}
    return {"case": case, "bytes": [path.stat().st_size for path in paths], "median": medians, "digests": sorted(digests),
            "jobs": jobs}


def row(figures, alike):
    """The cells of a row of the table."""
    median = figures["median"]
    processes = median["processes"].values()
    return [figures["case"] + ("" if alike else " DIFFERENT"),
            *(f"{median[name]:.3f}" for name in ("total", "upload", "run", "result")),
            " / ".join(f"{process['cpu']:.2f}" for process in processes),
            " / ".join(f"{process['peak_rss_bytes'] / 2**20:.0f}" for process in processes),
            f"{median['client_cpu']:.2f}", f"{sum(figures['bytes']) / 1e6:.1f}", f"{median['result_bytes'] / 1e6:.2f}"]


def main():
    """Measure all cases; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", type=Path, default=ROOT / "target" / "dist" / "anonlink")
    parser.add_argument("--repeat", type=int, default=5, help="jobs per case (default 5; one of a million records)")
    parser.add_argument("--workers", type=int, default=0, help="processes of `anonlink work` beside the server (default 0)")
    parser.add_argument("--data", type=Path, help="keep the data in this folder, and take what is there already")
    parser.add_argument("--table", type=Path, default=TARGET / "jobs.md", help="write the table to this file too (%(default)s)")
    parser.add_argument("--json", type=Path, help="write all figures to this file")
    parser.add_argument("cases", nargs="*", metavar="CASE", default=CASES)
    arguments = parser.parse_args()
    if not arguments.binary.exists():
        sys.exit(f"{arguments.binary} is missing: build it with `cargo build --profile dist`, or give --binary")
    names = " / ".join(["serve", *(f"work {number + 1}" for number in range(arguments.workers))])
    table = Table(arguments.table, ["records:form:threshold", "total s", "upload s", "run s", "result s", f"CPU s: {names}",
                                    f"peak MiB: {names}", "client's CPU s", "uploaded MB", "result MB"])
    results, digests, all_alike = [], {}, True
    with tempfile.TemporaryDirectory() as folder:
        folder = arguments.data or Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        for case in arguments.cases:
            records, form, threshold = case.split(":")
            repeat = arguments.repeat if int(records) < 1_000_000 else 1
            paths = files(form, int(records), folder)
            results.append(measure(case, paths, arguments.binary, repeat, arguments.workers))
            data = form.replace("json", "binary")
            seen = digests.setdefault((records, data, float(threshold)), set())
            seen.update(results[-1]["digests"])
            all_alike &= len(seen) == 1
            table.row(row(results[-1], len(seen) == 1))
    if arguments.json:
        arguments.json.write_text(json.dumps({"machine": machine(), "results": results}, indent=1) + "\n")
    return int(not all_alike)


if __name__ == "__main__":
    sys.exit(main())
