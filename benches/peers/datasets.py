"""The data that the peers are measured on, as packed binary files: the encodings of a party one after the other.

* `synthetic`: 1024 bits, popcount 400 ± 60, 30 % of B noisy copies of records of A. Easy to prune by popcount.
* `blocked`: `synthetic`, and block ids as blocking by signatures makes them (a JSON file besides): five to a record, half
  of all blocks with one record, a few with thousands; copies share four of five with their record.
* `alike`: rows that differ in their last 64 bits alone and have one popcount, so that nothing can be pruned.
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
PER_RECORD = 5  # blocks of each record


def _write(folder, name, a, b):
    paths = folder / f"{name}-a.bin", folder / f"{name}-b.bin"
    for path, party in zip(paths, (a, b)):
        path.write_bytes(party)  # bytes, or an array of them, which need not be copied
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


def _copies(n):
    """The records of A that have a copy in B, and where that stands."""
    rng = np.random.default_rng([n, 1])
    copies = int(n * SHARED)
    return rng.permutation(n)[:copies], rng.permutation(n)[:copies]


def synthetic(folder, n, chunk=5000):
    """n × n random encodings; the seed is n."""
    rng = np.random.default_rng(n)
    a, b = (np.concatenate([np.packbits(_fresh(rng, min(chunk, n - start)), axis=1) for start in range(0, n, chunk)])
            for _ in range(2))
    source, target = _copies(n)
    for start in range(0, len(source), chunk):
        some = slice(start, start + chunk)
        b[target[some]] = np.packbits(_noisy(rng, np.unpackbits(a[source[some]], axis=1).astype(bool)), axis=1)
    return _write(folder, f"synthetic-{n}", a.data, b.data)


def _block_ids(n, largest=10_000):
    """n × 5 block numbers for A and for B. A block has s records or more with probability s^-1.03, up to `largest`."""
    rng = np.random.default_rng([n, 2])
    sizes = np.minimum((1 - rng.random(n * PER_RECORD)) ** (-1 / 1.03), largest).astype(np.int64)
    slots = np.repeat(np.arange(len(sizes)), sizes)[:n * PER_RECORD]
    a, b = (rng.permutation(slots).reshape(n, PER_RECORD) for _ in range(2))
    source, target = _copies(n)
    b[target, 1:] = a[source, 1:]
    return a, b


def write_json(packed, path, block_ids=None):
    """A party's packed file as JSON, with block ids or without, a few records at a time."""
    with open(packed, "rb") as source, open(path, "w", encoding="ascii") as to:
        to.write('{"clks": [' if block_ids is None else '{"clknblocks": [')
        row = 0
        while piece := source.read(SIZE * 4096):
            texts = [base64.b64encode(piece[at:at + SIZE]).decode() for at in range(0, len(piece), SIZE)]
            if block_ids is None:
                records = [f'"{text}"' for text in texts]
            else:
                ids = block_ids[row:row + len(texts)].tolist()
                records = ['["' + text + '", ' + ", ".join(f'"s{block}"' for block in blocks) + "]"
                           for text, blocks in zip(texts, ids)]
            to.write((", " if row else "") + ", ".join(records))
            row += len(texts)
        to.write("]}")


def blocked(folder, n):
    """`synthetic` with block ids: the JSON files, which hold the encodings too."""
    packed = [folder / f"synthetic-{n}-{party}.bin" for party in "ab"]
    if not all(path.exists() for path in packed):
        synthetic(folder, n)
    paths = [folder / f"blocked-{n}-{party}.json" for party in "ab"]
    for path, source, ids in zip(paths, packed, _block_ids(n)):
        write_json(source, path, ids)
    return paths


def alike(folder, n):
    """n × n rows with popcount 512, of which 480 are the same for all; the seed is n."""
    rng = np.random.default_rng(n)
    common = np.zeros(BITS - 64, dtype=bool)
    common[rng.permutation(BITS - 64)[:480]] = True
    parties = []
    for _ in range(2):
        last = np.argsort(rng.random((n, 64)), axis=1) < 32
        parties.append(np.packbits(np.concatenate([np.tile(common, (n, 1)), last], axis=1), axis=1))
    return _write(folder, f"alike-{n}", *(party.data for party in parties))


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
