# SPDX-FileCopyrightText: The Cloister authors
# SPDX-License-Identifier: Apache-2.0
"""What was measured, and how it is printed."""

import dataclasses
import os
import pathlib
import statistics
import time

CREATE, GET, LIST, SEARCH, DELETE = OPERATIONS = (
    "create one", "get one by id", "list 50", "search 1,000, best 10", "delete all 1,000")
CLOISTER = "Cloister"
CLOISTER_MCP = "Cloister, MCP"


@dataclasses.dataclass
class Row:
    operation: str
    clients: int
    peer: str
    per_second: float
    p50: float  # microseconds
    p99: float
    beside: str = CLOISTER  # what it is compared with


@dataclasses.dataclass
class About:
    """What a reader has to know to compare."""
    peer: str
    version: str
    generator: str
    durable: str
    encrypted: str
    audited: str
    apart: str
    search: str


def percentile(ordered, share):
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def row_of(operation, clients, peer, latencies, seconds=None, beside=CLOISTER):
    """Of the microseconds that each call took."""
    ordered = sorted(latencies)
    seconds = seconds or sum(ordered) / 1e6
    return Row(operation, clients, peer, len(ordered) / seconds, percentile(ordered, 0.5),
               percentile(ordered, 0.99), beside)


def duration(microseconds):
    if microseconds < 1000:
        return f"{microseconds:.0f} us"
    return f"{microseconds / 1000:.{1 if microseconds < 100_000 else 0}f} ms"


def rate(per_second):
    return f"{per_second:,.{0 if per_second >= 100 else 1}f}"


def print_rows(rows):
    """By operation, then by how many ask at a time, Cloister first."""
    limits = {(row.operation, row.clients, row.peer): row.per_second for row in rows}
    print("| operation | clients | | per second | p50 | p99 | times Cloister (*) |")
    print("|---|--:|---|--:|--:|--:|--:|")
    for row in sorted(rows, key=lambda row: (OPERATIONS.index(row.operation), row.clients, row.beside,
                                             row.peer != row.beside)):
        ours = limits.get((row.operation, row.clients, row.beside))
        ratio = f"{row.per_second / ours:.2f}" if ours else "-"
        print(f"| {row.operation} | {row.clients} | {row.peer} | {rate(row.per_second)} | "
              f"{duration(row.p50)} | {duration(row.p99)} | {ratio} |")


def print_about(peers):
    print("| | version | measured by | what is acknowledged is synced | encrypted at rest "
          "| each read is audited | what keeps scopes apart | search |")
    print("|---|---|---|---|---|---|---|---|")
    for peer in peers:
        print("| " + " | ".join(dataclasses.astuple(peer)) + " |")


def print_machine(folder, seconds):
    with open("/proc/cpuinfo") as lines:
        cpu = next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), "unknown")
    kernel = os.uname()
    print(f"  machine   {cpu}, {os.cpu_count()} cores, {kernel.sysname} {kernel.release}")
    print(f"  data      {file_system(folder)}; 4 KiB more of a file are synced in "
          f"{duration(sync_microseconds(folder))}")
    print(f"  settings  {seconds} s for each figure; clients and servers share the cores", flush=True)


def file_system(folder):
    path, best, found = folder.resolve(), pathlib.Path("/"), "unknown"
    with open("/proc/self/mounts") as lines:
        for device, mount, kind, *_ in map(str.split, lines):
            mount = pathlib.Path(mount)
            if (mount == path or mount in path.parents) and len(mount.parts) >= len(best.parts):
                best, found = mount, f"{kind} ({device})"
    return found


def sync_microseconds(folder, times=200):
    """The median; what creates one after another cannot be faster than."""
    took = []
    with open(folder / "sync", "wb", buffering=0) as file:
        for _ in range(times):
            file.write(b"x" * 4096)
            started = time.perf_counter()
            os.fdatasync(file.fileno())
            took.append((time.perf_counter() - started) * 1e6)
    (folder / "sync").unlink()
    return statistics.median(took)
