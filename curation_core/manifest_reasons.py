"""Why each item was drawn or not, as columns of text: one sentence per cluster, taken by number."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from curation_core.draw_rules import NO_CAP
from curation_core.manifest import ExportContents


@dataclass(frozen=True)
class Reasons:
    """The reasons of one export. Sentences are made once per cluster, so that a million items cost a take."""

    contents: ExportContents

    def of_drawn(self, tree_rows: np.ndarray) -> pa.Array:
        """Reasons of drawn items: (len(tree_rows),) strings."""
        contents = self.contents
        leaf = contents.hierarchy.point_assignment(1)[tree_rows].astype(np.int64)
        kept = contents.decisions.kept[tree_rows]
        return self._drawn_sentences.take(pa.array(np.where(kept, 0, leaf + 1)))

    def of_rejected(self, tree_rows: np.ndarray) -> pa.Array:
        """Reasons of items that were not drawn: (len(tree_rows),) strings."""
        contents, n_rows = self.contents, len(tree_rows)
        tree, decided = contents.hierarchy, contents.decisions.decided_by[tree_rows]
        offsets, sentences = self._rejected_sentences
        place = offsets[0] + tree.point_assignment(1)[tree_rows].astype(np.int64)
        gives_way = ~contents.eligible[tree_rows]
        dropped = ~contents.decisions.eligible[tree_rows]
        for level in range(1, tree.n_levels + 1):
            here = dropped & (decided == level)
            place[here] = offsets[level] + tree.point_assignment(level)[tree_rows[here]]
        place[dropped & (decided < 0)] = 0
        reasons = sentences.take(pa.array(place))
        gives_way &= ~dropped
        if not gives_way.any():
            return reasons
        near = self._near(tree_rows[gives_way])
        picked = np.arange(n_rows)
        picked[gives_way] = n_rows + np.arange(len(near))
        return pa.concat_arrays([reasons, near]).take(pa.array(picked))

    def _near(self, tree_rows: np.ndarray) -> pa.Array:
        keeper = self._keeper[tree_rows]
        rows = np.asarray(self.contents.rows)[np.maximum(keeper, 0)]
        ids = self.contents.catalog.items.column("item_id").take(pa.array(rows)).combine_chunks()
        names = pc.if_else(pa.array(keeper >= 0), ids, "an item that was left out")
        return pc.binary_join_element_wise("near-duplicate of ", names, "")

    @cached_property
    def _drawn_sentences(self) -> pa.Array:
        """0: kept; then one per leaf."""
        contents = self.contents
        quota, sizes = contents.plan.quotas[0], contents.hierarchy.sizes(1)
        drawn = _joined(f"{contents.plan.strategy} draw: ", quota, " of ", sizes, " in cluster ", np.arange(len(quota)))
        return pa.concat_arrays([pa.array(["kept in review: this item"]), drawn])

    @cached_property
    def _rejected_sentences(self) -> tuple[list[int], pa.Array]:
        """0: dropped itself; then one per leaf, then one per cluster of each level; where each part begins."""
        contents, tree = self.contents, self.contents.hierarchy
        caps, leaves = contents.decisions.rules.caps[0], np.arange(tree.n_clusters[0])
        plain = _joined("not drawn: cluster ", leaves, " gives ", contents.plan.quotas[0], " of ", tree.sizes(1))
        capped = pc.if_else(pa.array(caps != NO_CAP), _joined(", capped at ", caps), "")
        parts = [
            pa.array(["dropped in review: this item"]),
            pc.binary_join_element_wise(plain, capped, ""),
            *(
                _joined("dropped in review: cluster ", np.arange(k), f" of level {level}")
                for level, k in enumerate(tree.n_clusters, start=1)
            ),
        ]
        starts = np.cumsum([len(part) for part in parts]).tolist()
        return starts[:-1], pa.concat_arrays(parts)

    @cached_property
    def _keeper(self) -> np.ndarray:
        """For every row of the tree that had to give way, the row that stands for its group, else -1: (m,) int64."""
        contents = self.contents
        none = np.full(contents.hierarchy.n_items, -1, np.int64)
        if contents.keeper is None or contents.near_duplicates is None:
            return none
        group, keeper = np.asarray(contents.near_duplicates).astype(np.int64), np.asarray(contents.keeper)
        standing = np.full(int(group.max(initial=-1)) + 1, -1, np.int64)
        stands = np.flatnonzero(keeper & (group >= 0))[::-1]  # the lowest row of a group is written last
        standing[group[stands]] = stands
        gives_way = np.flatnonzero(~keeper & (group >= 0))
        none[gives_way] = standing[group[gives_way]]
        return none


def _joined(*parts: str | np.ndarray) -> pa.Array:
    """Texts and numbers side by side, one string per row."""
    columns = [part if isinstance(part, str) else pa.array(part, pa.int64()).cast(pa.string()) for part in parts]
    return pc.binary_join_element_wise(*columns, "")
