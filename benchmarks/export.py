"""What an export costs: rows per second and memory beside plain pandas and pyarrow, a stop, and tar shards.

    python -m benchmarks.export                 # 250,000 and 1,000,000 rows
    python -m benchmarks.export --write         # puts the tables into benchmarks/README.md

Every case runs in a process of its own. CPU seconds are user and system time of that process over all its threads, so
"rows/s a core" does not change with the cores at hand. Memory is what a case adds to what its inputs take (catalog,
columns, tree and draw).
"""

import argparse
import hashlib
import resource
import shutil
import statistics
import subprocess
import sys
import tarfile
import tempfile
import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

from benchmarks.review import hex_ids, tree_of
from curation_core import export
from curation_core.catalog import FAILURE_SCHEMA, ITEM_SCHEMA, Catalog
from curation_core.config import ExportConfig, SampleConfig
from curation_core.errors import Cancelled
from curation_core.export import ExportContents
from curation_core.folding import fold
from curation_core.manifest_parts import ManifestParts
from curation_core.progress import silent
from curation_core.sampling import sample
from curation_core.unchanged import Originals

SIZES, POOL = (10_000, 1_000, 100), 1.25  # clusters per level; items of the pool for each that is drawn
ROUNDS, N_FILES = 3, 20_000
README = Path(__file__).with_name("README.md")


def contents(drawn: int) -> ExportContents:
    """A pool of texts with three columns of its own, and a draw of most of it."""
    n = int(POOL * drawn)
    rng, ids = np.random.default_rng(0), hex_ids(n)
    digests = pa.array([hashlib.sha256(bytes(str(row), "ascii")).hexdigest() for row in range(n)])
    items = {
        "item_id": ids,
        "uri": pa.array([f"photos/{row % 1000:03d}/picture-{row:07d}.jpg" for row in range(n)]),
        "content_hash": digests,
        "width": pa.array(rng.integers(200, 4000, n), pa.int32()),
        "height": pa.array(rng.integers(200, 4000, n), pa.int32()),
        "text": pa.nulls(n, pa.string()),
        "source_row": pa.array(np.arange(n)),
    }
    words = pa.array(["a street in the rain", "two dogs", "=not a formula", "a harbour, at night", "a field"])
    user = {
        "caption": words.take(pa.array(rng.integers(0, 5, n))),
        "label": pa.array(["street", "animal", "sea"]).take(pa.array(rng.integers(0, 3, n))),
        "score": pa.array(rng.random(n)),
    }
    catalog = Catalog("image", pa.table(items, ITEM_SCHEMA), pa.table(user), FAILURE_SCHEMA.empty_table())
    tree = tree_of(n, SIZES)
    plan = sample(tree, SampleConfig(target_size=drawn))
    decisions = fold([], tree, "t", ids)
    _ = tree.assignments, tree.sizes(1)
    none = FAILURE_SCHEMA.empty_table()
    told = {"sample": plan.config.recipe()}
    return ExportContents(catalog, np.arange(n), tree, plan, decisions, none, [], told)


def measured(work: Callable[[Path], object], n: int) -> list[str]:
    """Rows per CPU second and wall second (median), and the memory that was added at most."""
    before, cpu, wall = peak(), [], []
    for _ in range(ROUNDS):
        with tempfile.TemporaryDirectory() as folder:
            began, used = time.perf_counter(), spent()
            work(Path(folder))
            wall.append(time.perf_counter() - began)
            cpu.append(spent() - used)
    rows = f"{n / statistics.median(cpu):,.0f} ({min(cpu):.1f}–{max(cpu):.1f} s)"
    return [rows, f"{n / statistics.median(wall):,.0f}", f"{peak() - before:,.0f} MB"]


def ours(n: int, formats: tuple[str, ...]) -> list[str]:
    """The whole export: manifest, rejected items, tree, run.json, checksums."""
    told, config = contents(n), ExportConfig(name="e", formats=formats)
    return measured(lambda folder: export.write(folder / "e", told, config), n)


