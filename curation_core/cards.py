"""The card of an export: card.md and card.html for people, croissant.json for machines, bias.json for both."""

import json
from collections.abc import Mapping
from pathlib import Path

from curation_core.artifacts import write_bytes, write_json
from curation_core.card_config import BiasConfig, CardConfig
from curation_core.card_facts import gather
from curation_core.card_html import html
from curation_core.card_items import Thumbnail
from curation_core.card_markdown import markdown
from curation_core.card_sections import make_card
from curation_core.croissant import croissant
from curation_core.manifest import ExportContents

WRITES = ("card.md", "card.html", "croissant.json", "bias.json")


def write_cards(
    folder: Path,
    contents: ExportContents,
    config: CardConfig | None = None,
    bias: BiasConfig | None = None,
    *,
    thumbnail: Thumbnail | None = None,
    sums: Mapping[str, str] | None = None,
) -> None:
    """Write the cards of an export whose other files, run.json among them, are there; before SHA256SUMS is.

    thumbnail: content hash -> path of its small picture; without it, or where a picture is missing, none is shown.
    sums: sha256 by file, where they are known already; others are hashed here. Nothing of the clock, the machine or
    the folder's name gets in: the same contents give the same bytes. Raises ConfigError for a column of `bias` that is
    not there.
    """
    config = config or CardConfig()
    run = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    facts = gather(contents, bias or BiasConfig())
    files = {
        path.name + ("/" if path.is_dir() else ""): path.stat().st_size
        for path in sorted(folder.iterdir())
        if path.name not in (*WRITES, "SHA256SUMS") and not path.name.startswith(".")
    }
    card = make_card(contents, facts, config, files=files, thumbnail=thumbnail)
    write_json(folder / "bias.json", [report.as_json() for report in facts.bias])
    write_bytes(folder / "card.md", markdown(card).encode())
    write_bytes(folder / "card.html", html(card).encode())
    made = croissant(folder, contents, facts, config, run=run, files=files, sums=sums or {})
    write_bytes(folder / "croissant.json", (json.dumps(made, indent=2, ensure_ascii=False) + "\n").encode())
