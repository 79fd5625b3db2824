"""A Lance dataset as a table; needs the package `pylance`."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import pyarrow as pa

from curation_core.errors import IngestError, MissingExtra


def is_lance(path: Path) -> bool:
    """Whether a folder is a Lance dataset."""
    return path.suffix.lower() == ".lance" and path.is_dir()


class LanceTable:
    """A Lance dataset, read a slice at a time; rows lie in the order they were written."""

    def __init__(self, path: Path) -> None:
        try:
            import lance
        except ImportError:
            raise MissingExtra(
                f"{path.name} is a Lance dataset, which needs pylance; run pip install 'curation-studio[lance]'"
            ) from None
        self.name = path.name
        try:
            self._dataset = lance.dataset(str(path))
            self.schema: pa.Schema = self._dataset.schema.remove_metadata()
            self.n_rows: int = self._dataset.count_rows()
        except Exception as error:  # its Rust core reports broken files as any kind of error
            raise IngestError(f"{path.name} is not a readable Lance dataset ({error}); write it again") from None
        n_bytes = sum(file.stat().st_size for file in path.rglob("*") if file.is_file())
        self.row_bytes = n_bytes // max(self.n_rows, 1)

    def slices(self, size: int, columns: Sequence[str] | None = None) -> Iterator[pa.Table]:
        """The rows in order, `size` at a time."""
        names = self.schema.names if columns is None else list(columns)
        for start in range(0, self.n_rows, size):
            yield self.read_rows(start, min(start + size, self.n_rows), names)

    def read_rows(self, start: int, stop: int, columns: Sequence[str]) -> pa.Table:
        """Rows start to stop - 1."""
        try:
            table = self._dataset.to_table(columns=list(columns), offset=start, limit=stop - start)
        except Exception as error:  # as above
            raise IngestError(f"{self.name} cannot be read ({error}); write it again") from None
        return table.replace_schema_metadata(None)

    def uri(self, row: int) -> str:
        """How a row is called."""
        return f"{self.name}#{row}"
