"""One cluster as the deck shows it: members, place in the tree, figures, flags, what is suggested and what was said."""

from itertools import islice
from typing import Any

import numpy as np
import pyarrow as pa

from curation_app import loaders, review_figures, show
from curation_app.chart_tree import figure_text
from curation_app.item_cards import Known, cells
from curation_app.map_columns import map_points
from curation_app.pool import Pool
from curation_core.children import ancestors
from curation_core.map_points import quantised
from curation_core.review import Place, ReviewDecisions, Standing
from curation_core.sampling import SamplingPlan
from curation_core.workspace import Workspace

BAND, MOST_POINTS, MOST_SIBLINGS, MOST_FOUND = 12, 400, 24, 40
VERDICTS = {1: "keep", -1: "drop", 0: ""}
_FLAGS = {"duplicates": "near-duplicates", "flagged": "carry a quality flag"}


def card(ws: Workspace, pool: Pool, level: int, cluster: int, reviewer: str) -> dict[str, Any]:
    """Everything about a cluster that holds items, as plain values."""
    decided, tree = loaders.decisions(ws), pool.hierarchy
    plan = loaders.draw(ws, loaders.wanted_draw(ws, pool.hierarchy.n_items))
    blind = review_figures.is_blind(ws, decided, level, cluster, reviewer)
    above = ancestors(tree, level, cluster)
    said = Standing() if blind else decided.standing.get((level, cluster), Standing())
    return {
        **_named(pool, (level, cluster)),
        "number": cluster,
        "pool": tree.n_items,
        "place": [_named(pool, place) for place in above],
        "parent": _named(pool, above[-1]) if above else None,
        **_said(said),
        "label": decided.labels[level - 1].get(cluster, ""),
        "note": decided.notes.get((level, cluster), ""),
        "skipped": reviewer in decided.skips.get((level, cluster), ()),
        "blind": blind,
        "overruled": "" if blind else _overruled(decided, pool, level, cluster),
        "drawn": int(plan.quotas[level - 1][cluster]),
        "target": plan.target_size,
        "figures": _figures(ws, pool, level, cluster),
        "flags": _flags(ws, pool, level, cluster),
        "suggestion": None if said.is_decided else _suggestion(ws, pool, decided, level, cluster),
        "bands": _bands(ws, pool, decided, plan, level, cluster),
        "siblings": _siblings(pool, decided, level, cluster),
        "points": _points(ws, pool, level, cluster),
        "splittable": _n_children(pool, level, cluster),
    }


def effect_of_drop(ws: Workspace, pool: Pool, level: int, cluster: int) -> dict[str, Any]:
    """What dropping a cluster does to the draw: same target and seed, its members may not be drawn."""
    decided, config = loaders.decisions(ws), loaders.wanted_draw(ws, pool.hierarchy.n_items)
    plan = loaders.draw(ws, config)
    members = pool.hierarchy.point_assignment(level) == cluster
    eligible = decided.eligible & (~members | (decided.decided_by == -1))  # an item's own verdict wins
    if config.one_per_group:
        eligible = ws.standing(eligible, decided.kept)
    # along the tree alone quotas do not depend on the strategy
    plain = config if config.is_mixed else config.model_copy(update={"strategy": "random"})
    without = loaders.draw_under(ws, plain, decided, eligible).plan(config.target_size)
    return _difference(pool, plan, without, level, cluster)


def _difference(pool: Pool, plan: SamplingPlan, without: SamplingPlan, level: int, cluster: int) -> dict[str, Any]:
    change = without.quotas[level - 1] - plan.quotas[level - 1]
    near = [one for one in _sibling_clusters(pool, level, cluster) if change[one] > 0]
    near.sort(key=lambda one: -change[one])
    return {
        "here": int(plan.quotas[level - 1][cluster]),
        "moved": int(change[change > 0].sum()),
        "receivers": int((change > 0).sum()),
        "shortfall": without.shortfall,
        "per_sibling": [{**_named(pool, (level, one)), "gain": int(change[one])} for one in near[:6]],
    }


def merge_candidates(pool: Pool, level: int, cluster: int, words: str) -> list[dict[str, Any]]:
    """Clusters to merge a cluster with: those that the words name, else its siblings and the nearest ones."""
    sizes = pool.hierarchy.sizes(level)
    if words.strip():
        wanted = words.casefold().split()
        names = ((one, pool.name(level, one).casefold()) for one in np.argsort(-sizes, kind="stable").tolist())
        found = (one for one, name in names if sizes[one] and one != cluster and all(word in name for word in wanted))
        listed = list(islice(found, MOST_FOUND))
    else:
        near = [*_nearest(pool, level, cluster)[:12], *_sibling_clusters(pool, level, cluster)]
        listed = list(dict.fromkeys(near))[:MOST_FOUND]
    return [_shown(pool, level, one) for one in listed]


def _nearest(pool: Pool, level: int, cluster: int) -> list[int]:
    """Other clusters of a level that hold items, the nearest centroid first."""
    centroids = np.asarray(pool.hierarchy.levels[level - 1].centroids, dtype=np.float32)
    gap = np.square(centroids - centroids[cluster]).sum(axis=1)
    order = np.argsort(gap, kind="stable")
    return [int(one) for one in order[pool.hierarchy.sizes(level)[order] > 0] if one != cluster]


def _sibling_clusters(pool: Pool, level: int, cluster: int) -> list[int]:
    """Other clusters of the same parent that hold items, the largest first."""
    tree = pool.hierarchy
    parents, sizes = tree.parents(level), tree.sizes(level)
    same = np.flatnonzero((parents == parents[cluster]) & (sizes > 0))
    return [int(one) for one in same[np.argsort(-sizes[same], kind="stable")] if one != cluster]


