"""One frozen model per step: defaults, bounds and descriptions that the CLI, the forms and workspace.toml all read."""

from itertools import pairwise
from typing import Any, Literal

from pydantic import Field, field_validator, model_validator

from curation_core.draw_config import Cover as Cover
from curation_core.draw_config import SampleConfig as SampleConfig
from curation_core.draw_config import SplitConfig as SplitConfig
from curation_core.draw_config import Strategy as Strategy
from curation_core.step_config import StepConfig as StepConfig

Modality = Literal["image", "text", "vector"]
SourceKind = Literal["auto", "images", "tiles", "text", "vectors"]
ColumnType = Literal["category", "number", "text", "date", "truth"]  # what a column means; a person may correct it
Keeper = Literal["largest", "first", "central"]
Device = Literal["auto", "cpu", "cuda", "mps"]
Preset = Literal["auto", "none", "l2", "pca-64", "sqrt-pca-128", "whiten-128"]
ManifestFormat = Literal[
    "parquet", "csv", "jsonl", "npy", "txt", "datasets", "imagefolder", "webdataset", "wds-index",
    "fiftyone", "lightly", "coco", "lance", "weights",
]  # fmt: skip
FilesMode = Literal["reference", "copy", "hardlink", "symlink"]


class IngestConfig(StepConfig):
    """Where the items come from."""

    source: str = Field(
        description="Folder or archive of images, table, vectors, GeoTIFF, or an address such as s3://bucket/folder."
    )
    kind: SourceKind = Field(default="auto", description="What the source holds; auto looks at its files.")
    text_column: str | None = Field(default=None, description="Column that holds the text of a table.")
    image_column: str | None = Field(default=None, description="Column that holds image paths or images of a table.")
    vector_column: str | None = Field(default=None, description="Column that holds the vectors of a table.")
    metadata: str | None = Field(
        default=None, description="CSV, JSONL or Parquet table joined by path, or by row for vectors."
    )
    column_types: dict[str, ColumnType] = Field(
        default_factory=dict, description="What columns mean, where it differs from what was found."
    )
    tile_size: int = Field(default=256, ge=16, le=4096, description="Side of the tiles a scene is cut into, in pixels.")
    tile_bands: tuple[int, ...] | None = Field(
        default=None, description="Bands shown as red, green, blue, counted from 1; empty: the first three."
    )
    tile_stretch: tuple[float, float] = Field(
        default=(2.0, 98.0), description="Percentiles of a band's values that become black and white."
    )
    tile_min_valid: float = Field(
        default=0.5, ge=0.0, le=1.0, description="Share of a tile that must hold data; others are left out."
    )
    allow_http: bool = Field(default=False, description="Whether addresses beginning with http may be read.")


class EmbedConfig(StepConfig):
    """How items become vectors."""

    embedder: str = Field(
        default="auto",
        description="Name of the embedder, or hf:MODEL or st:MODEL with a local folder or hub id; auto: the default.",
    )
    batch_size: int | None = Field(
        default=None, ge=1, le=4096, description="Items given to the model at once; empty: found by trying."
    )
    shard_size: int = Field(
        default=512, ge=1, description="Items per shard: what a killed run does not have to do again."
    )
    device: Device = Field(default="auto", description="Where the model runs; auto takes a GPU where there is one.")
    storage: Literal["float32", "float16"] = Field(
        default="float32", description="Numbers on disk; float16 takes half the space."
    )


class DuplicatesConfig(StepConfig):
    """Which items are the same, or nearly so."""

    floor: float | None = Field(
        default=None, ge=0.5, le=1.0, description="Lowest similarity of pairs that are looked for; empty: by modality."
    )
    threshold: float | None = Field(
        default=None, ge=0.5, le=1.0, description="Similarity from which items are one group; empty: by modality."
    )
    keeper: Keeper = Field(default="largest", description="Which item of a group stands for it in the draw.")
    mirror: bool = Field(default=False, description="Whether mirror images of pictures count as copies.")


class QualityConfig(StepConfig):
    """Where scores become flags; scores themselves do not depend on it."""

    thresholds: dict[str, float] = Field(
        default_factory=dict, description="Thresholds of single flags, where they differ from the defaults."
    )


class FacesConfig(StepConfig):
    """Faces in pictures: found, counted, and blurred when asked."""

    blur: bool = Field(default=False, description="Blur faces before a thumbnail or an export is written.")
    threshold: float = Field(default=0.35, ge=0.05, le=1.0, description="Score from which a detection is a face.")
    floor: float = Field(default=0.15, ge=0.05, le=1.0, description="Lowest score kept, as a near-miss to check.")
    max_side: int = Field(default=640, ge=64, le=4096, description="Longer side of the picture searched, in pixels.")

    @model_validator(mode="after")
    def _floor_is_below(self) -> "FacesConfig":
        if self.floor > self.threshold:
            raise ValueError(f"floor is {self.floor}, above threshold {self.threshold}; choose a floor at most as high")
        return self


