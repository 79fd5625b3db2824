"""Every engine beside native kernels and BLAS gives the bytes of the chain of sums that settles, however it screens."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from test_kernels import problem

from curation_core import engines, half_products, kernels, settling
from curation_core.cli_runs import status
from curation_core.cluster import cluster
from curation_core.config import ClusterConfig
from curation_core.errors import ConfigError
from curation_core.points import CHUNK, Points
from curation_core.workspace import Workspace

torch = pytest.importorskip("torch")
HERE = Path(__file__).parent
EPSILON = float(np.finfo(np.float32).eps)
ON_CPU = [name for name in engines.there() if not name.startswith("cuda")]
needs_gpu = pytest.mark.skipif(not engines.sees_a_gpu(), reason="torch sees no GPU here")
needs_triton = pytest.mark.skipif(not engines._has("triton"), reason="triton is not installed here")


@pytest.fixture(params=["native", "numpy"])
def chain(request, monkeypatch):
    """The chain that settles: that of the native kernels and that of a machine without them."""
    if request.param == "numpy":
        monkeypatch.setattr(kernels, "_native", lambda: None)
    elif kernels._native() is None:
        pytest.skip("the C kernels were not built here")
    return kernels.scores_of


@pytest.fixture
def forced(monkeypatch):
    for name in ("WORTH_A_GPU", "WORTH_TORCH", "WORTH_HALVES", "WORTH_FAISS"):
        monkeypatch.setattr(engines, name, 0)


def searches(table, scores_of):
    """Every way of looking that runs here, that of a GPU on the processor too."""
    from curation_core.device_products import DeviceSearch
    from curation_core.faiss_products import FaissSearch

    found = {"torch-bf16": half_products.HalfSearch(table, scores_of), "device": DeviceSearch(table, scores_of, "cpu")}
    found["by groups"] = half_products.HalfSearch(table, scores_of)
    found["by groups"].__dict__["_plain"] = found["by groups"]._by_groups
    return found | ({"faiss": FaissSearch(table, scores_of)} if "faiss" in ON_CPU else {})


def by_brute_force(x, table, scores_of):
    """Lowest score of the chain, the first at ties."""
    n, k = len(x), len(table)
    pairs = np.divmod(np.arange(n * k), k)
    scores = scores_of(x, table, pairs[1].astype(np.int32), pairs[0]).reshape(n, k)
    labels = scores.argmin(axis=1)
    return labels.astype(np.int32), scores[np.arange(n), labels]


def same(found, wanted):
    return found[0].tobytes() == wanted[0].tobytes() and found[1].tobytes() == wanted[1].tobytes()


@pytest.mark.parametrize("seed", range(50))
def test_every_engine_gives_the_bytes_of_brute_force_by_the_chain(seed, chain):
    vectors, centroids = problem(seed)
    points = Points.of(vectors)
    table = points.table(centroids)
    wanted = by_brute_force(points.x, table, chain)
    assert same(settling.lowest(points.x, table, np.arange(len(points.x)), chain), wanted)
    for name, search in searches(table, chain).items():
        assert same(search.lowest(points.x), wanted), name


@pytest.mark.parametrize("name", ON_CPU)
@pytest.mark.parametrize("seed", range(0, 50, 5))
def test_labels_are_those_of_float64_but_for_ties_within_rounding(seed, name, forced, monkeypatch):
    monkeypatch.setenv(kernels.CHOICE, name)
    vectors, centroids = problem(seed)
    points = Points.of(vectors)
    table = points.table(centroids)
    labels, _ = kernels.lowest(points.x, table)
    exact = points.x.astype(np.float64) @ table.astype(np.float64).T
    size = np.abs(points.x.astype(np.float64)) @ np.abs(table.astype(np.float64)).T
    lost = exact[np.arange(len(labels)), labels] - exact.min(axis=1)
    assert (lost <= 2 * (table.shape[1] + 2) * EPSILON * size.max(axis=1)).all()


def crowded():
    """Points among centroids that lie far from the origin and close to each other, many of them twice."""
    rng = np.random.default_rng(7)
    centres = 20 * rng.standard_normal((8, 48))
    vectors = centres[rng.integers(0, 8, 3000)] + 0.05 * rng.standard_normal((3000, 48))
    return Points.of(vectors.astype(np.float32)), np.repeat(vectors[:400], 2, axis=0).astype(np.float32)


def test_centroids_that_crowd_and_stand_twice_are_told_apart(chain):
    points, centroids = crowded()
    table = points.table(centroids)
    wanted = by_brute_force(points.x, table, chain)
    assert (wanted[0] % 2 == 0).all()
    for name, search in searches(table, chain).items():
        assert same(search.lowest(points.x), wanted), name


def test_hundreds_of_copies_of_a_centroid_go_to_the_first(chain):
    rng = np.random.default_rng(2)
    vectors = rng.standard_normal((300, 20)).astype(np.float32)
    points = Points.of(vectors)
    table = points.table(np.repeat(vectors[:3], 200, axis=0))
    for name, search in searches(table, chain).items():
        labels, _ = search.lowest(points.x)
        assert (labels % 200 == 0).all(), name


def test_groups_leave_fewer_centroids_open_where_they_crowd():
    rng = np.random.default_rng(7)
    centres = 3 * rng.standard_normal((8, 48))
    vectors = (centres[rng.integers(0, 8, 3000)] + 0.2 * rng.standard_normal((3000, 48))).astype(np.float32)
    points, left = Points.of(vectors), {}
    table = points.table(vectors[:400])
    for grouped in (False, True):
        ready = half_products._ready(table, grouped=grouped)
        search = half_products.HalfSearch(table, kernels.scores_of)
        best = settling.Best(points.x, np.arange(512), table, kernels.scores_of)
        _, scratch = half_products._scratch(512, len(table))
        left[grouped] = search._look(best, points.x[:512, :-1], ready, None, scratch)
    assert left[True] < left[False] / 4


def test_lower_ends_lie_below_the_scores_and_not_far():
    vectors, centroids = problem(9)
    points = Points.of(vectors)
    table = points.table(centroids)
    half, folded = half_products._ready(table, grouped=False)
    rows = half.rows(torch.from_numpy(points.x[:, :-1]))
    low = rows.folded().double() @ folded.double().T  # without the rounding of the product
    exact = points.x.astype(np.float64) @ table.astype(np.float64).T
    gap = exact + half.room(rows).numpy()[:, None] - low.numpy()
    size = np.linalg.norm(points.x[:, :-1], axis=1)[:, None] * np.linalg.norm(table[:, :-1], axis=1)
    assert (gap >= 0).all()
    assert (gap <= 2.0**-6 * size + 1e-3 * np.abs(exact).max()).all()


@pytest.mark.parametrize("name", ["torch-bf16", "device"])
def test_a_bar_saves_looking_and_changes_no_lower_score(name, chain):
    vectors, centroids = problem(14)
    points = Points.of(vectors)
    table, rows = points.table(centroids), np.arange(len(points.x))[::-2].copy()
    wanted = by_brute_force(points.x[rows], table, chain)
    bar = np.where(rows % 3 == 0, wanted[1], wanted[1] - 1).astype(np.float32)
    labels, scores = searches(table, chain)[name].lowest(points.x, rows, bar)
    reached = wanted[1] <= bar
    assert (labels[reached] == wanted[0][reached]).all()
    assert (scores[reached] == wanted[1][reached]).all()
    assert (scores[~reached] > bar[~reached]).all()


@pytest.mark.parametrize("name", ON_CPU)
def test_a_tree_has_the_bytes_of_the_native_kernels(name, forced, monkeypatch):
    if kernels._native() is None:
        pytest.skip("the C kernels were not built here")
    rng = np.random.default_rng(3)
    vectors = (rng.standard_normal((40, 24))[rng.zipf(1.5, 4000) % 40] + 0.4 * rng.standard_normal((4000, 24))).astype(
        "f4"
    )
    config, found = ClusterConfig(n_clusters=(120, 20), n_resamples=2, resample_size=(8, 3)), {}
    for one in (kernels._native().PATHS[0], name):
        monkeypatch.setenv(kernels.CHOICE, one)
        found[one] = cluster(vectors, config)
    first, other = found.values()
    for level, same_level in zip(first.levels, other.levels, strict=True):
        assert level.centroids.tobytes() == same_level.centroids.tobytes()
        assert level.assignment.tobytes() == same_level.assignment.tobytes()


def test_without_native_kernels_all_engines_agree_to_the_bit(forced, monkeypatch):
    monkeypatch.setattr(kernels, "_native", lambda: None)
    rng = np.random.default_rng(5)
    vectors, found = np.round(rng.standard_normal((1500, 12)) * 2).astype("f4"), set()
    for name in ON_CPU:
        monkeypatch.setenv(kernels.CHOICE, name)
        tree = cluster(vectors, ClusterConfig(n_clusters=(90, 12), n_resamples=1, resample_size=(6, 3)))
        found.add(b"".join(level.centroids.tobytes() + level.assignment.tobytes() for level in tree.levels))
    assert len(found) == 1


@pytest.mark.parametrize("name", [*ON_CPU, ""])
def test_what_was_used_stands_in_the_artefact_and_in_the_status(name, tmp_path, forced, monkeypatch, capsys):
    monkeypatch.setenv(kernels.CHOICE, name)
    np.save(tmp_path / "vectors.npy", np.random.default_rng(0).standard_normal((200, 8)).astype("f4"))
    workspace = Workspace.create(tmp_path / "ws", tmp_path / "vectors.npy")
    workspace.embed()
    workspace.cluster(n_clusters=(30, 6))
    used = name or kernels.engines()[0]
    assert workspace.plans.meta("cluster")["kernel"] == used
    status(tmp_path / "ws", as_json=False)
    assert f", by {used}\n" in capsys.readouterr().out


def test_small_work_is_left_to_the_host_with_the_same_bytes(monkeypatch):
    monkeypatch.setenv(kernels.CHOICE, "torch-bf16")
    vectors, centroids = problem(12)
    points = Points.of(vectors)
    search = kernels.Search.of(points.table(centroids))
    by_host = search.lowest(points.x)
    assert "_searcher" not in search.packed.__dict__
    monkeypatch.setattr(engines, "WORTH_HALVES", 0)
    assert same(search.lowest(points.x), by_host)
    assert "_searcher" in search.packed.__dict__


def test_a_torch_that_sums_in_bfloat16_is_not_trusted(forced, monkeypatch):
    assert half_products.sums_in_float32()
    monkeypatch.setattr(half_products, "sums_in_float32", lambda: False)
    monkeypatch.setenv(kernels.CHOICE, "torch-bf16")
    vectors, centroids = problem(14)
    points = Points.of(vectors)
    search = kernels.Search.of(points.table(centroids))
    assert same(search.lowest(points.x), search.packed.host(points.x, None))
    assert search.packed._searcher is None


def test_a_table_beyond_what_squares_can_hold_is_left_to_the_host(forced, monkeypatch):
    monkeypatch.setenv(kernels.CHOICE, "torch-bf16")
    points = Points.of(np.random.default_rng(0).standard_normal((50, 6)).astype(np.float32))
    search = kernels.Search.of(points.table(np.array([[0.0] * 6, [1e17] * 6], np.float32)))
    assert (search.lowest(points.x)[0] == 0).all()
    assert "_searcher" not in search.packed.__dict__


def peak_growth(name):
    """MB that the peak of a process grows by when 20,000 points look at 6,000 centroids."""
    code = (
        "import resource, numpy as np; from curation_core import engines, kernels\n"
        "from curation_core.points import Points\n"
        "for name in ('WORTH_TORCH', 'WORTH_HALVES'): setattr(engines, name, 0)\n"
        "p = Points.of(np.random.default_rng(0).standard_normal((20_000, 32)).astype('f4'))\n"
        "t = p.table(np.random.default_rng(1).standard_normal((6_000, 32)).astype('f4'))\n"
        "kernels.lowest(p.x[:600], t[:600])\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss; kernels.lowest(p.x, t)\n"
        "print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024)"
    )
    variables = {**os.environ, kernels.CHOICE: name, "OMP_NUM_THREADS": "1"}
    return float(subprocess.run([sys.executable, "-c", code], env=variables, capture_output=True, check=True).stdout)


@pytest.mark.skipif(sys.platform != "linux", reason="peaks are told in kB on Linux only")
@pytest.mark.parametrize("name", ON_CPU)
def test_memory_is_bounded_by_blocks(name):
    assert peak_growth(name) < 80  # all scores would be 480 MB


def test_what_is_not_chosen_is_not_imported():
    code = (
        "import sys, numpy as np; from curation_core import kernels; kernels.engine();"
        "x = np.ones((20, 3), 'f4'); kernels.lowest(x, x[:2]);"
        "print([m for m in ('torch', 'faiss', 'triton') if m in sys.modules])"
    )
    for choice in ("", "torch-bf16", "blas"):  # small work never loads torch
        variables = {**os.environ, kernels.CHOICE: choice}
        done = subprocess.run([sys.executable, "-c", code], env=variables, capture_output=True, text=True, check=True)
        assert done.stdout == "[]\n"


@pytest.mark.parametrize(
    ("name", "package", "words"),
    [
        ("faiss", "faiss", r"needs the package faiss; install it \(pip install 'curation-studio\[cpu\]'\)"),
        ("torch-bf16", "torch", "needs the package torch"),
        ("cuda", "cuda", "needs a GPU that torch sees"),
    ],
)
def test_an_engine_that_lacks_something_says_what(name, package, words, monkeypatch):
    monkeypatch.setattr(engines, "_has", lambda one: one != package)
    monkeypatch.setattr(engines, "sees_a_gpu", lambda: False)
    monkeypatch.setenv(kernels.CHOICE, name)
    with pytest.raises(ConfigError, match=words):
        kernels.engine()


def test_the_rule_a_gpu_then_native_then_bfloat16_then_blas(monkeypatch):
    monkeypatch.setattr(engines, "has_instructions", lambda: True)
    everything = engines.NAMES
    assert engines.preferred(everything, native=True) == "cuda+triton"
    assert engines.preferred(everything[1:], native=False) == "cuda"
    assert engines.preferred(everything[2:], native=True) is None
    assert engines.preferred(everything[2:], native=False) == "torch-bf16"
    monkeypatch.setattr(engines, "has_instructions", lambda: False)
    assert engines.preferred(everything[2:], native=False) is None
    monkeypatch.setattr(engines, "there", lambda: everything)
    monkeypatch.delenv(kernels.CHOICE, raising=False)
    assert kernels.engine() == kernels.engines()[0] == "cuda+triton"
    assert len(set(kernels.engines())) == len(kernels.engines())


INTERPRETED = """
import sys
import numpy as np
sys.path.insert(0, sys.argv[1])
from test_engines import by_brute_force, crowded, problem, same
from curation_core import kernels
from curation_core.device_products import DeviceSearch
from curation_core.points import CHUNK, Points

