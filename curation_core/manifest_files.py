"""The formats of a manifest that are one file: Parquet, CSV, JSON lines, rows of the source, a list of paths."""

from typing import Protocol

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from curation_core.export_folder import ExportFolder, OutputFile
from curation_core.manifest_parts import MOST_ROWS, ManifestParts, Part
from curation_core.table_text import csv_table, data_of, json_rows


class Writer(Protocol):
    """One format, written part by part in the order of the rows.

    `needed` says whether anything is left to do; `finish` puts the files in place, `close` gives up what is not.
    """

    @property
    def needed(self) -> bool:
        """Whether it wants the parts: False where an earlier try finished it."""

    def write(self, part: Part) -> None:
        """Take the next rows."""

    def finish(self) -> None:
        """Put the files in place; nothing comes after it."""

    def close(self) -> None:
        """Give up what is not in place; after finish nothing."""


class TableFile:
    """A Parquet or CSV table, or lines of JSON, as one file."""

    def __init__(self, folder: ExportFolder, name: str, schema: pa.Schema) -> None:
        self.needed = not folder.holds(name)
        self._schema = schema
        self._rows: ParquetRows | CsvRows | JsonRows | None = None
        if self.needed:
            self._file = folder.create(name)
            self._rows = _ROWS[name.rpartition(".")[2]](self._file, schema)

    def write(self, part: Part) -> None:
        """Take the next rows."""
        self.write_table(part.table)

    def write_table(self, table: pa.Table) -> None:
        """The same for a table that is not of the manifest."""
        if self._rows is not None:
            self._rows.write(table)

    def finish(self) -> None:
        """Put the file in place."""
        if self._rows is not None:
            self._rows.close()
            self._file.finish()
            self._rows = None

    def close(self) -> None:
        """Give it up unless it is finished."""
        if self._rows is not None:
            self._rows.close()  # or it would close itself, after the file that it writes to
            self._file.close()


class ParquetRows:
    """Rows of a Parquet file; groups are moderate, so that a reader can show the first rows of a large file."""

    def __init__(self, file: OutputFile, schema: pa.Schema) -> None:
        import pyarrow.parquet as pq

        few = [field.name for field in schema if not _is_unlike(field)]
        self._writer = pq.ParquetWriter(file, schema, compression="zstd", use_dictionary=few, write_statistics=few)

    def write(self, table: pa.Table) -> None:
        """Take the next rows: a row group, or several of at most MOST_ROWS."""
        if table.num_rows:
            self._writer.write_table(table, row_group_size=MOST_ROWS)

    def close(self) -> None:
        """Write the foot of the file."""
        self._writer.close()


class CsvRows:
    """Rows of a CSV: UTF-8 with a header, texts in quotes, no cell that a spreadsheet computes."""

    def __init__(self, file: OutputFile, schema: pa.Schema) -> None:
        import pyarrow.csv as pc_csv

        told = csv_table(schema.empty_table())
        self._writer = pc_csv.CSVWriter(file, told.schema, write_options=pc_csv.WriteOptions(batch_size=MOST_ROWS))
        self._schema = told.schema

    def write(self, table: pa.Table) -> None:
        """Take the next rows."""
        if table.num_rows:
            self._writer.write_table(csv_table(table).cast(self._schema))

    def close(self) -> None:
        """Nothing is left to write."""
        self._writer.close()


class JsonRows:
    """Rows as one JSON object a line."""

    def __init__(self, file: OutputFile, _schema: pa.Schema) -> None:
        self._file = file

    def write(self, table: pa.Table) -> None:
        """Take the next rows."""
        self._file.write(data_of(json_rows(table)))

    def close(self) -> None:
        """Nothing is left to write."""


_ROWS: dict[str, type[ParquetRows | CsvRows | JsonRows]] = {"parquet": ParquetRows, "csv": CsvRows, "jsonl": JsonRows}


class IndexFile:
    """Rows of the source that were drawn, as an int64 .npy in the order of the manifest."""

    def __init__(self, folder: ExportFolder, parts: ManifestParts, name: str = "manifest.npy") -> None:
        self.needed = not folder.holds(name)
        self._column, self._folder, self._name = parts.names["source_row"], folder, name
        self._rows: list[np.ndarray] = []

    def write(self, part: Part) -> None:
        """Take the next rows."""
        self._rows.append(part.table.column(self._column).to_numpy())

    def finish(self) -> None:
        """Put the file in place."""
        write_npy(self._folder, self._name, np.concatenate([np.zeros(0, np.int64), *self._rows]).astype(np.int64))

    def close(self) -> None:
        """Nothing is open."""


class PathList:
    """A line for each row: the file in the export where there is one, else its path in the source."""

    def __init__(self, folder: ExportFolder, parts: ManifestParts) -> None:
        self.needed = not folder.holds("manifest.txt")
        self._names = parts.names
        self._file = folder.create("manifest.txt") if self.needed else None

    def write(self, part: Part) -> None:
        """Take the next rows."""
        if self._file is not None:
            paths = one_line(paths_of(part.table, self._names))
            self._file.write(data_of(pc.binary_join_element_wise(paths, "\n", "")))

    def finish(self) -> None:
        """Put the file in place."""
        if self._file is not None:
            self._file.finish()
            self._file = None

    def close(self) -> None:
        """Give it up unless it is finished."""
        if self._file is not None:
            self._file.close()


def write_npy(folder: ExportFolder, name: str, array: np.ndarray) -> None:
    """Write an array as a .npy of the export."""
    file = folder.create(name)
    try:
        np.lib.format.write_array(file, array, version=(1, 0), allow_pickle=False)
        file.finish()
    finally:
        file.close()


def paths_of(table: pa.Table, names: dict[str, str]) -> pa.Array:
    """Where the item of each row lies: below the export where it was copied, else below the source."""
    path = table.column(names["path"]).combine_chunks()
    if "file" not in names:
        return path
    return pc.coalesce(table.column(names["file"]).combine_chunks(), path)


def one_line(texts: pa.Array) -> pa.Array:
    """Texts of which each is one line: ends of lines within are written as in an address."""
    return pc.replace_substring(pc.replace_substring(texts, "\n", "%0A"), "\r", "%0D")


_UNLIKE = ("item_id", "path", "sha256", "file", "row", "source_row", "distance")


def _is_unlike(field: pa.Field) -> bool:
    """Whether a column is one of hashes or paths: a dictionary of them only costs."""
    return field.name.removeprefix("curation_") in _UNLIKE
