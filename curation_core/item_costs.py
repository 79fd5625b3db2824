"""What items cost: tokens of texts, bytes of texts or files, where they are known."""

import importlib.util
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from curation_core.catalog import Catalog
from curation_core.errors import ConfigError
from curation_core.progress import Progress, silent

Unit = Literal["tokens", "bytes"]
BYTES_PER_TOKEN = 4  # the usual rule of thumb for English
_BLOCK = 8192
_STAMP = re.compile(r"([0-9A-Fa-f]{8}):(\d{1,14})|(\d+):\d{15,}")  # checksum:size of archives, size:time of files


@dataclass(frozen=True)
class ItemCosts:
    """What every item of the tree costs.

    unit: tokens or bytes. known: (m,) float64, NaN where nobody knows. about: who counted, and how exactly.
    """

    unit: Unit
    known: np.ndarray
    about: str

    @property
    def n_unknown(self) -> int:
        """Items whose cost nobody knows."""
        return int(np.isnan(self.known).sum())

    @cached_property
    def values(self) -> np.ndarray:
        """(m,) float64; an unknown cost is taken to be the mean of the known ones."""
        if self.n_unknown == len(self.known):
            raise ConfigError(f"the {self.unit} of these items are not known; set the target in items or as a share")
        return np.where(np.isnan(self.known), np.nanmean(self.known), self.known)

    def total(self, indices: np.ndarray) -> float:
        """Cost of a draw; an item drawn twice costs twice."""
        return float(self.values[indices].sum())

    def sentence(self) -> str:
        """Who counted, and how many are guessed."""
        guess = f"; of {self.n_unknown:,} items the size is not known, they count as the mean of the others"
        return self.about + (guess if self.n_unknown else "")


def byte_costs(catalog: Catalog, rows: np.ndarray, stamps: Iterable[pa.Table] = ()) -> ItemCosts:
    """Bytes of every text in UTF-8, or of every file as its source tells. stamps: what ingest kept of the files."""
    if catalog.modality == "text":
        return ItemCosts("bytes", _text_bytes(catalog, rows), "bytes of the texts in UTF-8")
    size_of: dict[str, float] = {}
    for table in stamps:
        for uri, stamp in zip(table["uri"].to_pylist(), table["stamp"].to_pylist(), strict=True):
            if found := _STAMP.fullmatch(stamp):
                size_of[uri] = float(found[2] or found[3])
    uris = catalog.items.column("uri").take(pa.array(rows)).to_pylist()
    return ItemCosts("bytes", np.array([size_of.get(uri, np.nan) for uri in uris], dtype=np.float64), "bytes of files")


def token_costs(catalog: Catalog, rows: np.ndarray, progress: Progress = silent) -> ItemCosts:
    """Tokens of every text, counted by the tokenizer of wordllama where it is installed.

    It is Llama 2's and knows 32,000 pieces; other models count a few percent differently. Without it tokens are taken
    to be a quarter of the bytes, which is said. Raises ConfigError unless the items are texts.
    """
    if catalog.modality != "text":
        raise ConfigError(f"the items are {catalog.modality}s, which have no tokens; set the target in items or bytes")
    file = _tokenizer_file()
    if file is None:
        about = f"an estimate: bytes over {BYTES_PER_TOKEN}, as no tokenizer is installed"
        return ItemCosts("tokens", np.ceil(_text_bytes(catalog, rows) / BYTES_PER_TOKEN), about)
    import tokenizers

    tokenizer = tokenizers.Tokenizer.from_file(str(file))
    tokenizer.no_padding()
    tokenizer.no_truncation()
    texts = catalog.items.column("text").take(pa.array(rows)).fill_null("")
    counts = np.empty(len(rows), dtype=np.float64)
    for start in range(0, len(rows), _BLOCK):
        progress("tokens", start, len(rows))
        part = texts.slice(start, _BLOCK).to_pylist()
        found = tokenizer.encode_batch_fast(part, add_special_tokens=False)
        counts[start : start + len(part)] = [len(encoded.ids) for encoded in found]
    progress("tokens", len(rows), len(rows))
    return ItemCosts("tokens", counts, "tokens of Llama 2's tokenizer, as wordllama ships it")


def _text_bytes(catalog: Catalog, rows: np.ndarray) -> np.ndarray:
    sizes = pc.binary_length(catalog.items.column("text").cast(pa.large_string()).cast(pa.large_binary())).fill_null(0)
    found: np.ndarray = sizes.to_numpy().astype(np.float64)[rows]
    return found


def _tokenizer_file() -> Path | None:
    found = importlib.util.find_spec("wordllama")
    if found is None or found.origin is None or importlib.util.find_spec("tokenizers") is None:
        return None
    file = Path(found.origin).parent / "tokenizers" / "l2_supercat_tokenizer_config.json"
    return file if file.is_file() else None
