"""The fixed words of a card: questions for people, lines that load and check an export, reports of other steps."""

from collections.abc import Mapping, Sequence
from typing import Any

from curation_core.card_blocks import Blank, Block, Bullets, Table, Text, clean
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
_TITLES = {"use": "How well models learn from it", "advice": "Trees that were tried"}
_MOST_ROWS = 60


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
        source = "" if is_whole else f', source="{_SOURCES[modality]}"'
        split = ', split="train"' if has_splits else ""
        found.append(
            "from torch.utils.data import DataLoader\n"
            "from curation_core.loading import ManifestDataset, batch\n"
            f'loader = DataLoader(ManifestDataset("{folder or "."}"{source}{split}), batch_size=32, num_workers=2, '
            "collate_fn=batch)"
        )
    elif "manifest.npy" in files:
        path = f"{folder}/manifest.npy" if folder else "manifest.npy"
        found.append(f'import numpy as np\nrows = np.load("{path}")  # row numbers in the source')
    return found


_SOURCES = {"image": "path/to/pictures", "vector": "path/to/vectors.npy"}


def bullets_of(name: str, report: Any) -> list[Block]:
    """A report that another step made, as far as it is tables, numbers and sentences."""
    if not isinstance(report, Mapping):
        return []
    blocks: list[Block] = [Text(f"{_TITLES.get(name, name)}.")]
    plain = [f"{_spaced(key)}: {_value(value)}" for key, value in report.items() if not isinstance(value, list | dict)]
    blocks += [Bullets(tuple(plain))] if plain else []
    for key, value in report.items():
        if isinstance(value, list) and value and all(isinstance(row, Mapping) for row in value):
            blocks.append(_table(key, value))
    return blocks


def _table(caption: str, rows: Sequence[Mapping[str, Any]]) -> Table:
    columns = tuple(dict.fromkeys(name for row in rows for name in row))
    cells = tuple(tuple(_value(row.get(name)) for name in columns) for row in rows[:_MOST_ROWS])
    return Table(_spaced(caption), tuple(_spaced(name) for name in columns), cells)


def _value(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:,.4g}"
    if isinstance(value, list | tuple):
        return ", ".join(_value(one) for one in value)
    if isinstance(value, Mapping):
        return ", ".join(f"{_spaced(key)} {_value(one)}" for key, one in value.items())
    return "" if value is None else clean(f"{value:,}" if isinstance(value, int) and value is not True else value)


def _spaced(name: object) -> str:
    return clean(name, 60).replace("_", " ")
