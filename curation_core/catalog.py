"""The table of all items of a workspace, and the list of what could not be read."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pyarrow as pa

from curation_core.config import Modality
from curation_core.errors import ShapeError

ITEM_SCHEMA = pa.schema(
    [
        ("item_id", pa.string()),  # first 16 hex digits of sha256(uri): stable when the source is read again
        ("uri", pa.string()),  # path below the source with forward slashes, or "table.csv#12"
        ("content_hash", pa.string()),  # sha256 hex of the item's bytes (of the UTF-8 text, of the float32 row)
        ("width", pa.int32()),  # pixels; null unless an image
        ("height", pa.int32()),  # pixels; null unless an image
        ("text", pa.string()),  # null unless a text item
        ("source_row", pa.int64()),  # row in the source's table or matrix; position in the listing for images
    ]
)
FAILURE_SCHEMA = pa.schema([("uri", pa.string()), ("reason", pa.string())])


def ids_of(uris: Iterable[str]) -> pa.Array:
    """Ids of items by where they lie, as the catalog names them."""
    return pa.array([hashlib.sha256(uri.encode()).hexdigest()[:16] for uri in uris], pa.string())


@dataclass(frozen=True)
class Catalog:
    """All readable items in source order, with the user's own columns beside them, untouched.

    items: table of ITEM_SCHEMA, n rows. metadata: the user's columns, n rows, names as given.
    failures: table of FAILURE_SCHEMA, what was refused and why. Raises ShapeError when rows do not fit.
    """

    modality: Modality
    items: pa.Table
    metadata: pa.Table
    failures: pa.Table

    def __post_init__(self) -> None:
        if self.metadata.num_columns and self.metadata.num_rows != self.items.num_rows:
            raise ShapeError(
                f"metadata has {self.metadata.num_rows} rows for {self.items.num_rows} items; ingest again"
            )

    def __len__(self) -> int:
        return int(self.items.num_rows)

    @cached_property
    def item_id(self) -> list[str]:
        """Ids of all items, unique."""
        return list(self.items.column("item_id").to_pylist())

    @cached_property
    def uri(self) -> list[str]:
        """Where each item lies below the source."""
        return list(self.items.column("uri").to_pylist())

    @cached_property
    def content_hash(self) -> list[str]:
        """Sha256 of each item's bytes, hex."""
        return list(self.items.column("content_hash").to_pylist())

    @cached_property
    def text(self) -> list[str | None]:
        """The text of each item; None unless the items are texts."""
        return list(self.items.column("text").to_pylist())

    @cached_property
    def row_of(self) -> dict[str, int]:
        """Row number of each item id."""
        return {item_id: row for row, item_id in enumerate(self.item_id)}

    @property
    def columns(self) -> list[str]:
        """Names of the user's columns."""
        return list(self.metadata.column_names)

    def labels(self, column: str) -> tuple[np.ndarray, list[str]]:
        """A user column as classes: codes (n,) int64 and the class names; an empty cell is the class ''."""
        values = self.metadata.column(column).cast(pa.string()).combine_chunks()
        encoded = values.fill_null("").dictionary_encode()
        return encoded.indices.to_numpy(zero_copy_only=False).astype(np.int64), encoded.dictionary.to_pylist()
