#!/usr/bin/env python3
"""The whole flow of PyPI `anonlink-client` 0.1.5 against a server, compared with the golden results of the fixtures.

    flow.py [--venv DIR] [URL]
    flow.py --only-venv DIR

URL is the server's, e.g. http://localhost:8851. Without it only `hash` and `block` are checked, which need no server.
The client gets a venv of its own (default: in the user's cache), made with the CPython 3.8 named by $PYTHON38 (default:
python3.8) from requirements.txt beside this file. This script itself needs nothing but Python 3.8 or later.

Prints `ok <check>` for each check that passed and `FAILED <check>: <why>` for each that did not; the exit status is 0
only if all passed.
"""

import argparse
import contextlib
import hashlib
import json
import os
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
from pathlib import Path

HERE = Path(__file__).resolve().parent
FIXTURES = HERE.parent.parent / "fixtures"
sys.path.insert(0, str(FIXTURES))
import check  # noqa: E402  the fixtures' own comparison

# Must be the secret that the fixtures were encoded with (fixtures/making/encode.py).
SECRET = "anonlink-public-test-secret"
SCHEMA = FIXTURES / "febrl4" / "schema.json"
THRESHOLD = "0.8"
# Some of the client's packages come as source, and their setup.py wants an old setuptools with wheel beside it.
BUILD_TOOLS = ["setuptools==69.5.1", "wheel==0.45.1"]
COMMAND_TIMEOUT = 600  # seconds for one command of the client


class Failed(Exception):
    """A check did not pass."""


def make_venv(folder):
    """Make the client's venv unless it is there and was made from these requirements."""
    requirements = HERE / "requirements.txt"
    stamp, wanted = folder / ".made-from", hashlib.sha256(requirements.read_bytes()).hexdigest()
    if not stamp.exists() or stamp.read_text() != wanted:
        python = os.environ.get("PYTHON38", "python3.8")
        try:
            subprocess.run([python, "-m", "venv", "--clear", str(folder)], check=True)
        except FileNotFoundError:
            sys.exit(f"{python} is missing: the client needs a CPython 3.8, name it in PYTHON38")
        pip = [str(folder / "bin" / "pip"), "--quiet", "--disable-pip-version-check", "install"]
        subprocess.run([*pip, *BUILD_TOOLS], check=True)
        subprocess.run([*pip, "-r", str(requirements)], check=True)
        stamp.write_text(wanted)
    return folder / "bin" / "anonlink"


def golden(name):
    """The golden result of a set at THRESHOLD."""
    return json.loads((FIXTURES / "golden" / f"{name}-{THRESHOLD}.json").read_text())


class Client:
    """The `anonlink` command, its files in a folder of its own."""

    def __init__(self, command, folder, server):
        self.command, self.folder, self.server = command, folder, server

    def run(self, *arguments):
        """Run one command; raises Failed with what it printed if its exit status is not 0."""
        done = subprocess.run([str(self.command), *map(str, arguments)], stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, universal_newlines=True, cwd=str(self.folder),
                              timeout=COMMAND_TIMEOUT)
        if done.returncode != 0:
            tail = " | ".join(done.stdout.strip().splitlines()[-3:])
            raise Failed(f"`anonlink {arguments[0]}` ended with {done.returncode}: {tail}")
        return done.stdout

    def ask(self, *arguments):
        """Run a command that talks to the server and writes JSON with `-o`; returns the JSON."""
        output = self.folder / "output.json"
        with contextlib.suppress(FileNotFoundError):
            output.unlink()
        said = self.run(*arguments, "--server", self.server, "-o", output)
        try:
            return json.loads(output.read_text())
        except (OSError, ValueError) as error:
            raise Failed(f"`anonlink {arguments[0]}` gave no JSON ({error}); it said: {said.strip()}") from error

    def hash(self, csv_path, name):
        """`anonlink hash`: the path of the encodings."""
        output = self.folder / f"{name}.clks.json"
        if not output.exists():
            self.run("hash", csv_path, SECRET, SCHEMA, output)
        return output

    def block(self, csv_path, config, name):
        """`anonlink block`: the path of the blocks."""
        output = self.folder / f"{name}.blocks.json"
        if not output.exists():
            self.run("block", csv_path, config, output)
        return output

    def project(self, result_type, parties=2, blocked=False):
        """`anonlink create-project`: its answer."""
        options = ["--blocked"] if blocked else []
        return self.ask("create-project", "--schema", SCHEMA, "--type", result_type, "--parties", parties,
                        "--name", f"client flow, {result_type}", *options)

    def upload(self, project, party, clks, *options):
        """`anonlink upload`: its answer, with the receipt token."""
        return self.ask("upload", clks, "--project", project["project_id"], "--apikey",
                        project["update_tokens"][party], *options)

    def start(self, project):
        """`anonlink create`: the run's id."""
        return self.ask("create", "--project", project["project_id"], "--apikey", project["result_token"],
                        "--threshold", THRESHOLD, "--name", "run")["run_id"]

    def results(self, project, run, token):
        """`anonlink results --watch`: the result."""
        return self.ask("results", "--watch", "--project", project["project_id"], "--run", run, "--apikey", token)


