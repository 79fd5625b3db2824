"""The reference set of a workspace: trusted examples, how well pool and draw cover them, what is retrieved by them."""

from pathlib import Path
from typing import Any

import numpy as np

from curation_core import presets, sources
from curation_core.artifacts import write_array
from curation_core.checks import Checks
from curation_core.config import ReferenceConfig
from curation_core.embedders import open_embedder
from curation_core.progress import Progress, silent
from curation_core.reference_sets import (
    ReferenceSet,
    ingest_config,
    picked_rows,
    read_ranks,
    read_reference,
    read_source,
    write_neighborhood,
)
from curation_core.retrieval import neighborhood, typical_gap


class References(Checks):
    """A workspace that can be held against trusted examples."""

    def reference(self, source: str | Path = "", *, progress: Progress = silent, **options: Any) -> ReferenceSet:
        """Read trusted examples, embed them as the items are embedded, and find what lies near them in the pool.

        source: a folder, archive, table or vectors; in its place where="group = 'Animals'" or items=(ids) picks
        examples among the items. Without any of them the set of the settings is read again where it changed.
        Raises ConfigError when they are of another kind than the items, IngestError when they cannot be read.
        """
        before = self.settings
        given = {**options, **({"source": str(source)} if source else {})}
        config = ReferenceConfig(**given) if given or before.reference is None else before.reference
        reads = ingest_config(self.plans.source, config) if config.source else None
        if reads is not None:
            config = config.model_copy(update={"source": reads.source})
        stamp = sources.fingerprint(reads) if reads is not None else ""
        self._prepare(progress)
        self._save(before.changed(reference=config, current_reference=stamp))
        try:
            self._make(self.plans.plan("reference"), lambda folder: self._reference(config, folder, progress))
        except BaseException:
            self._save(self.settings.changed(reference=before.reference, current_reference=before.current_reference))
            raise
        return self.reference_set()

    def forget_reference(self) -> None:
        """Have no reference set any more; what was made of it stays until it is deleted."""
        self._save(self.settings.changed(reference=None, current_reference=""))

    def reference_set(self) -> ReferenceSet:
        """The reference set; raises StepMissing before `reference`."""
        plan = self.plans.plan("reference")
        return read_reference(self.store.folder("reference", plan.key), self.plans.meta("reference"), self.catalog())

    def retrieved(self) -> np.ndarray:
        """Place of every row of the tree in the order of retrieval: (n,) int64, lowest first, no two the same."""
        return read_ranks(self.plans.folder("reference"))

    def _reference(self, config: ReferenceConfig, folder: Path, progress: Progress) -> dict[str, Any]:
        pool, embedded = self.vectors(), self.embeddings()
        if config.source:
            raw = self._read_examples(config, folder, progress)
            vectors = presets.prepare_beside(raw, embedded.vectors, self.plans.plan("prepare").config["preset"])
        else:
            picked = picked_rows(config, self.catalog(), embedded.rows)
            write_array(folder / "rows.npy", np.asarray(embedded.rows)[picked])
            vectors = np.asarray(pool[picked], dtype=np.float32)
        found = neighborhood(pool, vectors, progress=progress)
        write_neighborhood(folder, vectors, found)
        return {"n_items": len(vectors), "gap": typical_gap(pool)}

    def _read_examples(self, config: ReferenceConfig, folder: Path, progress: Progress) -> np.ndarray:
        modality, settings = self.plans.meta("ingest")["modality"], self.settings.embed
        return read_source(
            ingest_config(self.plans.source, config),
            modality,
            lambda: open_embedder(settings.embedder, modality, device=settings.device),
            settings,
            folder,
            # where faces are to be blurred nothing is shown that was not searched for them
            thumbnails=None if self.settings.faces.blur else self.path / "thumbnails",
            progress=progress,
        )
