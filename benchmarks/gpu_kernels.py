"""Nearest centroids on a GPU: fused in Triton, plain chunked torch, and flash-kmeans where it is installed.

    python -m benchmarks.gpu_kernels                                   # 1,000,000 x 256, k = 10,000
    python -m benchmarks.gpu_kernels --n 20000 --k 500 --device cpu    # a look at what it prints, on the processor

Points and centroids lie on the device before the clock starts. Ours is timed twice: what the device does for all
points (rounding, products, what is open), and the whole way with points from the processor's memory and the rest
settled there. The share is 2 n k d over the time and the peak of products in bfloat16, which --peak gives in TFLOP/s
(989 for an H100). Without a GPU it says so and ends.
"""

import argparse
import sys
import time
from collections.abc import Callable
from statistics import median

import numpy as np

from curation_core import engines, kernels
from curation_core.device_products import DeviceSearch, Screen
from curation_core.points import Points


def main() -> None:
    """Print one table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--n", type=int, default=1_000_000)
    parser.add_argument("--dim", type=int, default=256)
    parser.add_argument("--k", type=int, default=10_000)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--peak", type=float, default=989.0)
    parser.add_argument("--device", default="cuda")
    options = parser.parse_args()
    if options.device == "cuda" and not engines.sees_a_gpu():
        print("gpu_kernels: skipped, torch sees no GPU here", file=sys.stderr)
        return
    rng = np.random.default_rng(0)
    centres = rng.standard_normal((300, options.dim))
    vectors = centres[rng.zipf(1.5, options.n) % 300] + 0.8 * rng.standard_normal((options.n, options.dim))
    points = Points.of(vectors.astype(np.float32))
    table = points.table(vectors[rng.permutation(options.n)[: options.k]].astype(np.float32))
    print("| way | ms (median) | x plain float32 | share of the bf16 peak |\n|---|---|---|---|")
    base = 0.0
    for name, call in ways(points.x, table, options.device).items():
        took = timed(call, options.repeats, options.device)
        base = base or took
        share = 2 * options.n * options.k * options.dim / took / options.peak / 1e12
        print(f"| {name} | {1e3 * took:.1f} | {base / took:.2f} | {100 * share:.1f} % |", flush=True)
    agreement(points.x, table, options.device)


def ways(x: np.ndarray, table: np.ndarray, device: str) -> dict[str, Callable[[], object]]:
    """What is timed, the plain way first."""
    import torch

    points = torch.from_numpy(np.ascontiguousarray(x[:, :-1])).to(device)
    centroids = torch.from_numpy(np.ascontiguousarray(-table[:, :-1])).to(device)
    found: dict[str, Callable[[], object]] = {"plain chunked torch, float32": lambda: plain(points, centroids)}
    for fused in (False, True):
        if fused and (not engines._has("triton") or device == "cpu"):
            print("the fused kernels: skipped, they need Triton and a GPU", file=sys.stderr)
            continue
        screen, name = Screen.of(table, device, fused=fused), "fused in Triton" if fused else "torch in bfloat16"
        found[f"ours, {name}, on the device"] = (
            lambda screen=screen: [  # type: ignore[misc]
                screen.finish(screen.begin(points[start : start + 65_536], None))
                for start in range(0, len(points), 65_536)
            ]
        )
        search = DeviceSearch(table, kernels.scores_of, device, fused=fused)
        found[f"ours, {name}, all the way"] = lambda search=search: search.lowest(x)  # type: ignore[misc]
    return found | by_flash_kmeans(points, centroids)


def plain(points: "torch.Tensor", centroids: "torch.Tensor") -> object:  # type: ignore[name-defined]  # noqa: F821
    """Products in float32, a matrix of scores for some points at a time, then the lowest."""
    bias, width = (centroids**2).sum(dim=1) / 2, max(1, (1 << 28) // len(centroids))
    return [(bias - points[s : s + width] @ centroids.T).min(dim=1) for s in range(0, len(points), width)]


def by_flash_kmeans(points: "torch.Tensor", centroids: "torch.Tensor") -> dict[str, Callable[[], object]]:  # type: ignore[name-defined]  # noqa: F821
    """Its assignment in bfloat16, which takes the rounded answer as it is; nothing where it is not installed."""
    try:
        from flash_kmeans.assign_euclid_triton import euclid_assign_triton
    except ImportError as missing:
        print(f"flash-kmeans: skipped, {missing}", file=sys.stderr)
        return {}
    x, c = points.bfloat16()[None], centroids.bfloat16()[None]
    squared = (x.float() ** 2).sum(dim=-1)
    return {"flash-kmeans, bfloat16, not settled": lambda: euclid_assign_triton(x, c, squared)}


def timed(call: Callable[[], object], repeats: int, device: str) -> float:
    """Seconds, the median after one run that compiles and tunes."""
    import torch

    took = []
    for _ in range(repeats + 1):
        began = time.perf_counter()
        call()
        if device == "cuda":
            torch.cuda.synchronize()
        took.append(time.perf_counter() - began)
    return median(took[1:])


def agreement(x: np.ndarray, table: np.ndarray, device: str) -> None:
    """Say whether the labels are those of the processor, on some points."""
    some = np.ascontiguousarray(x[:: max(1, len(x) // 20_000)])
    fused = device == "cuda" and engines._has("triton")
    found = DeviceSearch(table, kernels.scores_of, device, fused=fused).lowest(some)[0]
    host = engines.Screened("cuda", table, kernels.scores_of, kernels._host(table)).host(some, None)[0]
    print(f"\nlabels that differ from the processor's, of {len(some):,}: {int((found != host).sum())}")


if __name__ == "__main__":
    main()
