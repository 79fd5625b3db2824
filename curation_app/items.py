"""Items and clusters as cells of a grid."""

from collections.abc import Iterable, Sequence
from typing import Literal

import numpy as np

from curation_app.components.grid import Cell, Section
from curation_app.pool import Pool
from curation_core.catalog import Catalog
from curation_core.review import ReviewDecisions


def cells(pool: Pool, rows: Iterable[int], decided: ReviewDecisions | None = None) -> list[Cell]:
    """One cell per tree row; items that may not be drawn carry the mark drop, those kept on purpose keep."""
    return [_cell(pool, int(row), decided) for row in rows]


def catalog_cells(catalog: Catalog, rows: Iterable[int], captions: Sequence[str]) -> list[Cell]:
    """One cell per catalog row, before there is a tree."""
    picture = catalog.modality == "image"
    return [
        Cell(str(row), captions[row], hash=catalog.content_hash[row] if picture else "", text=_text(catalog, row))
        for row in map(int, rows)
    ]


def bands(pool: Pool, level: int, cluster: int, decided: ReviewDecisions, *, size: int = 12) -> list[Section]:
    """What a cluster looks like: its nearest members, random ones of the rest, its farthest; no item twice."""
    order = pool.by_distance(level, cluster)
    if len(order) <= 3 * size:
        return [Section(cells(pool, order, decided), "All members", f"{len(order):,}, nearest first")]
    middle = order[size:-size]
    chosen = np.sort(np.random.default_rng([level, cluster]).choice(len(middle), size, replace=False))
    return [
        Section(cells(pool, order[:size], decided), "Nearest", "what the cluster is about"),
        Section(cells(pool, middle[chosen], decided), "Random", f"of the {len(middle):,} in between"),
        Section(cells(pool, order[-size:], decided), "Farthest", "where it frays"),
    ]


def cluster_cell(pool: Pool, level: int, cluster: int, verdict: int = 0) -> Cell:
    """A cluster shown by the member nearest to its centroid, with its size and share."""
    row = int(pool.by_distance(level, cluster)[0])
    size = int(pool.hierarchy.sizes(level)[cluster])
    shown = _cell(pool, row, None)
    note = f"{size:,} items · {100 * size / pool.hierarchy.n_items:.1f} %"
    return Cell(f"{level}:{cluster}", pool.name(level, cluster), note, shown.hash, shown.text, _mark(verdict))


def is_cluster(pool: Pool, level: int, cluster: int) -> bool:
    """Whether a level and cluster exist in the tree; links may be old."""
    return 1 <= level <= pool.hierarchy.n_levels and 0 <= cluster < pool.hierarchy.n_clusters[level - 1]


def _cell(pool: Pool, row: int, decided: ReviewDecisions | None) -> Cell:
    catalog, item = pool.catalog, int(pool.rows[row])
    verdict = 0
    if decided is not None and decided.decided_by[row] != 0:
        verdict = 1 if decided.eligible[row] else -1
    digest = catalog.content_hash[item] if catalog.modality == "image" else ""
    caption = pool.captions[row] if catalog.modality != "text" else ""
    return Cell(str(row), caption, hash=digest, text=_text(catalog, item), mark=_mark(verdict))


def _text(catalog: Catalog, row: int) -> str:
    return (catalog.text[row] or "")[:400] if catalog.modality == "text" else ""


def _mark(verdict: int) -> Literal["", "keep", "drop"]:
    return "keep" if verdict > 0 else "drop" if verdict < 0 else ""
