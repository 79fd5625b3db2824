"""An export as a dataset for training: every drawn item with its row, for a torch DataLoader or a plain loop.

`ManifestDataset` is map-style (it has a length and takes an index), so torch's DataLoader takes it as it is; torch
itself is imported only to stack tensors. Each worker process opens the source for itself.
"""

import contextlib
import hashlib
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from curation_core.artifacts import file_hash
from curation_core.config import IngestConfig, Modality
from curation_core.errors import ConfigError, IngestError, ManifestMismatch, MissingExtra
from curation_core.export_reading import manifest_rows, read_run
from curation_core.images import decode_image
from curation_core.matrices import open_matrix
from curation_core.origins import find_origin, open_items

Item = Any  # a picture (PIL, RGB), a text, or a vector (d,) float32; or whatever `transform` makes of it
_Read = Callable[[Sequence[int]], list[Item]]


class ManifestDataset:
    """Items of an export in the order of its manifest, each as (item, row).

    export: the folder. source: what the items were read from (a folder, archive, table or matrix), where the export
    holds no copies of its own. transform: what is made of every item. split: only the rows of that split. columns: of
    the row, all unless given. check: compare every item's bytes with the sum that the export holds.
    Raises ManifestMismatch where there is no manifest, ConfigError for a split or a column that is not there, or where
    items need a source and none is given; taking an item raises IngestError when it cannot be read any more.
    """

    def __init__(
        self,
        export: str | Path,
        source: str | Path | None = None,
        *,
        transform: Callable[[Item], Any] | None = None,
        split: str | None = None,
        columns: Sequence[str] | None = None,
        check: bool = False,
    ) -> None:
        self.export, self.transform, self.check = Path(export), transform, check
        run = read_run(self.export)
        self._names: Mapping[str, str] = run["columns"]
        table = _only(_manifest(self.export), self._names, split)
        self.columns = _known(columns, table.column_names)
        self._table, self._source = table, None if source is None else _config(run, source)
        self.modality: Modality = self._modality(run, table)
        self._text = _text_column(table, self._names, run) if self.modality == "text" else ""
        self._sums = _sums(self.export) if check and self._copied else {}
        self._opened: tuple[int, _Read, contextlib.ExitStack] | None = None

    def __len__(self) -> int:
        return int(self._table.num_rows)

    def __getitem__(self, index: int) -> tuple[Item, dict[str, Any]]:
        return self.__getitems__([index])[0]

    def __getitems__(self, indices: Sequence[int]) -> list[tuple[Item, dict[str, Any]]]:
        """Several at once, which DataLoader asks for: vectors are read together."""
        places = [_place(int(index), len(self)) for index in indices]
        items = self._reader()(places)
        if self.transform is not None:
            items = [self.transform(item) for item in items]
        rows = self._table.select(self.columns).take(pa.array(places, pa.int64())).to_pylist()
        return list(zip(items, rows, strict=True))

    def __iter__(self) -> Iterator[tuple[Item, dict[str, Any]]]:
        return (self[index] for index in range(len(self)))

    def __enter__(self) -> "ManifestDataset":
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_opened": None}  # what is open belongs to one process

    def close(self) -> None:
        """Close the source, where this process has opened it."""
        if self._opened is not None and self._opened[0] == os.getpid():
            self._opened[2].close()
        self._opened = None

    @property
    def _copied(self) -> bool:
        return "file" in self._names

    def _modality(self, run: Mapping[str, Any], table: pa.Table) -> Modality:
        if self._copied:
            return "image"
        if run.get("modality") == "text" or (self._source is None and _text_column(table, self._names, run)):
            return "text"
        if self._source is not None:
            return find_origin(self._source).modality
        raise ConfigError(
            f"export {self.export.name!r} names its items and holds none; give source, what they were read from, or "
            "export again with files = copy"
        )

    def _reader(self) -> _Read:
        if self._opened is None or self._opened[0] != os.getpid():
            stack = contextlib.ExitStack()
            self._opened = (os.getpid(), self._open(stack), stack)
        return self._opened[1]

    def _open(self, stack: contextlib.ExitStack) -> _Read:
        if self.modality == "text":
            return self._texts
        if self.modality == "vector":
            return self._vectors()
        if self._copied:
            return lambda places: [decode_image(self._copy(place)) for place in places]
        assert self._source is not None  # else the modality could not be told
        media = stack.enter_context(open_items(self._source))
        uris = self._table.column(self._names["path"])
        return lambda places: [decode_image(self._checked(media.read(uris[p].as_py()), p)) for p in places]

    def _texts(self, places: Sequence[int]) -> list[Item]:
        texts = [self._table.column(self._text)[place].as_py() or "" for place in places]
        for place, text in zip(places, texts, strict=True):
            self._checked(text.encode(), place)
        return texts

    def _vectors(self) -> _Read:
        if self._source is None:
            raise ConfigError("vectors are read from their source; give it")
        matrix = open_matrix(find_origin(self._source).path, self._source.vector_column)
        source_rows = np.asarray(self._table.column(self._names["source_row"]).to_pylist()).astype(np.int64)

        def read(places: Sequence[int]) -> list[Item]:
            vectors = matrix.read(source_rows[np.asarray(places, dtype=np.int64)])
            for place, vector in zip(places, vectors, strict=True):
                self._checked(vector.tobytes(), place)
            return list(vectors)

        return read

    def _copy(self, place: int) -> bytes:
        name = self._table.column(self._names["file"])[place].as_py()
        if not name:
            uri = self._table.column(self._names["path"])[place].as_py()
            raise IngestError(f"{uri} was not copied into the export; not_copied.parquet says why")
        path = self.export / name
        if self.check and self._sums.get(name) != file_hash(path):
            raise ManifestMismatch(f"{name} is not what SHA256SUMS says; run curate verify on the export")
        data: bytes = path.read_bytes()
        return data

    def _checked(self, data: bytes, place: int) -> bytes:
        if self.check:
            wanted = self._table.column(self._names["sha256"])[place].as_py()
            if hashlib.sha256(data).hexdigest() != wanted:
                uri = self._table.column(self._names["path"])[place].as_py()
                raise ManifestMismatch(f"{uri} is not what was exported: its bytes changed, or were masked")
        return data


