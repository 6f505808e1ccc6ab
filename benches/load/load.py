"""Measure the service under load.

    run.sh [--binary PATH] CASE …

rate      200 light requests a second for a minute (--seconds), evenly spaced, on 20 connections: states of runs, lists, descriptions,
          new projects. Latency from the moment a request was due to its last byte. Bar: p99 of at most 50 ms
slow      the same with 500 clients beside it that send a header or a body a byte a second
large     an upload of 10 GB (--gigabytes), packed and made as it is sent. Bar: at most 200 MiB of memory
ingest    uploads of a million encodings, packed, as JSON, and as JSON with three block ids to a record, in turns (--turns): bytes of the
          body by the server's processor time, kernel included. Bar: at least 400 MB/s of JSON without blocks in the best turn
many      1000 projects (--projects) with ten runs each: made, run, listed, deleted, swept
fairness  a job of 10 000 × 10 000 records on an idle service, and with a run of 10 000 tasks queued. Bar: at most three times as long

Each case has a server of its own on an empty directory, durability as it is by default, with all the cores of this machine, which
the clients share. Ends with 1 if a bar is missed.
"""

import argparse
import base64
import http.client
import json
import random
import socket
import statistics
import sys
import tempfile
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "jobs"))
import jobs  # noqa: E402  (found by the line above)

SIZE = 128
MEMORY = 200 * 2**20
RATE = 400
PACKED = {"Content-Type": "application/octet-stream", "Hash-Size": str(SIZE)}


def records(count, seed):
    """Packed encodings with a third of the bits set."""
    bits = random.Random(seed)
    return (bits.getrandbits(8 * SIZE * count) & (bits.getrandbits(8 * SIZE * count) | bits.getrandbits(8 * SIZE * count))
            ).to_bytes(SIZE * count, "little")


