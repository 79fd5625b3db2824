"""What tells two selections apart? One that was pinned, A, beside what is in hand, B."""

from collections.abc import Iterable
from typing import Any

import numpy as np
import pyarrow as pa
import streamlit as st

from curation_app import item_cards, show, state
from curation_app.boundary import escaped
from curation_app.chart_contrast import class_bars
from curation_app.charts import clipped
from curation_app.chips import selection_label
from curation_app.comparing import Compared, compared
from curation_app.components.grid import Cell, Section, grid
from curation_app.item_cards import Known
from curation_app.scene import Scene
from curation_core.contrast import SAMPLE, NumberContrast, TellingWords
from curation_core.selection import Selection

_NOISE = 0.02  # a difference of shares, or of pairs from one half, below which nobody needs to look
_TABS = ("Figures", "Pictures", "Classes", "Numbers", "Words")


def pin_button(scene: Scene, *, key: str) -> None:
    """A button that keeps what is in hand for a comparison with what is picked next."""
    chosen = scene.selection
    show.act(
        "Pin",
        key,
        "keep",
        lambda: state.update(pinned=chosen),
        disabled=chosen.kind == "none" or chosen == state.app_state().pinned,
        help="Keeps this selection as A; then pick another one, and see both side by side.",
    )


def compare(scene: Scene, rows_a: np.ndarray, *, key: str) -> None:
    """A, what was pinned, beside B, what is in hand. rows_a: (m,) rows of the pinned selection that match."""
    pinned, chosen, rows_b = state.app_state().pinned, scene.selection, scene.found.rows
    if pinned is None:
        _teach(scene, key)
        return
    names = (selection_label(pinned, scene), selection_label(chosen, scene) or "nothing yet")
    _header(pinned, chosen, names, key)
    if not len(rows_a) or chosen.kind == "none" or not len(rows_b):
        empty = "A has no items that match the filters." if not len(rows_a) else ""
        hint = "Now pick what to compare it with: a cluster, or points on the map."
        st.caption(empty or (hint if chosen.kind == "none" else "B has no items that match the filters."))
        return
    if pinned == chosen:
        st.caption("A and B are the same selection. Pick another one, in the tree or on the map.")
        return
    _body(scene, np.asarray(rows_a), rows_b, names, key)


def figures(scene: Scene, a: np.ndarray, b: np.ndarray, found: Compared) -> dict[str, list[str]]:
    """The table of both: how many, how much of it drawn and dropped, how wide."""

    def of(rows: np.ndarray, mask: np.ndarray) -> str:
        held = int(mask[rows].sum())
        return f"{held:,} ({show.percent(held, len(rows))})"

    pair = (a, b)
    lines = {
        "items": [f"{len(rows):,}" for rows in pair],
        "share of the pool": [show.percent(len(rows), scene.n) for rows in pair],
        "drawn": [of(rows, scene.drawn) for rows in pair],
        "dropped": [of(rows, ~scene.decided.eligible) for rows in pair],
        "in both": [f"{found.shared:,} ({show.percent(found.shared, len(rows))})" for rows in pair],
        "mean distance to its centroid": [f"{distance:.3f}" for distance in found.places.within],
        "nearer to the other's centroid": [f"{100 * share:.1f} %" for share in found.places.strayed],
    }
    return {"": list(lines), "A": [line[0] for line in lines.values()], "B": [line[1] for line in lines.values()]}


def in_words(found: NumberContrast) -> str:
    """The size of a difference between two sets of numbers, as a sentence."""
    if np.isnan(found.above):
        return "one side has no values"
    if abs(found.effect) < _NOISE:
        return "no difference"
    return f"{'A' if found.above > 0.5 else 'B'} larger in {_share_of_pairs(found)} of pairs"


def in_short(found: NumberContrast) -> str:
    """The same for a cell of a table."""
    if np.isnan(found.above) or abs(found.effect) < _NOISE:
        return "–" if np.isnan(found.above) else "neither"
    return f"{'A' if found.above > 0.5 else 'B'}, {_share_of_pairs(found)}"


def _share_of_pairs(found: NumberContrast) -> str:
    return f"{100 * max(found.above, 1 - found.above):.0f} %"


