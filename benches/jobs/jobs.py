"""Measure whole jobs over REST: create a project, upload both parties, run, fetch the groups.

    run.sh [--binary PATH] [--repeat N] [--data FOLDER] [--json FILE] [CASE …]

A CASE is RECORDS:FORM:THRESHOLD, FORM being binary or json (default: see CASES). The data are ../peers' synthetic ones, made
before the clock starts. Each case has a server of its own on an empty directory, durability as it is by default, with all the
cores of this machine. The clock is the client's, from the first request to the last byte of the result; it asks for the run's
state every 2 ms, and ever more rarely up to 50 ms. Processor time and peak memory are the server's, of this job alone.

Medians of N jobs; the JSON has every job. Ends with 1 if two jobs of a case differ in their result.
"""

import argparse
import base64
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

ROOT = Path(__file__).resolve().parent.parent.parent
CASES = [f"{records}:{form}:{threshold}" for records in (1000, 10_000, 100_000)
         for form in ("binary", "json") for threshold in (0.7, 0.8, 0.9)] + ["1000000:binary:0.8"]


class Server:
    """`anonlink serve` on a free port, below a folder."""

    def __init__(self, binary, folder, flags=()):
        command = [str(binary), "serve", "--listen", "127.0.0.1:0", "--data-dir", str(folder / "data"), "--rate-limit", "0", *flags]
        self.log = open(folder / "log", "w+", encoding="utf-8")
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=self.log, text=True)
        self.address = self.process.stdout.readline().split("http://")[1].strip()
        self.connection = http.client.HTTPConnection(self.address)

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
        self.connection.close()
        self.process.terminate()
        self.process.wait()
        self.log.close()


def bodies(paths, form):
    """What the two parties upload: path, body, headers."""
    for path in paths:
        packed = path.read_bytes()
        count = len(packed) // datasets.SIZE
        if form == "binary":
            headers = {"Content-Type": "application/octet-stream", "Hash-Count": str(count),
                       "Hash-Size": str(datasets.SIZE)}
            yield "binaryclks", packed, headers
        else:
            clks = [base64.b64encode(packed[at:at + datasets.SIZE]).decode() for at in range(0, len(packed), datasets.SIZE)]
            yield "clks", json.dumps({"clks": clks}).encode(), {"Content-Type": "application/json"}


def job(server, uploads, threshold):
    """One job: seconds by phase, processor time, peak memory, and what came out."""
    server.forget_peak()
    cpu, started = server.cpu(), time.perf_counter()
    project = server.call("POST", "/projects", body={"schema": {}, "result_type": "groups"}, want=201)
    path, token = f"/projects/{project['project_id']}", project["result_token"]
    for (kind, body, headers), update in zip(uploads, project["update_tokens"]):
        server.call("POST", f"{path}/{kind}", update, body, headers, want=201)
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
               "cpu": server.cpu() - cpu, "peak_rss_bytes": server.peak(), "result_bytes": len(result),
               "result_digest": hashlib.blake2b(result, digest_size=16).hexdigest()}
    server.call("DELETE", path, token, want=204)
    return figures


def measure(case, paths, binary, repeat):
    """All jobs of one case."""
    _, form, threshold = case.split(":")
    uploads = list(bodies(paths, form))
    with tempfile.TemporaryDirectory() as folder:
        server = Server(binary, Path(folder))
        try:
            jobs = [job(server, uploads, float(threshold)) for _ in range(repeat)]
        finally:
            server.stop()
    medians = {name: statistics.median(one[name] for one in jobs) for name in jobs[0] if name != "result_digest"}
    return {"case": case, "median": medians, "alike": len({one["result_digest"] for one in jobs}) == 1, "jobs": jobs}


def row(figures):
    """One line of the table."""
    median = figures["median"]
    seconds = " | ".join(f"{median[name]:.3f}" for name in ("total", "upload", "run", "result", "cpu"))
    return (f"| {figures['case']}{'' if figures['alike'] else ' DIFFERENT'} | {seconds} "
            f"| {median['peak_rss_bytes'] / 2**20:.0f} | {median['result_bytes'] / 1e6:.2f} |")


def main():
    """Measure all cases; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", type=Path, default=ROOT / "target" / "release" / "anonlink")
    parser.add_argument("--repeat", type=int, default=5, help="jobs per case (default 5; one of a million records)")
    parser.add_argument("--data", type=Path, help="keep the data in this folder, and take what is there already")
    parser.add_argument("--json", type=Path, help="write all figures to this file")
    parser.add_argument("cases", nargs="*", metavar="CASE", default=CASES)
    arguments = parser.parse_args()
    if not arguments.binary.exists():
        sys.exit(f"{arguments.binary} is missing: build it with `cargo build --release`, or give --binary")
    print("| records:form:threshold | total s | upload s | run s | result s | server's CPU s | peak MiB | result MB |\n"
          "| --- | --- | --- | --- | --- | --- | --- | --- |")
    results = []
    with tempfile.TemporaryDirectory() as folder:
        folder = arguments.data or Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        for case in arguments.cases:
            records = int(case.split(":")[0])
            paths = [folder / f"synthetic-{records}-{party}.bin" for party in "ab"]
            if not all(path.exists() for path in paths):
                paths = datasets.synthetic(folder, records)
            results.append(measure(case, paths, arguments.binary, arguments.repeat if records < 1_000_000 else 1))
            print(row(results[-1]), flush=True)
    if arguments.json:
        arguments.json.write_text(json.dumps(results, indent=1) + "\n")
    return int(not all(one["alike"] for one in results))


if __name__ == "__main__":
    sys.exit(main())
