"""Commands that try draws: advise, use."""

from typing import Annotated, Any

import typer

from curation_core.cli_common import HERE, AsJson, Where, app, given, open_workspace, say, whole
from curation_core.terminal import progress_bar

Size = Annotated[float | None, typer.Option(help="Items to draw; empty: the draw's target.")]
Seeds = Annotated[int | None, typer.Option("--seeds", help="Seeds per setting.")]
Most = Annotated[int | None, typer.Option(help="Items tried; of more, a random part.")]


@app.command()
def advise(
    workspace: Where = HERE,
    target_size: Size = None,
    column: Annotated[str | None, typer.Option(help="Column of labels to measure evenness over.")] = None,
    n_seeds: Seeds = None,
    most_items: Most = None,
    embedder: Annotated[
        list[str] | None, typer.Option(help="Embedder to try as well, by labels; may be repeated.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Try a handful of trees and measure their draws beside random and flat ones; `cluster` builds what you choose."""
    asked = _asked(target_size, column=column, n_seeds=n_seeds, most_items=most_items, embed_with=embedder or None)
    with progress_bar() as bar:
        report = open_workspace(workspace).advise(progress=bar, **asked)
    say(report, as_json, "\n".join([*_table(report), "", report["sentence"], *report["notes"]]))


@app.command()
def use(
    workspace: Where = HERE,
    column: Annotated[str | None, typer.Option(help="Column of labels that the probes learn.")] = None,
    group_column: Annotated[str | None, typer.Option(help="Second column whose worst group is told.")] = None,
    target_size: Size = None,
    n_seeds: Seeds = None,
    most_items: Most = None,
    as_json: AsJson = False,
) -> None:
    """Train simple probes on your draw, a flat and a random one of the same size, and test them on items kept out."""
    options = {"column": column, "group_column": group_column, "n_seeds": n_seeds, "most_items": most_items}
    with progress_bar() as bar:
        report = open_workspace(workspace).use(progress=bar, **_asked(target_size, **options))
    say(report, as_json, "\n".join([*_marks(report), "", report["sentence"], *report["notes"]]))


def _marks(report: dict[str, Any]) -> list[str]:
    lines = [f"{'draw':<8}{'probe':<8}{'accuracy':>22}{'balanced':>22}{'worst group':>22}"]
    for row in report["rows"]:
        cells = [_percent(row, *names) for names in (("mean", ""), ("balanced", "balanced_"), ("worst", "worst_"))]
        told = "".join(f"{cell:>22}" for cell in cells)
        lines.append(f"{row['draw']:<8}{row['probe']:<8}{told}  {row['worst_group']}")
    return lines


def _percent(row: dict[str, Any], name: str, prefix: str) -> str:
    return f"{100 * row[name]:.1f} ({100 * row[prefix + 'low']:.1f} to {100 * row[prefix + 'high']:.1f})"


def _asked(target_size: float | None, **options: Any) -> dict[str, Any]:
    size = None if target_size is None else whole(target_size, "--target-size")
    return given(target_size=size, **options)


def _table(report: dict[str, Any]) -> list[str]:
    figures = report["figures"]
    lines = [f"{'':<3}{'setting':<34}" + "".join(f"{one['title']:>20}" for one in figures)]
    for row in report["rows"]:
        cells = [row["figures"].get(one["name"]) for one in figures]
        said = [f"{cell['mean']:.4g} ± {cell['spread']:.2g}" if cell else "–" for cell in cells]
        lines.append(f"{'*' if row['front'] else '':<3}{row['title']:<34}" + "".join(f"{one:>20}" for one in said))
    return [*lines, "* no other row beats it"]
