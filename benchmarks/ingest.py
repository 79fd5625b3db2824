"""Ingest of many images of mixed sizes: memory, speed, killed and resumed, read again; and other loops doing the same.

Makes the images (a few hundred distinct JPEG, PNG and WebP from 64 pixels to 12 megapixels, each copied many times with
other last bytes, so that no two files are the same), then measures, in processes of their own:

    python benchmarks/ingest.py --folder /tmp/pictures --items 100000 --compare 4000 --write

Memory is that of the ingesting process and its decoders together, seen every 0.1 s: PSS shares what they share.
"""

import argparse
import hashlib
import io
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks.pictures import make_pictures  # noqa: E402 - the root is known only now

SHARD = 1024


# ---- ours


def run_ingest(source: Path, folder: Path, previous: Path | None, *, only_thumbnails: bool = True) -> None:
    """Ingest here and print progress as JSON lines; run in a process of its own."""
    from curation_core.config import IngestConfig
    from curation_core.sources import ingest

    folder.mkdir(parents=True, exist_ok=True)
    last = 0.0

    def report(_stage: str, done: int, total: int, **figures: float) -> None:
        nonlocal last
        if time.monotonic() - last > 0.2 or done == total:
            last = time.monotonic()
            print(json.dumps({"done": done, "total": total, **figures}), flush=True)

    thumbnails = folder.parent / "thumbnails" if only_thumbnails else None
    found = ingest(IngestConfig(source=str(source)), folder, thumbnails=thumbnails, previous=previous, progress=report)
    print(json.dumps({"items": len(found), "failures": found.failures.num_rows}), flush=True)


@dataclass
class Run:
    """What one run took: seconds, peak megabytes as PSS and as RSS of all its processes, first and last count."""

    seconds: float
    peak_pss: float
    peak_rss: float
    first: int
    last: int
    report: dict[str, int]


def watch(arguments: list[str], kill_at: int | None = None) -> Run:
    """Run this script with other arguments, watch its memory, and kill it when it has done so many items."""
    import threading

    began = time.perf_counter()
    process = subprocess.Popen([sys.executable, __file__, *arguments], stdout=subprocess.PIPE, text=True)
    peaks, over = [0.0, 0.0], threading.Event()

    def sample() -> None:
        while not over.wait(0.1):
            for place, now in enumerate(_memory(process.pid)):
                peaks[place] = max(peaks[place], now)

    sampler = threading.Thread(target=sample)
    sampler.start()
    seen: list[dict[str, int]] = []
    for line in process.stdout or ():
        seen.append(json.loads(line))
        if kill_at is not None and seen[-1].get("done", 0) >= kill_at:
            process.send_signal(signal.SIGKILL)
            break
    code = process.wait()
    over.set()
    sampler.join()
    if code not in (0, -signal.SIGKILL):
        raise SystemExit(f"{arguments} ended with {code}")
    counts = [line["done"] for line in seen if "done" in line]
    return Run(time.perf_counter() - began, peaks[0], peaks[1], counts[0], counts[-1], seen[-1])


def _memory(pid: int) -> tuple[float, float]:
    """Megabytes of PSS and of RSS of a process and all below it."""
    pss = rss = 0
    for each in (pid, *_below(pid)):
        try:
            text = Path(f"/proc/{each}/smaps_rollup").read_text()
        except OSError:
            continue
        pss += int(re.search(r"^Pss:\s+(\d+)", text, re.M)[1])  # type: ignore[index]
        rss += int(re.search(r"^Rss:\s+(\d+)", text, re.M)[1])  # type: ignore[index]
    return pss / 1024, rss / 1024


def _below(pid: int) -> list[int]:
    found: list[int] = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            children = [int(child) for child in task.read_text().split()]
        except OSError:
            continue
        for child in children:
            found += [child, *_below(child)]
    return found


# ---- others, doing the same: hash, size, a WebP of 128 pixels named by the hash


def _thumbnail(data: bytes, folder: Path) -> tuple[str, int, int]:
    from PIL import Image

    content_hash = hashlib.sha256(data).hexdigest()
    with Image.open(io.BytesIO(data)) as image:
        width, height = image.size
        image.thumbnail((128, 128))
        path = folder / content_hash[:2] / f"{content_hash}.webp"
        path.parent.mkdir(parents=True, exist_ok=True)
        image.convert("RGB").save(path, "WEBP", quality=80, method=0)
    return content_hash, width, height


def plain_loop(paths: list[Path], folder: Path) -> int:
    """One file after the other in this process, with Pillow."""
    return len([_thumbnail(path.read_bytes(), folder) for path in paths])


def thread_loop(paths: list[Path], folder: Path) -> int:
    """Pillow in as many threads as there are cores: how FiftyOne and fastdup users do it by hand."""
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        return len(list(pool.map(lambda path: _thumbnail(path.read_bytes(), folder), paths)))


def datasets_loop(paths: list[Path], folder: Path) -> int:
    """Hugging Face datasets: an image folder, mapped in as many processes as there are cores."""
    os.environ["HF_DATASETS_OFFLINE"] = "1"
    import datasets

    datasets.disable_progress_bars()
    table = datasets.load_dataset(
        "imagefolder", data_files=[str(path) for path in paths], split="train", cache_dir=str(folder / "cache")
    ).cast_column("image", datasets.Image(decode=False))
    mapped = table.map(
        _datasets_row,
        fn_kwargs={"folder": str(folder)},
        num_proc=len(os.sched_getaffinity(0)),
        remove_columns=["image"],
    )
    return len(mapped)


