"""The few forms in which pages show things: charts with their table, figures, empty states, counts, times."""

import csv
import io
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from itertools import zip_longest
from typing import Any, Literal

import streamlit as st

from curation_app import state
from curation_app.boundary import escaped
from curation_app.charts import Chart
from curation_app.components.save import save
from curation_app.navigation import go
from curation_core.metrics import Balance
from curation_core.table_text import safe_cell

MOST_CELL = 500  # characters of a cell in a table
PANEL_HEIGHT = 560  # pixels, where the stylesheet does not apply


def chart(
    made: Chart,
    key: str,
    *,
    on_select: Callable[[], None] | None = None,
    modes: Sequence[Literal["points", "box", "lasso"]] = ("points",),
    table: bool = True,
    height: Any = "content",
) -> None:
    """A chart with its description for screen readers; one click away the same data as a table, and files of both."""
    config = {
        "displaylogo": False,
        "toImageButtonOptions": {"format": "svg", "filename": _file_name(made)},
        "modeBarButtonsToRemove": ["autoScale2d", "zoomIn2d", "zoomOut2d"],
    }
    if on_select is None:
        st.plotly_chart(made.figure, key=key, config=config, alt=made.alt, height=height)
    else:
        st.plotly_chart(
            made.figure,
            key=key,
            config=config,
            alt=made.alt,
            height=height,
            on_select=on_select,
            selection_mode=modes,
        )
    if table:
        with st.expander("Table, files", type="compact", key=f"{key}-table"):
            st.dataframe(
                _bounded(made.table),
                hide_index=True,
                height="content" if len(next(iter(made.table.values()), ())) < 8 else 260,
            )
            with st.container(horizontal=True, vertical_alignment="center", gap="small"):
                file, columns = _file_name(made), made.table
                st.download_button(
                    "CSV", lambda: as_csv(columns), f"{file}.csv", "text/csv", key=f"{key}-csv", on_click="ignore"
                )
                save(key, file, key=f"{key}-save")


def _file_name(made: Chart) -> str:
    """What a chart's files are called: its title up to the colon, in letters, digits and dashes."""
    title = str(made.figure.layout.title.text or "").split(":")[0].lower()
    return "-".join(re.findall(r"[a-z0-9]+", title))[:60].strip("-") or "chart"


