"""An export made again from its source: what run.json asks for, done in a workspace of its own, compared by bytes."""

import tempfile
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

import pyarrow.parquet as pq

from curation_core.catalog import Catalog
from curation_core.errors import ConfigError, ManifestMismatch, StaleArtifact
from curation_core.export import FORMAT
from curation_core.export_checks import unpack_export
from curation_core.export_reading import read_run
from curation_core.layout_lance import NAME as LANCE
from curation_core.layout_lance import read_lance
from curation_core.progress import Progress, silent
from curation_core.settings import parse

_FOLDER = "again"  # what the export is called when it is made again; no file of it tells its name
_NEEDED = ("source", "settings", "sample", "export", "columns", "counts")
_LISTED = 5
_SAYS = {"differs": "differs", "missing": "did not come again", "new": "is new"}
_ARITHMETIC = "the machine's arithmetic (processor, kernels of k-means, BLAS, GPU) rounds in another order"
State = Literal["same", "differs", "missing", "new"]


class Bench(Protocol):
    """What is needed of a workspace to make an export in it."""

    path: Path

    def configure(self, **tables: Mapping[str, Any]) -> Any: ...  # noqa: D102 - as in Workbench
    def ingest(self, *, progress: Progress = ...) -> Catalog: ...  # noqa: D102
    def faces(self, *, progress: Progress = ...) -> Any: ...  # noqa: D102
    def embed(self, *, progress: Progress = ...) -> Any: ...  # noqa: D102
    def duplicates(self, *, progress: Progress = ...) -> Any: ...  # noqa: D102
    def cluster(self, *, progress: Progress = ...) -> Any: ...  # noqa: D102
    def reference(self, source: str | Path = ..., *, progress: Progress = ..., **options: Any) -> Any: ...  # noqa: D102
    def import_decisions(self, file: str | Path) -> int: ...  # noqa: D102
    def sample(self, target_size: int | None = ..., *, progress: Progress = ..., **options: Any) -> Any: ...  # noqa: D102
    def use(self, *, progress: Progress = ..., **options: Any) -> Any: ...  # noqa: D102
    def export(self, name: str, *, progress: Progress = ..., **options: Any) -> Path: ...  # noqa: D102


@dataclass(frozen=True)
class Sources:
    """Where the files lie that an export was made from; "" where an export needs none or its workspace knows."""

    source: str = ""
    metadata: str = ""
    reference: str = ""


@dataclass(frozen=True)
class Reproduction:
    """What came out. files: every file of either export, in order. why: what may explain the differences, in words."""

    files: Mapping[str, State]
    why: tuple[str, ...]

    @property
    def ok(self) -> bool:
        """Whether every byte is the same."""
        return all(state == "same" for state in self.files.values())

    def require(self) -> None:
        """Raise ManifestMismatch naming what differs, and why it may."""
        if not self.ok:
            unlike = [f"{name} {_SAYS[state]}" for name, state in self.files.items() if state != "same"]
            more = f" and {len(unlike) - _LISTED} more" if len(unlike) > _LISTED else ""
            raise ManifestMismatch(f"{', '.join(unlike[:_LISTED])}{more}; it may be because {'; '.join(self.why)}")


def reproduce(
    export: Path,
    make: Callable[..., Bench],
    sources: Sources | None = None,
    *,
    scratch: Path | None = None,
    progress: Progress = silent,
) -> Reproduction:
    """Make an export again and compare it file by file.

    export: folder or zip. make: `Workspace.init`. sources: where the source lies, by default as the workspace says that
    the export lies in. scratch: where the other workspace is made for as long as this takes; by default where temporary
    files go.
    Raises StaleArtifact for an export that does not tell all its settings, ConfigError where the source is not known.
    """
    with tempfile.TemporaryDirectory(dir=scratch, prefix="repro-") as folder:
        found = export
        if zipfile.is_zipfile(export):
            found = Path(folder) / "unpacked"
            found.mkdir()
            unpack_export(export, found)
        run = _run(found)
        bench = make(Path(folder) / "workspace", **_ingest_options(run, _located(export, run, sources or Sources())))
        again = _again(bench, found, run, sources or Sources(), export, progress)
        changed = _changed_items(found, run, again[1])
        return _compared(found, again[0], run, changed)


