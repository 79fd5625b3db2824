"""A draw derived again from an export alone: tree, capacities, rules and seed are all in it."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from curation_core.config import SampleConfig
from curation_core.draw_rules import NO_CAP, DrawRules
from curation_core.export_reading import ReadExport
from curation_core.export_sums import all_well
from curation_core.hierarchy import Hierarchy, Level
from curation_core.sampling import SamplingPlan, sample


@dataclass(frozen=True)
class Rebuilt:
    """What an export tells of its draw, in rows of the tree.

    hierarchy: without its centroids. eligible: (n,) bool. drawn: (m,) int64. groups, retrieved: (n,) int64, as `sample`
    takes them, None where the draw was not mixed.
    """

    hierarchy: Hierarchy
    eligible: np.ndarray
    drawn: np.ndarray
    rules: DrawRules
    groups: np.ndarray | None
    retrieved: np.ndarray | None


def check_draw(export: ReadExport) -> str:
    """Draw again and compare quotas, capacities and items; returns what was found in words.

    Items that are drawn by place (`diverse`) need the vectors, which an export does not hold: of these the quotas are
    compared. Raises ManifestMismatch where something differs.
    """
    config, found = SampleConfig(**export.run["sample"]), rebuild(export)
    by_place = config.strategy == "diverse"
    if by_place and config.is_mixed:
        return all_well(_off_quotas(export, found), f"{len(found.drawn)} items (mixed by place: what was drawn only)")
    plan = sample(
        found.hierarchy,
        config.model_copy(update={"strategy": "random"}) if by_place else config,
        eligible=found.eligible,
        rules=found.rules,
        groups=found.groups,
        retrieved=found.retrieved,
    )
    wrong = _differing(export, found, plan) or _off_quotas(export, found)
    if not wrong and not by_place and not np.array_equal(np.sort(plan.indices), np.sort(found.drawn)):
        n_others = len(np.setdiff1d(found.drawn, plan.indices))
        wrong.append(f"{n_others} drawn items are not the ones that seed {config.seed} draws")
    detail = f"{len(found.drawn)} items, quotas of {found.hierarchy.n_levels} levels"
    return all_well(wrong, detail + (" (members by place: quotas only)" if by_place else ""))


def _differing(export: ReadExport, found: Rebuilt, plan: SamplingPlan) -> list[str]:
    return [
        f"{name} of level {level} differ"
        for level in range(1, found.hierarchy.n_levels + 1)
        for name, told, values in (("quotas", "quota", plan.quotas), ("capacity", "capacity", plan.capacity))
        if not np.array_equal(_level(export.tree, level).column(told).to_numpy(), values[level - 1])
    ]


def _off_quotas(export: ReadExport, found: Rebuilt) -> list[str]:
    tree = found.hierarchy
    taken = np.bincount(tree.point_assignment(1)[found.drawn], minlength=tree.n_clusters[0])
    same = np.array_equal(taken, _level(export.tree, 1).column("quota").to_numpy())
    return [] if same else ["the manifest does not follow the quotas"]


def rebuild(export: ReadExport) -> Rebuilt:
    """The tree, which items might be drawn, the rows that were, and what people asked for."""
    n, drawn = export.run["counts"]["in_tree"], export.numbers(export.manifest, "row")
    rejected = export.rejected.filter(pc.is_valid(export.rejected.column("row")))
    rest = export.numbers(rejected, "row")
    rows = np.r_[drawn, rest]

    def of_items(name: str, kind: type, fill: float = 0) -> np.ndarray:
        values = np.full(n, fill, kind)
        values[rows] = np.r_[export.numbers(export.manifest, name), export.numbers(rejected, name)]
        return values

    eligible = np.ones(n, bool)
    eligible[rest] = export.numbers(rejected, "eligible")
    hierarchy = _hierarchy(export, of_items("cluster_1", np.int32), of_items("distance", np.float32))
    kept = of_items("kept", bool) if "kept" in export.names else np.zeros(n, bool)
    mixed = {name: of_items(name, np.int64, -1) for name in ("balance_group", "reference_rank") if name in export.names}
    rules = _rules(hierarchy, export.tree, kept)
    return Rebuilt(hierarchy, eligible, drawn, rules, mixed.get("balance_group"), mixed.get("reference_rank"))


def _hierarchy(export: ReadExport, assignment: np.ndarray, distance: np.ndarray) -> Hierarchy:
    levels = []
    for level in range(1, len(export.run["cluster_columns"]) + 1):
        parents = _level(export.tree, level).column("parent")
        levels.append(Level(np.empty((len(parents), 0), np.float32), assignment, distance))
        assignment = parents.fill_null(0).to_numpy().astype(np.int32)
        distance = np.zeros(len(assignment), np.float32)
    return Hierarchy(tuple(levels))


def _rules(hierarchy: Hierarchy, tree: pa.Table, kept: np.ndarray) -> DrawRules:
    """Caps and weights as tree.parquet names them; an export of format 1 has none."""
    none = DrawRules.none(hierarchy)
    if "cap" not in tree.column_names:
        return DrawRules(kept, none.caps, none.weights)
    levels = [_level(tree, level) for level in range(1, hierarchy.n_levels + 1)]
    caps = tuple(rows["cap"].cast(pa.int64()).fill_null(NO_CAP).to_numpy().astype(np.int64) for rows in levels)
    return DrawRules(kept, caps, tuple(rows["weight"].to_numpy().astype(np.float64) for rows in levels))


def _level(tree: pa.Table, level: int) -> pa.Table:
    return tree.filter(pc.equal(tree["level"], level))
