"""The card section on what probes learned from the draw, beside a flat and a random one of equal size."""

from collections.abc import Mapping
from typing import Any

from curation_core.card_blocks import Block, Bullets, Table, Text, clean, percent

_DRAWS = {"ours": "ours, balanced", "flat": "flat k-means", "random": "random"}
_PROBES = {"knn": "k-NN", "linear": "linear"}
_COLUMNS = ("draw", "probe", "balanced accuracy", "accuracy", "worst class", "its accuracy")


def use_blocks(report: Mapping[str, Any] | None) -> tuple[Block, ...]:
    """The report of `curate use`: its sentence, a row per draw and probe, what was done. Nothing without a report."""
    if not report:
        return ()
    rows = tuple(
        (
            _DRAWS.get(row["draw"], clean(row["draw"])),
            _PROBES.get(row["probe"], clean(row["probe"])),
            _between(row, "balanced"),
            _between(row, "mean"),
            clean(row.get("worst_group", ""), 60),
            _between(row, "worst"),
        )
        for row in report["rows"]
    )
    caption = (
        f"Learning {clean(report['column'], 60)} on frozen vectors, mean over {report['seeds']} seeds and interval"
    )
    return (
        Text(clean(report["sentence"], 2000)),
        Table(caption, _COLUMNS, rows),
        Bullets(tuple(clean(note, 600) for note in report["notes"])),
    )


def _between(row: Mapping[str, Any], figure: str) -> str:
    """A mean with its interval; that of plain accuracy is called low and high alone."""
    low, high = ("low", "high") if figure == "mean" else (f"{figure}_low", f"{figure}_high")
    if row.get(figure) is None:
        return ""
    return f"{percent(row[figure])} ({100 * row[low]:.1f}–{100 * row[high]:.1f})"
