"""Uploads over HTTP: promise, send chunk by chunk, ask how far it came, discard.

    POST   /api/uploads                  {"files": [{"path", "size"}]}  -> 201 {id, offset, total, chunk}
    PUT    /api/uploads/{id}?offset=N    up to 8 MB, header X-Curate-Checksum: CRC-32 in hex  -> 200 {offset, finished}
    GET    /api/uploads/{id}             -> 200 {offset, total, finished, ...}
    DELETE /api/uploads/{id}             -> 204

Every request carries a token that our own page was given: a page of another site cannot read it, and cannot even ask
with such a header. Errors are {"error": a sentence}, with the right offset where that helps.
"""

import hashlib
import hmac
import json
import os
import secrets
import time
from collections.abc import Awaitable, Callable
from functools import wraps
from pathlib import Path
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from curation_app import upload_store as store
from curation_app.upload_limits import limits as current_limits
from curation_app.upload_names import File
from curation_app.upload_store import Upload, UploadRefused
from curation_core.errors import ConfigError, CurationError

TOKEN, CHECKSUM = "X-Curate-Token", "X-Curate-Checksum"
_HOUR, _VALID_HOURS = 3_600, 24
_LIST_BYTES = 16_000_000  # of the list of files in a promise
_PIECE = 1 << 20  # bytes held in memory before they go to disk
_HEADERS = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
_busy: set[str] = set()  # uploads that a chunk is being written to; one server process owns a workspaces folder

Endpoint = Callable[[Request], Awaitable[Response]]