def _siblings(pool: Pool, decided: ReviewDecisions, level: int, cluster: int) -> list[dict[str, Any]]:
    found = []
    for one in _sibling_clusters(pool, level, cluster)[:MOST_SIBLINGS]:
        share = float(pool.hierarchy.sizes(level)[one] / pool.hierarchy.n_items)
        verdict = _said(decided.standing.get((level, one), Standing()))["verdict"]
        found.append({**_shown(pool, level, one), "share": share, "verdict": verdict})
    return found


def _named(pool: Pool, place: Place) -> dict[str, Any]:
    level, cluster = place
    return {
        "level": level,
        "cluster": cluster,
        "name": pool.name(level, cluster),
        "size": int(pool.hierarchy.sizes(level)[cluster]),
    }


def _shown(pool: Pool, level: int, cluster: int) -> dict[str, Any]:
    """A cluster with its most typical member."""
    row = int(pool.by_distance(level, cluster)[0])
    place, catalog = int(pool.rows[row]), pool.catalog
    text = (catalog.items.column("text")[place].as_py() or "")[:80] if catalog.modality == "text" else ""
    digest = catalog.items.column("content_hash")[place].as_py() if catalog.modality == "image" else ""
    return {**_named(pool, (level, cluster)), "hash": digest, "text": text}


def _said(one: Standing) -> dict[str, Any]:
    by = one.by
    return {
        "verdict": VERDICTS[one.verdict],
        "cap": one.cap,
        "weight": one.weight,
        "decided_by": by.reviewer if by else "",
        "decided_at": show.ago(by.time) if by else "",
    }


def _overruled(decided: ReviewDecisions, pool: Pool, level: int, cluster: int) -> str:
    """What single items or clusters inside say against the cluster's own verdict."""
    verdict = decided.verdicts[level - 1][cluster]
    inside = pool.hierarchy.point_assignment(level) == cluster
    other = inside & (decided.decided_by != 0) & (decided.decided_by != level)
    n = int((other & (decided.eligible != (verdict > 0))).sum()) if verdict else int(other.sum())
    if not n:
        return ""
    return f"{show.count(n, 'item')} inside decided {'otherwise' if verdict else 'already'}"


def _figures(ws: Workspace, pool: Pool, level: int, cluster: int) -> list[dict[str, str]]:
    found = review_figures.level_figures(ws, pool, level).of
    told = [
        {"name": figure.title, "text": figure_text(float(values[cluster]), figure), "about": figure.about}
        for figure, values in found.items()
    ]
    return [one for one in told if one["text"]][:8]


def _flags(ws: Workspace, pool: Pool, level: int, cluster: int) -> list[dict[str, str]]:
    doubts = review_figures.level_figures(ws, pool, level).doubts
    shares = {name: float(doubts[name][cluster]) for name in _FLAGS if name in doubts}
    return [
        {"text": f"{100 * share:.0f} % {_FLAGS[name]}", "kind": "warn" if share >= 0.5 else "info"}
        for name, share in shares.items()
        if share >= 0.1
    ]


def _suggestion(ws: Workspace, pool: Pool, decided: ReviewDecisions, level: int, cluster: int) -> dict[str, str] | None:
    one = review_figures.suggested(ws, pool, decided, level).get(cluster)
    return None if one is None else {"verdict": one.verdict, "value": one.value, "reason": one.reason}


def _bands(
    ws: Workspace, pool: Pool, decided: ReviewDecisions, plan: SamplingPlan, level: int, cluster: int
) -> list[dict[str, Any]]:
    """Members at the centre, at random in between, and at the edge; no item twice."""
    order = pool.by_distance(level, cluster)
    known = Known(decided, loaders.drawn_mask(pool, plan), pa.table({}), ws.settings.quality.thresholds)
    if len(order) <= 3 * BAND:
        return [_band(pool, known, order, "All members", f"{len(order):,}, nearest first")]
    middle = order[BAND:-BAND]
    chosen = np.sort(np.random.default_rng([level, cluster]).choice(len(middle), BAND, replace=False))
    return [
        _band(pool, known, order[:BAND], "Nearest", "what the cluster is about"),
        _band(pool, known, middle[chosen], "Random", f"of the {len(middle):,} in between"),
        _band(pool, known, order[-BAND:], "Farthest", "where it frays"),
    ]


def _band(pool: Pool, known: Known, rows: np.ndarray, title: str, note: str) -> dict[str, Any]:
    names = ("row", "hash", "caption", "text", "mark")
    is_text = pool.catalog.modality == "text"  # whose caption is its beginning
    made = [
        {**{name: cell[name] for name in names}, **({"caption": ""} if is_text else {})}
        for cell in cells(pool, rows, known)
    ]
    return {"title": title, "note": note, "cells": made}


def _points(ws: Workspace, pool: Pool, level: int, cluster: int) -> list[int]:
    """Where at most MOST_POINTS of the members lie on the map, numbers of 16 bits: x, y, x, y and so on."""
    mapped = loaders.mapped(ws)
    if mapped is None:
        return []
    members = pool.by_distance(level, cluster)
    places = loaders.xy(ws)[members[:: max(1, len(members) // MOST_POINTS)][:MOST_POINTS]]
    box = map_points(ws.path, mapped.key).box
    found: list[int] = quantised(places[np.isfinite(places).all(axis=1)], box).ravel().tolist()
    return found


def _n_children(pool: Pool, level: int, cluster: int) -> int:
    """Items of a leaf, else the clusters below that hold items."""
    children = pool.hierarchy.children(level, cluster)
    return len(children) if level == 1 else int((pool.hierarchy.sizes(level - 1)[children] > 0).sum())