def batch(pairs: Sequence[tuple[Item, Mapping[str, Any]]]) -> tuple[Any, dict[str, list[Any]]]:
    """What DataLoader makes of some pairs, for its collate_fn: items together, and each column as a list.

    Vectors and tensors of one shape become one tensor (raises MissingExtra without torch), others stay a list.
    """
    items = [item for item, _ in pairs]
    rows = [row for _, row in pairs]
    return _stacked(items), {name: [row[name] for row in rows] for name in (rows[0] if rows else {})}


def _stacked(items: list[Item]) -> Any:
    first = items[0] if items else None
    is_tensor = type(first).__module__.partition(".")[0] == "torch"
    if (not is_tensor and not isinstance(first, np.ndarray)) or len({tuple(item.shape) for item in items}) > 1:
        return items
    try:
        import torch
    except ImportError:
        raise MissingExtra("vectors become tensors by torch, which is not installed; run pip install torch") from None
    return torch.stack([item if is_tensor else torch.from_numpy(np.array(item)) for item in items])


def _manifest(export: Path) -> pa.Table:
    path = export / "manifest.parquet"
    return pq.read_table(path, memory_map=True) if path.is_file() else pa.table(manifest_rows(export))


def _only(table: pa.Table, names: Mapping[str, str], split: str | None) -> pa.Table:
    if split is None:
        return table
    if "split" not in names:
        raise ConfigError("this export has no splits; leave split out, or export it with some")
    column = table.column(names["split"])
    kept = table.filter(pc.equal(column, split))
    if not kept.num_rows:
        raise ConfigError(f"no row is in split {split!r}; there are {', '.join(map(str, column.unique().to_pylist()))}")
    return kept


def _known(columns: Sequence[str] | None, there: Sequence[str]) -> list[str]:
    missing = [name for name in columns or () if name not in there]
    if missing:
        raise ConfigError(f"the manifest has no column {missing[0]!r}; it has {', '.join(there)}")
    return list(there if columns is None else columns)


def _config(run: Mapping[str, Any], source: str | Path) -> IngestConfig:
    """How the source was read, now that it lies at `source`; the columns beside the items are in the manifest."""
    told = {name: value for name, value in run["source"].items() if name in IngestConfig.model_fields}
    return IngestConfig(**{**told, "source": str(source), "metadata": None, "column_types": {}})


def _text_column(table: pa.Table, names: Mapping[str, str], run: Mapping[str, Any]) -> str:
    """The column that holds the items' texts: its sha256 is the item's; where it was masked, the one that was read."""
    strings = [field.name for field in table.schema if pa.types.is_string(field.type)]
    if table.num_rows:
        first, wanted = table.slice(0, 1).to_pylist()[0], table.column(names["sha256"])[0].as_py()
        for name in strings:
            if first[name] and hashlib.sha256(first[name].encode()).hexdigest() == wanted:
                return str(name)
    told = str(run["source"].get("text_column") or "text")
    return told if told in strings else ""


def _sums(export: Path) -> dict[str, str]:
    lines = (export / "SHA256SUMS").read_text(encoding="utf-8").splitlines()
    return {name: content for content, name in (line.split("  ", 1) for line in lines)}


def _place(index: int, n: int) -> int:
    if not -n <= index < n:
        raise IndexError(f"item {index} of {n}")
    return index % n
