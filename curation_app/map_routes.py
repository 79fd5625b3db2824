"""What the map fetches: positions and order by the map's key, a density picture, columns that a page has published.

As everywhere, a URL holds names and keys, never paths, and whatever does not fit is one and the same 404.
"""

import math
import re
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from curation_app.map_columns import map_places, map_points
from curation_app.places import workspace_path
from curation_app.published import published
from curation_core.density import density_png
from curation_core.errors import CurationError

MOST_PIXELS = 2_048  # a side of the density picture
_KEY, _TOKEN, _NUMBER = re.compile(r"[0-9a-f]{16}"), re.compile(r"[0-9a-f]{32}"), re.compile(r"[-+.0-9eE]{1,32}")
_HEADERS = {
    "Cache-Control": "private, max-age=31536000, immutable",
    "X-Content-Type-Options": "nosniff",
    "Content-Encoding": "identity",  # numbers hardly shrink, and packing them costs more than sending them
}


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


def ready(request: Request) -> Response:
    """Bytes that a page of this workspace has published: codes of colours, masks, lists of rows."""
    folder, token = _workspace(request), request.path_params["token"]
    data = published(folder.name, token) if folder is not None and _TOKEN.fullmatch(token) else None
    return _absent() if data is None else _octets(data)


def routes() -> list[BaseRoute]:
    """The map's routes; plain functions, so Starlette runs them in threads."""
    return [
        Route("/api/map/{workspace}/{map_key}/positions", positions),
        Route("/api/map/{workspace}/{map_key}/order", order),
        Route("/api/map/{workspace}/{map_key}/density.png", density),
        Route("/api/ready/{workspace}/{token}", ready),
    ]


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
