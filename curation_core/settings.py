"""What workspace.toml holds: one table per step, only what differs from the defaults."""

import json
import tomllib
from collections.abc import Mapping
from typing import Any

from pydantic import Field

from curation_core.card_config import BiasConfig, CardConfig
from curation_core.config import (
    ClusterConfig,
    DuplicatesConfig,
    EmbedConfig,
    ExportConfig,
    FacesConfig,
    IngestConfig,
    ProjectConfig,
    QualityConfig,
    ReferenceConfig,
    ReviewConfig,
    SampleConfig,
    SplitConfig,
    StepConfig,
)
from curation_core.errors import ConfigError, StaleArtifact
from curation_core.trial_settings import AdviseConfig, UseConfig

FORMAT = 1
STEP_CONFIGS: dict[str, type[StepConfig]] = {
    "ingest": IngestConfig,
    "embed": EmbedConfig,
    "duplicates": DuplicatesConfig,
    "quality": QualityConfig,
    "faces": FacesConfig,
    "cluster": ClusterConfig,
    "project": ProjectConfig,
    "review": ReviewConfig,
    "reference": ReferenceConfig,
    "sample": SampleConfig,
    "split": SplitConfig,
    "export": ExportConfig,
    "advise": AdviseConfig,
    "use": UseConfig,
    "bias": BiasConfig,
    "card": CardConfig,
}


class Settings(StepConfig):
    """The settings of one workspace; every step's table may be absent."""

    format: int = Field(default=FORMAT, description="Version of this file.")
    name: str = Field(default="", description="Name shown in the app; empty: the folder's name.")
    current_ingest: str = Field(default="", description="Artefact key of the catalog in use; written by ingest.")
    ingest: IngestConfig | None = Field(default=None, description="Where the items come from.")
    embed: EmbedConfig = EmbedConfig()
    duplicates: DuplicatesConfig = DuplicatesConfig()
    quality: QualityConfig = QualityConfig()
    faces: FacesConfig = FacesConfig()
    cluster: ClusterConfig = ClusterConfig()
    project: ProjectConfig = ProjectConfig()
    review: ReviewConfig = ReviewConfig()
    reference: ReferenceConfig | None = Field(default=None, description="Trusted examples.")
    current_reference: str = Field(
        default="", description="What the examples' source looked like when it was read; written by reference."
    )
    advise: AdviseConfig = AdviseConfig()
    use: UseConfig = UseConfig()
    sample: SampleConfig | None = Field(default=None, description="The draw.")
    split: SplitConfig | None = Field(default=None, description="How the draw is parted; empty: not at all.")
    export: ExportConfig | None = Field(default=None, description="What `run` exports at the end.")
    bias: BiasConfig = BiasConfig()
    card: CardConfig = CardConfig()

    def changed(self, **tables: Any) -> "Settings":
        """A copy with some tables or fields replaced, validated again."""
        return Settings(**{**dict(self), **tables})


def parse(text: str, name: str) -> Settings:
    """Settings from TOML; raises ConfigError naming the file, or StaleArtifact when a newer version wrote it."""
    try:
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{name} is not valid TOML ({error}); correct it or create the workspace again") from None
    if values.get("format", FORMAT) > FORMAT:
        raise StaleArtifact(
            f"{name} was written by a newer version (format {values['format']}, this one reads {FORMAT}); update"
        )
    try:
        return Settings(**values)
    except ConfigError as error:
        raise ConfigError(f"{name}: {error}") from None


def render(settings: Settings) -> str:
    """TOML of everything that differs from the defaults; `parse` is its inverse."""
    values = settings.model_dump(exclude_none=True, exclude_defaults=True)
    plain = {"format": settings.format, **{key: value for key, value in values.items() if not isinstance(value, dict)}}
    tables = [f"\n[{key}]\n{_lines(value)}" for key, value in values.items() if isinstance(value, dict)]
    return _lines(plain) + "".join(tables)


def _lines(values: Mapping[str, Any]) -> str:
    return "".join(f"{key} = {_toml(value)}\n" for key, value in values.items())


def _toml(value: Any) -> str:
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{_toml(str(key))} = {_toml(inner)}" for key, inner in value.items()) + "}"
    # JSON's strings, numbers, booleans and lists of them are valid TOML, but for the escape of U+007F
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
