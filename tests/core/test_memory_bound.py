"""Clustering under a limit of the address space: vectors far larger than what may be held."""

import json
import subprocess
import sys

import numpy as np
import pytest

_LIMITED = """
import json, resource, sys
import numpy as np
from curation_core import ClusterConfig, cluster
vectors = np.load(sys.argv[1], mmap_mode="r")
# a small tree first, so that all libraries are loaded
cluster(np.random.default_rng(0).standard_normal((3000, vectors.shape[1])), ClusterConfig(n_clusters=(30,)))
pages = int(open("/proc/self/statm").read().split()[0])
limit = pages * resource.getpagesize() + (int(sys.argv[2]) << 20)
resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
tree = cluster(vectors, ClusterConfig(n_clusters=(400, 20), n_resamples=1, cells=int(sys.argv[3]), max_iter=5))
after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(json.dumps({"mb": (after - before) / 1024, "items": int(tree.sizes(1).sum())}))
"""
N, DIM = 400_000, 128  # 205 MB as they are made ready for products


@pytest.fixture(scope="module")
def vectors(tmp_path_factory):
    path = tmp_path_factory.mktemp("large") / "vectors.npy"
    rng = np.random.default_rng(0)
    places = rng.standard_normal((500, DIM)).astype(np.float32)
    rows = np.lib.format.open_memmap(path, mode="w+", dtype=np.float16, shape=(N, DIM))
    for start in range(0, N, 50_000):
        rows[start : start + 50_000] = places[rng.integers(0, 500, 50_000)] + rng.standard_normal(
            (50_000, DIM), dtype=np.float32
        )
    rows.flush()
    return path


def limited(path, megabytes, cells):
    command = [sys.executable, "-c", _LIMITED, str(path), str(megabytes), str(cells)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("cells", [0, 20])
def test_vectors_larger_than_the_memory_allowed_are_clustered(monkeypatch, vectors, cells):
    monkeypatch.setenv("CURATE_MEMORY_MB", "64")
    done = limited(vectors, 150, cells)  # beside what libraries and the map of the file take
    assert done.returncode == 0, done.stderr[-2000:]
    found = json.loads(done.stdout)
    assert found["items"] == N
    assert found["mb"] < 150


def test_the_limit_is_one(monkeypatch, vectors):
    monkeypatch.setenv("CURATE_MEMORY_MB", "2000")  # all points are kept: more than the limit leaves
    done = limited(vectors, 150, 0)
    assert done.returncode != 0
    assert "MemoryError" in done.stderr or "Unable to allocate" in done.stderr
