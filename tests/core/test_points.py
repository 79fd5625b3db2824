import numpy as np
import pytest

from curation_core.cluster import cluster
from curation_core.config import ClusterConfig
from curation_core.errors import ConfigError
from curation_core.kernels import CHOICE
from curation_core.kmeans import kmeans
from curation_core.native import native
from curation_core.points import CHUNK, MEMORY, Points

RNG = np.random.default_rng(3)
N = 12 * CHUNK + 77
MANY = (RNG.standard_normal((N, 5)) + RNG.integers(0, 9, (N, 1))).astype(np.float32)


@pytest.fixture
def little_memory(monkeypatch):
    """Points that are read block by block, a chunk at a time."""
    monkeypatch.setenv(MEMORY, "1")


@pytest.mark.parametrize("kernel", ["", "blas"])
@pytest.mark.parametrize("dtype", ["float32", "float16", "float64", "int8"])
def test_memory_changes_no_bit(monkeypatch, tmp_path, kernel, dtype):
    monkeypatch.setenv(CHOICE, kernel)
    np.save(tmp_path / "vectors.npy", MANY.astype(dtype))
    kept = kmeans(MANY.astype(dtype), 20, max_iter=4, seed=1)
    monkeypatch.setenv(MEMORY, "1")
    mapped = np.load(tmp_path / "vectors.npy", mmap_mode="r")
    assert Points.of(mapped).kept is None
    read = kmeans(mapped, 20, max_iter=4, seed=1)
    for name in ("centroids", "assignment", "distance"):
        assert getattr(kept, name).tobytes() == getattr(read, name).tobytes()
    assert (kept.inertia, kept.n_iter) == (read.inertia, read.n_iter)


def test_what_is_read_is_what_would_be_kept(monkeypatch):
    kept = Points.of(MANY)
    monkeypatch.setenv(MEMORY, "1")
    read = Points.of(MANY)
    some = np.array([5, 1, 40_000, 5])
    assert kept.at(some).tobytes() == read.at(some).tobytes()
    assert kept.take(some).x.tobytes() == read.take(some).x.tobytes()
    assert kept.take(some).take(np.array([2, 0])).x.tobytes() == read.at(np.array([40_000, 5])).tobytes()
    assert kept.squares == read.squares
    assert kept.n_distinct(100) == read.n_distinct(100)


@pytest.mark.usefixtures("little_memory")
def test_blocks_are_whole_chunks_in_order():
    found = [(part.start, part.stop) for part, _ in Points.of(MANY).blocks()]
    assert found == [(start, min(start + CHUNK, N)) for start in range(0, N, CHUNK)]


@pytest.mark.parametrize("memory", ["", "1"])
def test_rows_taken_from_many_stay_in_their_frame(monkeypatch, memory):
    monkeypatch.setenv(MEMORY, memory)
    rows = np.arange(7, len(MANY), 2)
    taken = Points.of(MANY).take(rows)
    ready = np.concatenate([x for _, x in taken.blocks()])
    np.testing.assert_allclose(taken.restore(ready[:, :-1]), MANY[rows], rtol=1e-6, atol=1e-6)


def test_every_half_precision_number_is_read_as_it_is():
    if native() is None:
        pytest.skip("the C package is not installed")
    halves = np.arange(1 << 16, dtype=np.uint16).view(np.float16).reshape(-1, 32)  # 16 at a time, twice
    for width in (32, 31, 1):  # and what is left over
        raw, ready = np.ascontiguousarray(halves[:, :width]), np.empty((len(halves), width + 1), np.float32)
        assert native().prepare(raw, np.zeros(width), 1.0, ready)
        expected = raw.astype(np.float32)
        same = (ready[:, :-1] == expected) | np.isnan(expected) & np.isnan(ready[:, :-1])
        assert same.all()
        assert (np.signbit(ready[:, :-1]) == np.signbit(expected))[~np.isnan(expected)].all()


def test_rows_that_do_not_lie_behind_each_other_are_read_too():
    wide = np.asfortranarray(MANY[:300])
    assert Points.of(wide).x.tobytes() == Points.of(MANY[:300]).x.tobytes()
    assert Points.of(MANY[:300, ::2]).x.tobytes() == Points.of(MANY[:300, ::2].copy()).x.tobytes()


@pytest.mark.parametrize("told", ["lots", "0", "-5", "1.5"])
def test_a_memory_that_is_no_number_is_refused(monkeypatch, told):
    monkeypatch.setenv(MEMORY, told)
    with pytest.raises(ConfigError, match="whole number of megabytes"):
        Points.of(MANY[:10])


def test_memory_changes_no_seed_where_a_sample_holds_too_few_distinct_points(monkeypatch):
    few = RNG.standard_normal((300, 8))
    copies = np.concatenate([np.zeros((60_000, 8)), few]).astype(np.float32)[RNG.permutation(60_300)]
    found = []
    for memory in ("512", "1"):
        monkeypatch.setenv(MEMORY, memory)
        found.append(kmeans(copies, 300, max_iter=3, seed=2))
        tree = cluster(copies, ClusterConfig(n_clusters=(200,), n_resamples=0, max_iter=3))
        found.append(tree.levels[0])
    assert found[0].centroids.tobytes() == found[2].centroids.tobytes()
    assert found[1].centroids.tobytes() == found[3].centroids.tobytes()
    assert len(np.unique(found[1].centroids, axis=0)) == 200
