"""Where a source lies: an absolute path or an address, and what may be told of it."""

from pathlib import Path

from curation_core.archives import expand_braces
from curation_core.errors import ConfigError
from curation_core.remote import check_address, is_remote, remote_name


def normal_source(source: str | Path, *, allow_http: bool = False) -> str:
    """A source as it is kept in settings: an absolute path or an address. Raises ConfigError when there is none."""
    text = str(source)
    if is_remote(text):
        check_address(text, allow_http=allow_http)
        return text
    path = Path(text).expanduser()
    if not path.exists() and len(expand_braces(path.name)) == 1:
        raise ConfigError(f"source {text!r} does not exist; give a folder, an archive, a table or a file of vectors")
    return str(path.resolve())


def source_name(source: str) -> str:
    """The last part of a source's path or address: what may be told of it without telling of the machine."""
    return remote_name(source) if is_remote(source) else Path(source).name
