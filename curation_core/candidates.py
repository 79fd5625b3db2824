"""The handful of settings that the advisor tries: trees in shares of the target size, and what they are held against.

A tree is written as its levels, fine to coarse, B being the target size: "2B, B/3" has two leaves per item drawn and a
level of a third of it above. Which of them is good depends on the data more than on the method, so several are tried.
"""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

import numpy as np

from curation_core.advice import resample_sizes
from curation_core.config import ClusterConfig, Preset
from curation_core.errors import ConfigError
from curation_core.forecast import predict_cost
from curation_core.presets import default_preset

TREES = ("2B, B/3", "2B, B/10", "2B, B/3, B/15", "2B, B/4, B/25", "1.6B, B/5, 12", "2B, B/2, B/8, B/32")
FLAT = ("B/2", "B", "2B")
PRESETS: tuple[Preset, ...] = ("l2", "pca-64", "sqrt-pca-128", "whiten-128")
FEWEST = 20  # items; below, every tree is a toy
_STEPS = 3
_LARGE = 64  # dimensions from which fewer are worth a try

Kind = Literal["random", "flat", "tree"]


@dataclass(frozen=True)
class Candidate:
    """One setting to try. shape: levels in shares of the target size; model: embedder whose vectors it clusters.

    n_clusters, resample_size: per level, fine to coarse; none of either for a random draw. keeps: which share of the
    average cluster a resampling step keeps, a sixth or, as published, half.
    """

    kind: Kind
    shape: str
    n_clusters: tuple[int, ...] = ()
    resample_size: tuple[int, ...] = ()
    n_resamples: int = 0
    preset: Preset = "none"
    model: str = ""
    keeps: Literal["sixth", "half"] = "sixth"

    def config(self, seed: int) -> ClusterConfig:
        """Settings of its tree for one seed; a flat one is a tree of one level without resampling."""
        return ClusterConfig(
            n_clusters=self.n_clusters,
            resample_size=self.resample_size,
            n_resamples=self.n_resamples,
            preset=self.preset,
            seed=seed,
        )

    @property
    def title(self) -> str:
        """What the setting is called in a table: only what tells it from the others."""
        if self.kind == "random":
            return "random"
        if self.kind == "flat":
            return f"flat k-means, {self.n_clusters[0]:,}"
        steps = {0: "no resampling", _STEPS: ""}.get(self.n_resamples, f"{self.n_resamples} steps")
        preset = "" if self.preset == default_preset(self.model) else self.preset
        kept = "half kept" if self.keeps == "half" else ""
        return " · ".join(filter(None, (f"({self.shape})", steps, kept, preset)))

    def settings(self) -> dict[str, Any]:
        """Everything that its draws hang on, as plain JSON."""
        return {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(self).items()}