def _teach(scene: Scene, key: str) -> None:
    def pin() -> None:
        if scene.selection.kind != "none":
            state.update(pinned=scene.selection)

    show.empty(
        "Compare two selections",
        "Pin what is in hand, then pick another cluster or draw another area: sizes, pictures, columns and words "
        "of both stand side by side, with what tells them apart on top.",
        "Pin what is in hand" if scene.selection.kind != "none" else "Pick something first",
        key=f"{key}-teach",
        act=pin,
        icon=":material/keep:",
    )


def _header(pinned: Selection, chosen: Selection, names: tuple[str, str], key: str) -> None:
    def swap() -> None:
        state.update(pinned=chosen)
        state.select(pinned)

    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        a, b = (f"**{escaped(name)}**" for name in names)
        st.markdown(f":blue-badge[A] {a}  \n:orange-badge[B] {b}")
        nothing = chosen.kind == "none"
        show.act("Swap", f"{key}-swap", "swap_vert", swap, disabled=nothing, type="tertiary")
        show.act("Unpin", f"{key}-unpin", "keep_off", lambda: state.update(pinned=None), type="tertiary")


def _body(scene: Scene, a: np.ndarray, b: np.ndarray, names: tuple[str, str], key: str) -> None:
    found = compared(scene, a, b)
    there = {"Classes": found.classes, "Numbers": found.numbers, "Words": found.words is not None}
    offered = [tab for tab in _TABS if there.get(tab, True)]
    tab = st.segmented_control(
        "Compare by",
        offered,
        default="Figures",
        key=f"{key}-tab",
        required=True,
        label_visibility="collapsed",
        format_func=lambda name: _tab_name(scene, name),
    )
    if tab == "Figures":
        _figures(scene, a, b, found, key)
    elif tab == "Pictures":
        _pictures(scene, found, key)
    elif tab == "Classes":
        _classes(found, names, key)
    elif tab == "Numbers":
        _numbers(found, key)
    elif found.words is not None:
        _words(found.words)
    if tab != "Words":  # which say it themselves
        _sampling(found)


def _tab_name(scene: Scene, tab: str) -> str:
    return "Items" if tab == "Pictures" and scene.pool.catalog.modality != "image" else tab


def _figures(scene: Scene, a: np.ndarray, b: np.ndarray, found: Compared, key: str) -> None:
    show.table(figures(scene, a, b, found), key=f"{key}-figures", height="content")
    pair = f", their representatives {found.places.pair[2]:.3f} at the nearest" if found.places.pair else ""
    st.markdown(f"Their centroids are {found.places.between:.3f} apart{pair}.")
    column, most = next(iter(found.classes.items()), ("", None))
    if most is not None and most.distance >= _NOISE:
        st.markdown(
            f"They differ most in **{escaped(clipped(column, 60))}**: {100 * most.distance:.0f} % of one would have to "
            "change class to look like the other."
        )
    name, number = next(iter(found.numbers.items()), ("", None))
    if number is not None and abs(number.effect) >= _NOISE:
        st.markdown(f"Of the numbers, in **{escaped(clipped(name, 60))}**: {in_words(number)}.")


def _pictures(scene: Scene, found: Compared, key: str) -> None:
    shown = found.places
    sections = [
        Section(_cells(scene, shown.nearest[0]), "A", "nearest to its centroid"),
        Section(_cells(scene, shown.nearest[1]), "B", "nearest to its centroid"),
        Section(_cells(scene, shown.toward[0]), "A toward B", "of A, nearest to B's centroid"),
        Section(_cells(scene, shown.toward[1]), "B toward A", "of B, nearest to A's centroid"),
    ]
    if shown.pair is not None:
        near = _cells(scene, shown.pair[:2])
        sections.append(Section(near, "Nearest pair", f"of the first two rows, {shown.pair[2]:.3f} apart"))
    grid(scene.ws.path.name, sections, key=f"{key}-pictures", mode="none", toolbar=False, flow=True)