def as_csv(table: Mapping[str, Sequence[Any]]) -> bytes:
    """Columns of a table as a CSV that a spreadsheet shows and does not compute."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([safe_cell(name) for name in table])
    writer.writerows([safe_cell(value) for value in row] for row in zip_longest(*table.values()))
    return text.getvalue().encode()


def figures(values: Mapping[str, tuple[str, str]]) -> None:
    """A strip of figures of equal height: label -> (value, what it means)."""
    for column, (label, (value, meaning)) in zip(st.columns(len(values)), values.items(), strict=True):
        column.metric(label, value, help=meaning, border=True, height="stretch")


def balance_figures(before: Balance, after: Balance | None, groups: str) -> None:
    """Entropy, Gini, coverage and largest share of a count per group, before -> after; no colour says good or bad."""
    groups = escaped(groups)

    def pair(value: Callable[[Balance], str]) -> str:
        return value(before) if after is None else f"{value(before)} → {value(after)}"

    figures(
        {
            "Entropy": (
                pair(lambda b: f"{b.entropy:.2f}"),
                f"How evenly items spread over the {groups}: 1 is perfectly even, 0 is all in one.",
            ),
            "Gini": (
                pair(lambda b: f"{b.gini:.2f}"),
                f"Inequality of the {groups}: 0 is equal, 1 is everything in one.",
            ),
            f"{groups.capitalize()} covered": (
                pair(lambda b: f"{100 * b.coverage:.0f} %"),
                f"Share of the {groups} with at least one item.",
            ),
            "Largest share": (
                pair(lambda b: f"{100 * b.largest_share:.1f} %"),
                f"Share of items in the largest of the {groups}.",
            ),
        }
    )


def empty(
    title: str,
    why: str,
    label: str,
    *,
    key: str,
    page: str = "",
    act: Callable[[], None] | None = None,
    icon: str = ":material/add:",
) -> None:
    """Where there is nothing to show yet: what is missing, why it matters, and the button that makes it."""
    with st.container(border=True, key=f"empty-{key}"):
        st.subheader(title)
        st.markdown(why)
        if st.button(label, type="primary", key=key, icon=icon, on_click=act) and page:
            go(page)


def no_workspace() -> None:
    """The empty state of every page before there is a workspace."""
    empty(
        "No workspace yet",
        "A workspace is the folder of one curation: your items, their vectors, the tree, your decisions, every export. "
        "Start with a bundled sample or point at your own pictures, texts or vectors; nothing leaves this machine.",
        "Choose data",
        key="to-data",
        page="data",
        icon=":material/database:",
    )


def needs(step: str, reason: str, key: str) -> None:
    """The empty state of a page that needs an earlier step."""
    title, why, label, page = _NEEDS[step]
    said = f"{why} Now: {escaped(reason)}." if reason else why
    empty(title, said, label, key=f"{key}-needs-{step}", page=page, icon=":material/arrow_forward:")


_NEEDS = {
    "ingest": ("No items yet", "The source of this workspace has not been read.", "Go to Data", "data"),
    "cluster": (
        "No tree yet",
        "Items are grouped into a tree of clusters; looking, reviewing and balancing all work on it.",
        "Go to Cluster",
        "cluster",
    ),
    "project": (
        "No map yet",
        "The map lays similar items next to each other. It is for looking only.",
        "Go to Cluster",
        "cluster",
    ),
    "sample": (
        "Nothing drawn yet",
        "An export lists the items of a balanced draw. Choose its size first.",
        "Go to Balance",
        "balance",
    ),
}


def act(label: str, key: str, icon: str, on_click: Callable[..., Any], *args: Any, **options: Any) -> None:
    """A button that does something at once; icon is the name of a Material symbol."""
    st.button(label, key=key, icon=f":material/{icon}:", on_click=on_click, args=args, **options)


def notice() -> None:
    """Say once what is to be said now."""
    said = state.take_notice()
    if said:
        st.toast(escaped(said), icon=":material/check_circle:")


def level_choice(n_levels: int, key: str, **options: Any) -> int:
    """Which level of the tree: coarsest first, since that is where one starts."""
    levels = list(range(n_levels, 0, -1))
    options = {"default": levels[0], "help": "1 is the finest.", **options}
    level: int = st.segmented_control("Level", levels, key=key, required=True, **options)
    return level


def panel(name: str) -> Any:
    """A bordered panel that fills the window's height and scrolls inside; the shell's stylesheet knows the key."""
    return st.container(border=True, height=PANEL_HEIGHT, key=f"panel-{name}")


def count(n: int, noun: str) -> str:
    """A number with its noun, in the plural where it is due."""
    return f"{n:,} {noun}" if n == 1 else f"{n:,} {noun}s"


def percent(part: float, whole: float) -> str:
    """A share in per cent with one digit; what is there is never 0.0 %."""
    if 0 < part < 0.0005 * whole:
        return "< 0.1 %"
    return f"{100 * part / whole:.1f} %" if whole else "0 %"


def ago(moment: str) -> str:
    """How long ago a UTC time (ISO 8601) was, in the largest fitting unit."""
    try:
        then = datetime.fromisoformat(moment)
    except ValueError:
        return ""
    seconds = max(0, int((datetime.now(UTC) - then).total_seconds()))
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds // size} {unit} ago"
    return "just now"


def duration(seconds: float | None) -> str:
    """Seconds as people say them."""
    if seconds is None:
        return ""
    if seconds < 1:
        return "under 1 s"
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5_400 else f"{seconds / 3_600:.1f} h"


def file_size(n_bytes: int) -> str:
    """Bytes in the unit that keeps the number short."""
    size = float(n_bytes)
    for unit in ("B", "kB", "MB"):
        if size < 1_000:
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1_000
    return f"{size:.1f} GB"


def table(columns: Mapping[str, Sequence[Any]], *, key: str, height: Any = None, **options: Any) -> Any:
    """A plain table without row numbers."""
    alt = options.pop("alt", f"Table of {', '.join(filter(None, columns))}.")
    return st.dataframe(_bounded(columns), hide_index=True, alt=alt, key=key, height=height or "auto", **options)


def _bounded(columns: Mapping[str, Sequence[Any]]) -> dict[str, Sequence[Any]]:
    """Columns for the browser: of a longer text only its start, a class may be a whole book."""

    def cut(value: Any) -> Any:
        return f"{value[:MOST_CELL]}…" if isinstance(value, str) and len(value) > MOST_CELL else value

    return {name: [cut(value) for value in values] for name, values in columns.items()}
