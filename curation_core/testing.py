"""What an embedder must keep, as a test class that other packages may run against theirs.

::

    class TestMine(EmbedderContract):
        def embedder(self): return Mine("image")
        def batch(self): return [image, other_image, third_image]
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from curation_core.config import Modality
from curation_core.embedders import Embedder


class EmbedderContract:
    """Subclass it, give `embedder` and `batch`, and pytest runs the checks."""

    def embedder(self) -> Embedder:
        """The embedder to check, new or the same one every time."""
        raise NotImplementedError("return the embedder to check")

    def batch(self) -> Sequence[Any]:
        """At least three different items of its modality."""
        raise NotImplementedError("return at least three different items")

    def test_it_says_its_name_dimension_and_modality(self) -> None:
        """The three attributes are there and have their types."""
        embedder = self.embedder()
        assert isinstance(embedder.name, str)
        assert embedder.name
        assert isinstance(embedder.dim, int)
        assert embedder.dim >= 0
        assert embedder.modality in Modality.__args__  # type: ignore[attr-defined]  # a Literal has them

    def test_a_batch_gives_one_finite_float32_vector_per_item(self) -> None:
        """Shape (b, d), dtype float32, no NaN, and not all items on one point."""
        embedder, batch = self.embedder(), self.batch()
        vectors = embedder(batch)
        assert vectors.dtype == np.float32
        assert vectors.shape == (len(batch), embedder.dim or vectors.shape[1])
        assert np.isfinite(vectors).all()
        assert len(np.unique(vectors, axis=0)) > 1

    def test_the_same_batch_gives_the_same_bytes(self) -> None:
        """A second call, and a second embedder, change no bit."""
        embedder, batch = self.embedder(), self.batch()
        first = embedder(batch).tobytes()
        assert embedder(batch).tobytes() == first
        assert self.embedder()(batch).tobytes() == first

    def test_an_item_does_not_depend_on_its_neighbours_in_the_batch(self) -> None:
        """One item alone gives the vector it has in the batch, up to rounding."""
        embedder, batch = self.embedder(), self.batch()
        together = embedder(batch)
        alone = np.concatenate([embedder([item]) for item in batch])
        assert np.allclose(alone, together, rtol=1e-3, atol=1e-4 * float(np.abs(together).max()))

    def test_the_order_of_the_batch_is_the_order_of_the_vectors(self) -> None:
        """A reversed batch gives reversed vectors, up to rounding."""
        embedder, batch = self.embedder(), list(self.batch())
        together = embedder(batch)
        backwards = embedder(batch[::-1])[::-1]
        assert np.allclose(backwards, together, rtol=1e-3, atol=1e-4 * float(np.abs(together).max()))

    def test_what_it_may_also_say_has_its_type(self) -> None:
        """Device and preferred_batch where it has them; embed_text gives vectors in the space of its items."""
        embedder = self.embedder()
        assert isinstance(getattr(embedder, "device", "cpu"), str)
        preferred = getattr(embedder, "preferred_batch", 1)
        assert isinstance(preferred, int)
        assert preferred >= 1
        if hasattr(embedder, "embed_text") and getattr(embedder, "has_text", True):
            found = embedder.embed_text(["a", "of the sea"])
            assert found.dtype == np.float32
            assert found.shape == (2, embedder(self.batch()).shape[1])
            assert np.isfinite(found).all()