def plain(n: int, pandas: bool) -> list[str]:
    """The same two manifest tables, ready made in memory, written by pandas or pyarrow and then hashed."""
    parts = ManifestParts(contents(n))
    table = pa.concat_tables([part.table for part in parts.drawn()]).combine_chunks()
    frame = table.to_pandas() if pandas else None

    def write(folder: Path) -> None:
        if frame is not None:
            frame.to_parquet(folder / "m.parquet", compression="zstd")
            frame.to_csv(folder / "m.csv", index=False)
        else:
            pq.write_table(table, folder / "m.parquet", compression="zstd")
            pyarrow.csv.write_csv(table, folder / "m.csv")
        for path in folder.iterdir():
            with path.open("rb") as file:
                hashlib.file_digest(file, "sha256")

    return measured(write, n)


def cancelled(n: int, formats: tuple[str, ...]) -> list[str]:
    """Seconds from the moment a stop is asked for to the end of `write`, the longest of many moments."""
    told, config, waits = contents(n), ExportConfig(name="e", formats=formats), []
    for moment in np.linspace(0.1, 3.0, 12).tolist():
        stop = _Stop()
        with tempfile.TemporaryDirectory() as folder:
            timer = threading.Timer(moment, stop.ask)
            timer.start()
            try:
                export.write(Path(folder) / "e", told, config, stop)
            except Cancelled:
                waits.append(time.perf_counter() - stop.asked)
            timer.cancel()
    return [f"{max(waits):.2f} s, of {len(waits)}"]


class _Stop:
    """A progress that stops the work once it is asked to."""

    asked = 0.0

    def ask(self) -> None:
        self.asked = time.perf_counter()

    def __call__(self, stage: str, done: int, total: int, **_: float) -> None:
        if self.asked:
            raise Cancelled(f"{stage} {done}/{total}")


# ---- tar shards


def pile(folder: Path, size: int) -> tuple[list[Path], ExportContents]:
    """Files as large as small pictures, of random bytes, and a draw of all of them."""
    rng, paths = np.random.default_rng(0), []
    for row in range(N_FILES):
        path = folder / f"{row % 100:02d}" / f"{row:06d}.jpg"
        path.parent.mkdir(exist_ok=True, parents=True)
        path.write_bytes(b"\xff\xd8\xff" + rng.bytes(size))
        paths.append(path)
    told = contents(N_FILES)
    n = len(told.catalog)
    uris = [path.relative_to(folder).as_posix() for path in paths] * 2
    sums = [hashlib.sha256(path.read_bytes()).hexdigest() for path in paths] * 2
    items = told.catalog.items.set_column(1, "uri", pa.array(uris[:n])).set_column(
        2, "content_hash", pa.array(sums[:n])
    )
    catalog = Catalog("image", items, told.catalog.metadata, told.catalog.failures)
    return paths, ExportContents(catalog, *(getattr(told, name) for name in _REST))


_REST = ("rows", "hierarchy", "plan", "decisions", "failures", "events", "provenance")


def tars(size: int) -> list[list[str]]:
    """MB/s of shards (checked against the catalog, hashed, each item with its JSON) and of plain tars of the files."""
    from curation_core.media import FolderMedia

    with tempfile.TemporaryDirectory() as place:
        folder, out = Path(place) / "pile", Path(place) / "out"
        paths, told = pile(folder, size)
        total = sum(path.stat().st_size for path in paths) / 1e6
        drawn = [folder / told.catalog.uri[row] for row in told.drawn.tolist()]
        names = Path(place) / "names"
        names.write_text("".join(f"{path.relative_to(folder)}\n" for path in drawn))
        media = FolderMedia(folder)
        shards = Shards(told, Originals.of(media))
        works: dict[str, Callable[[], object]] = {
            "tar -cf": lambda: subprocess.run(["tar", "-cf", out / "t", "-C", folder, "-T", names], check=True),
            "tar -cf, then sha256sum": lambda: subprocess.run(
                f"tar -cf {out}/t -C {folder} -T {names} && sha256sum {out}/t > {out}/s", shell=True, check=True
            ),
            "Python's tarfile": lambda: _tarfile(out / "t", drawn),
            "**ours, webdataset**": lambda: shards.write(out / "e"),
        }
        total = sum(path.stat().st_size for path in drawn) / 1e6
        took: dict[str, list[float]] = {name: [] for name in works}
        for _ in range(ROUNDS):
            for name, work in works.items():
                shutil.rmtree(out, ignore_errors=True)
                out.mkdir()
                began = time.perf_counter()
                work()
                took[name].append(time.perf_counter() - began)
    speeds = {name: total / statistics.median(seconds) for name, seconds in took.items()}
    return [[name, f"{speed:,.0f}", f"{speeds['**ours, webdataset**'] / speed:.2f}"] for name, speed in speeds.items()]


