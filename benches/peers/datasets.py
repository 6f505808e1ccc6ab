"""The data that the peers are measured on, as packed binary files: the encodings of a party one after the other.

* `synthetic`: 1024 bits, popcount 400 ± 60, 30 % of B noisy copies of records of A. Easy to prune by popcount.
* `febrl4`: the fixtures' FEBRL4, 5000 × 5000. Dense (popcount 695 ± 21) and alike, as real encodings are.
* `febrl-like`: any number of people whose fields are drawn from FEBRL4's, encoded by clkhash with the same schema; 30 %
  of B are the misspelt doubles of records of A.

Each function writes `<name>-a.bin` and `<name>-b.bin` into a folder and returns the two paths.
"""

import base64
import csv
import json
from pathlib import Path

import numpy as np

FIXTURES = Path(__file__).resolve().parent.parent.parent / "fixtures"
BITS = 1024
SIZE = BITS // 8  # bytes of one encoding
SHARED = 0.3  # part of B that has a double in A


def _write(folder, name, a, b):
    paths = folder / f"{name}-a.bin", folder / f"{name}-b.bin"
    for path, party in zip(paths, (a, b)):
        path.write_bytes(party)
    return paths


def _fresh(rng, n):
    """n × 1024 random bits as booleans, each row with exactly the popcount drawn for it."""
    popcount = np.clip(np.rint(rng.normal(400, 60, n)), 50, 1000).astype(np.int64)
    values = rng.random((n, BITS))
    limit = np.take_along_axis(np.sort(values, axis=1), popcount[:, None], axis=1)
    return values < limit


def _noisy(rng, bits):
    """Copies with 5 % of the set bits cleared and about as many others set."""
    popcount = bits.sum(axis=1, keepdims=True)
    chance = rng.random(bits.shape)
    return np.where(bits, chance >= 0.05, chance < 0.05 * popcount / (BITS - popcount))


def synthetic(folder, n, chunk=5000):
    """n × n random encodings; the seed is n."""
    rng = np.random.default_rng(n)
    a, b = (np.concatenate([np.packbits(_fresh(rng, min(chunk, n - start)), axis=1) for start in range(0, n, chunk)])
            for _ in range(2))
    copies = int(n * SHARED)
    source, target = rng.permutation(n)[:copies], rng.permutation(n)[:copies]
    for start in range(0, copies, chunk):
        some = slice(start, start + chunk)
        b[target[some]] = np.packbits(_noisy(rng, np.unpackbits(a[source[some]], axis=1).astype(bool)), axis=1)
    return _write(folder, f"synthetic-{n}", a.tobytes(), b.tobytes())


def febrl4(folder):
    """The fixtures' FEBRL4."""
    a, b = (b"".join(map(base64.b64decode, json.loads((FIXTURES / "febrl4" / f"{party}.json").read_text())["clks"]))
            for party in "ab")
    return _write(folder, "febrl4", a, b)


def febrl_like(folder, n):
    """n × n people recombined from FEBRL4's fields; the seed is n. Takes about a second per 5000 people."""
    import clkhash.clk
    import clkhash.schema
    people = []
    for party in "ab":
        with open(FIXTURES / "febrl4" / f"{party}.csv", newline="", encoding="utf-8") as f:
            rows = list(csv.reader(f))[1:]
        people.append([row for _, row in sorted((int(row[0].split("-")[1]), row) for row in rows)])
    rng = np.random.default_rng(n)
    fields = len(people[0][0])
    # drawn[i][f]: from which entity of FEBRL4 person i has field f; A spells it as the original, B as the duplicate.
    drawn_a, drawn_b = rng.integers(len(people[0]), size=(2, n, fields))
    copies = int(n * SHARED)
    drawn_b[rng.permutation(n)[:copies]] = drawn_a[rng.permutation(n)[:copies]]
    with open(FIXTURES / "febrl4" / "schema.json", encoding="utf-8") as f:
        schema = clkhash.schema.from_json_file(f)
    packed = []
    for party, drawn in zip(people, (drawn_a, drawn_b)):
        rows = [[party[entity][field] for field, entity in enumerate(one)] for one in drawn.tolist()]
        clks = clkhash.clk.generate_clks(rows, schema, "anonlink-public-test-secret", max_workers=1)
        packed.append(b"".join(clk.tobytes() for clk in clks))
    return _write(folder, f"febrl-like-{n}", *packed)
