"""The command `curate`: the verbs of Workspace, one command each, with progress bars and one sentence per error."""

import json
import os
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from curation_core.config import ExportConfig, IngestConfig
from curation_core.errors import Cancelled, ConfigError, CurationError
from curation_core.jobs import list_jobs
from curation_core.runfile import overlay, prepare, read_tables
from curation_core.terminal import progress_bar
from curation_core.verification import verify as check
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


def _open(path: Path) -> Workspace:
    return Workspace.open(path)


def _say(values: dict[str, Any], as_json: bool, sentence: str) -> None:
    print(json.dumps(values, ensure_ascii=False, default=str) if as_json else sentence)


def _given(**options: Any) -> dict[str, Any]:
    return {name: value for name, value in options.items() if value is not None}


def _numbers(text: str | None, name: str) -> tuple[int, ...] | None:
    if text is None:
        return None
    try:
        return tuple(int(part) for part in text.split(","))
    except ValueError:
        raise ConfigError(
            f"{name} is {text!r}; expected whole numbers separated by commas, for example 1000,170"
        ) from None


def _whole(value: float, name: str) -> int:
    if value != int(value):
        raise ConfigError(f"{name} is {value}; expected a whole number of items")
    return int(value)


@app.command()
def init(
    source: Annotated[
        str, typer.Argument(help="Folder or zip of images, a CSV, JSONL or Parquet table, or a .npy file.")
    ],
    workspace: Where = HERE,
    name: Annotated[str, typer.Option(help="Name shown in the app.")] = "",
    kind: Annotated[str, typer.Option(help="auto, images, text or vectors.")] = "auto",
    text_column: Annotated[str | None, typer.Option(help="Column that holds the text.")] = None,
    vector_column: Annotated[str | None, typer.Option(help="Column that holds the vectors.")] = None,
    metadata: Annotated[str | None, typer.Option(help="Table joined by path, or by row for vectors.")] = None,
    as_json: AsJson = False,
) -> None:
    """Make a workspace for a source; `ingest` reads it."""
    made = Workspace.init(
        workspace,
        source,
        name=name,
        kind=kind,
        **_given(text_column=text_column, vector_column=vector_column, metadata=metadata),
    )
    _say({"workspace": str(made.path)}, as_json, f"workspace {made.path} is ready; next: curate ingest -w {made.path}")


@app.command()
def ingest(workspace: Where = HERE, as_json: AsJson = False) -> None:
    """Read the source: hashes, thumbnails, columns; unreadable items are listed."""
    with progress_bar() as bar:
        catalog = _open(workspace).ingest(progress=bar)
    failed = catalog.failures.num_rows
    _say(
        {"items": len(catalog), "failures": failed, "modality": catalog.modality},
        as_json,
        f"{len(catalog):,} items, {failed:,} could not be read",
    )


@app.command()
def embed(
    workspace: Where = HERE,
    embedder: Annotated[
        str | None, typer.Option(help="Name of the embedder; auto takes the modality's default.")
    ] = None,
    batch_size: Annotated[int | None, typer.Option(help="Items given to the model at once.")] = None,
    as_json: AsJson = False,
) -> None:
    """Turn items into vectors."""
    with progress_bar() as bar:
        found = _open(workspace).embed(progress=bar, **_given(embedder=embedder, batch_size=batch_size))
    n, d = found.vectors.shape
    _say(
        {"items": n, "dim": d, "embedder": found.model, "failures": found.failures.num_rows},
        as_json,
        f"{n:,} vectors of {d} dimensions by {found.model}",
    )