def _cells(scene: Scene, rows: Iterable[int]) -> list[Cell]:
    known = Known(scene.decided, scene.drawn, pa.table({}), {})
    made = item_cards.cells(scene.pool, np.array(list(rows), dtype=np.int64), known)
    return [
        Cell(str(c["row"]), "" if c["text"] else c["caption"], hash=c["hash"], text=c["text"], mark=c["mark"])
        for c in made
    ]


def _classes(found: Compared, names: tuple[str, str], key: str) -> None:
    column = st.selectbox(
        "Column",
        list(found.classes),
        key=f"{key}-column",
        width=340,
        label_visibility="collapsed",
        format_func=lambda name: f"{clipped(name, 50)} · {100 * found.classes[name].distance:.0f} % differ",
    )
    made = class_bars(found.classes[column], f"Share per value of {clipped(column, 60)}", names)
    show.chart(made, f"{key}-classes")
    st.caption("Columns with the largest difference first: the share of one that would have to change class.")


def _numbers(found: Compared, key: str) -> None:
    made = number_table(found.numbers)
    show.table(made, key=f"{key}-numbers", height="content" if len(found.numbers) < 9 else 320)
    st.caption("Larger in so many % of the pairs of one item of each, ties counted half. Quartiles: the middle half.")


def number_table(numbers: dict[str, NumberContrast]) -> dict[str, list[str]]:
    """Numbers of both sets: what differs and the medians first, so that narrow windows show them; then quartiles."""

    def said(value: float) -> str:
        return f"{value:,.0f}" if abs(value) >= 1_000 else f"{value:.3g}"

    def middle(values: np.ndarray) -> str:
        return "none" if np.isnan(values).any() else said(values[1])

    def half(values: np.ndarray) -> str:
        return "none" if np.isnan(values).any() else f"{said(values[0])} to {said(values[2])}"

    found = list(numbers.values())
    return {
        "column": [clipped(name, 60) for name in numbers],
        "larger": [in_short(one) for one in found],
        "A, median": [middle(one.quartiles[0]) for one in found],
        "B, median": [middle(one.quartiles[1]) for one in found],
        "A, quartiles": [half(one.quartiles[0]) for one in found],
        "B, quartiles": [half(one.quartiles[1]) for one in found],
    }


def _words(found: TellingWords) -> None:
    for place, column in enumerate(st.columns(2)):
        with column:
            st.markdown(f"**Said more in {'AB'[place]}**")
            if found.words[place]:
                made = word_table(found, place)
                alt = f"Words said more in {'AB'[place]}, {words_read(found)}."
                show.table(made, key=f"compare-words-{'AB'[place]}", height="content", alt=alt)
            else:
                st.caption("No word tells it apart.")
    st.caption(f"Share of the texts that hold the word, most telling first; {words_read(found)}.")


def word_table(found: TellingWords, place: int) -> dict[str, list[Any]]:
    """Words that one set says more, place 0 or 1, with both shares; columns of a sample say so."""

    def title(side: int) -> str:
        return f"{'AB'[side]}, %" + (f" of {found.n_used[side]:,} sampled" if _is_sampled(found, side) else "")

    words = found.words[place]
    return {
        "word": [clipped(word, 40) for word, _, _ in words],
        title(place): [round(100 * own, 1) for _, own, _ in words],
        title(1 - place): [round(100 * others, 1) for _, _, others in words],
    }


def words_read(found: TellingWords) -> str:
    """Which texts of both sets words are of, in words."""

    def read(side: int) -> str:
        of_all = f"all {found.n[side]:,} texts of {'AB'[side]}"
        sample = f"a random sample of {found.n_used[side]:,} of the {found.n[side]:,} texts of {'AB'[side]}"
        return sample if _is_sampled(found, side) else of_all

    return f"words of {read(0)} and of {read(1)}"


def _is_sampled(found: TellingWords, side: int) -> bool:
    return found.n_used[side] < found.n[side]


def _sampling(found: Compared) -> None:
    said = [
        f"distances and numbers of {side} from a random sample of {used:,}"
        for side, used in zip("AB", found.places.n_used, strict=True)
        if used == SAMPLE
    ]
    if said:
        st.caption(f"{'; '.join(said).capitalize()} items; counts are exact.")