def project(server, parties=()):
    """A new project with these parties' uploads; its path and result token."""
    made = server.call("POST", "/projects", body={"schema": {}, "result_type": "groups"}, want=201)
    path = f"/projects/{made['project_id']}"
    for packed, token in zip(parties, made["update_tokens"]):
        headers = {**PACKED, "Hash-Count": str(len(packed) // SIZE)}
        server.call("POST", f"{path}/binaryclks", token, packed, headers, want=201)
    return path, made["result_token"], made["update_tokens"]


def run(server, path, token, threshold):
    """Posts a run; its path."""
    return f"{path}/runs/" + server.call("POST", f"{path}/runs", token, {"threshold": threshold}, want=201)["run_id"]


def wait(server, run, token):
    """Waits for a run's end; its last status."""
    while (status := server.call("GET", f"{run}/status", token))["state"] not in ("completed", "error"):
        time.sleep(0.01)
    if status["state"] == "error":
        sys.exit(f"the run failed: {status}")
    return status


def percentile(sorted_values, share):
    """The value that so large a share doesn't exceed."""
    return sorted_values[min(len(sorted_values) - 1, int(len(sorted_values) * share))]


def light(server, arguments):
    """Latencies in seconds of evenly spaced light requests, and how many were not answered as they should."""
    path, token, _ = project(server, [records(100, 1), records(100, 2)])
    done = run(server, path, token, 0.9)
    wait(server, done, token)
    made = json.dumps({"schema": {}, "result_type": "groups"})
    kinds = [("GET", f"{done}/status", token, None)] * 12 + [("GET", path, token, None)] * 4 + [
        ("GET", f"{path}/runs", token, None), ("GET", f"{done}/result", token, None), ("GET", "/status", "", None),
        ("POST", "/projects", "", made)]
    threads, latencies, bad = 20, [], []
    begin = time.perf_counter() + 0.5

    def client(number):
        connection = http.client.HTTPConnection(server.address)
        for turn in range(number, arguments.seconds * arguments.rate, threads):
            due = begin + turn / arguments.rate
            time.sleep(max(0, due - time.perf_counter()))
            method, where, token, body = kinds[turn * 7 % len(kinds)]
            headers = {"Authorization": token, "Content-Type": "application/json"}
            connection.request(method, f"/api/v1{where}", body, headers)
            answer = connection.getresponse()
            answer.read()
            latencies.append(time.perf_counter() - due)
            if answer.status not in (200, 201):
                bad.append(answer.status)

    clients = [threading.Thread(target=client, args=(number,)) for number in range(threads)]
    for one in clients:
        one.start()
    for one in clients:
        one.join()
    return sorted(latencies), bad


def report_light(server, arguments):
    """Prints latencies; whether the bar is met."""
    cpu = server.cpu()
    latencies, bad = light(server, arguments)
    p50, p99, last = (1000 * percentile(latencies, share) for share in (0.5, 0.99, 1))
    print(f"{len(latencies)} requests at {arguments.rate}/s: p50 {p50:.2f} ms, p99 {p99:.2f} ms, slowest {last:.1f} ms, "
          f"{len(bad)} refused; server: {server.cpu() - cpu:.1f} s of processor time, peak {server.peak() / 2**20:.0f} MiB", flush=True)
    return not bad and p99 <= 50


def rate(server, arguments):
    """Light requests alone."""
    return report_light(server, arguments)


def slow(server, arguments):
    """Light requests beside slow clients."""
    host, port = server.address.split(":")
    path, _, updates = project(server)
    body = (f"POST /api/v1{path}/clks HTTP/1.1\r\nHost: x\r\nAuthorization: {updates[0]}\r\n"
            "Content-Type: application/json\r\nContent-Length: 1000000\r\n\r\n").encode()
    new = b"POST /api/v1/projects HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 1000000\r\n\r\n"
    stop = threading.Event()

    def clients():
        connections = []
        while not stop.wait(1):
            # The server cuts them now and then; they come again.
            connections = [one for one in connections if hang_on(one)]
            for number in range(len(connections), 500):
                connection = socket.create_connection((host, int(port)))
                connection.sendall((b"GET /api/v1/version HTTP/1.1\r\nX-Slow: ", body, new)[number % 3])
                connections.append(connection)
        for connection in connections:
            connection.close()

    def hang_on(connection):
        try:
            connection.sendall(b" ")
            return True
        except OSError:
            connection.close()
            return False

    hanging = threading.Thread(target=clients)
    hanging.start()
    time.sleep(3)
    try:
        fine = report_light(server, arguments)
    finally:
        stop.set()
        hanging.join()
    return fine and server.peak() <= MEMORY


def large(server, arguments):
    """One large upload in constant memory."""
    rows = arguments.gigabytes * 10**9 // SIZE
    path, token, updates = project(server)
    piece = records(8192, 3)
    server.forget_peak()
    cpu, begun = server.cpu(), time.perf_counter()

    def body():
        for at in range(0, rows, 8192):
            # No two pieces are alike.
            yield at.to_bytes(8, "little") + piece[8:min(8192, rows - at) * SIZE]

    headers = {**PACKED, "Hash-Count": str(rows), "Content-Length": str(rows * SIZE)}
    server.call("POST", f"{path}/binaryclks", updates[0], body(), headers, want=201)
    seconds = time.perf_counter() - begun
    print(f"{arguments.gigabytes} GB: {seconds:.1f} s, {server.cpu() - cpu:.1f} s of processor time, peak {server.peak() / 2**20:.0f} MiB")
    server.call("DELETE", path, token, want=204)
    return server.peak() <= MEMORY


def ingest(server, arguments):
    """The same records in three forms; from files, so that the client takes little of the machine."""
    packed = records(1_000_000, 4)
    texts = [base64.b64encode(packed[at:at + SIZE]).decode() for at in range(0, len(packed), SIZE)]
    blocked = (f'["{text}", "b{row % 97}", "c{row % 1009}", "{row}"]' for row, text in enumerate(texts))
    bodies = {"binary": packed, "json": b'{"clks": ["' + '", "'.join(texts).encode() + b'"]}',
              "blocked": b'{"clknblocks": [' + ", ".join(blocked).encode() + b"]}"}
    sizes, rates, walls = {}, {form: [] for form in bodies}, {form: [] for form in bodies}
    for form, body in bodies.items():
        sizes[form] = (server.folder / form).write_bytes(body) / 1e6
    del packed, texts, blocked, bodies, body
    server.forget_peak()
    for _ in range(arguments.turns):
        for form, size in sizes.items():
            wanted = {"schema": {}, "result_type": "groups", "uses_blocking": form == "blocked"}
            made = server.call("POST", "/projects", body=wanted, want=201)
            path = f"/projects/{made['project_id']}"
            cpu, begun = server.cpu(), time.perf_counter()
            jobs.upload(server, path, server.folder / form, made["update_tokens"][0], form)
            walls[form].append(time.perf_counter() - begun)
            rates[form].append(size / (server.cpu() - cpu))
            server.call("DELETE", path, made["result_token"], want=204)
    for form, size in sizes.items():
        print(f"{form}, {size:.0f} MB: {statistics.median(rates[form]):.0f} MB/s of processor time, at best "
              f"{max(rates[form]):.0f}; {statistics.median(walls[form]):.2f} s, at best {min(walls[form]):.2f}")
    print(f"peak {server.peak() / 2**20:.0f} MiB")
    return max(rates["json"]) >= RATE


def many(server, arguments):
    """Many projects with many runs."""
    parties = [records(20, 4), records(20, 5)]
    lap = time.perf_counter()

    def lapped(what, count):
        nonlocal lap
        now = time.perf_counter()
        print(f"{count} {what}: {now - lap:.1f} s, {1000 * (now - lap) / count:.2f} ms each; peak {server.peak() / 2**20:.0f} MiB",
              flush=True)
        lap = time.perf_counter()

    projects = [project(server, parties)[:2] for _ in range(arguments.projects)]
    lapped("projects made, with two uploads each", len(projects))
    for path, token in projects:
        for number in range(10):
            run(server, path, token, 0.9 - number / 100)
    lapped("runs posted", 10 * len(projects))

    def left(path, token):
        runs = server.call("GET", f"{path}/runs", token)
        if len(runs) != 10 or any(one["state"] == "error" for one in runs):
            sys.exit(f"{path}: {runs}")
        return any(one["state"] != "completed" for one in runs)

    while any(left(*one) for one in projects):
        time.sleep(0.5)
    lapped("runs completed since then", 10 * len(projects))
    if len(server.call("GET", "/projects")) != len(projects):
        sys.exit("the list of projects is not complete")
    lapped("list of all projects", 1)
    for path, token in projects:
        left(path, token)
    lapped("lists of runs", len(projects))
    for path, token in projects:
        server.call("DELETE", path, token, want=204)
    lapped("projects deleted", len(projects))
    while any(path.is_file() for path in (server.folder / "data" / "objects").rglob("*")):
        time.sleep(0.1)
    lapped("projects' objects swept since then", len(projects))
    return server.call("GET", "/projects") == []


def fairness(server, arguments):
    """A job alone, and with a large run queued."""
    parties = [records(10_000, 6), records(10_000, 7)]

    def job():
        begun = time.perf_counter()
        path, token, _ = project(server, parties)
        wait(server, run(server, path, token, 0.8), token)
        seconds = time.perf_counter() - begun
        server.call("DELETE", path, token, want=204)
        return seconds

    job()
    idle = statistics.median(job() for _ in range(5))
    # 500 000 × 500 000 records in parts of 25 million pairs.
    path, token, _ = project(server, [records(500_000, 8), records(500_000, 9)])
    queued = run(server, path, token, 0.95)
    while server.call("GET", f"{queued}/status", token)["current_stage"].get("progress", {}).get("absolute", 0) == 0:
        time.sleep(0.05)
    beside = statistics.median(job() for _ in range(5))
    if server.call("GET", f"{queued}/status", token)["state"] != "running":
        sys.exit("the large run was over too soon")
    server.call("DELETE", path, token, want=204)
    print(f"10 000 × 10 000: {idle:.3f} s on an idle service, {beside:.3f} s with 10 000 tasks queued: {beside / idle:.2f} times as long")
    return beside <= 3 * idle


CASES = {"rate": rate, "slow": slow, "large": large, "ingest": ingest, "many": many, "fairness": fairness}


def main():
    """Measure the cases; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", type=Path, default=jobs.ROOT / "target" / "dist" / "anonlink")
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--rate", type=int, default=200)
    parser.add_argument("--gigabytes", type=int, default=10)
    parser.add_argument("--turns", type=int, default=7)
    parser.add_argument("--projects", type=int, default=1000)
    parser.add_argument("cases", nargs="*", metavar="CASE", default=list(CASES))
    arguments = parser.parse_args()
    fine = True
    for case in arguments.cases:
        print(f"## {case}", flush=True)
        flags = ["--chunk-size-aim", "25_000_000"] if case == "fairness" else []
        with tempfile.TemporaryDirectory() as folder:
            server = jobs.Server(arguments.binary, Path(folder), flags)
            server.folder = Path(folder)
            try:
                met = CASES[case](server, arguments)
            finally:
                server.stop()
        fine = fine and met
        if not met:
            print(f"{case}: a bar is missed")
    return int(not fine)


if __name__ == "__main__":
    sys.exit(main())