@app.command()
def cluster(
    workspace: Where = HERE,
    n_clusters: Annotated[str | None, typer.Option(help="Clusters per level, fine to coarse: 1000,170.")] = None,
    expected_target: Annotated[int | None, typer.Option(help="Target size the tree is meant for.")] = None,
    n_resamples: Annotated[int | None, typer.Option(help="Resampling steps per level.")] = None,
    resample_size: Annotated[str | None, typer.Option(help="Members kept per cluster and level: 2,2.")] = None,
    mode: Annotated[str | None, typer.Option(help="fast or compatible.")] = None,
    preset: Annotated[
        str | None, typer.Option(help="How vectors are prepared: auto, none, l2, pca-64, sqrt-pca-128.")
    ] = None,
    seed: Annotated[int | None, typer.Option(help="Same seed, same tree.")] = None,
    as_json: AsJson = False,
) -> None:
    """Build the tree by hierarchical k-means with resampling."""
    options = _given(
        n_clusters=_numbers(n_clusters, "--n-clusters"),
        expected_target=expected_target,
        n_resamples=n_resamples,
        resample_size=_numbers(resample_size, "--resample-size"),
        mode=mode,
        preset=preset,
        seed=seed,
    )
    with progress_bar() as bar:
        tree = _open(workspace).cluster(progress=bar, **options)
    _say(
        {"items": tree.n_items, "n_clusters": tree.n_clusters},
        as_json,
        f"{tree.n_items:,} items in {' ▸ '.join(f'{k:,}' for k in tree.n_clusters)} clusters",
    )


@app.command()
def project(
    workspace: Where = HERE,
    method: Annotated[str | None, typer.Option(help="umap or pca.")] = None,
    seed: Annotated[int | None, typer.Option(help="Same seed, same map.")] = None,
    as_json: AsJson = False,
) -> None:
    """Lay the items out on a plane, for looking."""
    with progress_bar() as bar:
        found = _open(workspace).project(progress=bar, **_given(method=method, seed=seed))
    _say(
        {"items": len(found.xy), "method": found.method}, as_json, f"{len(found.xy):,} items laid out by {found.method}"
    )


@app.command()
def review(
    workspace: Where = HERE,
    drop: Annotated[list[str] | None, typer.Option(help="Cluster to drop, as LEVEL:CLUSTER; may be repeated.")] = None,
    keep: Annotated[list[str] | None, typer.Option(help="Cluster to keep, as LEVEL:CLUSTER; may be repeated.")] = None,
    undo: Annotated[bool, typer.Option("--undo", help="Take back the last decision.")] = False,
    reviewer: Annotated[str, typer.Option(help="Who decides.")] = "",
    as_json: AsJson = False,
) -> None:
    """Record decisions on clusters, or show what was decided."""
    opened = _open(workspace)
    for target in drop or []:
        opened.decide_cluster(*_cluster(target), "drop", reviewer=reviewer)
    for target in keep or []:
        opened.decide_cluster(*_cluster(target), "keep", reviewer=reviewer)
    if undo and opened.reviews.undo(reviewer) is None:
        raise ConfigError("there is no decision to take back")
    state = opened.decisions()
    values = {
        "events": state.n_events,
        "dropped_items": state.n_dropped,
        "eligible": int(state.eligible.sum()),
        "lost": len(state.lost),
    }
    lost = f"; {len(state.lost)} decisions belong to another tree" if state.lost else ""
    _say(
        values,
        as_json,
        f"{state.n_events} events; {state.n_dropped:,} items dropped, {values['eligible']:,} may be drawn{lost}",
    )


def _cluster(target: str) -> tuple[int, int]:
    level, _, cluster_id = target.partition(":")
    if not (level.isdigit() and cluster_id.isdigit()):
        raise ConfigError(f"cluster is {target!r}; expected LEVEL:CLUSTER, for example 2:7")
    return int(level), int(cluster_id)


@app.command()
def sample(
    workspace: Where = HERE,
    target_size: Annotated[float | None, typer.Option(help="Items to draw.")] = None,
    strategy: Annotated[str | None, typer.Option(help="random, closest or diverse.")] = None,
    multiplier: Annotated[int | None, typer.Option(help="How often one item may be drawn at most.")] = None,
    seed: Annotated[int | None, typer.Option(help="Same seed, same draw.")] = None,
    as_json: AsJson = False,
) -> None:
    """Draw the balanced subset."""
    size = None if target_size is None else _whole(target_size, "--target-size")
    plan = _open(workspace).sample(size, **_given(strategy=strategy, multiplier=multiplier, seed=seed))
    short = (
        f"; {plan.target_size - len(plan.indices):,} short: review left too few items"
        if len(plan.indices) < plan.target_size
        else ""
    )
    _say({"drawn": len(plan.indices), "target": plan.target_size}, as_json, f"{len(plan.indices):,} items drawn{short}")