def _run(folder: Path) -> dict[str, Any]:
    if not (folder / "run.json").is_file() or not (folder / "SHA256SUMS").is_file():
        raise ManifestMismatch(f"{folder.name} is no whole export; give what `curate export` wrote")
    try:
        run = read_run(folder)
    except ValueError as error:
        raise ManifestMismatch(f"run.json of {folder.name} cannot be read ({error}); verify the export") from None
    missing = [name for name in _NEEDED if name not in run]
    if missing or run.get("format") != FORMAT:
        told = f"did not tell all settings ({', '.join(missing)})" if missing else "writes other files"
        raise StaleArtifact(
            f"{folder.name} is of format {run.get('format')}, here {FORMAT}: the version that wrote it {told}, so its "
            "bytes cannot come again; export it again to make it reproducible, or verify it"
        )
    return run


def _located(export: Path, run: Mapping[str, Any], given: Sources) -> Sources:
    """Where everything lies: as given, else as the workspace says that the export lies in, else beside the source."""
    home = export.resolve().parent.parent / "workspace.toml"
    known = parse(home.read_text(encoding="utf-8"), home.name) if home.is_file() else None
    ingest = known.ingest if known else None
    source = given.source or (ingest.source if ingest else "")
    if not source:
        raise ConfigError(
            f"the export was made from {run['source']['source']!r} and does not say where that lies; give --source"
        )
    metadata, named = given.metadata or (ingest.metadata if ingest and not given.source else "") or "", ""
    if run["source"].get("metadata") and not metadata:
        named = str(Path(source).parent / run["source"]["metadata"])
        if not Path(named).is_file():
            raise ConfigError(f"the export was made with the table {run['source']['metadata']!r}; give --metadata")
    wanted, reference = run["settings"].get("reference") or {}, given.reference
    if wanted.get("source") and not reference:
        reference = known.reference.source if known and known.reference else ""
        if not reference:
            raise ConfigError(f"the draw was guided by the examples {wanted['source']!r}; give --reference")
    return Sources(source, metadata or named, reference)


def _ingest_options(run: Mapping[str, Any], where: Sources) -> dict[str, Any]:
    told = {name: value for name, value in run["source"].items() if name not in ("digest", "source", "metadata")}
    return {"source": where.source, **told, **({"metadata": where.metadata} if where.metadata else {})}


def _again(
    bench: Bench, export: Path, run: Mapping[str, Any], given: Sources, place: Path, progress: Progress
) -> tuple[Path, Catalog]:
    """Every step of the export in another workspace. Returns the new export and the catalog it was made from."""
    settings, columns = run["settings"], run["columns"]
    tables = {name: values for name, values in settings.items() if name != "reference" and values is not None}
    bench.configure(**tables)
    catalog = bench.ingest(progress=progress)
    if "faces" in run:
        bench.faces(progress=progress)
    bench.embed(progress=progress)
    if "duplicate_group" in columns:
        bench.duplicates(progress=progress)
    bench.cluster(progress=progress)
    bench.import_decisions(export / "decisions.jsonl")
    if settings.get("reference"):
        wanted = {name: value for name, value in settings["reference"].items() if name != "source" and value}
        bench.reference(_located(place, run, given).reference, progress=progress, **wanted)
    bench.sample(progress=progress, one_per_group="near_duplicates" in run, **run["sample"])
    if "use" in run.get("reports", {}):
        bench.use(progress=progress, **run["reports"]["use"])
    return bench.export(_FOLDER, progress=progress, **run["export"]), catalog


