"""What the map fetches: positions and order by the map's key, a density picture, columns that a page has published.

As everywhere, a URL holds names and keys, never paths, and whatever does not fit is one and the same 404.

    POST /api/map/{workspace}/{map_key}/inside   {"areas": [{"polygon", "adds"}], "mode", "within"}  -> 200, bits

answers which points lie in outlines, one bit a point in map order, and changes nothing; within is the address of the
mask that all filters make, or "". Content-Location is where the same bits are fetched, X-Curate-Count how many are set.
"""

import json
import math
import re
from pathlib import Path
from urllib.parse import quote

import numpy as np
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from curation_app.components.scatter import areas_of
from curation_app.map_columns import map_places, map_points, ready_inside
from curation_app.places import workspace_path
from curation_app.posting import posted
from curation_app.published import published
from curation_core.density import density_png
from curation_core.errors import CurationError
from curation_core.selection import Area

MOST_PIXELS = 2_048  # a side of the density picture
MOST_BYTES = 65_536  # of outlines; the browser's own are half a kilobyte each, 64 at the most
COUNT = "X-Curate-Count"
_KEY, _TOKEN, _NUMBER = re.compile(r"[0-9a-f]{16}"), re.compile(r"[0-9a-f]{32}"), re.compile(r"[-+.0-9eE]{1,32}")
_HEADERS = {
    "Cache-Control": "private, max-age=31536000, immutable",
    "X-Content-Type-Options": "nosniff",
    "Content-Encoding": "identity",  # numbers hardly shrink, and packing them costs more than sending them
}
_ANSWER = {**_HEADERS, "Cache-Control": "no-store"}


def positions(request: Request) -> Response:
    """Places of all points in map order: uint16 little endian, x and y in turn."""
    return _map_bytes(request, "positions", "<u2")


def order(request: Request) -> Response:
    """The tree's row of every point in map order: uint32 little endian."""
    return _map_bytes(request, "order", "<u4")


def density(request: Request) -> Response:
    """A picture of how many points lie where in a box of the map (w, h, x0, y0, x1, y1, dark)."""
    folder, key = _workspace(request), request.path_params["map_key"]
    box = [_number(request, name) for name in ("x0", "y0", "x1", "y1")]
    width, height = (_number(request, name) for name in ("w", "h"))
    sizes = all(1 <= side <= MOST_PIXELS for side in (width, height))  # NaN is never between
    if folder is None or not _KEY.fullmatch(key) or not sizes or any(map(math.isnan, box)):
        return _absent()
    dark = request.query_params.get("dark") == "1"
    try:
        made = density_png(
            map_places(folder, key), (box[0], box[1], box[2], box[3]), (int(height), int(width)), dark=dark
        )
    except CurationError:
        return _absent()
    return Response(made, media_type="image/png", headers=_HEADERS)


async def inside(request: Request) -> Response:
    """Which points lie in outlines; the body is read here, the work is done in a thread."""
    body = await posted(request, MOST_BYTES)
    return _absent() if body is None else await run_in_threadpool(_inside, request, body)


def _inside(request: Request, body: bytes) -> Response:
    folder, key, asked = _workspace(request), request.path_params["map_key"], _asked(body)
    if folder is None or not _KEY.fullmatch(key) or asked is None:
        return _absent()
    published_at = f"/api/ready/{quote(folder.name, safe='')}/"
    areas, within = asked
    token = within.removeprefix(published_at)
    if token and not _TOKEN.fullmatch(token):
        return _absent()
    try:
        found = ready_inside(folder, key, areas, token)
    except CurationError:
        return _absent()
    if found is None:
        return _absent()
    held = int(np.bitwise_count(np.frombuffer(found[1], np.uint8)).sum(dtype=np.int64))
    headers = {**_ANSWER, "Content-Location": published_at + found[0], COUNT: str(held)}
    return Response(found[1], media_type="application/octet-stream", headers=headers)


def ready(request: Request) -> Response:
    """Bytes that a page of this workspace has published: codes of colours, masks, lists of rows."""
    folder, token = _workspace(request), request.path_params["token"]
    data = published(folder.name, token) if folder is not None and _TOKEN.fullmatch(token) else None
    return _absent() if data is None else _octets(data)


def routes() -> list[BaseRoute]:
    """The map's routes; what only reads an address is a plain function, so Starlette runs it in a thread."""
    return [
        Route("/api/map/{workspace}/{map_key}/positions", positions),
        Route("/api/map/{workspace}/{map_key}/order", order),
        Route("/api/map/{workspace}/{map_key}/density.png", density),
        Route("/api/map/{workspace}/{map_key}/inside", inside, methods=["POST"]),
        Route("/api/ready/{workspace}/{token}", ready),
    ]


def _asked(body: bytes) -> tuple[tuple[Area, ...], str] | None:
    """Outlines and the address of the mask they are narrowed by, None when it is not what our page sends."""
    try:
        said = json.loads(body)
    except (ValueError, RecursionError):
        return None
    heard = areas_of(said)
    within = said.get("within", "") if heard else None
    return (heard[0], within) if heard and isinstance(within, str) else None


def _map_bytes(request: Request, name: str, dtype: str) -> Response:
    folder, key = _workspace(request), request.path_params["map_key"]
    if folder is None or not _KEY.fullmatch(key):
        return _absent()
    try:
        points = map_points(folder, key)
    except CurationError:
        return _absent()
    return _octets(getattr(points, name).astype(dtype, copy=False).tobytes())


def _octets(data: bytes) -> Response:
    return Response(data, media_type="application/octet-stream", headers=_HEADERS)


def _number(request: Request, name: str) -> float:
    """A number of the query, NaN when it is missing or is none."""
    said = request.query_params.get(name, "")
    try:
        value = float(said) if _NUMBER.fullmatch(said) else math.nan
    except ValueError:
        return math.nan
    return value if math.isfinite(value) else math.nan


def _workspace(request: Request) -> Path | None:
    try:
        return workspace_path(request.path_params["workspace"])
    except CurationError:
        return None


def _absent() -> Response:
    return Response(status_code=404, headers={"X-Content-Type-Options": "nosniff", "Cache-Control": "no-store"})
