"""One frozen model per step: defaults, bounds and descriptions that the CLI, the forms and workspace.toml all read."""

import difflib
from itertools import pairwise
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from curation_core.errors import ConfigError

Modality = Literal["image", "text", "vector"]
SourceKind = Literal["auto", "images", "text", "vectors"]
Preset = Literal["auto", "none", "l2", "pca-64", "sqrt-pca-128"]
Strategy = Literal["random", "closest", "diverse"]
ManifestFormat = Literal["parquet", "csv", "jsonl", "npy"]


class StepConfig(BaseModel):
    """Base of all configurations: frozen, strict about names, and clear about what is wrong."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    def __init__(self, **values: Any) -> None:
        try:
            super().__init__(**values)
        except ValidationError as error:
            raise ConfigError(_sentence(type(self), error)) from None


class IngestConfig(StepConfig):
    """Where the items come from."""

    source: str = Field(description="Folder or zip of images, a CSV, JSONL or Parquet table, or a .npy file.")
    kind: SourceKind = Field(default="auto", description="What the source holds; auto looks at its files.")
    text_column: str | None = Field(default=None, description="Column that holds the text of a table.")
    vector_column: str | None = Field(default=None, description="Column that holds the vectors of a Parquet table.")
    metadata: str | None = Field(
        default=None, description="CSV, JSONL or Parquet table joined by path, or by row for vectors."
    )


class EmbedConfig(StepConfig):
    """How items become vectors."""

    embedder: str = Field(default="auto", description="Name of the embedder; auto takes the default of the modality.")
    batch_size: int = Field(default=32, ge=1, le=4096, description="Items given to the model at once.")
    shard_size: int = Field(
        default=512, ge=1, description="Items per shard: what a killed run does not have to do again."
    )


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
    init: Literal["kmeans++", "random"] = Field(default="kmeans++", description="How centroids are seeded.")
    mode: Literal["fast", "compatible"] = Field(
        default="fast", description="Quick seeding in resampling steps, or the paper's procedure."
    )
    max_iter: int = Field(
        default=50, ge=1, le=10_000, description="Lloyd iterations at most; a fixed point stops earlier."
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
        default=None, ge=1, description="Optimisation rounds; empty: 200, or 80 above 50,000 items."
    )
    seed: int = Field(default=0, ge=0, description="Same seed, same map.")


class SampleConfig(StepConfig):
    """The balanced draw."""

    target_size: int = Field(description="Items to draw.", ge=0)
    strategy: Strategy = Field(default="random", description="Which members of a cluster are drawn first.")
    multiplier: int = Field(
        default=1, ge=1, le=1000, description="How often one item may be drawn at most (oversampling)."
    )
    seed: int = Field(default=0, ge=0, description="Same seed, same draw; larger targets contain smaller ones.")

    @field_validator("target_size", "multiplier", mode="before")
    @classmethod
    def _whole_number(cls, value: Any) -> Any:
        if isinstance(value, bool | float):
            raise ValueError(f"must be a whole number of items, got {value!r}")
        return value


class ExportConfig(StepConfig):
    """What an export writes."""

    name: str = Field(description="Folder below exports/.", pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$")
    formats: tuple[ManifestFormat, ...] = Field(
        default=("parquet", "csv", "jsonl", "npy"), description="Manifest formats."
    )


def _check_levels(levels: tuple[int, ...]) -> None:
    if not levels or min(levels) < 1:
        raise ValueError(f"n_clusters is {levels}; give at least one level, each of at least 1 cluster")
    for finer, coarser in pairwise(levels):
        if coarser >= finer:
            raise ValueError(f"n_clusters is {levels}; each level must be smaller than the one before, fine to coarse")


def _sentence(model: type[BaseModel], error: ValidationError) -> str:
    first = error.errors()[0]
    name = ".".join(str(part) for part in first["loc"])
    if first["type"] == "extra_forbidden":
        near = difflib.get_close_matches(name, model.model_fields, n=1)
        hint = f"did you mean {near[0]}?" if near else "known settings: " + ", ".join(model.model_fields)
        return f"{model.__name__} has no setting {name!r}; {hint}"
    message = first["msg"].removeprefix("Value error, ")
    if not name:
        return message
    got = "" if first["type"] == "missing" else f", got {first['input']!r}"
    return f"{name}: {message[:1].lower()}{message[1:]}{'' if 'got ' in message else got}"
