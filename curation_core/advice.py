"""Choosing the tree: how many clusters, how much resampling, and what it will cost.

The rule (leaves about twice the target size, the level above a third of it, two members kept per cluster) gave the most
even draws on all small sets it was measured on; larger sets are clamped to what a laptop does in minutes. The rates
that this is reckoned by are fixed, so that the same data get the same tree everywhere; what this machine will really
take is foretold by `forecast`.
"""

from dataclasses import dataclass

import numpy as np

from curation_core.config import ClusterConfig
from curation_core.errors import ConfigError

TARGET_SHARE = 0.15  # of n, when no target size is known
BUDGET_SECONDS = 300.0  # what an automatic tree may cost at most by the rates below, whatever machine it is on
FAST_CANDIDATES = 4  # seeds tried per step in the resampling runs of mode "fast"
_SCORE_SECONDS = 0.2e-9  # per point-centroid score, and ...
_SCORE_SECONDS_PER_DIM = 0.0205e-9  # ... per dimension: measured on one Xeon core, float32 OpenBLAS, d = 2 to 128
_SEED_SECONDS = 60e-6  # fixed part of choosing one seed
_PASSES = 10.0  # full passes over all scores that a whole Lloyd run costs with exact skipping (measured 2 to 20)
_KEPT_PASSES = 3.0  # the same on the few members a resampling step keeps


@dataclass(frozen=True)
class Advice:
    """A tree that fits: clusters and members kept per level, fine to coarse, and one sentence that says why."""

    n_clusters: tuple[int, ...]
    resample_size: tuple[int, ...]
    n_resamples: int
    reason: str


def advise(n: int, expected_target: int | None = None, *, dim: int = 128) -> Advice:
    """Levels and resampling for n items of `dim` dimensions, meant for a target size (15 % of n when unknown)."""
    if isinstance(n, bool) or not isinstance(n, int | np.integer) or n < 1:
        raise ConfigError(f"n is {n!r}; advice needs at least 1 item")
    target = max(1, round(TARGET_SHARE * n)) if expected_target is None else int(expected_target)
    if target < 1:
        raise ConfigError(f"expected_target is {expected_target}; give at least 1 item")
    wanted = 2 * min(target, n)
    largest = min(wanted, max(1, n // 2))
    finest = _affordable(n, largest, dim)
    coarser = min(round(min(target, n) / 3), finest // 6 if finest < wanted else finest // 2)
    n_clusters = (finest, coarser) if coarser >= 2 else (finest,)
    sizes = resample_sizes(n, n_clusters)
    return Advice(n_clusters, sizes, 3, _reason(n, target, n_clusters, wanted, largest))


def resample_sizes(n: int, n_clusters: tuple[int, ...]) -> tuple[int, ...]:
    """Members kept per cluster: a sixth of the average cluster, at least 2, at least 3 from the third level on."""
    inputs = (n, *n_clusters)
    means = [points / k for points, k in zip(inputs, n_clusters, strict=False)]
    return tuple(max(2 if level < 2 else 3, round(mean / 6)) for level, mean in enumerate(means))


def _level_seconds(points: int, k: int, kept: int, dim: int, config: ClusterConfig) -> float:
    """One level: seeding and Lloyd on all points, then per resampling step the same on the kept ones and one pass."""
    full = 0 if config.init == "random" else 1.25 * (2 + int(np.log(k)))  # a quarter of the proposed seeds is rejected
    again = full if config.mode == "compatible" else min(full, 1.25 * FAST_CANDIDATES)
    scores = points * k * (full + min(_PASSES, config.max_iter))
    scores += config.n_resamples * k * (kept * (again + min(_KEPT_PASSES, config.max_iter)) + points + k)
    seeding = k * _SEED_SECONDS * (config.n_resamples + 1)
    return scores * (_SCORE_SECONDS + _SCORE_SECONDS_PER_DIM * dim) + seeding


def _affordable(n: int, k: int, dim: int) -> int:
    """The largest number of clusters up to k whose first level stays within the budget."""
    while k > 2 and _level_seconds(n, k, min(n, 2 * k), dim, ClusterConfig()) > BUDGET_SECONDS:
        k = max(2, int(k * 0.9))
    return k


def _reason(n: int, target: int, n_clusters: tuple[int, ...], wanted: int, largest: int) -> str:
    counts = " and ".join(f"{k:,}" for k in n_clusters)
    noun, items = "cluster" if n_clusters == (1,) else "clusters", "item" if n == 1 else "items"
    of_all = f"{counts} {noun} for {n:,} {items}"
    if n_clusters[0] == wanted:
        return f"{of_all} and a target of about {target:,}: two leaves per item drawn."
    if n_clusters[0] == largest:
        return (
            f"{of_all} and a target of about {target:,}: fewer than two leaves per item drawn, "
            "because a leaf needs at least two items."
        )
    return (
        f"{of_all} and a target of about {target:,}: fewer leaves than the {wanted:,} that would be best, "
        f"so that it takes about {BUDGET_SECONDS / 60:.0f} minutes."
    )
