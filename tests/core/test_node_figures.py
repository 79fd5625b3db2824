"""Figures of all clusters of a level at once are those of each cluster by itself."""

import numpy as np
import pytest

from curation_core import node_figures
from curation_core.errors import ConfigError
from curation_core.hierarchy import Hierarchy, Level
from curation_core.item_columns import ItemColumn, ItemColumns
from curation_core.node_figures import DECISIONS, NodeFigure, commonest, of_level, offered

N, K, TOP = 400, 30, 4


@pytest.fixture(scope="module")
def tree() -> Hierarchy:
    """Leaves around their means, so that centroids are exact means; leaf 29 is empty."""
    rng = np.random.default_rng([1])
    leaf = rng.integers(0, K - 1, N).astype(np.int32)
    top = (np.arange(K) % TOP).astype(np.int32)
    points = rng.normal(size=(N, 3)) + top[leaf][:, None] * 2 + leaf[:, None] * 0.1
    means = [np.stack([points[leaf == c].mean(axis=0) if (leaf == c).any() else np.zeros(3) for c in range(K)])]
    means.append(np.stack([points[top[leaf] == c].mean(axis=0) for c in range(TOP)]))
    gaps = [np.linalg.norm(points - means[0][leaf], axis=1), np.linalg.norm(means[0] - means[1][top], axis=1)]
    return Hierarchy(
        tuple(
            Level(m.astype(np.float32), a, gap.astype(np.float32))
            for m, a, gap in zip(means, (leaf, top), gaps, strict=True)
        )
    )


@pytest.fixture(scope="module")
def columns() -> ItemColumns:
    rng = np.random.default_rng([2])
    values = rng.normal(size=N)
    values[::5] = np.nan
    made = [
        ItemColumn("shape", "class", "yours", lambda: (np.arange(N) % 3, ["bar", "", "dot"])),
        ItemColumn("id", "text", "item", lambda: [str(i) for i in range(N)]),
        ItemColumn("blur", "number", "quality", lambda: values),
        ItemColumn("flag: dark", "flag", "quality", lambda: np.arange(N) % 7 == 0),
        ItemColumn("flag: soft", "flag", "quality", lambda: np.arange(N) % 11 == 0),
        ItemColumn("duplicates", "number", "duplicates", lambda: 1.0 + (np.arange(N) % 4 == 0)),
        ItemColumn("decision", "class", "review", lambda: (np.arange(N) % 2, ["undecided", "kept", "dropped"])),
        ItemColumn("drawn", "flag", "draw", lambda: np.arange(N) % 6 == 0),
    ]
    return ItemColumns.of(N, made)


EXPECTED = {
    NodeFigure("drawn"): lambda rows: (rows % 6 == 0).mean(),
    NodeFigure("dropped"): lambda rows: 0.0,
    NodeFigure("duplicates"): lambda rows: (rows % 4 == 0).mean(),
    NodeFigure("flagged"): lambda rows: ((rows % 7 == 0) | (rows % 11 == 0)).mean(),
    NodeFigure("purity", "shape"): lambda rows: np.bincount(rows % 3).max() / len(rows),
}


@pytest.mark.parametrize("figure", EXPECTED, ids=lambda figure: figure.title)
@pytest.mark.parametrize("level", [1, 2])
def test_a_share_is_that_of_the_members(tree, columns, figure, level):
    found = of_level(figure, tree, level, columns).values
    for cluster in range(tree.n_clusters[level - 1]):
        rows = tree.members(level, cluster)
        if len(rows):
            assert found[cluster] == pytest.approx(EXPECTED[figure](rows))
        else:
            assert np.isnan(found[cluster])


def test_a_mean_leaves_out_what_has_no_number(tree, columns):
    found, values = of_level(NodeFigure("mean", "blur"), tree, 2, columns).values, columns.numbers("blur")
    assert found == pytest.approx([np.nanmean(values[tree.members(2, c)]) for c in range(TOP)])


