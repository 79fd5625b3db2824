"""What decisions add up to on a tree: who may be drawn, who must be, what bounds it, and the tree to balance over."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from curation_core.decisions import Decision, cap_of, weight_of
from curation_core.draw_rules import NO_CAP, DrawRules
from curation_core.hierarchy import Hierarchy

Place = tuple[int, int]  # level and cluster


@dataclass(frozen=True)
class Standing:
    """What was decided on one cluster. verdict: 1 keep, -1 drop, 0 none; by: the event that said so last."""

    verdict: int = 0
    cap: str = ""
    weight: str = ""
    by: Decision | None = None

    @property
    def is_decided(self) -> bool:
        """Whether a person said anything about its share of the draw."""
        return bool(self.verdict or self.cap or self.weight)


@dataclass(frozen=True)
class ReviewDecisions:
    """The folded state on a tree of n items and L levels.

    tree: the tree after merges and splits; levels and clusters here are its own. eligible: (n,) bool, may be drawn.
    kept: (n,) bool, drawn at every size. decided_by: (n,) int8, the level whose verdict counts, -1 for an item's own,
    0 for none. verdicts: per level (k_l,) int8, 1 keep, -1 drop, 0 undecided. standing: what was decided, by place.
    lost: decisions whose cluster is not in this tree. labels: per level the names that people gave, by cluster; notes
    by place; skips: who put a cluster off, by place. item_labels, item_notes: by item id. structure: names the merges
    and splits, "" for none. where: the place that each event on a cluster came to mean, by op_id.
    """

    tree: Hierarchy
    eligible: np.ndarray
    kept: np.ndarray
    decided_by: np.ndarray
    verdicts: tuple[np.ndarray, ...]
    standing: Mapping[Place, Standing]
    lost: tuple[Decision, ...]
    n_events: int
    labels: tuple[Mapping[int, str], ...] = ()
    notes: Mapping[Place, str] = field(default_factory=dict)
    skips: Mapping[Place, frozenset[str]] = field(default_factory=dict)
    item_labels: Mapping[str, str] = field(default_factory=dict)
    item_notes: Mapping[str, str] = field(default_factory=dict)
    structure: str = ""
    where: Mapping[str, Place] = field(default_factory=dict)

    @property
    def n_dropped(self) -> int:
        """Items that may not be drawn."""
        return int(len(self.eligible) - self.eligible.sum())

    @cached_property
    def rules(self) -> DrawRules:
        """What the sampler is told beside who may be drawn."""
        none = DrawRules.none(self.tree)
        for (level, cluster), one in self.standing.items():
            size = int(self.tree.sizes(level)[cluster])
            if one.cap:
                none.caps[level - 1][cluster] = cap_of(one.cap, size)
            if one.weight:
                none.weights[level - 1][cluster] = weight_of(one.weight)
        return DrawRules(self.kept, none.caps, none.weights)

    def decided(self, level: int) -> np.ndarray:
        """Clusters of a level whose share of the draw somebody decided on: (k,) bool."""
        found = np.zeros(self.tree.n_clusters[level - 1], dtype=bool)
        found[[cluster for (at, cluster), one in self.standing.items() if at == level and one.is_decided]] = True
        return found

    @cached_property
    def fingerprint(self) -> str:
        """Hash of what the sampler sees."""
        digest = hashlib.sha256(np.packbits(self.eligible).tobytes())
        if self.kept.any():
            digest.update(np.packbits(self.kept).tobytes())
        for level, (caps, weights) in enumerate(zip(self.rules.caps, self.rules.weights, strict=True), start=1):
            for what, values, plain in (("cap", caps, NO_CAP), ("weight", weights, 1.0)):
                told = np.flatnonzero(values != plain)
                digest.update(f"{level}{what}{told.tolist()}{values[told].tolist()}".encode() if len(told) else b"")
        digest.update(self.structure.encode())
        return digest.hexdigest()[:16]
