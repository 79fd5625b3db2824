"""Commands that bring items in and make vectors of them: init, ingest, embed."""

from typing import Annotated

import typer

from curation_core.cli_common import HERE, AsJson, Where, app, given, numbers, open_workspace, say
from curation_core.errors import ConfigError
from curation_core.terminal import progress_bar
from curation_core.workspace import Workspace


@app.command()
def init(
    source: Annotated[
        str, typer.Argument(help="Folder, archive, table, vectors, GeoTIFF, or an s3:// or gs:// address.")
    ],
    workspace: Where = HERE,
    name: Annotated[str, typer.Option(help="Name shown in the app.")] = "",
    kind: Annotated[str, typer.Option(help="auto, images, tiles, text or vectors.")] = "auto",
    text_column: Annotated[str | None, typer.Option(help="Column that holds the text.")] = None,
    image_column: Annotated[str | None, typer.Option(help="Column that holds image paths or images.")] = None,
    vector_column: Annotated[str | None, typer.Option(help="Column that holds the vectors.")] = None,
    metadata: Annotated[str | None, typer.Option(help="Table joined by path, or by row for vectors.")] = None,
    column: Annotated[
        list[str] | None, typer.Option(help="What a column means, as NAME=category, number, text, date or truth.")
    ] = None,
    tile_size: Annotated[int | None, typer.Option(help="Side of the tiles of a scene, in pixels.")] = None,
    tile_bands: Annotated[str | None, typer.Option(help="Bands shown as red, green, blue: 4,3,2.")] = None,
    blur_faces: Annotated[bool, typer.Option("--blur-faces", help="Blur faces before anything is shown.")] = False,
    allow_http: Annotated[bool, typer.Option("--allow-http", help="Let an http address be read.")] = False,
    as_json: AsJson = False,
) -> None:
    """Make a workspace for a source; `ingest` reads it."""
    options = given(
        text_column=text_column,
        image_column=image_column,
        vector_column=vector_column,
        metadata=metadata,
        column_types=_meanings(column) or None,
        tile_size=tile_size,
        tile_bands=numbers(tile_bands, "--tile-bands"),
        allow_http=allow_http or None,
    )
    made = Workspace.init(workspace, source, name=name, kind=kind, **options)
    if blur_faces:
        made.configure(faces={"blur": True})
    say({"workspace": str(made.path)}, as_json, f"workspace {made.path} is ready; next: curate ingest -w {made.path}")


def _meanings(entries: list[str] | None) -> dict[str, str]:
    found = {}
    for entry in entries or []:
        name, equals, meaning = entry.rpartition("=")
        if not equals or not name:
            raise ConfigError(f"--column is {entry!r}; expected NAME=MEANING, for example year=number")
        found[name] = meaning
    return found


@app.command()
def ingest(workspace: Where = HERE, as_json: AsJson = False) -> None:
    """Read the source: hashes, thumbnails, columns; unreadable items are listed."""
    with progress_bar() as bar:
        catalog = open_workspace(workspace).ingest(progress=bar)
    failed = catalog.failures.num_rows
    say(
        {"items": len(catalog), "failures": failed, "modality": catalog.modality},
        as_json,
        f"{len(catalog):,} items, {failed:,} could not be read",
    )


@app.command()
def embed(
    workspace: Where = HERE,
    embedder: Annotated[
        str | None, typer.Option(help="Name, or hf:MODEL or st:MODEL with a folder or hub id; auto: the default.")
    ] = None,
    batch_size: Annotated[int | None, typer.Option(help="Items given to the model at once; found by trying.")] = None,
    device: Annotated[str | None, typer.Option(help="auto, cpu, cuda or mps.")] = None,
    storage: Annotated[str | None, typer.Option(help="float32 or float16.")] = None,
    as_json: AsJson = False,
) -> None:
    """Turn items into vectors."""
    options = given(embedder=embedder, batch_size=batch_size, device=device, storage=storage)
    with progress_bar() as bar:
        found = open_workspace(workspace).embed(progress=bar, **options)
    n, d = found.vectors.shape
    say(
        {"items": n, "dim": d, "embedder": found.model, "failures": found.failures.num_rows},
        as_json,
        f"{n:,} vectors of {d} dimensions by {found.model}",
    )
