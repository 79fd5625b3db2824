"""What a card tells of an export, gathered once from what is exported; numbers and names, no sentences."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from curation_core.attributes import attribute_of, groupable
from curation_core.bias import BiasReport, bias_report
from curation_core.card_blocks import clean
from curation_core.card_config import BiasConfig
from curation_core.cluster_words import split_words, telling_words
from curation_core.columns import detect
from curation_core.decisions import active
from curation_core.distributions import RankCurve, rank_curve
from curation_core.errors import ConfigError
from curation_core.footprints import place_columns
from curation_core.hierarchy import Hierarchy
from curation_core.manifest import ExportContents
from curation_core.metrics import Balance, balance
from curation_core.personal import mask
from curation_core.splits import Splits

MOST_POINTS = 160  # of a curve in a card
MOST_TOP = 12  # clusters named one by one
MOST_READ = 50_000  # texts that clusters are named by, evenly over the tree
MOST_REPORTS = 8  # columns with a chart of their own


@dataclass(frozen=True)
class LevelFacts:
    """One level: (k,) int64 items per cluster in the pool and in the draw, and what that adds up to."""

    level: int
    pool: np.ndarray
    drawn: np.ndarray
    before: Balance
    after: Balance

    @property
    def curves(self) -> tuple[tuple[str, RankCurve], ...]:
        """Sizes by rank, of the pool and the draw."""
        pair = (("pool", self.pool), ("drawn", self.drawn))
        return tuple((name, rank_curve(counts, most=MOST_POINTS)) for name, counts in pair)


@dataclass(frozen=True)
class ColumnFacts:
    """One of the user's columns over the pool."""

    name: str
    type: str
    meaning: str
    n_distinct: int | None
    n_missing: int


@dataclass(frozen=True)
class ReviewFacts:
    """What people decided: standing events by verdict, of clusters and of items, per person, and what was lost."""

    verdicts: Mapping[str, int]
    people: Mapping[str, int]
    n_events: int
    n_dropped: int
    n_kept: int
    n_lost: int


@dataclass(frozen=True)
class CardFacts:
    """All of it. groups: near-duplicates as (groups, items in them, left out of the draw), None where nobody looked."""

    modality: str
    n_items: int
    n_tree: int
    n_drawn: int
    n_distinct: int
    n_unreadable: int
    target: int
    levels: tuple[LevelFacts, ...]
    columns: tuple[ColumnFacts, ...]
    bias: tuple[BiasReport, ...]
    passed_over: tuple[str, ...]
    review: ReviewFacts
    groups: tuple[int, int, int] | None
    faces: Mapping[str, Any] | None
    masked: tuple[int, int] | None
    splits: tuple[tuple[str, int], ...]
    places: tuple[str, str] | None
    provenance: Mapping[str, Any]
    reports: Mapping[str, Any]

    @property
    def noun(self) -> str:
        """What one item is called."""
        tile = self.modality == "image" and self.places is not None
        return "tile" if tile else {"image": "picture", "text": "text", "vector": "vector"}[self.modality]


def gather(contents: ExportContents, config: BiasConfig) -> CardFacts:
    """All facts of an export. Raises ConfigError for a column to report on that is not there."""
    reports, passed_over = bias_reports(contents, config)
    catalog, plan = contents.catalog, contents.plan
    splits = contents.splits
    return CardFacts(
        modality=catalog.modality,
        n_items=len(catalog),
        n_tree=contents.hierarchy.n_items,
        n_drawn=len(plan.indices),
        n_distinct=len(contents.drawn),
        n_unreadable=catalog.failures.num_rows + contents.failures.num_rows,
        target=plan.target_size,
        levels=_levels(contents.hierarchy, plan.indices),
        columns=_columns(contents),
        bias=reports,
        passed_over=passed_over,
        review=_review(contents),
        groups=_groups(contents),
        faces=_faces(contents),
        masked=_masked(contents),
        splits=() if splits is None else _splits(splits, plan.indices),
        places=place_columns(catalog),
        provenance=contents.provenance,
        reports=dict(contents.reports),
    )


def bias_reports(contents: ExportContents, config: BiasConfig) -> tuple[tuple[BiasReport, ...], tuple[str, ...]]:
    """A report per column, those with protected values first; and columns that were asked for and make no groups."""
    table, rows = contents.personal[0], pa.array(np.asarray(contents.rows))
    wanted = [*config.protected, *(config.columns or groupable(table))]
    missing = [name for name in wanted if name not in table.column_names]
    if missing:
        raise ConfigError(f"there is no column {missing[0]!r} to report on; columns: {', '.join(table.column_names)}")
    tree, top = contents.hierarchy, contents.hierarchy.n_levels
    reports, passed_over = [], []
    for name in dict.fromkeys(wanted):
        try:
            attribute = attribute_of(name, table.column(name).take(rows))
        except ConfigError:
            passed_over.append(name)
            continue
        found = bias_report(
            attribute,
            contents.plan.indices,
            reviewed=contents.decisions.eligible,
            protected=config.protected.get(name),
            clusters=tree.point_assignment(top),
            level=top,
        )
        reports.append(found)
    return tuple(reports), tuple(passed_over)


