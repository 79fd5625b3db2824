"""The manifest as a Lance dataset, where the package `pylance` is installed."""

import shutil
import warnings

import pyarrow as pa

from curation_core.errors import MissingExtra
from curation_core.export_folder import ExportFolder
from curation_core.manifest_parts import ManifestParts

NAME = "manifest.lance"


def write_lance(folder: ExportFolder, parts: ManifestParts) -> None:
    """Write ``manifest.lance``. Its files have names and times of their own, so its bytes differ from run to run.

    Raises MissingExtra where the package is not installed.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of what the package itself imports
            import lance
    except ImportError:
        raise MissingExtra(
            "the format lance needs the package pylance; install curation-studio[lance], or leave lance out"
        ) from None
    path = folder.path / NAME
    shutil.rmtree(path, ignore_errors=True)
    batches = (batch for part in parts.drawn() for batch in part.table.to_batches())
    lance.write_dataset(pa.RecordBatchReader.from_batches(parts.schema, batches), str(path))
