"""What people say of a dataset that no run can know, and which values a draw must not lower."""

from typing import Literal

from pydantic import Field

from curation_core.config import StepConfig


class BiasConfig(StepConfig):
    """What the bias report looks at."""

    columns: tuple[str, ...] = Field(
        default=(), description="Columns to report on; empty: every column whose values repeat."
    )
    protected: dict[str, tuple[str, ...]] = Field(
        default_factory=dict,
        description="Values that the draw must not lower, by column; an empty list: all values of the column.",
    )


class CardConfig(StepConfig):
    """The dataset card; whatever is empty stands in the card as a blank with its name."""

    title: str = Field(default="", max_length=200, description="Name of the dataset; empty: the export's name.")
    description: str = Field(default="", max_length=5000, description="What the dataset is, in a few sentences.")
    motivation: str = Field(default="", max_length=5000, description="Why, for whom and with what means it was made.")
    collection: str = Field(default="", max_length=5000, description="How and when the items of the source came about.")
    intended_use: str = Field(default="", max_length=5000, description="What it is meant for.")
    out_of_scope: str = Field(default="", max_length=5000, description="What it must not be used for.")
    social_impact: str = Field(default="", max_length=5000, description="Whom it may touch, and how that was weighed.")
    limitations: str = Field(default="", max_length=5000, description="Known gaps beside those that the run found.")
    maintenance: str = Field(default="", max_length=5000, description="Who keeps it, and how errors are reported.")
    license: str = Field(default="", max_length=500, description="Licence: an address or an SPDX name.")
    creator: str = Field(default="", max_length=500, description="Person or organisation that answers for it.")
    creator_type: Literal["Organization", "Person"] = Field(default="Organization", description="What the creator is.")
    url: str = Field(default="", max_length=500, description="Address of the page of the dataset.")
    citation: str = Field(default="", max_length=5000, description="How to cite it.")
    version: str = Field(
        default="1.0.0", pattern=r"^\d+\.\d+\.\d+$", description="Version of the dataset: major, minor, patch."
    )
    published: str = Field(default="", pattern=r"^(\d{4}-\d{2}-\d{2})?$", description="Day of publication, YYYY-MM-DD.")
    spatial_resolution: str = Field(
        default="", max_length=100, description="Ground that one pixel of a tile covers, such as 10 m."
    )
    band_names: tuple[str, ...] = Field(default=(), description="Names of the bands that tiles show, in their order.")
    pictures: int = Field(default=40, ge=0, le=60, description="Items shown in the card; 0 shows none.")


PEOPLE_SAY = (
    "description",
    "motivation",
    "collection",
    "intended_use",
    "out_of_scope",
    "social_impact",
    "maintenance",
    "license",
    "creator",
    "url",
    "citation",
    "published",
)  # what a card without blanks needs
