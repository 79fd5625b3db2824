"""Scripts of components by address: Streamlit sends a component's script with every message, an address is short.

A script is served under the hash of its text, so a browser fetches it once and never an old one.
"""

import hashlib

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

_HEADERS = {"Cache-Control": "private, max-age=31536000, immutable", "X-Content-Type-Options": "nosniff"}
_scripts: dict[str, str] = {}


def by_address(script: str) -> str:
    """A short module that is the given one: it imports it from this server and exports its default."""
    digest = hashlib.sha256(script.encode()).hexdigest()[:32]
    _scripts[digest] = script
    address = f"`${{location.origin}}/api/script/{digest}.js`"
    return f"const {{ default: main }} = await import({address});\nexport default main;\n"


def script(request: Request) -> Response:
    """A script that a component has been made from in this process."""
    found = _scripts.get(request.path_params["digest"])
    if found is None:
        return Response(status_code=404, headers={"X-Content-Type-Options": "nosniff", "Cache-Control": "no-store"})
    return Response(found, media_type="text/javascript", headers=_HEADERS)


def routes() -> list[BaseRoute]:
    """The route of all scripts."""
    return [Route("/api/script/{digest}.js", script)]
