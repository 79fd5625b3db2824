"""Commands that try draws: advise."""

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
    as_json: AsJson = False,
) -> None:
    """Try a handful of trees and measure their draws beside random and flat ones; `cluster` builds what you choose."""
    asked = _asked(target_size, column=column, n_seeds=n_seeds, most_items=most_items)
    with progress_bar() as bar:
        report = open_workspace(workspace).advise(progress=bar, **asked)
    say(report, as_json, "\n".join([*_table(report), "", report["sentence"], *report["notes"]]))


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