class ClusterConfig(StepConfig):
    """Hierarchical k-means with resampling (Vo et al. 2024)."""

    n_clusters: tuple[int, ...] | None = Field(
        default=None, description="Clusters per level, fine to coarse; empty: chosen from n."
    )
    expected_target: int | None = Field(
        default=None, ge=1, description="Target size the tree is meant for; empty: 15 % of n."
    )
    n_resamples: int = Field(
        default=3, ge=0, le=100, description="Resampling steps after the first k-means of each level."
    )
    resample_size: tuple[int, ...] | None = Field(
        default=None, description="Members kept per cluster in a resampling step, one number per level; empty: chosen."
    )
    # the paper's code keeps the closest; random members flatten more in the plane and at least as much on our samples
    resample_strategy: Literal["random", "closest"] = Field(default="random", description="Which members a step keeps.")
    init: Literal["kmeans++", "kmeans||", "random"] = Field(
        default="kmeans++",
        description="How centroids are seeded; kmeans|| is quicker for thousands of clusters: fast takes it there.",
    )
    mode: Literal["fast", "compatible"] = Field(
        default="fast", description="Quick seeding in resampling steps, or the paper's procedure."
    )
    max_iter: int = Field(
        default=50, ge=1, le=10_000, description="Lloyd iterations at most; a fixed point stops earlier."
    )
    tolerance: float | None = Field(
        default=None,
        ge=0,
        le=0.5,
        description="Share of inertia: an iteration that gains less is the last; empty: 0.0005 in mode fast, else 0.",
    )
    cells: int | None = Field(
        default=None,
        ge=0,
        le=100_000,
        description="Cells that a large first level is cut into, each clustered apart; 0: never; empty: chosen.",
    )
    preset: Preset = Field(default="auto", description="How vectors are prepared; auto follows the embedder.")
    seed: int = Field(default=0, ge=0, description="Same seed, same data: same tree.")

    @field_validator("n_clusters", "resample_size", mode="before")
    @classmethod
    def _one_number_is_a_level(cls, value: Any) -> Any:
        return (value,) if isinstance(value, int) and not isinstance(value, bool) else value

    @model_validator(mode="after")
    def _levels_fit(self) -> "ClusterConfig":
        levels = self.n_clusters
        if levels is not None:
            _check_levels(levels)
        if self.resample_size is not None and min(self.resample_size, default=0) < 1:
            raise ValueError(f"resample_size is {self.resample_size}; every level needs at least 1 member per cluster")
        if levels and self.resample_size and len(self.resample_size) != len(levels):
            raise ValueError(
                f"resample_size has {len(self.resample_size)} numbers for {len(levels)} levels; give one per level"
            )
        return self


class ProjectConfig(StepConfig):
    """The two-dimensional map; for looking only."""

    method: Literal["umap", "pca"] = Field(
        default="umap", description="UMAP on a nearest-neighbour graph, or plain PCA."
    )
    n_neighbors: int = Field(default=15, ge=2, le=200, description="Neighbours in the graph.")
    min_dist: float = Field(default=0.1, ge=0.0, le=0.99, description="How tightly points may sit together.")
    n_epochs: int | None = Field(
        default=None, ge=1, description="Optimisation rounds; empty: 500, or 200 from 100,000 items on."
    )
    refine: bool = Field(
        default=True,
        description="Off: from 100,000 items on the map stays a preview, items between the centroids nearest to them.",
    )
    seed: int = Field(default=0, ge=0, description="Same seed, same map.")


class ReviewConfig(StepConfig):
    """How people share the review."""

    double_share: float = Field(
        default=0.0, ge=0, le=1, description="Share of clusters that two people judge, each without seeing the other."
    )


class ReferenceConfig(StepConfig):
    """Trusted examples that the pool and a draw are held against, and that a draw may be guided by."""

    source: str = Field(
        default="", description="Folder, archive, table or vectors of examples of the same kind as the items."
    )
    where: str = Field(default="", description="Condition on the items' own columns that picks examples among them.")
    items: tuple[str, ...] = Field(
        default=(), max_length=5_000, description="Ids of items that are the examples, such as of a saved selection."
    )
    text_column: str | None = Field(default=None, description="Column that holds the text of a table.")
    image_column: str | None = Field(default=None, description="Column that holds image paths or images of a table.")
    vector_column: str | None = Field(default=None, description="Column that holds the vectors of a table.")

    @model_validator(mode="after")
    def _one_origin(self) -> "ReferenceConfig":
        if sum(map(bool, (self.source, self.where, self.items))) != 1:
            raise ValueError("a reference set is a source, a condition (where) or ids of items; give one of them")
        return self


class ExportConfig(StepConfig):
    """What an export writes."""

    name: str = Field(description="Folder below exports/.", pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$")
    formats: tuple[ManifestFormat, ...] = Field(
        default=("parquet", "csv", "jsonl", "npy"), description="Manifest formats.", min_length=1
    )
    files: FilesMode = Field(
        default="reference",
        description="Name the items' files, or put them into the export as copies or links (faces blurred if asked).",
    )
    shard_mb: int = Field(default=500, ge=1, le=100_000, description="Size of a shard of tar or Parquet, in MB.")
    embed_images: bool = Field(
        default=True, description="Whether the Parquet shards of datasets hold the pictures, or only their paths."
    )
    coco_file: str | None = Field(
        default=None, description="Your COCO file, below the source; empty: the one found there, if any."
    )
    mask_personal: bool = Field(
        default=False, description="Replace mail addresses, phone and card numbers in texts by their kind."
    )

    @field_validator("formats")
    @classmethod
    def _each_once(cls, value: tuple[ManifestFormat, ...]) -> tuple[ManifestFormat, ...]:
        return tuple(dict.fromkeys(value))

    @model_validator(mode="after")
    def _folders_hold_files(self) -> "ExportConfig":
        if "imagefolder" in self.formats and self.files == "reference":
            raise ValueError("imagefolder holds the files themselves; set files to copy, hardlink or symlink")
        return self


def _check_levels(levels: tuple[int, ...]) -> None:
    if not levels or min(levels) < 1:
        raise ValueError(f"n_clusters is {levels}; give at least one level, each of at least 1 cluster")
    for finer, coarser in pairwise(levels):
        if coarser >= finer:
            raise ValueError(f"n_clusters is {levels}; each level must be smaller than the one before, fine to coarse")
