"""The C package `curation_kernels`, where it is installed, runs here, and is not switched off."""

import importlib.util
import os
from functools import cache
from types import ModuleType

CHOICE = "CURATE_KERNEL"  # environment: which kernel computes, see `curation_core.kernels`


def native() -> ModuleType | None:
    """The package; None without it, or when the environment asks for BLAS."""
    return None if os.environ.get(CHOICE) == "blas" else installed()


@cache
def installed() -> ModuleType | None:
    """The package, switched off or not; None without it, or where no way of it runs here."""
    if importlib.util.find_spec("curation_kernels") is None:
        return None
    module = importlib.import_module("curation_kernels")
    return module if module.PATHS else None
