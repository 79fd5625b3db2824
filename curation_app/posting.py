"""Bodies that our own pages post: read here and nowhere else, and only what is no longer than it may be."""

from starlette.requests import ClientDisconnect, Request


async def posted(request: Request, most: int) -> bytes | None:
    """The body that a page of ours sent; None for another site's (a form cannot send JSON) and for a longer one."""
    said = request.headers
    ours = said.get("sec-fetch-site", "same-origin") == "same-origin"  # browsers say it, and pages cannot change it
    if not ours or said.get("content-type", "").partition(";")[0].strip() != "application/json":
        return None
    held = bytearray()
    try:
        async for piece in request.stream():
            held += piece
            if len(held) > most:
                return None
    except ClientDisconnect:  # nobody reads the answer
        return None
    return bytes(held)
