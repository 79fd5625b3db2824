"""What all commands share: the application, options, and how they say what they did."""

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from curation_core.errors import ConfigError
from curation_core.forecast import free_disk, free_memory
from curation_core.workspace import Workspace

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Balance a large uncurated pile of images, text or vectors.",
)

Where = Annotated[Path, typer.Option("--workspace", "-w", help="Folder of the curation.", envvar="CURATE_WORKSPACE")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object for a machine to read.")]
HERE = Path()


def open_workspace(path: Path) -> Workspace:
    """The workspace of a folder."""
    return Workspace.open(path)


def say(values: dict[str, Any], as_json: bool, sentence: str) -> None:
    """Print a result for a machine or for a person."""
    print(json.dumps(values, ensure_ascii=False, default=str) if as_json else sentence)


def tell_cost(opened: Workspace, **options: Any) -> None:
    """Say on standard error what clustering will take, before it starts, and what will not fit."""
    cost = opened.forecast(**options)
    if cost is not None:
        print(f"clustering: {cost.sentence()}", file=sys.stderr)
        for warning in cost.warnings(free_memory(), free_disk(opened.path)):
            print(f"warning: {warning}", file=sys.stderr)


def given(**options: Any) -> dict[str, Any]:
    """The options that were given."""
    return {name: value for name, value in options.items() if value is not None}


def numbers(text: str | None, name: str) -> tuple[int, ...] | None:
    """Whole numbers separated by commas; raises ConfigError for anything else."""
    if text is None:
        return None
    try:
        return tuple(int(part) for part in text.split(","))
    except ValueError:
        raise ConfigError(
            f"{name} is {text!r}; expected whole numbers separated by commas, for example 1000,170"
        ) from None


def whole(value: float, name: str) -> int:
    """A number as a count of items; raises ConfigError for a fraction."""
    if value != int(value):
        raise ConfigError(f"{name} is {value}; expected a whole number of items")
    return int(value)
