"""Two selections side by side: what is said of them is what is counted, and it is said of the right one."""

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from curation_app import compare_view, state
from curation_app.comparing import compared
from curation_core.contrast import NumberContrast, TellingWords
from curation_core.selection import Selection
from curation_core.workspace import Workspace
from tests.app.test_sizes import scene_of


@pytest.fixture
def ws(full_folder) -> Workspace:
    return Workspace(full_folder / "shapes")


def two_clusters(ws: Workspace) -> tuple[int, int]:
    first, second = np.argsort(-ws.hierarchy().sizes(2))[:2]
    return int(first), int(second)


def test_the_table_counts_items_shares_draws_and_overlap_of_each_side(ws):
    a, b = two_clusters(ws)
    ws.decide_cluster(2, b, "drop")
    scene = scene_of(ws, Selection("cluster", 2, b))
    rows_a = np.r_[scene.pool.hierarchy.members(2, a), scene.found.rows[:3]]
    table = compare_view.figures(scene, rows_a, scene.found.rows, compared(scene, rows_a, scene.found.rows))
    lines = dict(zip(table[""], zip(table["A"], table["B"], strict=True), strict=True))
    n_a, n_b = len(rows_a), len(scene.found.rows)
    assert lines["items"] == (f"{n_a:,}", f"{n_b:,}")
    assert lines["dropped"] == (f"3 ({100 * 3 / n_a:.1f} %)", f"{n_b} (100.0 %)")
    assert lines["in both"] == (f"3 ({100 * 3 / n_a:.1f} %)", f"3 ({100 * 3 / n_b:.1f} %)")
    assert lines["drawn"][0].startswith(f"{int(scene.drawn[rows_a].sum())} ")


def test_columns_come_with_the_largest_difference_first_and_levels_not_for_clusters(ws):
    a, b = two_clusters(ws)
    scene = scene_of(ws, Selection("cluster", 2, b))
    found = compared(scene, scene.pool.hierarchy.members(2, a), scene.found.rows)
    distances = [contrast.distance for contrast in found.classes.values()]
    assert distances == sorted(distances, reverse=True)
    assert "shape" in found.classes
    assert "level 1" not in found.classes
    assert list(found.numbers)
    assert "distance" in found.numbers


def test_what_was_compared_follows_decisions(ws):
    a, b = two_clusters(ws)
    before = scene_of(ws, Selection("cluster", 2, b))
    rows = before.pool.hierarchy.members(2, a)
    assert compared(before, rows, before.found.rows).classes["decision"].distance == 0
    ws.decide_cluster(2, a, "keep")  # changes nobody's eligibility, and is a decision all the same
    after = scene_of(ws, Selection("cluster", 2, b))
    assert compared(after, rows, after.found.rows).classes["decision"].distance == 1


@pytest.mark.parametrize(
    ("above", "said"),
    [
        (0.83, "A larger in 83 % of pairs"),
        (0.2, "B larger in 80 % of pairs"),
        (0.505, "no difference"),
        (float("nan"), "one side has no values"),
    ],
)
def test_effects_are_said_in_plain_words(above, said):
    assert compare_view.in_words(NumberContrast(np.zeros((2, 3)), np.ones(2), above)) == said


def script():
    import numpy as np

    from curation_app import compare_view, loaders, scenes, state

    scene, _ = scenes.scene(loaders.current())
    pinned = state.app_state().pinned
    compare_view.pin_button(scene, key="pin")
    rows = scenes.rows_of(scene, pinned).rows if pinned else np.zeros(0, dtype=np.int64)
    compare_view.compare(scene, rows, key="c")


def started(selection: Selection, pinned: Selection | None = None) -> AppTest:
    """The view with this in hand and that pinned."""
    app = AppTest.from_function(script, default_timeout=60)
    app.session_state["curation"] = state.AppState(workspace="shapes", selection=selection, pinned=pinned)
    return app.run()