def same(what, got, wanted):
    """Fail unless the two are equal, without printing either."""
    if got != wanted:
        raise Failed(f"{what} differ from the fixtures'")


def http_status(url, token):
    """The status of a GET."""
    try:
        with urllib.request.urlopen(urllib.request.Request(url, headers={"Authorization": token})) as answer:
            return answer.status
    except urllib.error.HTTPError as error:
        return error.code


def check_hash(client):
    """`hash` makes the encodings of the fixtures."""
    for folder, letters in (("febrl4", "ab"), ("blocked", "ab"), ("three", "abc")):
        for letter in letters:
            made = json.loads(client.hash(FIXTURES / folder / f"{letter}.csv", f"{folder}-{letter}").read_text())
            same(f"encodings of {folder}/{letter}", made, json.loads((FIXTURES / folder / f"{letter}.json").read_text()))


def check_block(client):
    """`block` makes the blocks of the fixtures."""
    folder = FIXTURES / "blocked"
    for letter in "ab":
        made = json.loads(client.block(folder / f"{letter}.csv", folder / "blocking.json", f"blocked-{letter}").read_text())
        same(f"blocks of party {letter}", made["blocks"],
             json.loads((folder / f"{letter}.encodings.json").read_text())["blocks"])


def check_status(client):
    """`status` says ok."""
    said = client.ask("status")
    if said.get("status") != "ok":
        raise Failed(f"status is {said}")


def febrl4(client, letter):
    """The encodings of a party of FEBRL4."""
    return client.hash(FIXTURES / "febrl4" / f"{letter}.csv", f"febrl4-{letter}")


def check_groups(client):
    """Groups of two parties; the run is created before the last upload."""
    project = client.project("groups")
    client.upload(project, 0, febrl4(client, "a"))
    run = client.start(project)
    client.upload(project, 1, febrl4(client, "b"), "--to_entityservice")
    groups = client.results(project, run, project["result_token"])
    check.check_groups(golden("febrl4"), groups)
    truth = check.quality.read_truth(FIXTURES / "febrl4" / "truth.csv")
    precision, recall = check.quality.precision_recall(groups["groups"], truth)
    print(f"   FEBRL4 at {THRESHOLD}: precision {precision:.4f}, recall {recall:.4f}")


def check_similarity_scores(client):
    """Similarity scores: order, pairs and every bit of every score."""
    project = client.project("similarity_scores")
    for party, letter in enumerate("ab"):
        client.upload(project, party, febrl4(client, letter))
    run = client.start(project)
    check.check_scores(golden("febrl4"), client.results(project, run, project["result_token"]))


