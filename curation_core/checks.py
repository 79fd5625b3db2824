"""The checks of a workspace: duplicates, quality and outliers, faces; each informs decisions and deletes nothing."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from curation_core import faces, neighbors, quality, sources
from curation_core.artifacts import read_table, write_table
from curation_core.config import ExportConfig
from curation_core.errors import ConfigError
from curation_core.export import ExportContents
from curation_core.face_corrections import Correction
from curation_core.face_results import Faces, read_faces
from curation_core.grouping import NearDuplicates
from curation_core.outliers import outlier_scores
from curation_core.plans import provenance
from curation_core.progress import Progress, silent
from curation_core.review import ReviewDecisions
from curation_core.sampling import SamplingPlan
from curation_core.workbench import Workbench

if TYPE_CHECKING:
    from PIL.Image import Image

_CROP_SIDE = 1600  # pixels; pictures that faces are cut from are decoded no larger


class Checks(Workbench):
    """What can be found out about the items before, and beside, a person's look at them."""

    def duplicates(self, *, progress: Progress = silent, **options: Any) -> NearDuplicates:
        """Find items that are the same or nearly so; options are those of DuplicatesConfig."""
        with self._trying(duplicates=options):
            plan, catalog, embedded = self.plans.plan("duplicates"), self.catalog(), self.embeddings()

            def work(folder: Path) -> dict[str, Any]:
                config = self.settings.duplicates
                with sources.read_payloads(self.plans.source, catalog) as fetch:
                    found = neighbors.find(catalog, embedded, fetch, config, folder, progress, mirror=config.mirror)
                return {"n_items": len(found.group), "n_pairs": len(found.pairs), "threshold": found.threshold}

            self._make(plan, work)
            return self.near_duplicates()

    def quality(self, *, progress: Progress = silent, **options: Any) -> dict[str, np.ndarray]:
        """Score every item, and every vector where there is a tree; returns the flags, (n,) bool by catalog row."""
        with self._trying(quality=options):
            plan, catalog = self.plans.plan("quality"), self.catalog()
            quality.check_thresholds(self.settings.quality.thresholds, catalog.modality)

            def work(folder: Path) -> dict[str, Any]:
                with sources.read_payloads(self.plans.source, catalog) as fetch:
                    scores = quality.score(catalog, fetch, self.settings.quality, folder, progress)
                return {"n_items": scores.num_rows, "columns": list(scores.column_names)}

            if catalog.modality != "vector":
                self._make(plan, work)
            if self._has("cluster"):
                self._find_outliers(progress)
            return self.flags()

    def faces(self, *, progress: Progress = silent, **options: Any) -> Faces:
        """Find faces in all pictures and, if asked, blur them in thumbnails; options are those of FacesConfig."""
        with self._trying(faces=options):
            catalog = self.catalog()
            if catalog.modality != "image":
                raise ConfigError(
                    f"faces are looked for in pictures, these items are {catalog.modality}s; skip this step"
                )
            plan, previous, config = self.plans.plan("faces"), self._newest("faces"), self.settings.faces
            said, thumbnails = self.face_corrections.read(), self.path / "thumbnails"

            def work(folder: Path) -> dict[str, Any]:
                with self.originals() as read:
                    found = faces.detect_faces(
                        catalog,
                        read,
                        config,
                        folder,
                        thumbnails,
                        progress,
                        previous=previous,
                        corrections=said,
                    )
                return {"n_items": len(catalog), "n_detections": len(found)}

            self._make(plan, work)
            self._refresh_thumbnails(progress)
            return self.detected_faces()

    def correct_faces(self, shown: Faces, is_face: bool, *, reviewer: str = "") -> None:
        """Record that detections are faces, or are none; their thumbnails follow."""
        catalog = self.catalog()
        said = [
            Correction(catalog.item_id[row], catalog.content_hash[row], tuple(box), is_face, reviewer)
            for row, box in zip(shown.row.tolist(), shown.box.tolist(), strict=True)
        ]
        self.face_corrections.append(said)
        self._refresh_thumbnails(silent, rows=sorted(set(shown.row.tolist())))

    def face_crops(self, shown: Faces) -> list["Image"]:
        """What each detection shows, cut from its original: squares for a person to judge by, written nowhere."""
        catalog, made = self.catalog(), []
        with self.originals() as read:
            for row, box in zip(shown.row.tolist(), shown.box, strict=True):
                made.append(faces.face_crop(faces.open_picture(read, catalog, row, _CROP_SIDE), box))
        return made

    def _refresh_thumbnails(self, progress: Progress, rows: Sequence[int] | None = None) -> None:
        found, said = read_faces(self.plans.folder("faces")), self.face_corrections.read()
        with self.originals() as read:
            faces.refresh_thumbnails(
                self.catalog(),
                read,
                found,
                said,
                self.settings.faces,
                self.path / "thumbnails",
                progress,
                rows=rows,
            )

    def export_contents(self, plan: SamplingPlan, config: ExportConfig) -> ExportContents:
        """Everything that an export of a draw tells, what the checks found included."""
        embedded, decisions = self.embeddings(), self.decisions()
        told: dict[str, Any] = {}
        if self._has("faces"):
            failed = read_table(self.plans.folder("faces") / "failures.parquet")
            told |= {"faces": self.detected_faces(), "unsearched": failed.column("uri").to_pylist()}
        if self._has("duplicates"):
            told["near_duplicates"] = self.near_duplicates().group
            if not _was_drawn_from(plan, decisions, decisions.eligible):
                standing = self.standing(decisions.eligible, decisions.kept)
                told |= {"keeper": standing} if _was_drawn_from(plan, decisions, standing) else {}
        return ExportContents(
            catalog=self.catalog(),
            rows=embedded.rows,
            hierarchy=decisions.tree,
            plan=plan,
            decisions=decisions,
            failures=embedded.failures,
            events=self.reviews.events(),
            provenance={
                **provenance(self.plans, plan),
                "export": config.model_dump(mode="json", exclude={"name"}),  # the folder's name is no content
            },
            face_config=self.settings.faces,
            masked=config.mask_personal,
            **told,
        )

    def _find_outliers(self, progress: Progress) -> None:
        def work(folder: Path) -> dict[str, Any]:
            found = outlier_scores(self.vectors(), self.hierarchy(), progress)
            write_table(folder / "outliers.parquet", found.table())
            return {"n_items": len(found.distance)}

        self._make(self.plans.plan("outliers"), work)

    def _newest(self, step: str) -> Path | None:
        """The newest whole artefact of a step, whatever it was made from."""
        found = self.store.all_meta(step)
        return self.store.folder(step, found[0]["key"]) if found else None


def _was_drawn_from(plan: SamplingPlan, decisions: ReviewDecisions, eligible: np.ndarray) -> bool:
    capacity = decisions.rules.capacity(decisions.tree, eligible | decisions.kept, plan.multiplier)
    return all(map(np.array_equal, capacity, plan.capacity))
