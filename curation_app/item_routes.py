"""What the browser fetches about items: cells of the gallery, cards, pictures in full, where they lie on earth.

Rows are rows of the tree named by its key, so that an answer never belongs to another tree. As everywhere, what does
not fit or is missing is a plain 404; where a picture may not or cannot be shown, the 404 says why in a sentence.
"""

import json
import re
import threading
from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa
import streamlit as st
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from curation_app import findings, loaders
from curation_app.item_cards import Known, cells, full_card, short_card
from curation_app.item_pictures import parse_asked, picture_bytes, picture_mark, raster_view, thumbnail
from curation_app.places import workspace_path
from curation_app.pool import Pool
from curation_app.published import published
from curation_app.thumbs import version
from curation_core.errors import ConfigError, CurationError, IngestError, MissingExtra
from curation_core.footprints import footprint
from curation_core.lookalikes import lengths, lookalikes
from curation_core.workspace import Workspace

MOST_CELLS, MOST_ROWS, NEIGHBOURS = 500, 1_000_000, 12
_SAFE = {"X-Content-Type-Options": "nosniff"}
_FRESH = {**_SAFE, "Cache-Control": "no-store"}
_ASK_AGAIN = {**_SAFE, "Cache-Control": "private, no-cache"}
_KEPT = {**_SAFE, "Cache-Control": "private, max-age=31536000, immutable"}
_DIGITS = re.compile(r"[0-9]{1,10}")
_at_work = threading.BoundedSemaphore(2)  # pictures being made; each holds one original

Found = tuple[Workspace, Pool]


def cell_page(request: Request) -> Response:
    """Cells of one page of a published list, with what people decided by now."""
    found = _pool(request)
    rows = None if found is None else _listed(request, "token")
    if found is None or rows is None:
        return _absent()
    start, n = _number(request, "from", 0), _number(request, "n", 200)
    asked = rows[start : start + min(n, MOST_CELLS)].astype(np.int64)
    if len(asked) and int(asked.max()) >= found[1].hierarchy.n_items:
        return _absent()
    scores = _scores(request, start, len(asked))
    return _json(cells(found[1], asked, _known(*found), scores))


def thumbnail_page(request: Request) -> Response:
    """Thumbnails of a part of a published list in one answer: how many, the length of each, then one after the other.

    All uint32; a length of 0 where none may be shown. One answer for fifty costs a tenth of fifty answers. A browser
    keeps it under the version of the moment (`thumbs.version`), when all of it is there.
    """
    found = _pool(request)
    rows = None if found is None else _listed(request, "token")
    if found is None or rows is None or found[1].catalog.modality != "image":
        return _absent()
    start, n = _number(request, "from", 0), _number(request, "n", 50)
    asked = rows[start : start + min(n, MOST_CELLS)].astype(np.int64)
    if len(asked) and int(asked.max()) >= found[1].hierarchy.n_items:
        return _absent()
    now = version(found[0].path.name)  # before any is read: what is written in between is another version
    pictures_of = [thumbnail(*found, row) for row in asked.tolist()]
    data_of = [b"" if one is None else one.data for one in pictures_of]
    head = np.array([len(data_of), *map(len, data_of)], dtype="<u4").tobytes()
    is_final = request.query_params.get("v") == now and all(one is not None and one.settled for one in pictures_of)
    headers = {**(_KEPT if is_final else _FRESH), "Content-Encoding": "identity"}
    return Response(b"".join([head, *data_of]), media_type="application/octet-stream", headers=headers)


def row_page(request: Request) -> Response:
    """Tree rows of a part of a published list, uint32: what a range of cells means that nobody has looked at."""
    rows = _listed(request, "token")
    if rows is None:
        return _absent()
    start, n = _number(request, "from", 0), _number(request, "n", 0)
    data = rows[start : start + min(n, MOST_ROWS)].tobytes()
    return Response(data, media_type="application/octet-stream", headers={**_KEPT, "Content-Encoding": "identity"})


def item(request: Request) -> Response:
    """The card of an item; with full=1 everything known of it, and (unless neighbours=0) what is most like it."""
    found, row = _pool_and_row(request)
    if found is None:
        return _absent()
    if request.query_params.get("full") != "1":
        return _json(short_card(found[1], row, _known(*found)))
    made = full_card(found[1], row, _known(*found, checks=True))
    made["raster"] = raster_view(*found, row)
    if request.query_params.get("neighbours") != "0":
        made["neighbours"] = _neighbours(*found, row)
    return _json(made)


def neighbours(request: Request) -> Response:
    """The 12 items most like an item, as cells whose score is the cosine of the prepared vectors."""
    found, row = _pool_and_row(request)
    return _absent() if found is None else _json(_neighbours(*found, row))


def places(request: Request) -> Response:
    """Where at most 2,000 items of the pool lie: longitude and latitude of each."""
    found = _pool(request)
    if found is None:
        return _absent()
    return _json(footprint(found[1].catalog, found[1].rows).round(4).tolist(), _KEPT)