def _changed_items(export: Path, run: Mapping[str, Any], catalog: Catalog) -> str:
    """What is different about the source, in words; "" when it holds the very items."""
    names, told = run["columns"], dict[str, str]()
    for file in ("manifest.parquet", "rejected.parquet"):
        if (export / file).is_file():
            table = pq.read_table(export / file, columns=[names["path"], names["sha256"]])
            told |= dict(
                zip(*(table.column(name).to_pylist() for name in (names["path"], names["sha256"])), strict=True)
            )
    told = {uri: content for uri, content in told.items() if content}
    now = dict(zip(catalog.uri, catalog.content_hash, strict=True))
    changed = [uri for uri, content in told.items() if uri in now and now[uri] != content]
    gone = [uri for uri in told if uri not in now]
    new = len(now) - run["counts"]["items"] + len(gone)
    parts = [
        f"{len(uris):,} {what} ({', '.join(uris[:2])}{' …' if len(uris) > 2 else ''})"
        for uris, what in ((changed, "items changed"), (gone, "items are gone"))
        if uris
    ]
    parts += [f"{new:,} items are new"] if new > 0 else []
    return f"the source changed: {', '.join(parts)}" if parts else ""


def _compared(export: Path, again: Path, run: Mapping[str, Any], changed: str) -> Reproduction:
    before, now = (_sums(folder) for folder in (export, again))
    files: dict[str, State] = {}
    for name in sorted(before.keys() | now.keys()):
        if name not in now:
            files[name] = "missing"
        elif name not in before:
            files[name] = "new"
        else:
            files[name] = "same" if before[name] == now[name] else "differs"
    files |= _lance(export, again)
    why = (
        ()
        if all(state == "same" for state in files.values())
        else tuple(_reasons(run, read_run(again), changed, files))
    )
    return Reproduction(files, why)


def _lance(export: Path, again: Path) -> dict[str, State]:
    """The Lance dataset, whose files are named anew each time, by what it holds; nothing where neither has one."""
    there, now = (folder / LANCE for folder in (export, again))
    if not there.is_dir() and not now.is_dir():
        return {}
    if not there.is_dir() or not now.is_dir():
        return {LANCE: "missing" if there.is_dir() else "new"}
    return {LANCE: "same" if read_lance(there).equals(read_lance(now)) else "differs"}


def _reasons(before: Mapping[str, Any], now: Mapping[str, Any], changed: str, files: Mapping[str, State]) -> list[str]:
    """What may explain that bytes differ, the surest first."""
    found = [changed] if changed else []
    for name, what in (("packages", "version"), ("step_versions", "version of step")):
        old, new = before.get(name, {}), now.get(name, {})
        found += [
            f"{what} {one}: {old.get(one, 'none')} then, {new.get(one, 'none')} now"
            for one in sorted(old.keys() | new.keys())
            if old.get(one) != new.get(one)
        ]
    if before.get("format") != now.get("format"):
        found.append(f"format {before.get('format')} then, {now.get('format')} now")
    told = [name for name in sorted(before.keys() | now.keys()) if before.get(name) != now.get(name)]
    rest = [name for name in told if name not in ("packages", "step_versions", "format")]
    if not found and files.get("tree.parquet") == "differs":
        return [f"the tree came out otherwise: {_ARITHMETIC}"]
    if rest and not changed:
        found.append(f"run.json differs in {', '.join(rest[:_LISTED])}")
    if not found:
        found.append(f"{_ARITHMETIC}, or files were changed")
    return found


def _sums(folder: Path) -> dict[str, str]:
    lines = (folder / "SHA256SUMS").read_text(encoding="utf-8").splitlines()
    told = {name: content for content, _, name in (line.partition("  ") for line in lines)}
    return {name: content for name, content in told.items() if not name.startswith(f"{LANCE}/")}  # made anew each time