def _datasets_row(row: dict[str, dict[str, str]], folder: str) -> dict[str, object]:
    data = row["image"].get("bytes") or Path(row["image"]["path"]).read_bytes()
    content_hash, width, height = _thumbnail(data, Path(folder))
    return {"hash": content_hash, "width": width, "height": height}


def ours(paths: list[Path], folder: Path) -> int:
    """The whole ingest: hostile bytes kept apart, catalog, stamps and thumbnails written."""
    return _ours(paths, folder, thumbnails=folder / "thumbnails")


def ours_checked(paths: list[Path], folder: Path) -> int:
    """The whole ingest without thumbnails: everything decoded and checked."""
    return _ours(paths, folder, thumbnails=None)


def _ours(paths: list[Path], folder: Path, *, thumbnails: Path | None) -> int:
    from curation_core.config import IngestConfig
    from curation_core.sources import ingest

    (folder / "step").mkdir(parents=True)
    return len(ingest(IngestConfig(source=str(paths[0].parents[1])), folder / "step", thumbnails=thumbnails))


LOOPS: dict[str, Callable[[list[Path], Path], int]] = {
    "ours": ours,
    "ours, without thumbnails": ours_checked,
    "Pillow, one process": plain_loop,
    "Pillow, threads": thread_loop,
    "datasets imagefolder + map": datasets_loop,
}


def compare(folder: Path, n: int, rounds: int) -> str:
    """A table of items per second of every loop on the same n files, best of some rounds, start-up included."""
    small = folder / "compare"
    make_pictures(small, n, seed=1)
    rates: dict[str, float] = {}
    for _ in range(rounds):
        for name in LOOPS:
            work = folder / "work"
            shutil.rmtree(work, ignore_errors=True)
            began = time.perf_counter()
            subprocess.run([sys.executable, __file__, "loop", name, str(small), str(work)], check=True)
            rates[name] = max(rates.get(name, 0.0), n / (time.perf_counter() - began))
    rows = [f"| {name} | {rate:,.0f} | {rate / rates['Pillow, one process']:.2f} |" for name, rate in rates.items()]
    return "\n".join(["| loop | items/s | to one Pillow process |", "|---|---|---|", *rows])


def measure(folder: Path, n: int) -> str:
    """A table of the large ingest: killed half-way, resumed, and done again."""
    source, runs = folder / "pictures", folder / "runs"
    make_pictures(source, n)
    shutil.rmtree(runs, ignore_errors=True)
    n_bytes = sum(path.stat().st_size for path in source.rglob("*.*"))
    killed = watch(["ingest", str(source), str(runs / "one")], kill_at=n // 2)
    resumed = watch(["ingest", str(source), str(runs / "one")])
    again = watch(["ingest", str(source), str(runs / "two"), str(runs / "one")])
    first = killed.seconds + resumed.seconds
    same = all((runs / "one" / path.name).read_bytes() == path.read_bytes() for path in (runs / "two").iterdir())
    rows = [
        ("images", f"{n:,} ({n_bytes / 1e9:.1f} GB), {resumed.report['failures']} refused"),
        ("first ingest, killed and resumed", f"{first:.0f} s, {n / first:,.0f} items/s"),
        ("killed at / went on from", f"{killed.last:,} / {resumed.first:,} items"),
        (
            "peak memory, all processes",
            f"{max(killed.peak_pss, resumed.peak_pss):.0f} MB PSS, {max(killed.peak_rss, resumed.peak_rss):.0f} MB RSS",
        ),
        (
            "second ingest, nothing changed",
            f"{again.seconds:.1f} s, {again.seconds / first:.1%} of the first, {again.peak_pss:.0f} MB PSS",
        ),
        ("the second gives the same bytes", "yes" if same else "no"),
    ]
    return "\n".join(["| what | measured |", "|---|---|", *(f"| {what} | {found} |" for what, found in rows)])


def main() -> None:
    """Measure, or be one of the measured processes."""
    if sys.argv[1:2] == ["ingest"]:
        run_ingest(Path(sys.argv[2]), Path(sys.argv[3]), Path(sys.argv[4]) if len(sys.argv) > 4 else None)
        return
    if sys.argv[1:2] == ["loop"]:
        paths = sorted(path for path in Path(sys.argv[3]).rglob("*.*") if path.suffix != ".json")
        Path(sys.argv[4]).mkdir(parents=True)
        LOOPS[sys.argv[2]](paths, Path(sys.argv[4]))
        return
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, required=True, help="where images and results go; some gigabytes")
    parser.add_argument("--items", type=int, default=100_000)
    parser.add_argument("--compare", type=int, default=4000, help="items for the comparison; 0: none")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--write", action="store_true", help="put the tables into benchmarks/README.md")
    options = parser.parse_args()
    tables = [measure(options.folder, options.items)] if options.items else []
    tables += [compare(options.folder, options.compare, options.rounds)] if options.compare else []
    print("\n\n".join(tables))
    if options.write:
        readme = ROOT / "benchmarks" / "README.md"
        begin, end = "<!-- ingest:begin -->", "<!-- ingest:end -->"
        before, _, rest = readme.read_text().partition(begin)
        readme.write_text(f"{before}{begin}\n" + "\n\n".join(tables) + f"\n{end}{rest.partition(end)[2]}")


if __name__ == "__main__":
    main()