def test_without_a_pinned_selection_the_view_says_how_to_pin_one(full_folder):
    app = started(Selection())
    assert not app.exception
    assert "Pin what is in hand" in app.markdown[0].value
    assert app.button(key="pin").disabled


def test_pinning_then_picking_another_shows_both_and_swap_and_unpin_do(full_folder):
    ws = Workspace(full_folder / "shapes")
    a, b = two_clusters(ws)
    app = started(Selection("cluster", 2, a))
    app.button(key="pin").click().run()
    assert app.session_state["curation"].pinned == Selection("cluster", 2, a)
    assert "same selection" in app.caption[0].value
    app = started(Selection("cluster", 2, b), Selection("cluster", 2, a))
    table = app.dataframe[0].value
    sizes = ws.hierarchy().sizes(2)
    assert table["A"][0] == str(sizes[a])
    assert table["B"][0] == str(sizes[b])
    app.button(key="c-swap").click().run()
    assert not app.exception
    assert app.dataframe[0].value["A"][0] == str(sizes[b])
    app.button(key="c-unpin").click().run()
    assert app.session_state["curation"].pinned is None


@pytest.mark.parametrize("tab", ["Figures", "Pictures", "Classes", "Numbers"])
def test_every_tab_of_a_comparison_draws(full_folder, tab):
    a, b = two_clusters(Workspace(full_folder / "shapes"))
    app = started(Selection("cluster", 2, b), Selection("cluster", 2, a))
    app.segmented_control(key="c-tab").set_value(tab).run()
    assert not app.exception
    assert app.segmented_control(key="c-tab").options == ["Figures", "Pictures", "Classes", "Numbers"]


def test_a_pinned_cluster_that_is_not_in_the_tree_is_no_error(full_folder):
    app = started(Selection("cluster", 2, 1), Selection("cluster", 2, 999))
    assert not app.exception
    assert "another tree" in app.markdown[0].value
    assert "A has no items" in app.caption[0].value
    app = started(Selection(), Selection("cluster", 2, 1))
    assert not app.exception
    assert "Now pick what to compare it with" in app.caption[0].value


def test_words_of_a_sample_say_so_on_screen_and_in_the_table():
    words = ([("fox", 0.5, 0.1)], [("whale", 0.25, 0.0)])
    sample = TellingWords(words, (20_000, 312), (412_332, 312))
    assert (
        compare_view.words_read(sample)
        == "words of a random sample of 20,000 of the 412,332 texts of A and of all 312 texts of B"
    )
    table = compare_view.word_table(sample, 0)
    assert table == {"word": ["fox"], "A, % of 20,000 sampled": [50.0], "B, %": [10.0]}
    assert list(compare_view.word_table(sample, 1)) == ["word", "B, %", "A, % of 20,000 sampled"]
    whole = TellingWords(words, (9, 8), (9, 8))
    assert compare_view.words_read(whole) == "words of all 9 texts of A and of all 8 texts of B"
    assert "sampled" not in str(compare_view.word_table(whole, 0))


def test_the_table_of_numbers_says_what_differs_before_the_quartiles():
    quartiles = np.array([[0.12345, 0.5, 0.75], [1.0, 2.0, 30_000.0]])
    numbers = {
        "sharpness": NumberContrast(quartiles, np.array([4, 4]), 0.18),
        "same": NumberContrast(quartiles, np.array([4, 4]), 0.5),
        "none": NumberContrast(np.array([[np.nan] * 3, [1, 2, 3]]), np.array([0, 4]), float("nan")),
    }
    table = compare_view.number_table(numbers)
    assert list(table)[:4] == ["column", "larger", "A, median", "B, median"]
    assert table["larger"] == ["B, 82 %", "neither", "–"]
    assert table["B, quartiles"][0] == "1 to 30,000"
    assert table["A, median"][2] == table["A, quartiles"][2] == "none"
