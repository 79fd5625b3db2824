"""Engines beside the native kernels and BLAS that can look for the nearest centroid, and which is taken unasked.

torch-bf16 screens by products in bfloat16 on the processor, cuda and cuda+triton on a GPU, faiss by its exact search.
All settle by the same chain of sums (see `settling`), so they give the same bytes as the host's own answer, and small
work may be left to the host without a difference.
"""

import importlib.util
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, cached_property
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Protocol

import numpy as np

from curation_core.half_rows import fits
from curation_core.settling import Scores

NAMES = ("cuda+triton", "cuda", "torch-bf16", "faiss")
HALF = "torch-bf16"
Found = tuple[np.ndarray, np.ndarray]
Host = Callable[[np.ndarray, np.ndarray | None], Found]

WORTH_A_GPU = 1 << 32  # multiplications of one look: below, the way there and back costs more than the host takes
WORTH_TORCH = 1 << 36  # below, importing torch costs more than the look saves
WORTH_HALVES = 1 << 18  # values of a table from which products in bfloat16 beat those in float32
WORTH_FAISS = 0
_INSTRUCTION = "amx_bf16"  # those of AVX-512 are but twice as fast as float32, which only large tables gain from
_NEEDS = {
    HALF: "the package torch; install it (pip install torch)",
    "cuda": "a GPU that torch sees; install torch for CUDA",
    "cuda+triton": "a GPU that torch sees and the package triton; torch for CUDA brings it, or take cuda",
    "faiss": "the package faiss; install it (pip install 'curation-studio[cpu]')",
}


class Searcher(Protocol):
    """A table made ready by one engine."""

    def lowest(self, x: np.ndarray, rows: np.ndarray | None = None, bar: np.ndarray | None = None) -> Found:
        """As `kernels.Search.lowest`."""


def there() -> tuple[str, ...]:
    """Those of NAMES that run on this machine, the fastest first."""
    gpu = sees_a_gpu()
    runs = {HALF: _has("torch"), "faiss": _has("faiss"), "cuda": gpu, "cuda+triton": gpu and _has("triton")}
    return tuple(name for name in NAMES if runs[name])


def preferred(found: tuple[str, ...], *, native: bool) -> str | None:
    """Which of those that run is taken unasked: a GPU; bfloat16 without native kernels where there is AMX."""
    for name in found:
        if name.startswith("cuda") or (name == HALF and not native and has_instructions()):
            return name
    return None


def lacking(name: str) -> str | None:
    """What a known engine that does not run here needs, None for an unknown one."""
    return _NEEDS.get(name)


@dataclass(frozen=True)
class Screened:
    """A table (k, d + 1) float32 for one of NAMES.

    scores_of: the chain that settles. host: what small work is left to.
    """

    name: str
    table: np.ndarray
    scores_of: Scores
    host: Host

    def lowest(self, x: np.ndarray, rows: np.ndarray | None = None, bar: np.ndarray | None = None) -> Found:
        """As `kernels.Search.lowest`, with the same bytes wherever it is done."""
        n = len(x) if rows is None else len(rows)
        if not n or not self._pays(n * self.table.size) or not self._fits or self._searcher is None:
            return self.host(x, rows)
        return self._searcher.lowest(x, rows, bar)

    def _pays(self, work: int) -> bool:
        if self.name == HALF:
            return self.table.size >= WORTH_HALVES and (work >= WORTH_TORCH or "torch" in sys.modules)
        return work >= (WORTH_FAISS if self.name == "faiss" else WORTH_A_GPU)

    @cached_property
    def _fits(self) -> bool:
        return self.name == "faiss" or fits(self.table)

    @cached_property
    def _searcher(self) -> Searcher | None:
        if self.name == HALF:
            from curation_core.half_products import HalfSearch, sums_in_float32

            return HalfSearch(self.table, self.scores_of) if sums_in_float32() else None
        if self.name == "faiss":
            from curation_core.faiss_products import FaissSearch

            return FaissSearch(self.table, self.scores_of)
        from curation_core.device_products import DeviceSearch

        return DeviceSearch(self.table, self.scores_of, fused=self.name.endswith("triton"))


@cache
def sees_a_gpu() -> bool:
    """Whether torch sees a CUDA device; torch is loaded only where there may be one."""
    try:
        build = version("torch")
    except PackageNotFoundError:
        return False
    driver = any(Path(place).exists() for place in ("/dev/nvidiactl", "/dev/dxg")) or sys.platform == "win32"
    if build.endswith("+cpu") or not driver:
        return False
    import torch

    return bool(torch.cuda.is_available())


@cache
def has_instructions() -> bool:
    """Whether the processor multiplies tiles in bfloat16 (AMX), as far as Linux tells."""
    told = Path("/proc/cpuinfo")
    return told.exists() and _INSTRUCTION in told.read_text(errors="replace").split()


@cache
def _has(package: str) -> bool:
    return importlib.util.find_spec(package) is not None
