"""Files over http and https, read only where a person allowed it.

The address that a person gave may lie anywhere. Addresses that a table names may lie beside it, on the same server, or
on the public internet: never on this machine or in its private network. Redirects are not followed, for they would lead
past that check; the name of a server is looked up once, and the connection goes to what was found.
"""

import contextlib
import http.client
import ipaddress
import socket
import ssl
from collections.abc import Iterator
from urllib.parse import quote, urlsplit

from curation_core.errors import IngestError

_TIMEOUT = 30.0  # seconds without an answer
_CHUNK = 1 << 20
_SCHEMES = ("http", "https")


def is_web(address: str) -> bool:
    """Whether an address begins with http: or https:."""
    return address.lower().startswith(("http://", "https://"))


def server_of(address: str) -> tuple[str, str, int]:
    """Scheme, host and port of an address; raises IngestError when it has none."""
    try:
        parts = urlsplit(address)
        port = parts.port or (443 if parts.scheme.lower() == "https" else 80)
        if parts.scheme.lower() not in _SCHEMES or not parts.hostname or parts.username or parts.password:
            raise ValueError("no plain http address")
        return parts.scheme.lower(), parts.hostname, port
    except ValueError as error:
        raise IngestError(f"not an address that can be read ({error})") from None


def fetch(address: str, *, most: int, trusted: str | None = None) -> bytes:
    """The bytes at an address, at most so many; trusted: an address whose server may be private."""
    with _answer("GET", address, trusted) as answer:
        data = answer.read(most + 1)
    if len(data) > most:
        raise IngestError(f"is larger than {most >> 20} MB")
    return bytes(data)


def fetch_chunks(address: str) -> Iterator[bytes]:
    """The bytes at an address that a person gave, piece by piece; raises IngestError when it ends too early."""
    with _answer("GET", address, address) as answer:
        stated, n_bytes = answer.headers.get("Content-Length"), 0
        while chunk := answer.read(_CHUNK):
            n_bytes += len(chunk)
            yield chunk
        if stated is not None and stated.isdigit() and int(stated) != n_bytes:
            raise IngestError(f"the server sent {n_bytes:,} of {stated} bytes; try again")


def stamp_of(address: str, *, trusted: str | None = None) -> str:
    """What a server says of a file's version: etag or time, and size; "" when it cannot be asked."""
    try:
        with _answer("HEAD", address, trusted) as answer:
            headers = answer.headers
            version = headers.get("ETag") or headers.get("Last-Modified") or ""
            return f"{version}:{headers.get('Content-Length', '')}"
    except IngestError:
        return ""


@contextlib.contextmanager
def _answer(method: str, address: str, trusted: str | None) -> Iterator[http.client.HTTPResponse]:
    scheme, host, port = server_of(address)
    is_trusted = trusted is not None and server_of(trusted) == (scheme, host, port)
    ip = _looked_up(host, port, any_network=is_trusted)
    connection = _connection(scheme, host, port, ip)
    try:
        parts = urlsplit(address)
        path = quote(parts.path or "/", safe="/%:@!$&'()*+,;=~-._")
        connection.request(method, f"{path}?{parts.query}" if parts.query else path, headers={"Accept": "*/*"})
        answer = connection.getresponse()
        if 300 <= answer.status < 400:
            where = answer.headers.get("Location", "elsewhere")
            raise IngestError(f"the server points to {where[:200]}; redirects are not followed, give that address")
        if answer.status != 200:
            raise IngestError(f"the server answers {answer.status} {answer.reason[:80]}")
        yield answer
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise IngestError(f"cannot be fetched ({str(error)[:120] or type(error).__name__})") from None
    finally:
        connection.close()


def _looked_up(host: str, port: int, *, any_network: bool) -> str:
    """The IP address of a server; raises IngestError for private networks unless any is fine."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise IngestError(f"server {host!r} is not known ({error})") from None
    ip = str(found[0][4][0])
    if not any_network and not ipaddress.ip_address(ip.partition("%")[0]).is_global:
        raise IngestError(f"server {host!r} lies in a private network, where a table must not lead")
    return ip


def _connection(scheme: str, host: str, port: int, ip: str) -> http.client.HTTPConnection:
    """A connection to this IP address that presents itself to, and checks, the host."""
    if scheme == "http":
        connection = http.client.HTTPConnection(host, port, timeout=_TIMEOUT)
        wrap = None
    else:
        context = ssl.create_default_context()
        connection = http.client.HTTPSConnection(host, port, timeout=_TIMEOUT, context=context)
        wrap = context
    try:
        plain = socket.create_connection((ip, port), timeout=_TIMEOUT)
        connection.sock = plain if wrap is None else wrap.wrap_socket(plain, server_hostname=host)
    except OSError as error:
        raise IngestError(f"server {host!r} cannot be reached ({error})") from None
    return connection
