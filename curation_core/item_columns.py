"""Everything known of each item as named columns of one length: what filters, colours, charts and comparisons read.

The user's columns keep their names; ours stand beside them (level 1, decision, drawn, blur, ...). A column is computed
when it is first asked for, and once.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from curation_core.errors import ConfigError

ColumnKind = Literal["class", "number", "flag", "text"]
ColumnGroup = Literal["item", "yours", "tree", "review", "draw", "quality", "duplicates", "faces"]


@dataclass(frozen=True)
class ItemColumn:
    """One column of n items.

    kind "class": read() gives (codes (n,) int, names). "number": (n,) float, NaN where there is none. "flag": (n,)
    bool. "text": a pyarrow string array of n. classes: for a number, whether it has few enough values to be classes.
    """

    name: str
    kind: ColumnKind
    group: ColumnGroup
    read: Callable[[], Any]
    about: str = ""
    classes: bool = False
    _cache: dict[str, Any] = field(default_factory=dict, repr=False, compare=False)

    def values(self) -> Any:
        """What read gives, computed once."""
        if "values" not in self._cache:
            self._cache["values"] = self.read()
        return self._cache["values"]

    @property
    def is_class(self) -> bool:
        """Whether `ItemColumns.codes` works: classes, flags, and numbers of few values."""
        return self.kind in ("class", "flag") or self.classes

    @property
    def is_number(self) -> bool:
        """Whether `ItemColumns.numbers` works."""
        return self.kind in ("number", "flag")


@dataclass(frozen=True)
class ItemColumns(Mapping[str, ItemColumn]):
    """Columns by name, in the order to show them. n: items."""

    n: int
    columns: Mapping[str, ItemColumn]

    @classmethod
    def of(cls, n: int, columns: Iterable[ItemColumn]) -> "ItemColumns":
        """Columns in order; of two with one name the first, the user's, keeps it, ours is called "name (ours)"."""
        named: dict[str, ItemColumn] = {}
        for column in columns:
            name = column.name if column.name not in named else f"{column.name} (ours)"
            named[name] = column
        return cls(n, named)

    def __getitem__(self, name: str) -> ItemColumn:
        return self.columns[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.columns)

    def __len__(self) -> int:
        return len(self.columns)

    def column(self, name: str) -> ItemColumn:
        """A column; raises ConfigError that names the columns there are."""
        if name not in self.columns:
            raise ConfigError(f"there is no column {name!r}; there are {', '.join(self.columns)}")
        return self.columns[name]

    def codes(self, name: str) -> tuple[np.ndarray, list[str]]:
        """Classes of every item: codes (n,) int and their names; an empty cell is the class ''."""
        column = self.column(name)
        if column.kind == "class":
            codes, names = column.values()
            return codes, names
        if column.kind == "flag":
            return column.values().astype(np.int64), [f"not {column.name}", column.name]
        if column.classes:
            if "classes" not in column._cache:
                column._cache["classes"] = _number_classes(column.values())
            codes, names = column._cache["classes"]
            return codes, names
        raise ConfigError(f"{name!r} is {column.kind}, it has no classes; choose a column of few values")

    def numbers(self, name: str) -> np.ndarray:
        """A number of every item, (n,) float64, NaN where there is none; flags are 0 and 1."""
        column = self.column(name)
        if not column.is_number:
            raise ConfigError(f"{name!r} is {column.kind}, not a number")
        return np.asarray(column.values(), dtype=np.float64)

    def texts(self, name: str) -> pa.Array:
        """A text of every item, a pyarrow string array; classes and numbers as they are written."""
        column = self.column(name)
        if column.kind == "text":
            return pa.array(column.values(), type=pa.string()) if isinstance(column.values(), list) else column.values()
        if column.is_class:
            codes, names = self.codes(name)
            return pa.DictionaryArray.from_arrays(pa.array(codes), pa.array(names, type=pa.string())).cast(pa.string())
        return pc.cast(pa.array(column.values()), pa.string())


def _number_classes(values: np.ndarray) -> tuple[np.ndarray, list[str]]:
    """Distinct numbers as classes in ascending order, NaN as the class ''."""
    distinct, codes = np.unique(values, return_inverse=True)
    return codes, ["" if np.isnan(value) else f"{value:g}" for value in distinct]
