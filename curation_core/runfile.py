"""What `curate run` is asked to do: a config.toml or a source, overlaid with options, as a configured workspace."""

import tomllib
from pathlib import Path
from typing import Any

from curation_core.errors import ConfigError
from curation_core.settings import Settings
from curation_core.workspace import Workspace


def read_tables(what: str, workspace: Path | None) -> dict[str, Any]:
    """Tables per step from a config.toml, whose paths count from its folder, or from a source alone."""
    tables: dict[str, Any] = _from_file(Path(what)) if what.endswith(".toml") else {"ingest": {"source": what}}
    if workspace is not None:
        tables["workspace"] = workspace
    if "workspace" not in tables:
        raise ConfigError('no workspace is named; add --workspace FOLDER, or workspace = "FOLDER" to the config')
    return tables


def overlay(tables: dict[str, Any], step: str, **options: Any) -> None:
    """Let options that were given win over a step's table."""
    given = {name: value for name, value in options.items() if value is not None}
    if given:
        tables[step] = {**tables.get(step, {}), **given}


def prepare(tables: dict[str, Any]) -> Workspace:
    """Open or make the workspace and set what the tables say; raises ConfigError before anything is made."""
    path, name = Path(tables.pop("workspace")), tables.pop("name", "")
    source = dict(tables.pop("ingest", {}))
    Settings(**tables)
    if (path / "workspace.toml").is_file():
        opened = Workspace.open(path)
        _require_same_source(opened, source)
    elif "source" in source:
        opened = Workspace.init(path, source.pop("source"), name=name, **source)
    else:
        raise ConfigError('no source is named; add [ingest] source = "..." to the config')
    opened.configure(**tables)
    return opened


def _from_file(path: Path) -> dict[str, Any]:
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ConfigError(f"{str(path)!r} does not exist; give a config.toml or a source") from None
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path} is not valid TOML: {error}") from None
    if "workspace" in tables:
        tables["workspace"] = path.parent / tables["workspace"]
    for name in ("source", "metadata"):
        if name in tables.get("ingest", {}):
            tables["ingest"][name] = str(path.parent / tables["ingest"][name])
    return tables


def _require_same_source(opened: Workspace, wanted: dict[str, Any]) -> None:
    source, config = wanted.pop("source", None), opened.settings.ingest
    if source and config and Path(source).expanduser().resolve() != Path(config.source):
        raise ConfigError(f"workspace {opened.path} was made from {config.source}; choose another one for {source}")
    if wanted:
        opened.configure(ingest=wanted)
