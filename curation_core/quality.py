"""Quality: scores of items as columns, and thresholds that turn them into flags; a flag never removes anything."""

import difflib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pyarrow as pa

from curation_core.artifacts import read_table, write_table
from curation_core.catalog import Catalog
from curation_core.config import Modality, QualityConfig
from curation_core.errors import ConfigError, IngestError
from curation_core.progress import Progress, silent

SHARD = 1024  # items per shard: what a killed run does not have to do again
_BATCH = 32

Fetch = Callable[[Sequence[int]], list[Any]]
Score = Callable[[list[Any]], np.ndarray]


@dataclass(frozen=True)
class Flag:
    """What a score means: an item is flagged when its column lies above, or below, the threshold; never when NaN."""

    name: str
    modality: Modality
    column: str
    direction: Literal["above", "below"]
    threshold: float
    description: str

    def holds(self, scores: np.ndarray, threshold: float | None = None) -> np.ndarray:
        """Which scores are flagged: (n,) bool."""
        limit = np.float32(self.threshold if threshold is None else threshold)
        flagged: np.ndarray = scores > limit if self.direction == "above" else scores < limit
        return flagged


@dataclass(frozen=True)
class Examples:
    """Rows next to a threshold, the nearest first: flagged just so (inside), and just not (outside)."""

    inside: np.ndarray
    outside: np.ndarray


FLAGS = (
    Flag("dark", "image", "brightest", "below", 0.32, "Even the brightest pixels are dark."),
    Flag("bright", "image", "darkest", "above", 0.95, "Even the darkest pixels are nearly white."),
    Flag(
        "blurred", "image", "sharpness", "below", 0.35, "Out of focus, shaken, or enlarged: blurring takes little away."
    ),
    Flag("low_information", "image", "information", "below", 0.3, "Nearly one colour."),
    Flag("grayscale", "image", "colour", "below", 0.04, "No colour, or hardly any."),
    Flag("odd_aspect", "image", "aspect", "below", 0.35, "Much longer than wide, or wider than long."),
    Flag("too_small", "image", "side", "below", 32, "The shorter side has few pixels."),
    Flag("empty", "text", "length", "below", 1, "Nothing but space."),
    Flag("short", "text", "length", "below", 20, "Few characters."),
    Flag("repeated", "text", "repetition", "above", 0.3, "Lines or runs of words come again and again."),
    Flag("wrong_script", "text", "foreign", "above", 0.5, "Letters of another script than the collection's."),
    Flag("low_information", "text", "entropy", "below", 2.5, "Few different characters."),
    # scores of these two come from the tree, of items of any modality: `outliers.outlier_scores`
    Flag("far_from_cluster", "vector", "cluster_distance", "above", 3.5, "Far out in its cluster."),
    Flag("isolated", "vector", "isolation", "above", 1.6, "Farther from its neighbours than they are from theirs."),
)


def flags_of(modality: Modality) -> tuple[Flag, ...]:
    """The flags of a modality: those of its content, and those of its vectors, which every modality has."""
    return tuple(flag for flag in FLAGS if flag.modality in (modality, "vector"))


