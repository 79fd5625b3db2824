"""What a page has ready for the browser to fetch: bytes by the hash of their content, the oldest forgotten first.

Columns of the map, masks and lists of rows are made by a page and fetched by a route of the same process. A token says
nothing about the data and cannot be guessed. What was forgotten, or made before the server was started again, is
absent; the browser then asks the page to make it anew.
"""

import hashlib
import threading
from collections import OrderedDict

MOST_BYTES = 512 << 20

_lock = threading.Lock()
_ready: OrderedDict[str, tuple[str, bytes]] = OrderedDict()


def publish(workspace: str, data: bytes) -> str:
    """Keep bytes for a workspace; returns their token, the same for the same bytes."""
    token = hashlib.blake2b(data, digest_size=16, key=workspace.encode()[:64]).hexdigest()
    with _lock:
        _ready[token] = (workspace, data)
        _ready.move_to_end(token)
        held = sum(len(kept) for _, kept in _ready.values())
        while held > MOST_BYTES and len(_ready) > 1:
            held -= len(_ready.popitem(last=False)[1][1])
    return token


def published(workspace: str, token: str) -> bytes | None:
    """The bytes of a token, None when they are not here or belong to another workspace."""
    with _lock:
        owner, data = _ready.get(token, ("", b""))
        if owner != workspace or not owner:
            return None
        _ready.move_to_end(token)
        return data
