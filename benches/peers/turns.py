"""One turn of a peer in this process: `turns.py PEER A B THRESHOLD` prints seconds, found and peak_rss_bytes as JSON.

All get both files' encodings in memory, in the form that they search; the clock covers the search alone, on one thread.
Python 2.7 runs this too, since chemfp 1.x has no other.
"""

import json
import resource
import sys
import time

SIZE = 128  # bytes of one encoding


def rows(path):
    """The encodings of a packed file, as byte strings."""
    with open(path, "rb") as source:
        packed = source.read()
    return [packed[start:start + SIZE] for start in range(0, len(packed), SIZE)]


def anonlink(path_a, path_b, threshold):
    """PyPI anonlink: Dice, every candidate, sorted."""
    from anonlink.candidate_generation import find_candidate_pairs
    from anonlink.similarities import dice_coefficient_accelerated
    from bitarray import bitarray
    parties = []
    for path in (path_a, path_b):
        records = []
        for row in rows(path):
            records.append(bitarray())
            records[-1].frombytes(row)
        parties.append(records)
    started = time.time()
    scores, _, _ = find_candidate_pairs(parties, dice_coefficient_accelerated, threshold, k=None)
    return time.time() - started, len(scores)


def faiss(path_a, path_b, threshold):
    """faiss: pairs within the Hamming distance at which two rows of mean popcount have this Dice coefficient."""
    import faiss as library
    import numpy
    a, b = (numpy.fromfile(path, dtype=numpy.uint8).reshape(-1, SIZE) for path in (path_a, path_b))
    ones = (numpy.unpackbits(a[:5000]).mean() + numpy.unpackbits(b[:5000]).mean()) * SIZE * 8
    library.omp_set_num_threads(1)
    index = library.IndexBinaryFlat(SIZE * 8)
    index.add(b)
    started = time.time()
    # It takes what is nearer than the radius.
    limits, _, _ = index.range_search(a, int((1 - threshold) * ones) + 1)
    return time.time() - started, int(limits[-1])


def fpsim2(path_a, path_b, threshold):
    """FPSim2: Dice in single precision, within the window of popcounts, query by query."""
    import numpy
    from FPSim2.FPSim2lib import GenericSearch
    from FPSim2.io.chem import METRICS
    # Its form: id, words, popcount; sorted by popcount.
    a, b = (numpy.fromfile(path, dtype=numpy.uint64).reshape(-1, SIZE // 8) for path in (path_a, path_b))
    a, b = (numpy.column_stack([numpy.arange(len(words), dtype=numpy.uint64), words,
                                numpy.unpackbits(words.view(numpy.uint8), axis=1).sum(axis=1).astype(numpy.uint64)])
            for words in (a, b))
    b = b[numpy.argsort(b[:, -1], kind="stable")]
    counts, found = b[:, -1].astype(float), 0
    started = time.time()
    for query in a:
        # Its own bounds are found by a loop in Python over all popcounts, which would take most of the time.
        ones = float(query[-1])
        start, end = numpy.searchsorted(counts, [ones * threshold / (2 - threshold) - 1e-6,
                                                 ones * (2 - threshold) / threshold + 1e-6])
        if start < end:
            found += len(GenericSearch(query, b, threshold, 0, METRICS["dice"], int(start), int(end)))
    return time.time() - started, found


def chemfp(path_a, path_b, threshold):
    """chemfp 1.x: Tanimoto at t = d / (2 - d), which the same pairs reach; within the window of popcounts."""
    import chemfp as library
    from chemfp import search
    metadata = library.Metadata(num_bits=SIZE * 8)
    a, b = (library.load_fingerprints(library.Fingerprints(metadata, ((str(i), row) for i, row in enumerate(rows(path)))),
                                      reorder=True) for path in (path_a, path_b))
    library.set_num_threads(1)
    started = time.time()
    found = search.threshold_tanimoto_search_arena(a, b, threshold=threshold / (2 - threshold))
    return time.time() - started, found.count_all()


PEERS = {"anonlink": anonlink, "faiss": faiss, "FPSim2": fpsim2, "chemfp": chemfp}

if __name__ == "__main__":
    seconds, found = PEERS[sys.argv[1]](sys.argv[2], sys.argv[3], float(sys.argv[4]))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    print(json.dumps({"seconds": seconds, "found": found, "peak_rss_bytes": peak}))