def score(
    catalog: Catalog,
    fetch: Fetch,
    config: QualityConfig,
    folder: Path,
    progress: Progress = silent,
) -> pa.Table:
    """Score every item: one float32 column per score, n rows of the catalog, NaN where a score does not apply.

    fetch: rows of the catalog -> RGB images or strings; what it refuses with IngestError has NaN scores. Writes
    scores-NNNNN.parquet per shard and at the end scores.parquet; whole shards of a killed run are kept. Raises
    ConfigError when config names a flag that this modality does not have.
    """
    check_thresholds(config.thresholds, catalog.modality)
    whole = folder / "scores.parquet"
    shards = [folder / f"scores-{number:05d}.parquet" for number in range(-(-len(catalog) // SHARD))]
    if not whole.is_file():
        names, scored = _scorer(catalog)
        for number, path in enumerate(shards):
            rows = range(number * SHARD, min((number + 1) * SHARD, len(catalog)))
            progress("quality", rows.start, len(catalog))
            if not path.is_file():
                write_table(path, _shard(catalog, fetch, rows, names, scored, progress))
        tables = [read_table(path) for path in shards]
        write_table(whole, pa.concat_tables(tables) if tables else pa.table({}))
    for path in shards:
        path.unlink(missing_ok=True)
    progress("quality", len(catalog), len(catalog))
    return read_scores(folder)


def read_scores(folder: Path) -> pa.Table:
    """What score wrote; raises StaleArtifact when it is missing or torn."""
    return read_table(folder / "scores.parquet")


def check_thresholds(thresholds: Mapping[str, float], modality: Modality) -> None:
    """Raise ConfigError when a threshold names a flag that the modality does not have."""
    known = [flag.name for flag in flags_of(modality)]
    for name in thresholds:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            hint = f"did you mean {near[0]}?" if near else f"{modality} items have {', '.join(known) or 'none'}"
            raise ConfigError(f"there is no flag {name!r} for {modality} items; {hint}")


def flagged(scores: pa.Table, thresholds: Mapping[str, float] | None = None) -> dict[str, np.ndarray]:
    """Which items carry each flag that the scores allow: name -> (n,) bool. thresholds: where they differ."""
    given = thresholds or {}
    return {flag.name: flag.holds(column(scores, flag), given.get(flag.name)) for flag in _flags_in(scores)}


def examples(scores: pa.Table, flag: Flag, threshold: float | None = None, n: int = 6) -> Examples:
    """Up to n rows on either side of a threshold, the nearest first; the lowest row at ties."""
    values = column(scores, flag)
    limit = flag.threshold if threshold is None else threshold
    holds = flag.holds(values, limit)
    gap = np.abs(values.astype(np.float64) - limit)
    near = np.argsort(gap, kind="stable")
    known = ~np.isnan(values[near])
    return Examples(near[known & holds[near]][:n], near[known & ~holds[near]][:n])


def column(scores: pa.Table, flag: Flag) -> np.ndarray:
    """The scores that a flag looks at: (n,) float32."""
    values: np.ndarray = scores.column(flag.column).to_numpy()
    return values


def _flags_in(scores: pa.Table) -> list[Flag]:
    return [flag for flag in FLAGS if flag.column in scores.column_names]


def _scorer(catalog: Catalog) -> tuple[tuple[str, ...], Score]:
    """Names of the columns that need an item's content, and what computes them."""
    if catalog.modality == "image":
        from curation_core import image_quality

        return image_quality.COLUMNS, image_quality.image_scores
    if catalog.modality == "text":
        from curation_core import text_quality

        script = text_quality.main_script(text or "" for text in catalog.text)
        return text_quality.COLUMNS, lambda texts: text_quality.text_scores(texts, script)
    return (), lambda rows: np.empty((len(rows), 0), dtype=np.float32)


def _shard(
    catalog: Catalog, fetch: Fetch, rows: range, names: tuple[str, ...], scored: Score, progress: Progress
) -> pa.Table:
    found = []
    for start in range(rows.start, rows.stop, _BATCH) if names else ():
        batch = range(start, min(start + _BATCH, rows.stop))
        found.append(_batch(fetch, batch, len(names), scored))
        progress("quality", batch.stop, len(catalog))
    table = {name: np.concatenate([part[:, place] for part in found]) for place, name in enumerate(names)}
    if catalog.modality == "image":
        width, height = (catalog.items.column(side).to_numpy()[rows.start : rows.stop] for side in ("width", "height"))
        shorter, longer = np.minimum(width, height), np.maximum(width, height)
        table["aspect"] = (shorter / np.maximum(longer, 1)).astype(np.float32)
        table["side"] = shorter.astype(np.float32)
    return pa.table(table)


def _batch(fetch: Fetch, batch: range, n_scores: int, scored: Score) -> np.ndarray:
    try:
        return scored(fetch(batch))
    except IngestError:  # one item spoils the batch: take them singly
        pass
    found = np.full((len(batch), n_scores), np.nan, dtype=np.float32)
    for place, row in enumerate(batch):
        try:
            found[place] = scored(fetch([row]))[0]
        except IngestError:
            continue  # it is gone since ingest: no score
    return found
