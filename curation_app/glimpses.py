"""The first items of a source as small pictures or texts, before anything is written."""

import base64
import html
from dataclasses import dataclass

from curation_core.config import IngestConfig
from curation_core.decoding import decode_apart
from curation_core.errors import IngestError
from curation_core.origins import find_origin, open_items
from curation_core.readers import open_reader
from curation_core.table_columns import text_column
from curation_core.thumbnails import MAX_SIDE, encode_thumbnail

N_SHOWN = 12
_LETTERS = 220  # of a text
_STYLE = """
<style>
.glimpses {display: grid; grid-template-columns: repeat(12, minmax(0, 1fr)); gap: 8px}
.glimpses.is-text {grid-template-columns: repeat(4, minmax(0, 1fr))}
@media (max-width: 1200px) {.glimpses {grid-template-columns: repeat(6, minmax(0, 1fr))}}
@media (max-width: 700px) {.glimpses, .glimpses.is-text {grid-template-columns: repeat(3, minmax(0, 1fr))}}
.glimpses figure {margin: 0; border: 1px solid rgba(128, 138, 155, .35); border-radius: 6px; overflow: hidden}
.glimpses img {display: block; width: 100%; aspect-ratio: 1; object-fit: contain; background: #fff}
.glimpses figcaption {padding: 4px 6px; font-size: 11px; line-height: 1.35; white-space: nowrap; overflow: hidden;
  text-overflow: ellipsis; opacity: .85}
.glimpses p {margin: 0; padding: 8px 10px; font-size: 12px; line-height: 1.4; overflow-wrap: anywhere}
.glimpses .why {padding: 8px 6px; min-height: 60px}
</style>
"""


@dataclass(frozen=True)
class Glimpse:
    """One item: its name, and a WebP picture, or a text, or the reason why it cannot be read."""

    name: str
    picture: bytes = b""
    text: str = ""
    reason: str = ""


def first_items(config: IngestConfig, modality: str) -> tuple[Glimpse, ...]:
    """The first items of a source; empty for vectors. Raises IngestError or ConfigError like the preview."""
    if modality == "image":
        return _pictures(config)
    return _texts(config) if modality == "text" else ()


def as_html(found: tuple[Glimpse, ...]) -> str:
    """The items as a grid of figures; names and texts are escaped, pictures are inlined."""
    figures = "".join(map(_figure, found))
    kind = "glimpses" if any(one.picture or one.reason for one in found) else "glimpses is-text"
    return f'{_STYLE}<div class="{kind}" role="group" aria-label="First items">{figures}</div>'


def _pictures(config: IngestConfig) -> tuple[Glimpse, ...]:
    found = []
    with open_items(config) as media:
        for name in media.names[:N_SHOWN]:
            try:
                picture = decode_apart(media.read(name), max_side=MAX_SIDE)
                found.append(Glimpse(name, picture=encode_thumbnail(picture)))
            except IngestError as error:
                found.append(Glimpse(name, reason=str(error)))
    return tuple(found)


def _texts(config: IngestConfig) -> tuple[Glimpse, ...]:
    origin = find_origin(config)
    with open_reader(origin, config) as reader:
        rows, names = reader.first_rows(N_SHOWN), reader.first_names(N_SHOWN)
        column = text_column(rows.schema, config.text_column, origin.path.name)
        values = rows.column(column).to_pylist()
    return tuple(Glimpse(name, text=str(value or "")[:_LETTERS]) for name, value in zip(names, values, strict=False))


def _figure(one: Glimpse) -> str:
    name = html.escape(one.name.rsplit("/", 1)[-1], quote=True)
    if one.picture:
        source = base64.b64encode(one.picture).decode()
        return (
            f'<figure title="{name}"><img alt="{name}" src="data:image/webp;base64,{source}">'
            f"<figcaption>{name}</figcaption></figure>"
        )
    if one.reason:
        why = html.escape(one.reason)
        return f'<figure title="{name}"><p class="why">{why}</p><figcaption>{name}</figcaption></figure>'
    return f"<figure><p>{html.escape(one.text)}</p></figure>"
