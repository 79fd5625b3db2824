"""What the cards of an export of a million items cost. Run: python benchmarks/cards.py."""

import json
import tempfile
import time
from pathlib import Path

import numpy as np
import pyarrow as pa

from curation_core.cards import WRITES, write_cards
from curation_core.catalog import FAILURE_SCHEMA, Catalog
from curation_core.config import SampleConfig
from curation_core.folding import fold
from curation_core.hierarchy import Hierarchy, Level
from curation_core.manifest import ExportContents
from curation_core.sampling import sample

N, LEAVES, TOPS, DRAWN = 1_000_000, 10_000, 300, 200_000


def contents(modality: str) -> ExportContents:
    """A long-tailed pool with four columns, and a draw of a fifth of it."""
    rng = np.random.default_rng(0)
    ids = [f"{row:016x}" for row in range(N)]
    words = pa.array([f"the river {row % 977} boat {row % 13} harbour" for row in range(N)])
    items = pa.table(
        {
            "item_id": pa.array(ids),
            "uri": pa.array([f"a/{row}.png" for row in range(N)]),
            "content_hash": pa.array([f"{row:064x}" for row in range(N)]),
            "width": pa.nulls(N, pa.int32()),
            "height": pa.nulls(N, pa.int32()),
            "text": words if modality == "text" else pa.nulls(N, pa.string()),
            "source_row": pa.array(np.arange(N)),
        }
    )
    columns = pa.table(
        {
            "label": pa.array([f"class {value}" for value in (rng.zipf(1.5, N) % 5_000).tolist()]),
            "when": pa.array(rng.integers(0, 10**9, N)),
            "score": pa.array(rng.random(N)),
            "country": pa.array(np.array(list("abcdefgh"))[rng.integers(0, 8, N)]),
        }
    )
    leaf, distance = (rng.zipf(1.3, N) % LEAVES).astype(np.int32), rng.random(N).astype(np.float32)
    top = Level(
        np.zeros((TOPS, 2), np.float32), (np.arange(LEAVES) % TOPS).astype(np.int32), np.zeros(LEAVES, np.float32)
    )
    tree = Hierarchy((Level(np.zeros((LEAVES, 2), np.float32), leaf, distance), top))
    plan, decided = sample(tree, SampleConfig(target_size=DRAWN)), fold([], tree, "tree", ids)
    none, told = FAILURE_SCHEMA.empty_table(), {"source": {"source": "pool"}}
    return ExportContents(Catalog(modality, items, columns, none), np.arange(N), tree, plan, decided, none, [], told)


def main() -> None:
    """Print seconds of the CPU and sizes, for pictures without thumbnails and for texts."""
    for modality in ("image", "text"):
        made = contents(modality)
        _ = made.hierarchy.order  # the draw has it already
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            run = {"columns": {"item_id": "item_id"}, "cluster_columns": ["cluster_1", "cluster_2"]}
            (folder / "run.json").write_text(json.dumps(run))
            (folder / "manifest.csv").write_text("item_id,label\n")
            started = time.process_time()
            write_cards(folder, made)
            seconds = time.process_time() - started
            sizes = ", ".join(f"{file} {(folder / file).stat().st_size / 1000:.0f} kB" for file in WRITES)
        print(f"{modality}: {N:,} items, {DRAWN:,} drawn: {seconds:.1f} CPU-s; {sizes}")


if __name__ == "__main__":
    main()