def test_a_cluster_without_any_number_has_no_mean(tree):
    columns = ItemColumns.of(N, [ItemColumn("x", "number", "yours", lambda: np.full(N, np.nan))])
    assert np.isnan(of_level(NodeFigure("mean", "x"), tree, 1, columns).values).all()


def test_purity_names_the_commonest_class(tree, columns):
    found = of_level(NodeFigure("purity", "shape"), tree, 1, columns)
    for cluster in range(K - 1):
        assert found.classes[cluster] == np.bincount(tree.members(1, cluster) % 3, minlength=3).argmax()


def test_counting_and_sorting_find_the_same_commonest_class(monkeypatch):
    rng = np.random.default_rng([4])
    owner, codes = rng.integers(0, 50, 900), rng.integers(0, 8, 900)
    counted = commonest(owner, codes, 8, 52)
    monkeypatch.setattr(node_figures, "_DENSE", 0)
    for one, other in zip(counted, commonest(owner, codes, 8, 52), strict=True):
        assert one.tolist() == other.tolist()


def test_a_decision_is_told_apart_from_a_half_decision(tree):
    leaf = tree.point_assignment(1)
    codes = np.select([leaf == 0, leaf == 1, (leaf == 2) & (np.arange(N) % 2 == 0)], [1, 2, 2], 0)
    columns = ItemColumns.of(N, [ItemColumn("decision", "class", "review", lambda: (codes, list("ukd")))])
    found = of_level(NodeFigure("decision"), tree, 1, columns)
    said = [DECISIONS[int(value)] for value in found.values[:4]]
    assert said == ["kept", "dropped", "partly decided", "undecided"]
    assert found.together(np.array([0, 1]), tree.sizes(1)[[0, 1]]) == 1.0
    assert found.together(np.array([1]), tree.sizes(1)[[1]]) == 3.0


def test_several_clusters_together_have_the_mean_of_their_items(tree, columns):
    found, sizes = of_level(NodeFigure("drawn"), tree, 1, columns), tree.sizes(1)
    rows = np.concatenate([tree.members(1, 3), tree.members(1, 8)])
    assert found.together(np.array([3, 8]), sizes[[3, 8]]) == pytest.approx((rows % 6 == 0).mean())
    assert np.isnan(found.together(np.array([29]), sizes[[29]]))


@pytest.mark.parametrize("level", [1, 2])
def test_cohesion_orders_clusters_by_how_near_their_items_lie(tree, level):
    found = node_figures.cohesion(tree, level)
    rng = np.random.default_rng([1])
    leaf = rng.integers(0, K - 1, N).astype(np.int32)
    points = rng.normal(size=(N, 3)) + (np.arange(K) % TOP)[leaf][:, None] * 2 + leaf[:, None] * 0.1
    centroids = tree.levels[level - 1].centroids
    spread = [
        np.sqrt(((points[rows] - centroids[c]) ** 2).sum(axis=1).mean()) if len(rows := tree.members(level, c)) else 9e9
        for c in range(tree.n_clusters[level - 1])
    ]
    filled = tree.sizes(level) > 0
    assert np.isnan(found[~filled]).all()
    assert found[filled].max() == 1.0
    assert found[filled].min() == 0.0
    low, high = np.array(spread)[filled].min(), np.array(spread)[filled].max()
    assert found[filled] == pytest.approx((high - np.array(spread)[filled]) / (high - low), abs=1e-4)


def test_what_is_offered_is_what_the_columns_allow(columns):
    assert [figure.title for figure in offered(columns)] == [
        "share drawn", "decision", "share dropped", "cohesion", "share of near-duplicates", "share flagged",
        "purity of shape", "mean of blur", "mean of duplicates",
    ]  # fmt: skip
    bare = ItemColumns.of(2, [ItemColumn("decision", "class", "review", lambda: (np.zeros(2, int), ["undecided"]))])
    assert [figure.kind for figure in offered(bare)] == ["decision", "dropped", "cohesion"]


def test_a_column_that_is_not_there_is_named(tree, columns):
    with pytest.raises(ConfigError, match="there is no column 'size'"):
        of_level(NodeFigure("mean", "size"), tree, 1, columns)