@app.command()
def export(
    name: Annotated[str, typer.Argument(help="Name of the export.")],
    workspace: Where = HERE,
    formats: Annotated[str | None, typer.Option(help="parquet,csv,jsonl,npy")] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace an export of this name.")] = False,
    as_json: AsJson = False,
) -> None:
    """Write the manifest of the draw, with what was rejected and why, and checksums."""
    asked = ExportConfig(name=name, **_given(formats=formats.split(",") if formats else None))
    with progress_bar() as bar:
        folder = _open(workspace).export(asked.name, formats=asked.formats, overwrite=overwrite, progress=bar)
    _say({"export": str(folder)}, as_json, f"wrote {folder}; check it with: curate verify {folder}")


@app.command()
def run(
    what: Annotated[str, typer.Argument(help="A config.toml, or a source.")],
    workspace: Annotated[Path | None, typer.Option("--workspace", "-w", help="Folder of the curation.")] = None,
    target_size: Annotated[float | None, typer.Option(help="Items to draw.")] = None,
    export_name: Annotated[str | None, typer.Option("--export", help="Name of the export.")] = None,
    embedder: Annotated[str | None, typer.Option(help="Name of the embedder.")] = None,
    text_column: Annotated[str | None, typer.Option(help="Column that holds the text.")] = None,
    seed: Annotated[int | None, typer.Option(help="One seed for tree, map and draw.")] = None,
    as_json: AsJson = False,
) -> None:
    """Do everything that is missing or stale, from the source to the export."""
    tables = read_tables(what, workspace)
    size = None if target_size is None else _whole(target_size, "--target-size")
    overlay(tables, "embed", embedder=embedder)
    overlay(tables, "cluster", seed=seed, expected_target=size if size and size > 0 else None)
    overlay(tables, "project", seed=seed)
    overlay(tables, "sample", target_size=size, **({"seed": seed} if size is not None else {}))
    overlay(tables, "export", name=export_name)
    overlay(tables, "ingest", text_column=text_column)
    opened = prepare(tables)
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
    _say({"steps": steps, "export": str(folder) if folder else None}, as_json, sentence)


@app.command()
def status(workspace: Where = HERE, as_json: AsJson = False) -> None:
    """Show how every step stands, and whether the source changed."""
    steps = _open(workspace).status(check_source=True)
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
        print(f"{step.step:<8} {step.state:<8} {count}")


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
    found = list_jobs(_open(workspace).path)
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


@app.command(name="app")
def serve(
    workspaces: Annotated[
        Path, typer.Option(help="Folder that holds the workspaces.", envvar="CURATE_WORKSPACES")
    ] = Path("workspaces"),
    root: Annotated[
        list[str] | None, typer.Option(help="Folder that may be browsed, as NAME=DIR; may be repeated.")
    ] = None,
    port: Annotated[int, typer.Option(help="Port to listen on.")] = 8501,
    address: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    headless: Annotated[bool, typer.Option("--headless", help="Do not open a browser.")] = False,
) -> None:
    """Open the app in the browser."""
    arguments = ["--workspaces", str(workspaces), "--port", str(port), "--address", address]
    for entry in root or []:
        arguments += ["--root", entry]
    arguments += ["--headless"] if headless else []
    os.execv(
        sys.executable, [sys.executable, "-m", "curation_app", *arguments]
    )  # a process of its own: the core knows no Streamlit


def main() -> None:
    """Run the command: exit code 0 done, 1 verification failed, 2 an error that one sentence explains, 130 stopped."""
    try:
        app(standalone_mode=True)
    except Cancelled as error:
        print(f"stopped: {error}", file=sys.stderr)
        raise SystemExit(130) from None
    except KeyboardInterrupt:
        print("stopped; what is finished is kept, run the same command to go on", file=sys.stderr)
        raise SystemExit(130) from None
    except CurationError as error:
        print(f"error: {error}", file=sys.stderr)
        raise SystemExit(2) from None


if __name__ == "__main__":
    main()
