"""Commands that hold things against each other: compare, reference, repro."""

from pathlib import Path
from typing import Annotated

import typer

from curation_core.cli_common import HERE, AsJson, Where, app, given, open_workspace, say
from curation_core.comparison import compare_draws
from curation_core.comparison_report import sentences, write_changes
from curation_core.errors import ConfigError, StepMissing
from curation_core.exported_draws import is_export, read_export
from curation_core.locations import normal_source
from curation_core.reproduction import Sources, reproduce
from curation_core.terminal import progress_bar
from curation_core.workspace import Workspace


@app.command()
def compare(
    a: Annotated[
        str, typer.Argument(help="previous, current, draw:KEY, tree:KEY, or an export: its name, folder or zip.")
    ] = "previous",
    b: Annotated[str, typer.Argument(help="The same; what A is held against.")] = "current",
    workspace: Where = HERE,
    changes: Annotated[Path | None, typer.Option(help="File for all that entered or left: .csv or .parquet.")] = None,
    as_json: AsJson = False,
) -> None:
    """Tell which items entered and left from draw A to draw B, and why."""
    if is_export(Path(a)) and is_export(Path(b)):
        found = compare_draws(read_export(Path(a)), read_export(Path(b)))
    else:
        found = open_workspace(workspace).compare(a, b)
    if changes is not None:
        write_changes(found, changes)
    say(found.summary(), as_json, "\n".join(sentences(found)))


@app.command()
def reference(
    source: Annotated[str, typer.Argument(help="Folder, archive, table or vectors of trusted examples.")] = "",
    workspace: Where = HERE,
    where: Annotated[str | None, typer.Option(help="Condition that picks the examples among the items.")] = None,
    text_column: Annotated[str | None, typer.Option(help="Column that holds the text.")] = None,
    image_column: Annotated[str | None, typer.Option(help="Column that holds image paths or images.")] = None,
    vector_column: Annotated[str | None, typer.Option(help="Column that holds the vectors.")] = None,
    as_json: AsJson = False,
) -> None:
    """Read trusted examples, and tell how well pool and draw cover them."""
    opened = open_workspace(workspace)
    options = given(where=where, text_column=text_column, image_column=image_column, vector_column=vector_column)
    with progress_bar() as bar:
        found = opened.reference(source, progress=bar, **options)
    drawn = _drawn_share(opened)
    values = {"items": len(found), "radius": found.gap, "covered_by_pool": found.coverage.share}
    by_draw = "" if drawn is None else f", the draw {drawn:.1%}"
    say(
        values | {"covered_by_draw": drawn},
        as_json,
        f"{len(found):,} reference items; the pool covers {found.coverage.share:.1%} of them{by_draw} "
        f"(an item within {found.gap:.3g}, the pool's own typical distance)",
    )


@app.command()
def repro(
    export: Annotated[Path, typer.Argument(help="Folder or zip of an export.")],
    source: Annotated[str, typer.Option(help="Where its source lies; by default as its workspace says.")] = "",
    metadata: Annotated[str, typer.Option(help="Where the table beside the source lies.")] = "",
    examples: Annotated[str, typer.Option("--reference", help="Where the reference set lies.")] = "",
    scratch: Annotated[Path | None, typer.Option(help="Folder for the workspace that it is made in again.")] = None,
    as_json: AsJson = False,
) -> None:
    """Make an export again from its source and compare every byte; tell what differs and why it may."""
    if not export.exists():
        raise ConfigError(f"{str(export)!r} does not exist; give the folder that `curate export` wrote")
    places = Sources(*(normal_source(place) if place else "" for place in (source, metadata, examples)))
    with progress_bar() as bar:
        found = reproduce(export, Workspace.init, places, scratch=scratch, progress=bar)
    unlike = {name: state for name, state in found.files.items() if state != "same"}
    lines = [f"{state:<8} {name}" for name, state in unlike.items()] + [f"may be because: {one}" for one in found.why]
    verdict = f"{len(found.files) - len(unlike)} of {len(found.files)} files are the same byte for byte"
    say({"ok": found.ok, "files": dict(found.files), "why": list(found.why)}, as_json, "\n".join([*lines, verdict]))
    if not found.ok:
        raise typer.Exit(1)


def _drawn_share(opened: Workspace) -> float | None:
    """Share of the reference items that the kept draw covers, None before there is a draw."""
    try:
        plan = opened.sampling_plan()
    except StepMissing:
        return None
    return opened.reference_set().coverage_by(opened.vectors(), plan.indices).share