def levels(shape: str, n: int, target_size: int, most: int | None = None) -> tuple[int, ...]:
    """Clusters per level of a shape for n items, fine to coarse; where it does not fit, all shares shrink alike.

    most: the largest number of clusters there can be, such as distinct vectors; a leaf needs two items in any case. A
    level that would not halve the one below is left out.
    """
    largest = max(1, n // 2 if most is None else min(n // 2, most))
    parts = [part.strip() for part in shape.split(",")]
    scale = min(1.0, largest / max(1, _count(parts[0], target_size)))
    found: list[int] = []
    for part in parts:
        k = min(largest, _count(part, target_size * scale))
        if not found or 2 <= k <= found[-1] // 2:
            found.append(max(1, k))
    return tuple(found)


def candidates(
    n: int,
    target_size: int,
    *,
    models: Sequence[str],
    preset_of: dict[str, Preset],
    dims: dict[str, int],
    n_distinct: dict[str, int],
    presets: bool = True,
) -> tuple[Candidate, ...]:
    """What is worth a try for n items and a target size: baselines first, then trees, each setting once.

    models: embedders, that of the workspace first. preset_of, dims, n_distinct: the preset that suits each, the
    dimensions of its vectors, how many of them are distinct (from n // 2 on it does not matter).
    Raises ConfigError for fewer than FEWEST items, or a target size that takes them all.
    """
    if n < FEWEST or not 0 < target_size < n:
        raise ConfigError(
            f"there are {n:,} items and the target size is {target_size:,}; advice needs at least {FEWEST} items and a "
            f"target below their number"
        )
    found: dict[Candidate, Candidate] = {}
    for number, model in enumerate(models):
        base = Candidate("tree", "", preset=preset_of[model], model=model)
        others = _others(base, dims[model]) if presets else ()
        for one in _of_model(base, n, target_size, n_distinct[model], others):
            if number == 0 or _is_plain(one, base):
                # equal numbers are one setting, whatever the shape is called
                found.setdefault(replace(one, kind="tree", shape="", keeps="sixth"), one)
    return (Candidate("random", "random"), *found.values())


def for_all(one: Candidate, n_tried: int, n: int, target_size: int, n_distinct: int) -> Candidate:
    """A candidate tried on a part of the items, for all of them: the same shape and rule of resampling at full size."""
    if n == n_tried:
        return one
    n_clusters = levels(one.shape, n, target_size, n_distinct * n // n_tried)
    sizes = _half(n, n_clusters) if one.keeps == "half" else resample_sizes(n, n_clusters)
    return replace(one, n_clusters=n_clusters, resample_size=one.resample_size if one.kind == "flat" else sizes)


def predict_seconds(tried: Sequence[Candidate], n: int, dims: dict[str, int], n_seeds: int) -> float:
    """Wall seconds that trying them will take on a two-core machine, within a factor of 2 or so."""
    return n_seeds * sum(
        predict_cost(n, _dim(one, dims[one.model]), one.config(0)).seconds for one in tried if one.model
    )


def _of_model(
    base: Candidate, n: int, target_size: int, n_distinct: int, others: Sequence[Preset]
) -> Iterator[Candidate]:
    for shape in FLAT:
        k = levels(shape, n, target_size, n_distinct)
        yield replace(base, kind="flat", shape=shape, n_clusters=k, resample_size=(2,))
    trees = [_tree(base, shape, n, target_size, n_distinct) for shape in TREES]
    first = trees[0]
    yield from trees
    for n_resamples in (0, 10):
        yield replace(first, n_resamples=n_resamples)
    yield replace(first, resample_size=_half(n, first.n_clusters), keeps="half")
    for preset in others:
        yield replace(first, preset=preset)


def _is_plain(one: Candidate, base: Candidate) -> bool:
    """Whether it is one of the trees themselves, not a variation of one."""
    usual = one.preset == base.preset and one.n_resamples == _STEPS and one.keeps == "sixth"
    return one.kind == "tree" and usual


def _tree(base: Candidate, shape: str, n: int, target_size: int, n_distinct: int) -> Candidate:
    n_clusters = levels(shape, n, target_size, n_distinct)
    sizes = resample_sizes(n, n_clusters)
    return replace(base, shape=shape, n_clusters=n_clusters, resample_size=sizes, n_resamples=_STEPS)


def _half(n: int, n_clusters: tuple[int, ...]) -> tuple[int, ...]:
    """Members kept per cluster as published: half of the average cluster, at least 2."""
    means = np.array((n, *n_clusters[:-1])) / np.array(n_clusters)
    return tuple(max(2, round(mean / 2)) for mean in means.tolist())


def _others(base: Candidate, dim: int) -> tuple[Preset, ...]:
    fitting = PRESETS if dim > _LARGE else PRESETS[:1]
    return tuple(preset for preset in fitting if preset != base.preset)


def _dim(one: Candidate, dim: int) -> int:
    most = {"pca-64": 64, "sqrt-pca-128": 128, "whiten-128": 128}
    return min(dim, most.get(one.preset, dim))


def _count(part: str, target_size: float) -> int:
    """Clusters that a part of a shape stands for: "2B" twice the target size, "B/3" a third, "12" twelve."""
    if "B" not in part:
        return int(part)
    times, _, over = part.partition("B")
    return round(float(times or 1) * target_size / float(over.removeprefix("/") or 1))
