"""Text embedders: mean static token vectors of wordllama, and hashed words and character n-grams without weights."""

import importlib.util
import re
import zlib
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from curation_core.errors import MissingExtra

_TOKEN = re.compile(r"\w+|[^\w\s]")
_MAX_TOKENS = 512
_NGRAMS = (3, 4, 5)


class WordLlama:
    """Mean of static token vectors, read from the wordllama package: 256 numbers."""

    name, dim, modality, preferred_batch = "wordllama", 256, "text", 512

    def __init__(self) -> None:
        import tokenizers
        from safetensors.numpy import load_file

        found = importlib.util.find_spec("wordllama")
        if found is None or found.origin is None:
            raise MissingExtra("wordllama is not installed; install it, or choose hashing-text")
        package = Path(found.origin).parent
        weights = load_file(package / "weights" / "l2_supercat_256.safetensors")
        # the package's own loader looks for its tokenizer in a folder that it does not have, so both are read here
        tokenizer = tokenizers.Tokenizer.from_file(str(package / "tokenizers" / "l2_supercat_tokenizer_config.json"))
        tokenizer.no_padding()
        tokenizer.enable_truncation(_MAX_TOKENS)
        self._vectors: np.ndarray = weights["embedding.weight"]  # (32000, 256) float16
        self._tokenizer = tokenizer

    def __call__(self, batch: Sequence[str]) -> np.ndarray:
        """Strings to (len(batch), 256) float32; zeros where a text has no token."""
        found = np.zeros((len(batch), self.dim), dtype=np.float32)
        for row, encoded in enumerate(self._tokenizer.encode_batch(list(batch), add_special_tokens=False)):
            if encoded.ids:
                found[row] = self._vectors[encoded.ids].astype(np.float32).mean(axis=0)
        return found


class HashingText:
    """Words and the character n-grams inside them, hashed to 512 signed counters; no weights, no vocabulary."""

    name, dim, modality, preferred_batch = "hashing-text", 512, "text", 256

    def __call__(self, batch: Sequence[str]) -> np.ndarray:
        """Strings to (len(batch), 512) float32; zeros where a text is blank."""
        found = np.zeros((len(batch), self.dim), dtype=np.float32)
        for row, text in enumerate(batch):
            for feature, count in Counter(_features(text)).items():
                digest = zlib.crc32(feature.encode())  # Python's own hash changes with every process
                sign = 1.0 if digest >> 31 else -1.0
                found[row, digest % self.dim] += sign * _weight(feature) * np.sqrt(count)
        return found


def _features(text: str) -> list[str]:
    features = []
    for token in _TOKEN.findall(text.lower()):
        framed = f"<{token}>"
        features.append(f"w{token}")
        features.extend(
            f"c{framed[start : start + length]}" for length in _NGRAMS for start in range(len(framed) - length + 1)
        )
    return features


def _weight(feature: str) -> float:
    """A word counts by its length, so that "of" and "the" do not lead; its parts count a third."""
    return min(len(feature) - 1, 6) / 3.0 if feature[0] == "w" else 1.0 / 3.0
