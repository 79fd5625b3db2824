"""Commands that give account of a draw: bias, card."""

from typing import Annotated, Any

import typer

from curation_core.card_balance import bias_said
from curation_core.card_config import CardConfig
from curation_core.cli_common import HERE, AsJson, Where, app, given, open_workspace, say
from curation_core.errors import ConfigError


@app.command()
def bias(
    workspace: Where = HERE,
    column: Annotated[list[str] | None, typer.Option(help="Column to report on; may be repeated.")] = None,
    protect: Annotated[
        list[str] | None, typer.Option(help="Value that must not go down, as COLUMN=VALUE, or COLUMN for all of its.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Tell what the draw does to the shares of groups; a protected one that falls is warned about."""
    options = given(columns=tuple(column) if column else None, protected=_protected(protect))
    reports = open_workspace(workspace).bias(**options)
    lines = [line for report in reports for line in (bias_said(report), report.warning) if line]
    say({"reports": [report.as_json() for report in reports]}, as_json, "\n".join(lines) or "no column makes groups")


@app.command()
def card(
    workspace: Where = HERE,
    said: Annotated[list[str] | None, typer.Option("--set", help="What stands in the card, as NAME=TEXT.")] = None,
    as_json: AsJson = False,
) -> None:
    """Fill in what the dataset card asks people: licence, motivation, intended use …; tells what is still blank."""
    blank = open_workspace(workspace).card(**dict(_pair(entry) for entry in said or []))
    sentence = f"still blank: {', '.join(blank)}" if blank else "nothing is blank"
    say({"blank": list(blank)}, as_json, f"{sentence}; the next export's card says what is set")


def _protected(entries: list[str] | None) -> dict[str, tuple[str, ...]] | None:
    if entries is None:
        return None
    found: dict[str, tuple[str, ...]] = {}
    for entry in entries:
        name, _, value = entry.partition("=")
        found[name] = (*found.get(name, ()), value) if value else ()
    return found


def _pair(entry: str) -> tuple[str, Any]:
    name, equals, value = entry.partition("=")
    if not equals:
        raise ConfigError(f"--set is {entry!r}; expected NAME=TEXT, for example license=CC-BY-4.0")
    field = CardConfig.model_fields.get(name)
    several = field is not None and field.annotation == tuple[str, ...]
    return name, tuple(part.strip() for part in value.split(",")) if several else value
