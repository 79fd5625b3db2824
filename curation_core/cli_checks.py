"""Commands that look at the items for a person: duplicates, quality, faces."""

from typing import Annotated

import typer

from curation_core.cli_common import HERE, AsJson, Where, app, given, open_workspace, say
from curation_core.errors import ConfigError
from curation_core.terminal import progress_bar


@app.command()
def duplicates(
    workspace: Where = HERE,
    threshold: Annotated[float | None, typer.Option(help="Similarity from which items are one group.")] = None,
    keeper: Annotated[
        str | None, typer.Option(help="largest, first or central: which item stands for a group.")
    ] = None,
    mirror: Annotated[bool | None, typer.Option("--mirror/--no-mirror", help="Mirror images are copies too.")] = None,
    as_json: AsJson = False,
) -> None:
    """Find items that are the same or nearly so; `sample --one-per-group` draws one of each group."""
    with progress_bar() as bar:
        options = given(threshold=threshold, keeper=keeper, mirror=mirror)
        found = open_workspace(workspace).duplicates(progress=bar, **options)
    grouped = int((found.group >= 0).sum())
    say(
        {"groups": found.n_groups, "items": grouped, "pairs": len(found.pairs), "threshold": found.threshold},
        as_json,
        f"{grouped:,} items in {found.n_groups:,} groups of near-duplicates (similarity {found.threshold:g} and more)",
    )


@app.command()
def quality(
    workspace: Where = HERE,
    threshold: Annotated[
        list[str] | None, typer.Option(help="Threshold of a flag, as dark=0.2; may be repeated.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Score items: dark, blurred, repeated, outlying …; flags inform a person and drop nothing."""
    opened = open_workspace(workspace)
    moved = {**opened.settings.quality.thresholds, **_thresholds(threshold)}
    with progress_bar() as bar:
        flags = opened.quality(progress=bar, thresholds=moved)
    counts = {name: int(flag.sum()) for name, flag in flags.items()}
    found = ", ".join(f"{count:,} {name.replace('_', ' ')}" for name, count in counts.items() if count)
    say({"flags": counts}, as_json, found or "no item is flagged")


def _thresholds(entries: list[str] | None) -> dict[str, float]:
    found = {}
    for entry in entries or []:
        name, _, value = entry.partition("=")
        try:
            found[name] = float(value)
        except ValueError:
            raise ConfigError(f"--threshold is {entry!r}; expected FLAG=NUMBER, for example dark=0.2") from None
    return found


@app.command()
def faces(
    workspace: Where = HERE,
    blur: Annotated[bool | None, typer.Option("--blur/--no-blur", help="Blur them in thumbnails and exports.")] = None,
    threshold: Annotated[float | None, typer.Option(help="Score from which a detection is a face.")] = None,
    as_json: AsJson = False,
) -> None:
    """Find faces in pictures, and blur them when asked; originals stay as they are."""
    opened = open_workspace(workspace)
    with progress_bar() as bar:
        found = opened.faces(progress=bar, **given(blur=blur, threshold=threshold))
    limit = opened.settings.faces.threshold
    sure, near = found.above(limit), len(found.below(limit))
    n_faces, n_items = len(sure), sure.n_items
    how = "blurred in thumbnails and exports" if opened.settings.faces.blur else "not blurred (add --blur)"
    say(
        {"faces": n_faces, "items": n_items, "near_misses": near, "blur": opened.settings.faces.blur},
        as_json,
        f"{n_faces:,} faces in {n_items:,} pictures, {how}; {near:,} near-misses below {limit:g} to look at",
    )