def issue_token(now: float | None = None) -> str:
    """A token for the page to hand to its upload component; valid for a day, the same within an hour."""
    expires = (int(time.time() if now is None else now) // _HOUR + 1 + _VALID_HOURS) * _HOUR
    return f"{expires}.{_signature(expires)}"


def is_valid_token(token: str, now: float | None = None) -> bool:
    """Whether a token was issued here and has not expired."""
    expires, _, signature = token.partition(".")
    if not (expires.isascii() and expires.isdecimal() and len(expires) < 12):
        return False
    fresh = int(expires) > (time.time() if now is None else now)
    return hmac.compare_digest(signature.encode(), _signature(int(expires)).encode()) and fresh


def routes() -> list[BaseRoute]:
    """The routes of uploads."""
    return [
        Route("/api/uploads", _guarded(_promise), methods=["POST"]),
        Route("/api/uploads/{id}", _guarded(_status), methods=["GET"]),
        Route("/api/uploads/{id}", _guarded(_chunk), methods=["PUT"]),
        Route("/api/uploads/{id}", _guarded(_discard), methods=["DELETE"]),
    ]


def _guarded(endpoint: Endpoint) -> Endpoint:
    """Check token and origin first; every error on purpose becomes a sentence with its status."""

    @wraps(endpoint)
    async def guarded(request: Request) -> Response:
        if not _is_ours(request):
            return _said(403, "this page is too old or not ours; reload it and go on")
        try:
            return await endpoint(request)
        except UploadRefused as error:
            return _said(error.status, str(error), error.offset)
        except CurationError as error:
            return _said(422, str(error))
        except ClientDisconnect:  # the browser paused or went away; nobody reads this
            return _said(400, "the chunk broke off; it is sent again")

    return guarded


async def _promise(request: Request) -> Response:
    body = await _body(request, _LIST_BYTES)
    limits = current_limits()
    upload = await run_in_threadpool(lambda: store.reserve(_files(body), limits))
    return JSONResponse(_report(upload, 0), status_code=201, headers=_HEADERS)


async def _status(request: Request) -> Response:
    upload = await run_in_threadpool(store.find, request.path_params["id"])
    return JSONResponse(_report(upload, await run_in_threadpool(store.received, upload)), headers=_HEADERS)


async def _chunk(request: Request) -> Response:
    upload = await run_in_threadpool(store.find, request.path_params["id"])
    offset, checksum = request.query_params.get("offset", ""), request.headers.get(CHECKSUM, "")
    if not (offset.isascii() and offset.isdecimal() and len(offset) < 16):
        raise UploadRefused(400, f"offset is {offset[:20]!r}; expected the number of bytes that are there")
    if not 0 < len(checksum) <= 8 or set(checksum.lower()) - set("0123456789abcdef"):
        raise UploadRefused(400, f"{CHECKSUM} is {checksum[:20]!r}; expected the chunk's CRC-32 in hex")
    if upload.id in _busy:
        raise UploadRefused(423, "a chunk of this upload is being written; ask again in a moment")
    _busy.add(upload.id)
    try:
        at = await _write(request, upload, int(offset), int(checksum, 16))
    finally:
        _busy.discard(upload.id)
    return JSONResponse(_report(upload, at), headers=_HEADERS)


async def _write(request: Request, upload: Upload, offset: int, checksum: int) -> int:
    """Stream a chunk to disk, at most a piece of it in memory."""
    keep_free = current_limits().keep_free
    writer = await run_in_threadpool(lambda: store.ChunkWriter(upload, offset, keep_free=keep_free))
    held = bytearray()
    async for piece in request.stream():
        held += piece
        if len(held) >= _PIECE:
            await run_in_threadpool(writer.write, bytes(held))
            held.clear()
    if held:
        await run_in_threadpool(writer.write, bytes(held))
    return await run_in_threadpool(writer.commit, checksum)


async def _discard(request: Request) -> Response:
    upload = await run_in_threadpool(store.find, request.path_params["id"])
    if upload.id in _busy:
        raise UploadRefused(423, "a chunk of this upload is being written; ask again in a moment")
    await run_in_threadpool(store.discard, upload)
    return Response(status_code=204, headers=_HEADERS)


async def _body(request: Request, most: int) -> bytes:
    held = bytearray()
    async for piece in request.stream():
        held += piece
        if len(held) > most:
            raise UploadRefused(413, "the list of files is too long; upload them as one zip or mount the folder")
    return bytes(held)


def _files(body: bytes) -> list[File]:
    try:
        asked = json.loads(body)["files"]
        found = [File(file["path"], file["size"]) for file in asked]
    except (ValueError, KeyError, TypeError, RecursionError):
        raise ConfigError('the list of files is not understood; expected {"files": [{"path", "size"}]}') from None
    for file in found:
        if not isinstance(file.path, str) or type(file.size) is not int:
            raise ConfigError("the list of files is not understood; expected a text as path and whole bytes as size")
    return found


def _report(upload: Upload, at: int) -> dict[str, Any]:
    return {
        "id": upload.id,
        "offset": at,
        "total": upload.total,
        "files": len(upload.files),
        "chunk": store.CHUNK,
        "finished": at == upload.total,
    }


def _said(status: int, sentence: str, offset: int | None = None) -> Response:
    answer: dict[str, Any] = {"error": sentence[:1].upper() + sentence[1:]}
    if offset is not None:
        answer["offset"] = offset
    return JSONResponse(answer, status_code=status, headers=_HEADERS)


def _is_ours(request: Request) -> bool:
    site = request.headers.get("sec-fetch-site", "same-origin")  # browsers say it, and pages cannot change it
    return site == "same-origin" and is_valid_token(request.headers.get(TOKEN, ""))


def _signature(expires: int) -> str:
    return hmac.new(_secret(), f"upload {expires}".encode(), hashlib.sha256).hexdigest()


def _secret() -> bytes:
    """The key of the tokens, kept beside the uploads so that they outlive a restart of the server."""
    path: Path = store.uploads_folder() / ".secret"
    try:
        found = path.read_bytes()
    except FileNotFoundError:
        found = b""
    return found if len(found) == 32 else _new_secret(path)


def _new_secret(path: Path) -> bytes:
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f".secret-{secrets.token_hex(4)}")
    fresh.touch(mode=0o600)
    fresh.write_bytes(secrets.token_bytes(32))
    try:
        os.link(fresh, path)  # fails where another process was first
    except FileExistsError:
        if len(path.read_bytes()) != 32:
            fresh.replace(path)
    finally:
        fresh.unlink(missing_ok=True)
    return path.read_bytes()