def case(seed):
    if seed == 50:
        points, centroids = crowded()
        return points.x[:200], points.table(centroids)
    vectors, centroids = problem(seed)
    points = Points.of(vectors)
    return points.x, points.table(centroids)

for seed in range(51):
    x, table = case(seed)
    found = DeviceSearch(table, kernels.scores_of, "cpu", fused=True).lowest(x)
    assert same(found, by_brute_force(x, table, kernels.scores_of)), seed
print("51 alike")
"""


@needs_triton
def test_the_fused_kernels_in_tritons_interpreter_give_the_bytes_of_brute_force():
    variables = {**os.environ, "TRITON_INTERPRET": "1", "OMP_NUM_THREADS": "1"}
    code = [sys.executable, "-W", "ignore", "-c", INTERPRETED, str(HERE)]
    done = subprocess.run(code, env=variables, capture_output=True, text=True, check=False)
    assert done.stdout == "51 alike\n", done.stderr[-2000:]


COMPILED = """
import triton
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource
from curation_core import fused_products as fused

TYPES = {name: "*bf16" for name in ("points", "table")} | {name: "*i32" for name in ("label", "count", "found")}
TYPES |= {name: "*fp32" for name in ("bias", "slope", "lengths", "second", "limits")} | dict.fromkeys("nk", "i32")

