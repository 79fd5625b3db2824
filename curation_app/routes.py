"""What the browser fetches beside the page: thumbnails and finished exports; and where it sends uploads.

A URL holds names and content hashes, never paths. Whatever does not fit, is missing or leads elsewhere is a plain 404,
so that nothing can be learned by trying.
"""

import io
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from starlette.requests import Request
from starlette.responses import FileResponse, Response, StreamingResponse
from starlette.routing import BaseRoute, Route

from curation_app import item_routes, map_routes, review_routes, thumbs, uploads
from curation_app.components import scripts
from curation_app.places import valid_name, workspace_path
from curation_core.errors import CurationError

_HASH = re.compile(r"[0-9a-f]{64}")
_PIECE = 1 << 20  # bytes read at once for a zip
_IMMUTABLE = {"Cache-Control": "private, max-age=31536000, immutable", "X-Content-Type-Options": "nosniff"}
_FRESH = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
_DOWNLOAD = {**_FRESH, "Content-Encoding": "identity"}
_CARD = {
    **_DOWNLOAD,
    "Content-Security-Policy": "sandbox; default-src 'none'; img-src data:; style-src 'unsafe-inline'",
}


def thumbnail(request: Request) -> Response:
    """A thumbnail by content hash as it is now; to be kept by browsers only under the version of the moment."""
    digest, asked = request.path_params["digest"], request.path_params.get("version", "")
    folder = _workspace(request)
    if folder is None or not _HASH.fullmatch(digest):
        return _absent()
    now = thumbs.version(folder.name)  # before the file is read: what is written in between is another version
    found = thumbs.shown_thumbnail(folder, digest)
    if found is None:
        return _absent()
    headers = _IMMUTABLE if found.settled and asked == now else _FRESH
    return Response(found.data, media_type="image/webp", headers={**headers, "Content-Encoding": "identity"})


def download(request: Request) -> Response:
    """One file of a finished export."""
    export, file = request.path_params["export"], request.path_params["file"]
    folder = _export(request, export)
    if folder is None or not valid_name(file) or not _is_file_below(folder / file, folder):
        return _absent()
    return FileResponse(folder / file, filename=file, media_type="application/octet-stream", headers=_DOWNLOAD)


def download_all(request: Request) -> Response:
    """A finished export as one zip."""
    export = request.path_params["export"]
    folder = _export(request, export)
    if folder is None:
        return _absent()
    headers = {**_DOWNLOAD, "Content-Disposition": f'attachment; filename="{export}.zip"'}
    return StreamingResponse(zip_folder(folder), media_type="application/zip", headers=headers)


def card(request: Request) -> Response:
    """The card of a finished export as a page that can run nothing and load nothing."""
    folder = _export(request, request.path_params["export"])
    if folder is None or not _is_file_below(folder / "card.html", folder):
        return _absent()
    return FileResponse(folder / "card.html", media_type="text/html; charset=utf-8", headers=_CARD)


def zip_folder(folder: Path) -> Iterator[bytes]:
    """All regular files of a folder as a zip, piece by piece, names below the folder's own name."""
    sink = _Sink()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(folder.rglob("*")):
            if not _is_file_below(path, folder):
                continue
            name = f"{folder.name}/{path.relative_to(folder).as_posix()}"
            with path.open("rb") as file, archive.open(name, "w", force_zip64=True) as member:
                while piece := file.read(_PIECE):
                    member.write(piece)
                    yield sink.taken()
    yield sink.taken()


class _Sink(io.RawIOBase):
    """Where a zip is written that is being sent: keeps what has not been taken."""

    def __init__(self) -> None:
        self._waiting = bytearray()

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self._waiting += data
        return len(data)

    def taken(self) -> bytes:
        """What was written since the last time."""
        taken = bytes(self._waiting)
        self._waiting.clear()
        return taken


def routes() -> list[BaseRoute]:
    """The app's own routes; those that read are plain functions, so Starlette runs them in threads."""
    return [
        Route("/api/thumb/{workspace}/{version}/{digest}.webp", thumbnail),
        Route("/api/thumb/{workspace}/{digest}.webp", thumbnail),  # an address without a version is never kept
        Route("/api/card/{workspace}/{export}", card),
        Route("/api/download/{workspace}/{export}.zip", download_all),
        Route("/api/download/{workspace}/{export}/{file}", download),
        *map_routes.routes(),
        *review_routes.routes(),
        *item_routes.routes(),
        *scripts.routes(),
        *uploads.routes(),
    ]


def _workspace(request: Request) -> Path | None:
    try:
        return workspace_path(request.path_params["workspace"])
    except CurationError:
        return None


def _export(request: Request, name: str) -> Path | None:
    workspace = _workspace(request)
    if workspace is None or not valid_name(name):
        return None
    folder = workspace / "exports" / name
    return folder if _is_file_below(folder / "SHA256SUMS", workspace / "exports") else None


def _is_file_below(path: Path, folder: Path) -> bool:
    return path.is_file() and path.resolve().is_relative_to(folder.resolve())


def _absent() -> Response:
    return Response(status_code=404, headers=_FRESH)