def picture(request: Request) -> Response:
    """An item's picture, at most 1600 px; of a raster tile with stretch=0|1|2|5 and bands=3,2,1 as asked."""
    found, row = _pool_and_row(request)
    if found is None or found[1].catalog.modality != "image":
        return _absent()
    try:
        asked = parse_asked(request.query_params.get("stretch", ""), request.query_params.get("bands", ""))
        mark = picture_mark(*found, row, asked)
        if request.headers.get("if-none-match") == mark:
            return Response(status_code=304, headers={**_ASK_AGAIN, "ETag": mark})
        with _at_work:
            data = picture_bytes(*found, row, asked)
    except IngestError as error:
        return _absent(f"No picture: {error}.")
    except (MissingExtra, ConfigError) as error:
        return _absent(f"{error}.")
    return Response(data, media_type="image/webp", headers={**_ASK_AGAIN, "ETag": mark, "Content-Encoding": "identity"})


def routes() -> list[BaseRoute]:
    """Plain functions, so Starlette runs them in threads."""
    item_path = "/{workspace}/{pool_key}/{row}"
    return [
        Route("/api/cells/{workspace}/{pool_key}/{token}", cell_page),
        Route("/api/thumbs/{workspace}/{pool_key}/{token}", thumbnail_page),
        Route("/api/rows/{workspace}/{token}", row_page),
        Route(f"/api/item{item_path}", item),
        Route(f"/api/neighbours{item_path}", neighbours),
        Route(f"/api/picture{item_path}.webp", picture),
        Route("/api/places/{workspace}/{pool_key}", places),
    ]


# ---- who and what is asked for


def _workspace(request: Request) -> Workspace | None:
    try:
        return Workspace.open(workspace_path(request.path_params["workspace"]))
    except CurationError:
        return None


def _pool(request: Request) -> Found | None:
    """Workspace and pool, None unless the key in the URL is that of the current tree."""
    ws = _workspace(request)
    if ws is None:
        return None
    try:
        pool = loaders.pool(ws)
    except CurationError:
        return None
    asked = request.path_params["pool_key"].partition("-")[0]  # rows stay what they are under merges and splits
    return (ws, pool) if pool.tree == asked else None


def _pool_and_row(request: Request) -> tuple[Found | None, int]:
    row = request.path_params["row"]
    found = _pool(request) if _DIGITS.fullmatch(row) else None
    if found is None or int(row) >= found[1].hierarchy.n_items:
        return None, 0
    return found, int(row)


def _listed(request: Request, name: str) -> np.ndarray | None:
    token = request.path_params.get(name) or request.query_params.get(name, "")
    data = published(request.path_params["workspace"], token)
    return None if data is None or len(data) % 4 else np.frombuffer(data, dtype="<u4")


def _scores(request: Request, start: int, n: int) -> np.ndarray | None:
    data = published(request.path_params["workspace"], request.query_params.get("scores", ""))
    found = None if data is None or len(data) % 4 else np.frombuffer(data, dtype="<f4")[start : start + n]
    return found if found is not None and len(found) == n else None


def _number(request: Request, name: str, default: int) -> int:
    text = request.query_params.get(name, "")
    return int(text) if _DIGITS.fullmatch(text) else default


# ---- what is known


def _known(ws: Workspace, pool: Pool, *, checks: bool = False) -> Known:
    drawn = loaders.drawn_mask(pool, loaders.current_draw(ws))
    thresholds = ws.settings.quality.thresholds
    if not checks:
        return Known(loaders.decisions(ws), drawn, pa.table({}), thresholds)
    groups = findings.groups(ws, ws.duplicate_threshold()) if loaders.check(ws, "duplicates").state == "done" else None
    return Known(
        loaders.decisions(ws),
        drawn,
        findings.scores(ws),
        thresholds,
        None if groups is None else groups.group,
        findings.faces(ws),
        ws.settings.faces.threshold,
    )


def _neighbours(ws: Workspace, pool: Pool, row: int) -> list[dict[str, Any]]:
    rows, alike = lookalikes(pool.vectors, row, NEIGHBOURS, known_lengths=_lengths(str(ws.path), pool.key, pool))
    return cells(pool, rows, _known(ws, pool), alike)


@st.cache_resource(max_entries=4, show_spinner=False)
def _lengths(path: str, key: str, _pool: Pool) -> np.ndarray:  # noqa: ARG001 - the key is the cache's key
    return lengths(_pool.vectors)


# ---- answers


def _json(value: Any, headers: Mapping[str, str] = _FRESH) -> Response:
    body = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return Response(body.encode("utf-8", "replace"), media_type="application/json", headers=dict(headers))


def _absent(why: str = "") -> Response:
    return Response(why, status_code=404, media_type="text/plain", headers=_FRESH)
