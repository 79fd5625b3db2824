"""Where the app finds things: its pages and theme, the workspaces it may open, the folders it may read.

The operator names workspaces and roots when the server starts (CURATE_WORKSPACES, CURATE_ROOTS); a browser only ever
sends names below them. Every name is checked here, on every request.
"""

import os
import re
import tomllib
from pathlib import Path
from typing import Any

from curation_core.errors import ConfigError
from curation_core.model_folders import is_model_spec

WORKSPACES = "CURATE_WORKSPACES"
ROOTS = "CURATE_ROOTS"
ALLOW_HTTP = "CURATE_ALLOW_HTTP"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_PACKAGE = Path(__file__).resolve().parent


def pages_folder() -> Path:
    """The page scripts: beside the package in the source tree, inside it (as views/) in an installed wheel."""
    candidates = (_PACKAGE / "views", _PACKAGE / "pages", _PACKAGE.parent / "pages")
    return next(folder for folder in candidates if (folder / "overview.py").is_file())


def theme_file() -> Path:
    """Streamlit's config.toml that belongs to this app."""
    candidates = (_PACKAGE / ".streamlit" / "config.toml", _PACKAGE.parent / ".streamlit" / "config.toml")
    return next(path for path in candidates if path.is_file())


def streamlit_options() -> dict[str, Any]:
    """The app's config.toml as dotted option names, so that it holds from any working directory."""
    return _flat(tomllib.loads(theme_file().read_text()))


def _flat(table: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in table.items():
        found |= _flat(value, f"{prefix}{name}.") if isinstance(value, dict) else {prefix + name: value}
    return found


def valid_name(name: str) -> bool:
    """Whether a name can be one folder: letters, digits, dot, dash, underscore, not starting with a dot."""
    return _NAME.fullmatch(name) is not None


def workspaces_folder() -> Path:
    """The folder whose children are the workspaces."""
    return Path(os.environ.get(WORKSPACES, "workspaces")).expanduser().resolve()


def workspace_names() -> list[str]:
    """Folders below the workspaces folder that hold a workspace.toml, by name."""
    folder = workspaces_folder()
    found = folder.glob("*/workspace.toml") if folder.is_dir() else ()
    return sorted(path.parent.name for path in found if valid_name(path.parent.name))


def workspace_path(name: str) -> Path:
    """The folder of a workspace; raises ConfigError unless it is a workspace directly below the workspaces folder."""
    folder = workspaces_folder()
    path = (folder / name).resolve() if valid_name(name) else folder
    if path.parent != folder or not (path / "workspace.toml").is_file():
        raise ConfigError(f"there is no workspace {name!r}; pick one from the list or make one on the Data page")
    return path


def new_workspace_path(name: str) -> Path:
    """Where a new workspace will lie; raises ConfigError for a name that is taken or cannot be a folder."""
    if not valid_name(name):
        raise ConfigError(f"{name!r} cannot be a folder's name; use letters, digits, dots, dashes and underscores")
    path = workspaces_folder() / name
    if path.exists():
        raise ConfigError(f"a workspace named {name!r} exists already; choose another name")
    return path


def parse_root(text: str) -> tuple[str, Path | str]:
    """`name=folder` as name and real path, `name=s3://bucket/prefix` as name and address.

    Raises ConfigError for the file system's root, the home folder, what is no folder, and addresses of other kinds.
    """
    name, separator, place = text.partition("=")
    if not separator or not valid_name(name):
        raise ConfigError(f"root {text!r} is not of the form name=folder; write for example photos=/data/photos")
    if is_address(place):
        return name, _checked_address(name, place)
    path = Path(place).expanduser().resolve()
    if path == Path(path.anchor) or path == Path.home().resolve():
        raise ConfigError(f"root {name} is {path}; mount a folder below it, not the whole disk or the home folder")
    if not path.is_dir():
        raise ConfigError(f"root {name} is {path}, which is not a folder; create it or correct the path")
    return name, path


def is_address(place: Path | str) -> bool:
    """Whether a place is an address such as s3://bucket/prefix, not a path of this machine."""
    return isinstance(place, str) and "://" in place


def http_allowed() -> bool:
    """Whether the operator allowed addresses that begin with http."""
    return os.environ.get(ALLOW_HTTP, "") == "1"


def roots() -> dict[str, Path | str]:
    """The folders and addresses that may be read, by name, as named when the server started."""
    lines = os.environ.get(ROOTS, "").splitlines()
    return dict(parse_root(line) for line in lines if line.strip())


def source_below(name: str, relative: str) -> str:
    """A path or an address below a root, as IngestConfig takes it; raises ConfigError like below_root."""
    place = roots().get(name)
    return _address_below(name, place, relative) if isinstance(place, str) else str(below_root(name, relative))


def below_root(name: str, relative: str) -> Path:
    """A path below a root; raises ConfigError for an unknown root, a path that leaves it, and what does not exist."""
    known = roots()
    if name not in known:
        raise ConfigError(f"there is no root {name!r}; the server was started with: {', '.join(known) or 'none'}")
    root = known[name]
    if isinstance(root, str):
        raise ConfigError(f"the root {name} is an address; it has no folders to look through")
    try:
        path = (root / relative).resolve()
        is_there = path.exists()
    except (ValueError, OSError, RuntimeError):  # a zero byte, a name that is too long, links in a circle
        raise ConfigError(f"{relative[:80]!r} is no path; check the spelling") from None
    if not path.is_relative_to(root):
        raise ConfigError(f"{relative!r} leads out of the root {name}; give a path below it")
    if not is_there:
        raise ConfigError(f"{relative!r} does not exist below the root {name}; check the spelling")
    return path


def _checked_address(name: str, address: str) -> str:
    scheme, _, rest = address.partition("://")
    if scheme in ("http", "https") and not http_allowed():
        raise ConfigError(f"root {name} is read over {scheme}, which is off; start with --allow-http to allow it")
    if scheme not in ("s3", "gs", "http", "https"):
        raise ConfigError(
            f"root {name} begins with {scheme}://; expected a folder, s3://, gs:// or, if allowed, https://"
        )
    if not rest.strip("/"):
        raise ConfigError(f"root {name} is {address}, which names no bucket; write for example s3://bucket/prefix")
    return address.rstrip("/")


def _address_below(name: str, address: str, relative: str) -> str:
    parts = [part for part in relative.split("/") if part not in ("", ".")]
    if ".." in parts or "://" in relative or "\\" in relative:
        raise ConfigError(f"{relative!r} leads out of the root {name}; give a path below it")
    return "/".join((address, *parts))


def allowed_model(embedder: str) -> str:
    """An embedder as a browser may ask for it; raises ConfigError for a model folder outside the roots."""
    path = Path(embedder[3:].strip()).expanduser()
    if not is_model_spec(embedder) or not path.exists():
        return embedder  # a name, or a hub id, which is looked up in this machine's cache
    folders = [place for place in roots().values() if isinstance(place, Path)]
    if not any(path.resolve().is_relative_to(folder) for folder in folders):
        raise ConfigError(f"{embedder[3:]} is not below a root; start the server with --root models=FOLDER to use it")
    return embedder
