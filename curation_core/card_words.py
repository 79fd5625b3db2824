"""The fixed words of a card: questions for people, lines that load and check an export."""

from collections.abc import Mapping
from typing import Any

from curation_core.card_blocks import Blank, Block, Text
from curation_core.card_config import CardConfig

QUESTIONS = {
    "description": ("Description", "What is this dataset, in a few sentences?"),
    "motivation": ("Motivation", "Why, for whom and with what means was it made?"),
    "collection": ("Collection", "How and when did the items of the source come about, and who agreed to it?"),
    "intended_use": ("Intended use", "What is it meant for?"),
    "out_of_scope": ("Out of scope", "What must it not be used for?"),
    "social_impact": ("Social impact", "Whom may it touch, and how was that weighed?"),
    "limitations": ("Further limitations", "What is missing or wrong that the run cannot know?"),
    "maintenance": ("Maintenance", "Who keeps it, and how are errors reported?"),
    "license": ("Licence", "Under which terms may it be used?"),
    "creator": ("Creator", "Who answers for it?"),
    "url": ("Address", "Where is its page?"),
    "citation": ("Citation", "How is it cited?"),
    "published": ("Published", "When was it published?"),
}
VERIFY_LINES = "curate verify .\nsha256sum --check SHA256SUMS"


def answer(config: CardConfig, name: str) -> Block:
    """What a person said, or the blank that asks for it."""
    title, question = QUESTIONS[name]
    said = str(getattr(config, name)).strip()
    return Text(f"{title}: {said}") if said else Blank(title, question, name)


def load_lines(folder: str, modality: str, files: Mapping[str, Any], *, has_splits: bool) -> list[str]:
    """Code that loads an export: its rows with datasets, and its items for a training loop, three lines each.

    folder: where the export lies, "" for here. files: those at its top, folders ending in a slash.
    """
    found = []
    kinds = {"parquet": "parquet", "jsonl": "json", "csv": "csv"}
    kind = next((kind for kind in kinds if f"manifest.{kind}" in files), None)
    if kind is not None:
        path = f"{folder}/manifest.{kind}" if folder else f"manifest.{kind}"
        found.append(
            "from datasets import load_dataset\n"
            f'rows = load_dataset("{kinds[kind]}", data_files="{path}", split="train")\n'
            "print(rows[0])"
        )
        is_whole = modality == "text" or "files/" in files or "images/" in files
        source = "" if is_whole else f', "{_SOURCES[modality]}"'
        split = ', split="train"' if has_splits else ""
        found.append(
            "from torch.utils.data import DataLoader\n"
            "from curation_core.loading import ManifestDataset, batch\n"
            f'loader = DataLoader(ManifestDataset("{folder or "."}"{source}{split}), 32, num_workers=2, '
            "collate_fn=batch)"
        )
    elif "manifest.npy" in files:
        path = f"{folder}/manifest.npy" if folder else "manifest.npy"
        found.append(f'import numpy as np\nrows = np.load("{path}")  # row numbers in the source')
    return found


_SOURCES = {"image": "path/to/pictures", "vector": "path/to/vectors.npy"}
