"""What clustering was told to take, beside what it took.

    OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 python -m benchmarks.forecast [--write] [--most 200000]

CPU-seconds of one thread, foretold for this machine; two kinds of vectors (see `benchmarks.seeding`), both modes. Every
case runs in a process of its own, so that its memory is its own: what it adds to the vectors as given.
"""

import argparse
import subprocess
import sys
import time
from pathlib import Path

from benchmarks.kernels import mixture
from benchmarks.seeding import nested
from curation_core.cluster import cluster
from curation_core.config import ClusterConfig
from curation_core.forecast import predict_cost

README = Path(__file__).with_name("README.md")
KINDS = {"round": mixture, "nested": nested}
CASES = (
    (2_000, 16, (600, 100)), (2_000, 768, (300, 50)), (10_000, 64, (3_000, 500)), (10_000, 768, (1_000, 150)),
    (50_000, 16, (5_000, 500)), (50_000, 128, (200, 20)), (50_000, 384, (2_000, 300)), (200_000, 32, (3_000, 300)),
    (200_000, 128, (4_000, 400)), (200_000, 768, (1_000, 100)), (200_000, 64, (60_000, 6_000)),
)  # fmt: skip


def one(number: int, kind: str, mode: str) -> None:
    """Print a row."""
    n, dim, n_clusters = CASES[number]
    vectors = KINDS[kind](n, dim)
    config = ClusterConfig.model_validate({"n_clusters": n_clusters, "mode": mode})
    cluster(vectors[:500], ClusterConfig(n_clusters=(10,)))  # loads what is loaded on use
    cost = predict_cost(n, dim, config)
    Path("/proc/self/clear_refs").write_text("5", "utf-8")  # forgets the peak of making the vectors
    before = resident()
    began = time.process_time()
    cluster(vectors, config)
    took = time.process_time() - began
    added = (peak() - before) / 1e6
    shape = f"{n:,} × {dim}, k = {', '.join(f'{k:,}' for k in n_clusters)}"
    seconds = f"{cost.cpu_seconds:.2f} s | {took:.2f} s | {cost.cpu_seconds / took:.2f}"
    print(f"| {shape} | {kind}, {mode} | {seconds} | {cost.memory_bytes / 1e6:,.0f} MB | {added:,.0f} MB |")


def resident() -> int:
    """Memory of this process now, in bytes."""
    return _status("VmRSS")


def peak() -> int:
    """The most memory that this process has had, in bytes."""
    return _status("VmHWM")


def _status(name: str) -> int:
    lines = Path("/proc/self/status").read_text("utf-8").splitlines()
    return int(dict(line.split(":", 1) for line in lines)[name].split()[0]) * 1024


def main() -> None:
    """Print one table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--most", type=int, default=200_000, help="points of the largest case")
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--case", nargs=3)
    asked = parser.parse_args()
    if asked.case:
        one(int(asked.case[0]), *asked.case[1:])
        return
    lines = [
        "| work | vectors, mode | foretold | took | ratio | memory foretold | added |",
        "|---|---|---:|---:|---:|---:|---:|",
    ]
    print("\n".join(lines), flush=True)
    for number in (number for number, case in enumerate(CASES) if case[0] <= asked.most):
        for kind, mode in (("round", "fast"), ("nested", "fast"), ("nested", "compatible")):
            command = [sys.executable, "-m", "benchmarks.forecast", "--case", str(number), kind, mode]
            lines += subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()
            print(lines[-1], flush=True)
    if asked.write:
        before, rest = README.read_text("utf-8").split("<!-- forecast:begin -->\n")
        after = rest.split("<!-- forecast:end -->")[1]
        told = "\n".join(lines)
        README.write_text(f"{before}<!-- forecast:begin -->\n{told}\n<!-- forecast:end -->{after}", "utf-8")


if __name__ == "__main__":
    main()