class Shards:
    """The shards alone, without the tables beside them."""

    def __init__(self, told: ExportContents, originals: Originals) -> None:
        self._told, self._originals = told, originals
        self._parts = ManifestParts(told)

    def write(self, folder: Path) -> None:
        """Write them as an export does."""
        from curation_core.export_folder import writing
        from curation_core.layout_webdataset import ShardWriter
        from curation_core.payloads import Outgoing, Payloads

        with writing(folder, "f") as partial:
            outgoing = Outgoing(Payloads.of(self._told, self._originals.read), partial, None)
            writer = ShardWriter(partial, self._told, outgoing, 500 << 20, lambda: silent("", 0, 0))
            for part in self._parts.drawn():
                writer.write(part)
            writer.finish()


def _tarfile(path: Path, files: Iterable[Path]) -> None:
    with tarfile.open(path, "w") as archive:
        for file in files:
            archive.add(file, file.name)


def spent() -> float:
    """CPU seconds of this process so far."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def peak() -> float:
    """Largest memory of this process so far, MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


CASES: dict[str, Callable[[int], list[str]]] = {
    "**ours, Parquet + CSV + checksums**": lambda n: ours(n, ("parquet", "csv")),
    "ours, with JSON lines, .npy and a list": lambda n: ours(n, ("parquet", "csv", "jsonl", "npy", "txt")),
    "pyarrow, table ready in memory": lambda n: plain(n, pandas=False),
    "pandas, frame ready in memory": lambda n: plain(n, pandas=True),
}
STOPS = {"Parquet + CSV": ("parquet", "csv"), "all tables": ("parquet", "csv", "jsonl", "npy", "txt")}


def main() -> None:
    """Run every case in a process of its own."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--n", type=int)
    parser.add_argument("--case")
    parser.add_argument("--write", action="store_true")
    asked = parser.parse_args()
    if asked.case in CASES:
        print(f"| {asked.n:,} | {asked.case} | {' | '.join(CASES[asked.case](asked.n))} |")
    elif asked.case in STOPS:
        print(f"| {asked.case} | {' | '.join(cancelled(asked.n, STOPS[asked.case]))} |")
    elif asked.case == "tars":
        print("\n".join(f"| {asked.n or 20_000:,} | {' | '.join(row)} |" for row in tars(asked.n or 20_000)))
    else:
        report([asked.n] if asked.n else [250_000, 1_000_000], write=asked.write)


def report(counts: list[int], *, write: bool) -> None:
    """All tables."""
    lines = ["| rows | writer | rows/s a core (CPU) | rows/s | memory added |", "|---|---|---|---|---|"]
    lines += [_apart(case, n) for n in counts for case in CASES]
    lines += ["", f"| stop of {counts[-1]:,} rows | longest wait |", "|---|---|"]
    lines += [_apart(case, counts[-1]) for case in STOPS]
    lines += ["", f"| {N_FILES:,} files of this many bytes | writer | MB/s | ours is |", "|---|---|---|---|"]
    lines += [_apart("tars", size) for size in (20_000, 100_000)]
    print("\n".join(lines))
    if write:
        start, end = "<!-- export:begin -->", "<!-- export:end -->"
        head, rest = README.read_text().split(start)
        README.write_text(f"{head}{start}\n" + "\n".join(lines) + f"\n{end}{rest.split(end)[1]}")


def _apart(case: str, n: int) -> str:
    command = [sys.executable, "-m", "benchmarks.export", "--n", str(n), "--case", case]
    line = subprocess.run(command, capture_output=True, text=True, check=True).stdout.rstrip()
    print(line, file=sys.stderr, flush=True)
    return line


if __name__ == "__main__":
    main()
