"""Commands that run, write and check: export, run, status, verify, jobs."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, get_args

import typer

from curation_core.cli_common import HERE, AsJson, Where, app, given, open_workspace, say, tell_cost, whole
from curation_core.config import ExportConfig, FilesMode, IngestConfig, ManifestFormat
from curation_core.errors import ConfigError
from curation_core.jobs import list_jobs
from curation_core.runfile import overlay, prepare, read_tables
from curation_core.terminal import progress_bar
from curation_core.verification import verify as check
from curation_core.workspace import Workspace


@app.command()
def export(
    name: Annotated[str, typer.Argument(help="Name of the export.")],
    workspace: Where = HERE,
    formats: Annotated[str | None, typer.Option(help=", ".join(get_args(ManifestFormat)))] = None,
    files: Annotated[
        str | None, typer.Option(help=f"{', '.join(get_args(FilesMode))} (faces are blurred in copies if asked).")
    ] = None,
    shard_mb: Annotated[int | None, typer.Option(help="Size of a shard of webdataset and datasets, in MB.")] = None,
    embed_images: Annotated[
        bool | None, typer.Option("--embed-images/--no-embed-images", help="Whether datasets hold the pictures.")
    ] = None,
    coco_file: Annotated[str | None, typer.Option(help="Your COCO file, below the source, to take a part of.")] = None,
    mask_personal: Annotated[
        bool | None, typer.Option("--mask-personal", help="Mask mail addresses, phone and card numbers in texts.")
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace an export of this name.")] = False,
    as_json: AsJson = False,
) -> None:
    """Write the manifest of the draw, with what was rejected and why, and checksums."""
    options = given(
        formats=[one.strip() for one in formats.split(",")] if formats else None,
        files=files,
        shard_mb=shard_mb,
        embed_images=embed_images,
        coco_file=coco_file,
        mask_personal=mask_personal,
    )
    asked = ExportConfig(name=name, **options)
    with progress_bar() as bar:
        folder = open_workspace(workspace).export(plan=None, overwrite=overwrite, progress=bar, **dict(asked))
    say({"export": str(folder)}, as_json, f"wrote {folder}; check it with: curate verify {folder}")


@app.command()
def run(
    what: Annotated[str, typer.Argument(help="A config.toml, or a source.")],
    workspace: Annotated[Path | None, typer.Option("--workspace", "-w", help="Folder of the curation.")] = None,
    target_size: Annotated[float | None, typer.Option(help="Items to draw.")] = None,
    export_name: Annotated[str | None, typer.Option("--export", help="Name of the export.")] = None,
    embedder: Annotated[str | None, typer.Option(help="Name of the embedder.")] = None,
    text_column: Annotated[str | None, typer.Option(help="Column that holds the text.")] = None,
    seed: Annotated[int | None, typer.Option(help="One seed for tree, map and draw.")] = None,
    one_per_group: Annotated[
        bool | None, typer.Option("--one-per-group", help="Draw at most one of a group of near-duplicates.")
    ] = None,
    blur_faces: Annotated[
        bool | None, typer.Option("--blur-faces", help="Blur faces before anything is shown.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Do everything that is missing or stale, from the source to the export."""
    tables = read_tables(what, workspace)
    size = None if target_size is None else whole(target_size, "--target-size")
    overlay(tables, "embed", embedder=embedder)
    overlay(tables, "cluster", seed=seed, expected_target=size if size and size > 0 else None)
    overlay(tables, "project", seed=seed)
    overlay(
        tables, "sample", target_size=size, one_per_group=one_per_group, **({"seed": seed} if size is not None else {})
    )
    overlay(tables, "export", name=export_name)
    overlay(tables, "faces", blur=blur_faces)
    overlay(tables, "ingest", text_column=text_column)
    opened = prepare(tables)
    tell_cost(opened)
    with progress_bar() as bar:
        opened.run(progress=bar)
    _report_run(opened, as_json)


def _report_run(opened: Workspace, as_json: bool) -> None:
    steps = {step.step: step.state for step in opened.status()}
    settings = opened.settings
    folder = opened.path / "exports" / settings.export.name if settings.sample and settings.export else None
    drawn = (
        f"{len(opened.sampling_plan().indices):,} items drawn"
        if settings.sample
        else "no target size given, so nothing was drawn"
    )
    sentence = f"{drawn}; wrote {folder}" if folder else f"{drawn}; look at it with: curate app"
    say({"steps": steps, "export": str(folder) if folder else None}, as_json, sentence)


@app.command()
def status(workspace: Where = HERE, as_json: AsJson = False) -> None:
    """Show how every step stands, and whether the source changed."""
    opened = open_workspace(workspace)
    besides = (*opened.checks(), *opened.plans.reports())
    steps = (*opened.status(check_source=True), *(step for step in besides if step.state != "missing"))
    if as_json:
        print(
            json.dumps(
                [{"step": s.step, "state": s.state, "reason": s.reason, "key": s.key} for s in steps],
                ensure_ascii=False,
            )
        )
        return
    for step in steps:
        count = f"{step.meta['n_items']:,} items" if step.state == "done" else step.reason
        count += f", by {step.meta['kernel']}" if step.state == "done" and "kernel" in step.meta else ""
        print(f"{step.step:<10} {step.state:<8} {count}")


@app.command()
def verify(
    export_folder: Annotated[Path, typer.Argument(help="Folder or zip of an export.")],
    source: Annotated[str | None, typer.Option(help="Source to hash the drawn items of again.")] = None,
    as_json: AsJson = False,
) -> None:
    """Check an export: sums, formats, and the draw derived again; name what differs."""
    if not export_folder.exists():
        raise ConfigError(f"{str(export_folder)!r} does not exist; give the folder that `curate export` wrote")
    with progress_bar() as bar:
        found = check(export_folder, source=IngestConfig(source=source) if source else None, progress=bar)
    if as_json:
        print(json.dumps({"ok": found.ok, "checks": [asdict(one) for one in found.checks]}, ensure_ascii=False))
    else:
        for one in found.checks:
            print(f"{'ok  ' if one.ok else 'FAIL'} {one.name}: {one.detail}")
    if not found.ok:
        raise typer.Exit(1)


@app.command()
def jobs(
    workspace: Where = HERE,
    cancel: Annotated[str | None, typer.Option(help="Id of a job to stop.")] = None,
    as_json: AsJson = False,
) -> None:
    """List the jobs of a workspace, or stop one."""
    found = list_jobs(open_workspace(workspace).path)
    if cancel is not None:
        job = next((job for job in found if job.id == cancel), None)
        if job is None:
            raise ConfigError(f"there is no job {cancel!r}; known jobs: {', '.join(job.id for job in found) or 'none'}")
        job.cancel()
    rows = [{"id": job.id, **asdict(job.state())} for job in found]
    if as_json:
        print(json.dumps(rows, ensure_ascii=False))
        return
    for row in rows:
        print(f"{row['id']:<36} {row['status']:<12} {row['stage']} {row['done']:,}/{row['total']:,} {row['error']}")
