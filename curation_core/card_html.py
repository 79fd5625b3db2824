"""A dataset card as one HTML file that needs nothing else: no script, no address, pictures inside, names escaped."""

import base64
import re
from collections.abc import Callable, Sequence
from html import escape
from pathlib import Path

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
    Item,
    Items,
    Parts,
    Section,
    Table,
    Text,
    clean,
    counted,
    percent,
)
from curation_core.card_charts import bar_pair, curves_svg, parts_svg, scale_of

_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
_STYLE = Path(__file__).with_name("card.css")
_LEGEND = '<span class="key"><i class="swatch pool"></i>pool <i class="swatch drawn"></i>draw{more}</span>'


def html(card: Card) -> str:
    """The whole page."""
    style = re.sub(r"\s*\n\s*", "\n", _STYLE.read_text(encoding="utf-8")).strip()
    links = "".join(f'<li><a href="#{escape(s.key)}">{escape(s.title)}</a></li>' for s in card.sections)
    blanks = card.blanks
    note = f'<p class="todo">{counted(len(blanks), "blank")} to be filled in by a person.</p>' if blanks else ""
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta name="color-scheme" content="light dark">'
        f"<title>{escape(card.title)}</title>\n<style>\n{style}\n</style></head>\n<body>\n"
        f'<header><p class="kind">Dataset card</p><h1>{escape(card.title)}</h1>{_paragraphs(card.lead, "lead")}'
        f"{''.join(_block(block) for block in card.head)}{note}</header>\n"
        f'<div class="page"><nav aria-label="Contents"><ol>{links}</ol></nav>\n<main>\n'
        f"{''.join(_section(section) for section in card.sections)}</main></div>\n</body></html>\n"
    )


def _section(section: Section) -> str:
    parts, row = [], []
    for block in [*section.blocks, None]:
        if isinstance(block, Curves):
            row.append(_block(block))
            continue
        if row:
            parts.append(f'<div class="pair">{"".join(row)}</div>')
            row = []
        if block is not None:
            parts.append(_block(block))
    return f'<section id="{escape(section.key)}"><h2>{escape(section.title)}</h2>\n{"".join(parts)}</section>\n'


def _block(block: Block) -> str:
    return _SHOWN[type(block)](block)


def _paragraphs(text: str, kind: str = "") -> str:
    name = f' class="{kind}"' if kind else ""
    parts = [clean(part, 5000) for part in re.split(r"\n\s*\n", text) if part.strip()]
    return "".join(f"<p{name}>{escape(part)}</p>\n" for part in parts)


def _alarm(block: Alarm) -> str:
    return f'<p class="alarm" role="note"><b>Warning.</b> {escape(block.text)}</p>\n'


def _bullets(block: Bullets) -> str:
    return f"<ul>{''.join(f'<li>{escape(item)}</li>' for item in block.items)}</ul>\n"


def _code(block: Code) -> str:
    return f"<pre><code>{escape(block.text)}</code></pre>\n"


def _curves(block: Curves) -> str:
    return _figure(block.title, _LEGEND.format(more=""), curves_svg(block), block.table)


def _parts(block: Parts) -> str:
    return _figure(block.title, "", parts_svg(block), block.table)


def _blank(block: Blank) -> str:
    return (
        f'<p class="blank"><b>{escape(block.name)}</b> {escape(block.question)} '
        f"<small>To be filled in: <code>card.{escape(block.setting)}</code></small></p>\n"
    )


def _figures(block: Figures) -> str:
    cells = "".join(
        f"<div><dt>{escape(name)}</dt><dd><b>{escape(value)}</b><small>{escape(what)}</small></dd></div>"
        for name, value, what in block.values
    )
    return f'<dl class="figures">{cells}</dl>\n'


def _figure(title: str, key: str, drawing: str, table: Table) -> str:
    twin = f'<details><summary>Table</summary><div class="scroll">{_table(table, caption=False)}</div></details>'
    return f"<figure><figcaption>{escape(title)}{key}</figcaption>{drawing}{twin}</figure>\n"


def _bars(block: Bars) -> str:
    most = scale_of(block)
    interval = ' <i class="swatch whisker"></i>interval' if block.low is not None else ""
    rows = []
    for place, name in enumerate(block.names):
        seen = "".join(_picture(item) for item in block.pictures[place]) if block.pictures else ""
        seen = f'<td class="seen">{seen}</td>' if block.pictures else ""
        before, after = float(block.before[place]), float(block.after[place])
        rows.append(
            f'<tr><th scope="row">{escape(name)}</th>{seen}<td class="drawing">{bar_pair(block, place, most)}</td>'
            f'<td class="said">{percent(before)} <span>→</span> {percent(after)}</td></tr>'
        )
    kinds = ("name", *(("seen",) if block.pictures else ()), "drawing", "said")
    widths = "".join(f'<col class="{kind}">' for kind in kinds)
    titles = {"name": "name", "seen": "items", "drawing": "bars", "said": "pool → draw"}
    head = "".join(f"<th>{titles[kind]}</th>" for kind in kinds)
    body = f"<colgroup>{widths}</colgroup><thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody>"
    drawing = f'<table class="bar-table" aria-label="{escape(block.alt)}">{body}</table>'
    return _figure(block.title, _LEGEND.format(more=interval), drawing, block.table)


def _sheet(block: Items) -> str:
    kind = "quotes" if any(item.text for item in block.items) else "sheet"
    made = "".join(
        f"<blockquote>{escape(item.text)}<cite>{escape(item.caption)}</cite></blockquote>"
        if item.text
        else _picture(item)
        for item in block.items
    )
    return f'<figure class="{kind}"><figcaption>{escape(block.caption)}</figcaption><div>{made}</div></figure>\n'


def _picture(item: Item) -> str:
    data = base64.b64encode(item.picture or b"").decode()
    name = escape(item.caption)
    return f'<img src="data:image/webp;base64,{data}" alt="{name}" title="{name}">'


def _table(table: Table, *, caption: bool = True) -> str:
    numeric = [_is_number([row[place] for row in table.rows]) for place in range(len(table.columns))]
    heads = "".join(f'<th scope="col"{_kind(n)}>{escape(c)}</th>' for c, n in zip(table.columns, numeric, strict=True))
    rows = "".join(
        "<tr>" + "".join(f"<td{_kind(n)}>{_cell(v)}</td>" for v, n in zip(row, numeric, strict=True)) + "</tr>\n"
        for row in table.rows
    )
    about = f"<caption>{escape(table.caption)}</caption>" if caption else ""
    return f"<table>{about}<thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table>"


def _kind(is_number: bool) -> str:
    return ' class="n"' if is_number else ""


def _is_number(values: Sequence[Cell]) -> bool:
    return bool(values) and all(
        value is None or isinstance(value, int | float) or re.fullmatch(r"[\d.,–→\s%]+", value) for value in values
    )


def _cell(value: Cell) -> str:
    if value is None:
        return ""
    return f"{value:,}" if isinstance(value, int | float) else escape(value)


_SHOWN: dict[type[Block], Callable[..., str]] = {
    Text: lambda block: _paragraphs(block.text),
    Alarm: _alarm,
    Blank: _blank,
    Bullets: _bullets,
    Figures: _figures,
    Code: _code,
    Items: _sheet,
    Curves: _curves,
    Bars: _bars,
    Parts: _parts,
    Table: lambda block: f'<div class="scroll">{_table(block)}</div>\n',
}