def cluster_names(
    contents: ExportContents, level: int, clusters: Sequence[int], reports: Sequence[BiasReport]
) -> list[str]:
    """What clusters of a level are called: by people, by their words, by the value most of their members have."""
    given: Mapping[int, str] = contents.decisions.labels[level - 1] if contents.decisions.labels else {}
    words = _words(contents, level, clusters)
    by_fineness = sorted(reports, key=lambda report: report.n_values)  # the finest value that has a majority wins
    majority = {c: name for r in by_fineness for c, name in _majorities(contents, r, level, clusters).items()}
    names = [clean(given.get(c) or words.get(c) or majority.get(c) or f"cluster {c}", 60) for c in clusters]
    often = Counter(names)
    return [f"{n} (cluster {c})" if often[n] > 1 else n for n, c in zip(names, clusters, strict=True)]


def shown_text(contents: ExportContents, row: int, most: int = 280) -> str:
    """The text of a catalog row as it may be shown: masked where that was asked for."""
    text = contents.catalog.items.column("text")[row].as_py() or ""
    return clean(mask(text)[0] if contents.masked else text, most)


def _levels(tree: Hierarchy, drawn: np.ndarray) -> tuple[LevelFacts, ...]:
    found = []
    for level in range(tree.n_levels, 0, -1):
        pool = tree.sizes(level)
        taken = np.bincount(tree.point_assignment(level)[drawn], minlength=len(pool))
        found.append(LevelFacts(level, pool, taken, balance(pool, pool=pool), balance(taken, pool=pool)))
    return tuple(found)


def _columns(contents: ExportContents) -> tuple[ColumnFacts, ...]:
    found = []
    for name, column in zip(contents.catalog.columns, contents.catalog.metadata.columns, strict=True):
        try:
            n_distinct = int(pc.count_distinct(column).as_py())
        except pa.ArrowException:  # lists and structs are not counted
            n_distinct = None
        found.append(ColumnFacts(name, str(column.type), detect(column), n_distinct, column.null_count))
    return tuple(found)


def _review(contents: ExportContents) -> ReviewFacts:
    standing = active(contents.events)
    people = Counter(event.reviewer or "unnamed" for event in standing)
    if contents.masked:  # people sign with their mail address
        masked: Counter[str] = Counter()
        for name, count in people.items():
            masked[mask(name)[0]] += count
        people = masked
    decided = contents.decisions
    return ReviewFacts(
        verdicts=dict(sorted(Counter(event.verdict for event in standing).items())),
        people=dict(sorted(people.items())),
        n_events=len(contents.events),
        n_dropped=decided.n_dropped,
        n_kept=int(decided.kept.sum()),
        n_lost=len(decided.lost),
    )


def _groups(contents: ExportContents) -> tuple[int, int, int] | None:
    if contents.near_duplicates is None:
        return None
    group = np.asarray(contents.near_duplicates)
    left_out = int((~contents.eligible & contents.decisions.eligible).sum()) if contents.keeper is not None else 0
    return len(np.unique(group[group >= 0])), int((group >= 0).sum()), left_out


def _faces(contents: ExportContents) -> Mapping[str, Any] | None:
    if contents.faces is None:
        return None
    found = contents.faces.above(contents.face_config.threshold)
    drawn = np.intersect1d(found.row, contents.drawn)
    return {
        "found": len(found),
        "items": found.n_items,
        "drawn": len(drawn),
        "blurred": contents.face_config.blur,
        "unsearched": len(set(contents.unsearched)),
    }


def _masked(contents: ExportContents) -> tuple[int, int] | None:
    if not contents.masked:
        return None
    counts = contents.personal[1][np.asarray(contents.rows)[contents.plan.indices]]
    return int(counts.sum()), int((counts > 0).sum())


def _splits(splits: Splits, drawn: np.ndarray) -> tuple[tuple[str, int], ...]:
    counts = np.bincount(np.asarray(splits.code)[drawn] + 1, minlength=len(splits.names) + 1)[1:]
    return tuple(zip(splits.names, counts.tolist(), strict=True))


def _words(contents: ExportContents, level: int, clusters: Sequence[int]) -> dict[int, str]:
    if contents.catalog.modality != "text" or not len(clusters):
        return {}
    tree = contents.hierarchy
    places = np.unique(np.linspace(0, tree.n_items - 1, min(MOST_READ, tree.n_items)).astype(np.int64))
    texts = contents.catalog.items.column("text").take(pa.array(np.asarray(contents.rows)[tree.order[places]]))
    words, first = split_words(texts), tree.offsets[level - 1][list(clusters)]
    starts, stops = (np.searchsorted(places, ends) for ends in (first, first + tree.sizes(level)[list(clusters)]))
    codes = telling_words(words, starts, stops, len(words.codes) / max(1, tree.n_clusters[level - 1]))
    joined = {c: ", ".join(words.vocabulary[w] for w in row if w >= 0) for c, row in zip(clusters, codes, strict=True)}
    return {c: mask(name)[0] if contents.masked else name for c, name in joined.items() if name}


def _majorities(contents: ExportContents, report: BiasReport, level: int, clusters: Sequence[int]) -> dict[int, str]:
    """The value that more than half of a cluster's members have, where the report looked at that level."""
    table = report.clusters
    if table is None or table.level != level or report.kind != "values":
        return {}
    sizes, found = contents.hierarchy.sizes(level), {}
    for cluster, counts in zip(table.clusters.tolist(), table.counts, strict=True):
        best = int(counts.argmax())
        is_rest = best == len(report.groups) - 1 and report.n_values > len(report.groups)
        if cluster in clusters and 2 * counts[best] > sizes[cluster] and not is_rest:
            found[cluster] = report.groups[best]
    return found