def compiled(kernel, capability, constants, **options):
    names = kernel.arg_names
    signature = {name: "constexpr" if name in constants else TYPES.get(name, "i32") for name in names}
    aligned = {(place,): [["tt.divisibility", 16]] for place, name in enumerate(names) if signature[name][0] == "*"}
    source = ASTSource(kernel, signature, {(names.index(name),): value for name, value in constants.items()}, aligned)
    return triton.compile(source, target=GPUTarget("cuda", capability, 32), options=options)

for capability, instruction in ((90, "wgmma"), (80, "mma.sync")):
    for config in fused.CONFIGS:
        options = {"num_warps": config.num_warps, "num_stages": config.num_stages}
        assert instruction in compiled(fused._two_lowest, capability, config.kwargs, **options).asm["ptx"]
    constants = {**fused._LISTING, "SLOTS": 48}
    options = {name: constants.pop(name) for name in ("num_warps", "num_stages")}
    assert instruction in compiled(fused._near, capability, constants, **options).asm["ptx"]
print("compiled")
"""


@needs_triton
def test_the_fused_kernels_compile_for_hopper_and_ampere():
    variables = {name: value for name, value in os.environ.items() if name != "TRITON_INTERPRET"}
    code = [sys.executable, "-W", "ignore", "-c", COMPILED]
    done = subprocess.run(code, env=variables, capture_output=True, text=True, check=False)
    assert done.stdout == "compiled\n", done.stderr[-2000:]


@needs_gpu
@pytest.mark.parametrize("fused", [False, pytest.param(True, marks=needs_triton)])
def test_a_gpu_gives_the_bytes_of_brute_force(fused):
    from curation_core.device_products import DeviceSearch

    for seed in range(50):
        vectors, centroids = problem(seed)
        points = Points.of(vectors)
        table = points.table(centroids)
        found = DeviceSearch(table, kernels.scores_of, "cuda", fused=fused).lowest(points.x)
        assert same(found, by_brute_force(points.x, table, kernels.scores_of)), seed


@pytest.mark.parametrize(("n", "dim", "k"), [(1, 1, 1), (40_000, 7, 60), (33_000, 40, 30_000)])
def test_sums_without_native_kernels_are_those_of_chunks_in_order(n, dim, k, monkeypatch):
    monkeypatch.setattr(kernels, "_native", lambda: None)
    rng = np.random.default_rng(n)
    x, rows = rng.standard_normal((n, dim + 1)).astype("f4"), np.flatnonzero(rng.random(n) < 0.8)
    group, added, wanted = rng.integers(0, k, len(rows)), np.ones((k, dim)), np.ones((k, dim))
    kernels.sums(x, rows, group, added)
    for start in range(0, n, CHUNK):
        inside = (rows >= start) & (rows < start + CHUNK)
        chunk = np.zeros((k, dim))
        np.add.at(chunk, group[inside], x[rows[inside], :dim].astype(np.float64))
        wanted += chunk
    assert added.tobytes() == wanted.tobytes()
