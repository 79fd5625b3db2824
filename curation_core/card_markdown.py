"""A dataset card as Markdown: every chart as its table, every name from the data escaped."""

import re
from collections.abc import Iterable

from curation_core.card_blocks import (
    Alarm,
    Bars,
    Blank,
    Block,
    Bullets,
    Card,
    Cell,
    Code,
    Curves,
    Figures,
    Items,
    Parts,
    Table,
    Text,
    clean,
)

_MARKS = re.compile(r"([\\`*_\[\]<>|#~$])")


def markdown(card: Card) -> str:
    """The whole card, ending in one line break."""
    parts = [f"# {escaped(card.title)}", _paragraphs(card.lead)]
    parts += [_block(block) for block in card.head]
    for section in card.sections:
        parts.append(f"## {escaped(section.title)}")
        parts += [_block(block) for block in section.blocks]
    return "\n\n".join(filter(None, parts)) + "\n"


def escaped(text: object) -> str:
    """Text that Markdown shows as it is: no emphasis, link, tag, table or heading comes from it."""
    shown = _MARKS.sub(r"\\\1", str(text).replace("&", "&amp;")).replace("://", "\\://")
    shown = re.sub(r"^(\s*)([-+]|\d+[.)])(\s)", _not_a_list, shown)
    return " ".join(shown.split("\n"))


def _not_a_list(found: re.Match[str]) -> str:
    space, mark, after = found.groups()
    return f"{space}{mark[:-1]}\\{mark[-1]}{after}"


def _block(block: Block) -> str:
    if isinstance(block, Text):
        return _paragraphs(block.text)
    if isinstance(block, Alarm):
        return f"> **Warning.** {escaped(block.text)}"
    if isinstance(block, Blank):
        return (
            f"**{escaped(block.name)}.** *To be filled in: {escaped(block.question)}* (setting `card.{block.setting}`)"
        )
    if isinstance(block, Bullets):
        return "\n".join(f"- {escaped(item)}" for item in block.items)
    if isinstance(block, Figures):
        return "\n".join(
            f"- **{escaped(name)}**: {escaped(value)} ({escaped(what)})" for name, value, what in block.values
        )
    if isinstance(block, Code):
        return f"```{block.language}\n{block.text}\n```"
    if isinstance(block, Items):
        return _items(block)
    if isinstance(block, Curves | Bars | Parts):
        return _table(block.table)
    return _table(block)


def _items(block: Items) -> str:
    texts = [item.text for item in block.items if item.text][:12]
    if texts:
        return "\n".join(
            [f"{escaped(block.caption)} The first of them:", "", *(f"> {escaped(text)}\n>" for text in texts)]
        )
    names = ", ".join(escaped(item.caption) for item in block.items)
    return f"{escaped(block.caption)} They are in card.html: {names}."


def _paragraphs(text: str) -> str:
    return "\n\n".join(escaped(clean(part, 5000)) for part in re.split(r"\n\s*\n", text) if part.strip())


def _table(table: Table) -> str:
    head = [f"**{escaped(table.caption)}**", "", _row(table.columns)]
    rule = (
        "|" + "|".join(" ---: " if _is_number(table, place) else " --- " for place in range(len(table.columns))) + "|"
    )
    return "\n".join([*head, rule, *(_row(row) for row in table.rows)])


def _row(cells: Iterable[Cell]) -> str:
    return "| " + " | ".join(cell_text(cell).replace("\n", " ") for cell in cells) + " |"


def cell_text(cell: Cell) -> str:
    """A cell as it is written in a table."""
    if cell is None:
        return ""
    return f"{cell:,}" if isinstance(cell, int | float) else escaped(cell)


def _is_number(table: Table, place: int) -> bool:
    return bool(table.rows) and all(isinstance(row[place], int | float) or row[place] is None for row in table.rows)
