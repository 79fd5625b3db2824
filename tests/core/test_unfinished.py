import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from curation_core.cluster import cluster
from curation_core.config import ClusterConfig
from curation_core.errors import Cancelled
from curation_core.kmeans import kmeans
from curation_core.unfinished import Unfinished

RNG = np.random.default_rng(8)
MANY = (RNG.standard_normal((40, 6))[RNG.zipf(1.5, 4000) % 40] * 3 + RNG.standard_normal((4000, 6))).astype(np.float32)
WHOLE = ClusterConfig(n_clusters=(120, 20), n_resamples=3, mode="compatible")
CUT = ClusterConfig(n_clusters=(120, 20), n_resamples=2, cells=9)


def bytes_of(tree):
    return [array.tobytes() for array in tree.arrays().values()], tree.trace


def stopping_after(n_calls):
    """A progress that stops the run at its n-th call."""
    calls = iter(range(n_calls))

    def progress(stage, done, total, **figures):
        if next(calls, None) is None:
            raise Cancelled("stopped")

    return progress


@pytest.mark.parametrize("config", [WHOLE, CUT], ids=["whole", "cells"])
def test_a_run_stopped_again_and_again_ends_with_the_same_bytes(tmp_path, config):
    expected = bytes_of(cluster(MANY, config))
    kept, stops = Unfinished(tmp_path, "one", every=0), 0
    for n_calls in range(3, 2000, 7):
        try:
            found = cluster(MANY, config, progress=stopping_after(n_calls), unfinished=kept)
            break
        except Cancelled:
            stops += 1
    assert stops > 5
    assert bytes_of(found) == expected


@pytest.mark.parametrize("stop", range(5, 320, 35))
def test_a_run_goes_on_from_any_iteration(tmp_path, stop):
    kept = Unfinished(tmp_path, "one", every=0)
    with pytest.raises(Cancelled):
        cluster(MANY, WHOLE, progress=stopping_after(stop), unfinished=kept)
    calls = []
    found = cluster(MANY, WHOLE, progress=lambda *told, **figures: calls.append(told), unfinished=kept)
    plain = []
    expected = cluster(MANY, WHOLE, progress=lambda *told, **figures: plain.append(told))
    assert bytes_of(found) == bytes_of(expected)
    if stop > 100:
        assert len(calls) < len(plain)  # what was done is not done again


_KILLED = """
import sys, numpy as np
from pathlib import Path
from curation_core.cluster import cluster
from curation_core.config import ClusterConfig
from curation_core.unfinished import Unfinished
vectors = np.load(sys.argv[1])
config = ClusterConfig(n_clusters=(900, 40), n_resamples=3, mode="compatible", cells=int(sys.argv[3]))
cluster(vectors, config, unfinished=Unfinished(Path(sys.argv[2]), "one", every=0))
print("ended")
"""


@pytest.mark.parametrize("cells", ["0", "30"])
def test_a_killed_process_leaves_what_another_goes_on_from(tmp_path, cells):
    vectors = np.tile(MANY, (5, 1)) + RNG.standard_normal((20_000, 6)).astype(np.float32)
    np.save(tmp_path / "vectors.npy", vectors)
    kept, command = tmp_path / "kept", [sys.executable, "-c", _KILLED, str(tmp_path / "vectors.npy")]
    with subprocess.Popen([*command, str(kept), cells], stdout=subprocess.PIPE) as process:
        while not list(kept.rglob("*.npz")) and process.poll() is None:
            time.sleep(0.01)
        time.sleep(0.15)
        process.send_signal(signal.SIGKILL)
    assert list(kept.rglob("*.npz"))
    config = ClusterConfig(n_clusters=(900, 40), n_resamples=3, mode="compatible", cells=int(cells))
    found = cluster(vectors, config, unfinished=Unfinished(kept, "one", every=0))
    assert bytes_of(found) == bytes_of(cluster(vectors, config))


def test_another_work_is_not_gone_on_from(tmp_path):
    with pytest.raises(Cancelled):
        cluster(MANY, WHOLE, progress=stopping_after(40), unfinished=Unfinished(tmp_path, "one", every=0))
    other = WHOLE.model_copy(update={"seed": 5})
    found = cluster(MANY, other, unfinished=Unfinished(tmp_path, "other", every=0))
    assert bytes_of(found) == bytes_of(cluster(MANY, other))


def test_a_torn_file_is_as_good_as_none(tmp_path):
    kept = Unfinished(tmp_path, "one", every=0)
    with pytest.raises(Cancelled):
        cluster(MANY, WHOLE, progress=stopping_after(40), unfinished=kept)
    for path in tmp_path.rglob("*.npz"):
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    assert bytes_of(cluster(MANY, WHOLE, unfinished=kept)) == bytes_of(cluster(MANY, WHOLE))


def test_short_work_keeps_nothing(tmp_path):
    kept = Unfinished(tmp_path / "kept", "one")
    cluster(MANY, WHOLE, unfinished=kept)
    assert not list(tmp_path.rglob("*.npz"))
    kept.clear()


def test_what_is_kept_is_gone_when_it_is_cleared(tmp_path):
    unit = Unfinished(tmp_path / "kept", "one").unit("level-1/runs")
    unit.finish({"x": np.arange(3)})
    assert unit.load()["x"].tolist() == [0, 1, 2]
    Unfinished(tmp_path / "kept", "one").clear()
    assert unit.load() is None


def test_tolerance_ends_a_run_early_at_little_cost():
    exact = kmeans(MANY, 100, seed=0)
    tree = cluster(MANY, ClusterConfig(n_clusters=(100,), n_resamples=0, tolerance=0.01))
    assert tree.trace[0]["n_iter"] < exact.n_iter
    assert tree.trace[0]["inertia"] < 1.05 * exact.inertia
