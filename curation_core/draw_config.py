"""What a draw and its splits are asked for."""

from typing import Any, Literal

from pydantic import Field, field_validator, model_validator

from curation_core.step_config import StepConfig

Strategy = Literal["random", "closest", "diverse"]
Cover = Literal["none", "clusters", "items"]
_SINCE = ("cover", "column", "column_share", "reference_share")  # fields that older draws do not know


class SampleConfig(StepConfig):
    """The balanced draw."""

    target_size: int = Field(description="Items to draw.", ge=0)
    strategy: Strategy = Field(default="random", description="Which members of a cluster are drawn first.")
    multiplier: int = Field(
        default=1, ge=1, le=1000, description="How often one item may be drawn at most (oversampling)."
    )
    seed: int = Field(default=0, ge=0, description="Same seed, same draw; larger targets contain smaller ones.")
    one_per_group: bool = Field(default=False, description="Draw at most one item per group of near-duplicates.")
    cover: Cover = Field(
        default="none",
        description="What is drawn before anything is balanced: one item of every leaf cluster, or every item once.",
    )
    column: str | None = Field(default=None, description="Column whose values are balanced; empty: the tree alone.")
    column_share: float = Field(
        default=1.0, ge=0.0, le=1.0, description="Share of the target balanced along the column, the rest by the tree."
    )
    reference_share: float = Field(
        default=0.0, ge=0.0, le=1.0, description="Share of the target that is nearest to the reference set."
    )

    @field_validator("target_size", "multiplier", mode="before")
    @classmethod
    def _whole_number(cls, value: Any) -> Any:
        if isinstance(value, bool | float):
            raise ValueError(f"must be a whole number of items, got {value!r}")
        return value

    @model_validator(mode="after")
    def _mixes_take_an_item_once(self) -> "SampleConfig":
        if self.multiplier > 1 and self.is_mixed:
            raise ValueError(
                f"multiplier is {self.multiplier}, but a draw along a column or from a reference set takes an item "
                "once; set multiplier to 1, or leave column empty and reference_share at 0"
            )
        return self

    @property
    def along_column(self) -> bool:
        """Whether a column has a share in the draw."""
        return self.column is not None and self.column_share > 0

    @property
    def is_mixed(self) -> bool:
        """Whether anything but the tree has a share in the draw."""
        return self.along_column or self.reference_share > 0

    def recipe(self) -> dict[str, Any]:
        """What names a draw: the later fields only where they are set, so that older draws keep their name."""
        values, fields = self.model_dump(), type(self).model_fields
        return {name: value for name, value in values.items() if name not in _SINCE or value != fields[name].default}


class SplitConfig(StepConfig):
    """How a draw is parted for training and testing; groups of duplicates stay together."""

    shares: dict[str, float] = Field(
        default={"train": 0.8, "val": 0.1, "test": 0.1}, description="Names of the splits and their shares of the draw."
    )
    column: str | None = Field(default=None, description="Column whose values every split holds in equal parts.")
    seed: int = Field(default=0, ge=0, description="Same seed, same draw: same splits.")

    @model_validator(mode="after")
    def _shares_make_a_whole(self) -> "SplitConfig":
        if not 2 <= len(self.shares) <= 100:
            raise ValueError(
                f"splits are {', '.join(self.shares) or 'none'}; name 2 to 100, for example train and test"
            )
        if not all(name.strip() and share > 0 for name, share in self.shares.items()):
            raise ValueError(f"shares are {self.shares}; give every split a name and a share above 0")
        if abs(sum(self.shares.values()) - 1) > 1e-6:
            raise ValueError(f"shares add up to {sum(self.shares.values()):g}; let them add up to 1")
        return self
