"""Tables of the benches: printed line by line and kept in a file, with the machine that they were taken on."""

import datetime
import os
import platform
from pathlib import Path

TARGET = Path(__file__).resolve().parent.parent.parent / "target" / "bench"


def machine():
    """What a reader of figures must know about the machine, in a line."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        name = next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        name = platform.machine()
    load = f", load {os.getloadavg()[0]:.1f} at the start" if hasattr(os, "getloadavg") else ""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return f"{datetime.date.today()}, {name}, {cores} cores{load}, {platform.system()}, CPython {platform.python_version()}"


class Table:
    """A table in Markdown that grows by rows. What stands in the file is complete up to the last row, whatever happens."""

    def __init__(self, path, heads):
        path.parent.mkdir(parents=True, exist_ok=True)
        self.file = open(path, "w", encoding="utf-8")
        self.line(machine() + "\n")
        self.row(heads)
        self.row(["---"] * len(heads))

    def line(self, text):
        """Any line."""
        print(text, flush=True)
        self.file.write(text + "\n")
        self.file.flush()

    def row(self, cells):
        """One row, its cells as they shall stand."""
        self.line("| " + " | ".join(map(str, cells)) + " |")
