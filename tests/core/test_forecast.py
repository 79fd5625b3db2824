"""What clustering is told to take, held against what it takes."""

import time
from itertools import pairwise

import numpy as np
import pytest

from curation_core import forecast, kernels
from curation_core.artifacts import write_array
from curation_core.cluster import cluster
from curation_core.config import ClusterConfig
from curation_core.forecast import REFERENCE, Cost, calibrated, family, free_disk, free_memory, predict_cost
from curation_core.results import write_hierarchy

RATES = REFERENCE["float32"]


def foretold(n, dim, **options):
    return predict_cost(n, dim, ClusterConfig(**options), rates=RATES, n_threads=1)


def test_cost_grows_with_items_dimensions_clusters_and_the_papers_procedure():
    small = foretold(20_000, 64, n_clusters=(2_000,))
    for other in (
        foretold(80_000, 64, n_clusters=(2_000,)),
        foretold(20_000, 256, n_clusters=(2_000,)),
        foretold(20_000, 64, n_clusters=(4_000,)),
        foretold(20_000, 64, n_clusters=(2_000,), mode="compatible"),
    ):
        assert other.seconds > small.seconds
        assert other.memory_bytes >= small.memory_bytes
        assert other.disk_bytes >= small.disk_bytes


def test_more_cores_take_less_of_the_clock_and_the_same_work():
    config = ClusterConfig(n_clusters=(2_000,))
    one, four = (predict_cost(50_000, 128, config, rates=RATES, n_threads=n) for n in (1, 4))
    assert one.seconds == pytest.approx(one.cpu_seconds)
    assert one.cpu_seconds / 4 < four.seconds < one.seconds
    assert four.cpu_seconds == pytest.approx(one.cpu_seconds)


def test_random_seeds_cost_nothing_and_many_clusters_less_by_oversampling():
    plain = foretold(200_000, 64, n_clusters=(3_000,), mode="compatible")
    assert foretold(200_000, 64, n_clusters=(3_000,), mode="compatible", init="random").seconds < plain.seconds
    assert foretold(200_000, 64, n_clusters=(3_000,), mode="compatible", init="kmeans||").seconds < plain.seconds


def test_cells_cost_a_fraction_and_memory_is_bounded(monkeypatch):
    whole = foretold(4_000_000, 128, n_clusters=(100_000,), cells=0)
    cut = foretold(4_000_000, 128, n_clusters=(100_000,))
    assert cut.seconds < whole.seconds / 5
    monkeypatch.setenv("CURATE_MEMORY_MB", "256")
    costs = [foretold(n, 128, n_clusters=(n // 100,)) for n in (2_000_000, 4_000_000, 8_000_000)]
    for less, more in pairwise(costs):  # as n sqrt(k), with labels and centroids of its own for every item
        assert less.seconds < more.seconds < 3.2 * less.seconds
        assert more.memory_bytes < 0.25 * 4 * 128 * 8_000_000


@pytest.mark.parametrize("mode", ["fast", "compatible"])
@pytest.mark.parametrize(("n", "dim", "n_clusters"), [(6_000, 64, (1_200, 200)), (20_000, 16, (400,))])
def test_the_foretold_work_is_of_the_right_order(mode, n, dim, n_clusters):
    """Within 2 where the machine is quiet (benchmarks/forecast.py); wider here, where other tests share it."""
    vectors = np.random.default_rng(0).standard_normal((n, dim)).astype(np.float32)
    config = ClusterConfig(n_clusters=n_clusters, mode=mode)
    began = time.process_time()
    cluster(vectors, config)
    took = time.process_time() - began
    assert took / 4 < predict_cost(n, dim, config).cpu_seconds < took * 4


def test_the_disk_foretold_holds_what_is_written(tmp_path):
    vectors = np.random.default_rng(0).standard_normal((5_000, 48)).astype(np.float32)
    config = ClusterConfig(n_clusters=(500, 50))
    write_array(tmp_path / "vectors.npy", vectors)
    write_hierarchy(tmp_path, cluster(vectors, config))
    written = sum(file.stat().st_size for file in tmp_path.rglob("*") if file.is_file())
    assert written < predict_cost(5_000, 48, config, rates=RATES).disk_bytes < 2 * written


def test_this_machine_is_timed_once(monkeypatch):
    calibrated.cache_clear()
    slow, times = REFERENCE["blas"].probe * 3, iter(range(1_000))
    monkeypatch.setenv(kernels.CHOICE, "blas")
    monkeypatch.setattr(forecast.time, "process_time", lambda: next(times) * slow)
    first = calibrated("blas")
    assert first.score == pytest.approx(3 * REFERENCE["blas"].score)
    assert calibrated("blas") is first
    assert next(times) == 12  # six searches
    calibrated.cache_clear()


def test_every_engine_has_rates():
    assert {family(engine) for engine in kernels.engines()} <= set(REFERENCE)
    assert [family(name) for name in ("avx512+vnni", "avx2", "blas", "torch-bf16")] == [
        "bytes",
        "float32",
        "blas",
        "float32",
    ]


def test_a_cost_is_said_in_words():
    assert Cost(0.2, 3_000, 0).sentence() == "about 1 s, 1 MB of memory, 1 MB on disk"
    assert Cost(200, 1_230_000_000, 400_000_000).sentence() == "about 3 min, 1.2 GB of memory, 400 MB on disk"
    assert Cost(9_000, 1, 1).sentence().startswith("about 2.5 h")


def test_what_will_not_fit_is_told_with_what_to_change():
    cost = Cost(10, 5_000_000_000, 7_000_000_000)
    memory, disk = cost.warnings(4_000_000_000, 6_000_000_000)
    assert "needs 5.0 GB of memory and 4.0 GB are free" in memory
    assert "CURATE_MEMORY_MB" in memory
    assert "writes 7.0 GB and 6.0 GB are free" in disk
    assert cost.warnings(6_000_000_000, 8_000_000_000) == cost.warnings(None, None) == []


def test_what_is_free_is_known(tmp_path):
    assert free_disk(tmp_path / "not" / "yet") == free_disk(tmp_path) > 0
    there = free_memory()
    assert there is None or there > 1 << 20
