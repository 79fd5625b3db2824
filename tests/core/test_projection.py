"""The map keeps neighbourhoods, repeats to the byte, and survives degenerate data."""

import numpy as np
import pytest

from curation_core.config import ProjectConfig
from curation_core.errors import ShapeError
from curation_core.projection import Projection, project


def blobs(n=300, k=3, dim=10):
    rng = np.random.default_rng([8])
    labels = np.arange(n) % k
    return (rng.normal(size=(k, dim)) * 20)[labels] + rng.normal(size=(n, dim)), labels


@pytest.mark.parametrize("method", ["umap", "pca"])
def test_groups_stay_apart_in_the_plane(method):
    vectors, labels = blobs()
    found = project(vectors.astype(np.float32), ProjectConfig(method=method))
    assert (found.xy.shape, found.xy.dtype, found.method) == ((300, 2), np.float32, method)
    gaps = np.linalg.norm(found.xy[:, None] - found.xy[None], axis=2)
    np.fill_diagonal(gaps, np.inf)
    nearest = labels[np.argsort(gaps, axis=1)[:, :5]]
    assert (nearest == labels[:, None]).mean() > 0.99


def test_the_same_seed_gives_the_same_bytes_and_another_seed_another_map():
    vectors, _ = blobs()
    first = project(vectors, ProjectConfig(seed=3, n_epochs=20)).xy
    assert project(vectors, ProjectConfig(seed=3, n_epochs=20)).xy.tobytes() == first.tobytes()
    assert not np.array_equal(project(vectors, ProjectConfig(seed=4, n_epochs=20)).xy, first)


@pytest.mark.parametrize("n", [1, 2, 3, 4, 7, 8, 9, 20])
def test_few_items_have_a_map_too(n):
    vectors = np.random.default_rng([9, n]).normal(size=(n, 5)).astype(np.float32)
    found = project(vectors, ProjectConfig(n_epochs=5))
    assert found.xy.shape == (n, 2)
    assert np.isfinite(found.xy).all()
    assert found.method == ("umap" if n >= 8 else "pca")


@pytest.mark.parametrize(
    "vectors",
    [
        np.ones((40, 4)),
        np.repeat(np.eye(4), 10, axis=0),
        np.arange(40.0)[:, None],
        np.r_[np.ones((39, 4)), [[9e9] * 4]],
    ],
    ids=["all equal", "four points", "a line", "far outlier"],
)
def test_degenerate_data_has_a_finite_map(vectors):
    found = project(vectors.astype(np.float32), ProjectConfig(n_epochs=20))
    assert found.xy.shape == (len(vectors), 2)
    assert np.isfinite(found.xy).all()


def test_the_stages_are_reported():
    seen = []
    vectors, _ = blobs(30)
    project(vectors, ProjectConfig(n_epochs=5), lambda stage, done, total: seen.append((stage, done == total)))
    assert list(dict.fromkeys(seen)) == [
        ("neighbours", False),
        ("neighbours", True),
        ("layout", False),
        ("layout", True),
    ]


def test_what_cannot_be_laid_out_is_refused():
    with pytest.raises(ShapeError, match="at least one row"):
        project(np.ones((0, 3)), ProjectConfig())
    with pytest.raises(ShapeError, match="NaN"):
        project(np.full((9, 3), np.nan), ProjectConfig())
    with pytest.raises(ShapeError, match="expected"):
        Projection(np.ones((3, 3)), "pca")
