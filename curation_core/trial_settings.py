"""What the two reports that try draws are asked for: `advise` tries trees, `use` trains probes on what was drawn."""

from pydantic import Field

from curation_core.config import StepConfig


class AdviseConfig(StepConfig):
    """Which settings are tried, and what their draws are measured by."""

    target_size: int | None = Field(
        default=None, ge=1, description="Items drawn; empty: the draw's target, else what the tree is meant for."
    )
    column: str | None = Field(
        default=None, description="Column of labels over which a draw's evenness is measured; empty: without labels."
    )
    most_items: int = Field(
        default=10_000, ge=100, description="Items tried; of more, a random part with the target scaled to it."
    )
    n_seeds: int = Field(default=3, ge=2, le=50, description="Seeds per setting: figures come with their spread.")
    presets: bool = Field(default=True, description="Also try other ways to prepare the vectors.")
    embedders: bool = Field(default=True, description="Also try embedders whose vectors are there already.")
    embed_with: tuple[str, ...] = Field(
        default=(), description="Embedders to embed all items with first, so that they are tried as well; needs labels."
    )


class UseConfig(StepConfig):
    """What probes learn, from how many drawn items."""

    column: str | None = Field(default=None, description="Column of labels that the probes learn.")
    group_column: str | None = Field(
        default=None, description="Second column whose worst group is told, such as a region or a camera."
    )
    target_size: int | None = Field(
        default=None,
        ge=1,
        description="Items drawn to learn from; empty: the draw's target, else what the tree is for.",
    )
    most_items: int = Field(
        default=10_000, ge=100, description="Items used; of more, a random part with the target scaled to it."
    )
    n_seeds: int = Field(default=5, ge=3, le=50, description="Seeds per draw: figures come with an interval.")
