"""What people decide in a workspace: verdicts on clusters and items, merges and splits, decisions of earlier trees."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from curation_core.anchors import Anchors
from curation_core.decisions import ClusterTarget, Decision, ItemTarget, MergeTarget, Verdict, read_decision
from curation_core.draws import Draws
from curation_core.errors import ConfigError
from curation_core.folding import parted
from curation_core.reattach import Reattachment, reattach


class Verdicts(Draws):
    """A workspace in which people decide; every decision is an event that can be undone."""

    def decide_cluster(
        self, level: int, cluster_id: int, verdict: Verdict, value: str = "", *, reviewer: str = "", op_id: str = ""
    ) -> Decision:
        """Record a verdict on a cluster of the tree as it is after merges and splits.

        value: of a cap "120" or "10 %", of a weight "2", of a label or a note its text.
        """
        target = _target(self._anchors(), level, cluster_id)
        return self._record(Decision(target, verdict, reviewer, value=value, **_named(op_id)))

    def merge(self, level: int, cluster_id: int, into: int, *, reviewer: str = "", op_id: str = "") -> Decision:
        """Let everything in a cluster belong to another one of its level."""
        if cluster_id == into:
            raise ConfigError(f"cluster {level}:{cluster_id} cannot be merged with itself; choose another cluster")
        anchors = self._anchors()
        target = MergeTarget(_target(anchors, level, cluster_id), _target(anchors, level, into))
        return self._record(Decision(target, "merge", reviewer, **_named(op_id)))

    def split(
        self, level: int, cluster_id: int, n_parts: int = 2, *, seed: int = 0, reviewer: str = "", op_id: str = ""
    ) -> Decision:
        """Part a cluster by k-means over its items, or over the clusters in it; the largest part keeps its number."""
        anchors = self._anchors()
        _require_cluster(anchors, level, cluster_id)
        target = parted(anchors, self.vectors(), level, cluster_id, n_parts, seed)
        return self._record(Decision(target, "split", reviewer, **_named(op_id)))

    def decide_items(
        self, rows: Sequence[int] | np.ndarray, verdict: Verdict, value: str = "", *, reviewer: str = ""
    ) -> Decision:
        """Record a verdict on items, given by their rows in the tree."""
        ids = self.item_ids()
        return self._record(_of_items([ids[int(row)] for row in rows], verdict, value, reviewer))

    def decide_catalog(
        self, rows: Sequence[int] | np.ndarray, verdict: Verdict, value: str = "", *, reviewer: str = ""
    ) -> Decision:
        """Record a verdict on items, given by their rows in the catalog; needs no tree."""
        ids = self.catalog().item_id
        return self._record(_of_items([ids[int(row)] for row in rows], verdict, value, reviewer))

    def reattached(self) -> Reattachment:
        """Where decisions on clusters of earlier trees lie in the present one; nothing is changed by looking."""
        return reattach(self.reviews.events(), self.decisions(), self._anchors())

    def use_reattached(self) -> int:
        """Take over what `reattached` found, as decisions on the present tree; returns how many. Undo takes it back."""
        return self.reviews.append(self.reattached().carried)

    def import_decisions(self, file: str | Path) -> int:
        """Add the events of a decisions.jsonl; those that are there already stay as they are. Returns how many are new.

        Raises ConfigError naming the first line that is none; nothing is added then.
        """
        path = Path(file)
        try:
            text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(f"{path.name} cannot be read ({error}); give a decisions.jsonl") from error
        return self.import_text(path.name, text)

    def import_text(self, name: str, text: str) -> int:
        """The same for a text at hand; name: what it is called in errors."""
        return self.reviews.append(_read_lines(name, text.split("\n")))  # a note may hold other ends of lines: U+2028

    def _anchors(self) -> Anchors:
        return Anchors(self.decisions().tree, self.plans.plan("cluster").key, self.item_ids())

    def _record(self, decision: Decision) -> Decision:
        self.reviews.append([decision])
        return decision


def _require_cluster(anchors: Anchors, level: int, cluster_id: int) -> None:
    tree = anchors.hierarchy
    if not (1 <= level <= tree.n_levels and 0 <= cluster_id < tree.n_clusters[level - 1]):
        levels = ", ".join(f"level {number}: 0 to {k - 1}" for number, k in enumerate(tree.n_clusters, start=1))
        raise ConfigError(f"cluster {level}:{cluster_id} does not exist; this tree has {levels}")


def _target(anchors: Anchors, level: int, cluster_id: int) -> ClusterTarget:
    _require_cluster(anchors, level, cluster_id)
    return anchors.target(level, cluster_id)


def _named(op_id: str) -> dict[str, str]:
    return {"op_id": op_id} if op_id else {}


def _of_items(ids: list[str], verdict: Verdict, value: str, reviewer: str) -> Decision:
    return Decision(ItemTarget(tuple(ids)), verdict, reviewer, value=value)


def _read_lines(name: str, lines: Sequence[str]) -> list[Decision]:
    found = []
    for number, line in enumerate(lines, start=1):
        if line.strip():
            try:
                found.append(read_decision(line))
            except ConfigError as error:
                raise ConfigError(f"line {number} of {name}: {error}") from error
    return found
