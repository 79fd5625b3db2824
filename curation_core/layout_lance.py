"""The manifest as a Lance dataset, where the package `pylance` is installed."""

import shutil
import warnings
from pathlib import Path
from typing import Any

import pyarrow as pa

from curation_core.errors import MissingExtra
from curation_core.export_folder import ExportFolder
from curation_core.manifest_parts import ManifestParts

NAME = "manifest.lance"


def write_lance(folder: ExportFolder, parts: ManifestParts) -> None:
    """Write ``manifest.lance``. Its files have names and times of their own, so its bytes differ from run to run.

    Raises MissingExtra where the package is not installed.
    """
    lance = _package()
    path = folder.path / NAME
    shutil.rmtree(path, ignore_errors=True)
    batches = (batch for part in parts.drawn() for batch in part.table.to_batches())
    lance.write_dataset(pa.RecordBatchReader.from_batches(parts.schema, batches), str(path))


def read_lance(path: Path) -> pa.Table:
    """A Lance dataset as a table; raises MissingExtra where the package is not installed."""
    return _package().dataset(str(path)).to_table()


def _package() -> Any:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of what the package itself imports
            import lance
    except ImportError:
        raise MissingExtra(
            "the format lance needs the package pylance; install curation-studio[lance], or leave lance out"
        ) from None
    return lance