def check_permutations(client):
    """Permutations and mask: both are permutations, and where the mask is 1 they line up the golden groups."""
    project = client.project("permutations")
    receipts = [client.upload(project, party, febrl4(client, letter))["receipt_token"]
                for party, letter in enumerate("ab")]
    run = client.start(project)
    mask = client.results(project, run, project["result_token"])["mask"]
    answers = [client.results(project, run, receipt) for receipt in receipts]
    if any(answer["rows"] != len(mask) for answer in answers):
        raise Failed(f"rows are {[answer['rows'] for answer in answers]}, the mask has {len(mask)}")
    row_at = []
    for answer in answers:
        positions = answer["permutation"]
        if sorted(positions) != list(range(len(positions))):
            raise Failed("a permutation does not hold each position once")
        row_at.append({position: row for row, position in enumerate(positions)})
    lined_up = {"groups": [[[0, row_at[0][i]], [1, row_at[1][i]]] for i, bit in enumerate(mask) if bit == 1]}
    check.check_groups(golden("febrl4"), lined_up)


def check_blocked(client):
    """Groups with blocks made by the client."""
    folder = FIXTURES / "blocked"
    project = client.project("groups", blocked=True)
    for party, letter in enumerate("ab"):
        csv_path, name = folder / f"{letter}.csv", f"blocked-{letter}"
        client.upload(project, party, client.hash(csv_path, name), "--blocks",
                      client.block(csv_path, folder / "blocking.json", name))
    run = client.start(project)
    check.check_groups(golden("blocked"), client.results(project, run, project["result_token"]))


def check_three_parties(client):
    """Groups of three parties."""
    project = client.project("groups", parties=3)
    for party, letter in enumerate("abc"):
        client.upload(project, party, client.hash(FIXTURES / "three" / f"{letter}.csv", f"three-{letter}"))
    run = client.start(project)
    check.check_groups(golden("three"), client.results(project, run, project["result_token"]))


def check_second_upload(client):
    """A second upload with one token is refused."""
    project = client.project("groups")
    client.upload(project, 0, FIXTURES / "three" / "a.json")
    try:
        client.upload(project, 0, FIXTURES / "three" / "a.json")
    except Failed:
        return
    raise Failed("the second upload was taken")


def check_delete(client):
    """`delete` and `delete-project`: both are gone at once."""
    project = client.project("groups")
    run, token = client.start(project), project["result_token"]
    url = f"{client.server}/api/v1/projects/{project['project_id']}"
    options = ["--server", client.server, "--project", project["project_id"], "--apikey", token]
    for what, arguments, gone in (("Run", ["delete", "--run", run], f"{url}/runs/{run}"),
                                  ("Project", ["delete-project"], url)):
        before = http_status(gone, token)
        said = client.run(*arguments, *options)
        after = http_status(gone, token)
        if (before, after) != (200, 403) or f"{what} deleted" not in said:
            raise Failed(f"{what}: {before} before, {after} after, expected 200 and 403; it said: {said.strip()}")


LOCAL = [check_hash, check_block]
REMOTE = [check_status, check_groups, check_similarity_scores, check_permutations, check_blocked, check_three_parties,
          check_second_upload, check_delete]


def main():
    """Run the checks; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--venv", type=Path, help="where the client's venv is or will be")
    parser.add_argument("--only-venv", type=Path, metavar="DIR", help="make the venv there, and check nothing")
    parser.add_argument("url", nargs="?", help="the server, e.g. http://localhost:8851")
    arguments = parser.parse_args()
    if arguments.only_venv:
        make_venv(arguments.only_venv.absolute())
        return 0
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    command = make_venv((arguments.venv or cache / "anonlink" / "client-venv").absolute())
    failures = 0
    with tempfile.TemporaryDirectory() as folder:
        client = Client(command, Path(folder), (arguments.url or "").rstrip("/"))
        for one in LOCAL + (REMOTE if arguments.url else []):
            name = one.__name__[len("check_"):]
            try:
                one(client)
                print(f"ok {name}", flush=True)
            except (Failed, check.Different, subprocess.TimeoutExpired, OSError, KeyError, TypeError) as error:
                failures += 1
                print(f"FAILED {name}: {type(error).__name__}: {error}", flush=True)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
