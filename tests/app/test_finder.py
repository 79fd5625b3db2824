"""The bar above Explore: searching, filters, chips, saved selections, links, and a picture that is dropped in."""

import io
import json
import re

import numpy as np
import pytest
from PIL import Image

from curation_app import dropped, loaders, meaning
from curation_app.chips import filter_label
from curation_core import links
from curation_core.errors import ConfigError, IngestError
from curation_core.saved_selections import SavedSelections
from curation_core.selection import Filter, Selection
from curation_core.workspace import Workspace

RED = Filter("one_of", "shape", values=("red circle",))


def opened(open_page, selection=None, filters=(), **more):
    app = open_page("explore", ws="shapes", **links.write(selection or Selection(), filters), **more)
    assert not app.exception, app.exception
    return app


def field(app, kind="Text"):
    return next(found for found in app.text_input if found.key == f"finder-words-{kind}")


def keyed(elements, key):
    return next(found for found in elements if found.key == key)


def chips(app):
    """Labels of the chips, as they are read."""
    found = [one for one in app.button if one.key.startswith(("finder-filter-", "finder-selection"))]
    return [one.label.replace("\\", "") for one in found if one.key != "finder-filter-add"]


def ask(app, kind, words):
    keyed(app.selectbox, "finder-kind").set_value(kind).run()
    field(app, kind).set_value(words).run()
    assert not app.exception, app.exception
    return app


def linked(app):
    params = {name: value[0] if isinstance(value, list) else value for name, value in app.query_params.items()}
    return links.read(params)[:2]


def shown(app):
    return "\n".join(
        str(found.value) for kind in ("markdown", "caption", "error", "warning") for found in app.get(kind)
    )


def test_without_anything_set_there_are_no_chips(full_folder, open_page):
    app = opened(open_page)
    assert chips(app) == []
    assert keyed(app.selectbox, "finder-kind").value == "Text"  # color-hog knows no words


def test_words_that_stand_in_a_column_become_a_filter_and_leave_the_field_empty(full_folder, open_page):
    app = ask(opened(open_page), "Text", "RED circle")
    assert chips(app) == ["name contains “RED circle”"]
    assert field(app).value == ""
    ws = Workspace(full_folder / "shapes")
    names = ws.catalog().metadata.column("name").to_pylist()
    red = sum("red circle" in name for name in names)
    assert f"**{red}** of 120 match" in shown(app)
    assert linked(app) == (Selection(), (Filter("contains", "name", text="RED circle"),))


def test_meaning_is_disabled_with_the_reason_where_the_embedder_knows_no_words(full_folder, open_page):
    app = opened(open_page)
    keyed(app.selectbox, "finder-kind").set_value("Meaning").run()
    asked = field(app, "Meaning")
    assert asked.disabled
    assert "CLIP or SigLIP" in asked.placeholder


def test_an_expression_becomes_a_filter_and_a_wrong_one_is_said_with_its_place(full_folder, open_page):
    app = ask(opened(open_page), "Expression", "widht > 3")
    assert chips(app) == []
    assert "character 1: there is no column 'widht'; near it: width" in shown(app).replace("\\", "")
    assert field(app, "Expression").value == "widht > 3"
    app = ask(app, "Expression", "width = 48 and shape != 'red circle'")
    assert chips(app) == ["width = 48 and shape != 'red circle'"]
    assert "no column" not in shown(app)


def test_items_are_selected_by_id_and_path(full_folder, open_page):
    ws = Workspace(full_folder / "shapes")
    ids, uris = ws.catalog().item_id, ws.catalog().uri
    app = ask(opened(open_page), "Id", f"{ids[3]}, {uris[7]}")
    assert linked(app)[0] == Selection("items", items=(ids[3], ids[7]))
    assert chips(app) == ["2 items"]
    app = ask(app, "Id", "zzzz")
    assert "no item is called 'zzzz'" in shown(app).replace("\\", "").lower()
    assert linked(app)[0].items == (ids[3], ids[7])


def test_the_nearest_to_an_example_come_from_a_link_and_their_number_can_be_changed(full_folder, open_page):
    item = Workspace(full_folder / "shapes").catalog().item_id[0]
    app = opened(open_page, Selection("nearest", items=(item,), n=25))
    assert [label.startswith("Nearest to") for label in chips(app)] == [True]
    assert "25 items" in shown(app)
    keyed(app.selectbox, "finder-n-25").set_value(100).run()
    assert linked(app)[0].n == 100
    assert "100 items" in shown(app)


def test_every_chip_can_be_taken_away_and_all_at_once(full_folder, open_page):
    wide = Filter("between", "width", low=10)
    app = opened(open_page, Selection("cluster", 2, 0), (RED, wide))
    assert chips(app)[0].startswith("Cluster 0")
    assert chips(app)[1:] == ["shape is red circle", "width ≥ 10"]
    next(found for found in app.button if "shape is red circle" in found.label).click().run()
    assert linked(app) == (Selection("cluster", 2, 0), (wide,))
    keyed(app.button, "finder-clear").click().run()
    assert linked(app) == (Selection(), ())
    assert chips(app) == []


def test_all_that_match_can_be_selected_whatever_was_in_hand(full_folder, open_page):
    app = opened(open_page, Selection("cluster", 1, 0), (RED,))
    label = keyed(app.button, "finder-all").label
    keyed(app.button, "finder-all").click().run()
    assert linked(app) == (Selection(), (RED,))
    n = label.rsplit(" ", 1)[1]
    assert any(found.label.startswith(f"Drop {n} items") for found in app.button if found.key == "explore-drop")


def test_a_link_that_does_not_fit_is_said_and_the_rest_is_shown(full_folder, open_page):
    gone = Filter("one_of", "gone", values=("a",))
    app = opened(open_page, Selection("nearest", image="ab" * 32), (gone, RED))
    assert "there is no column 'gone'" in shown(app).replace("\\", "")
    assert "drop it in again" in shown(app)
    assert chips(app) == ["Nearest to your picture", "gone is a", "shape is red circle"]
    keyed(app.button, "finder-selection").click().run()
    next(found for found in app.button if "gone" in found.label).click().run()
    assert linked(app) == (Selection(), (RED,))
    assert "drop it in again" not in shown(app)
    assert "there is no column" not in shown(app)


HOSTILE = ["<img src=x onerror=alert(1)>", "![a](http://x)", "**b** `c` $x$ :red[d]", "a\u202eb"]


@pytest.mark.parametrize("hostile", HOSTILE)
def test_hostile_words_are_shown_as_they_are(full_folder, open_page, hostile):
    app = opened(open_page, filters=(Filter("contains", "name", text=hostile),))
    label = next(found.label for found in app.button if found.key.startswith("finder-filter-"))
    assert not re.search(r"(?<!\\)[<>!*`$:\[\]_]", label)
    assert "\u202e" not in label


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (RED, "shape is red circle"),
        (Filter("one_of", "shape", values=("",), inverted=True), "shape is not empty"),
        (Filter("one_of", "shape", values=tuple("abcd")), "shape is one of 4"),
        (Filter("one_of", "drawn", values=("drawn",)), "drawn"),
        (Filter("one_of", "drawn", values=("not drawn",)), "not drawn"),
        (Filter("between", "width", low=1_000, high=2_500.5), "width 1,000 – 2,500.5"),
        (Filter("between", "width", high=3, inverted=True), "not: width ≤ 3"),
        (Filter("between", "width"), "width has a number"),
        (Filter("contains", "text", text="sea", inverted=True), "not: text contains “sea”"),
        (Filter("where", text="a > 1\n and b"), "a > 1 and b"),
    ],
)
def test_a_filter_says_what_it_does(asked, said):
    assert filter_label(asked) == said


def test_a_long_filter_is_a_short_chip():
    assert len(filter_label(Filter("where", text="width > 1 or " * 100))) == 60


# ---- the form


def form(app, column):
    app.session_state["finder-filter-menu"] = True
    app.run()
    keyed(app.selectbox, "finder-filter-column").set_value(column).run()
    assert not app.exception, app.exception
    return app


def test_nothing_of_the_form_is_made_before_it_is_opened(full_folder, open_page):
    app = opened(open_page)
    assert not [found for found in app.selectbox if found.key == "finder-filter-column"]


def test_classes_are_offered_with_their_counts_among_what_matches(full_folder, open_page):
    app = form(opened(open_page, filters=(RED,)), "shape")
    offered = app.multiselect[0].options
    assert len(offered) == 3
    first = offered[0]
    assert first.startswith("red circle · ")
    kept, total = first.removeprefix("red circle · ").split(" of ")
    assert kept == total
    assert " · 0 of " in offered[1]
    app.multiselect[0].set_value(["blue square"]).run()
    assert "Keeps 0 of" in shown(app)
    keyed(app.button, "finder-filter-add").click().run()
    assert linked(app)[1] == (RED, Filter("one_of", "shape", values=("blue square",)))


def test_numbers_have_a_histogram_and_exact_ends(full_folder, open_page):
    app = form(opened(open_page), "distance")
    assert any("of 120 items with a number match" in found.proto.body for found in app.get("html"))
    low, high = app.number_input[0], app.number_input[1]
    low.set_value(0.25).run()
    assert app.slider[0].value[0] == 0.25
    bottom, top = app.slider[0].min, app.slider[0].max
    app.slider[0].set_value((bottom, (bottom + top) / 2)).run()
    assert low.label == "At least"
    assert app.number_input[0].value is None
    assert app.number_input[1].value == pytest.approx((bottom + top) / 2, rel=0.05)
    assert high.label == "At most"
    keyed(app.button, "finder-filter-add").click().run()
    (made,) = linked(app)[1]
    assert (made.kind, made.column, made.low) == ("between", "distance", None)
    assert made.high == pytest.approx((bottom + top) / 2, rel=0.05)


def test_flags_have_three_states(full_folder, open_page):
    app = form(opened(open_page), "drawn")
    control = next(found for found in app.get("button_group") if "Either" in found.options)
    assert [option.split(" · ")[0] for option in control.options] == ["Either", "Yes", "No"]
    control.set_value(control.options[1]).run()
    keyed(app.button, "finder-filter-add").click().run()
    assert linked(app)[1] == (Filter("one_of", "drawn", values=("drawn",)),)


# ---- saved selections


def saved_menu(app):
    app.session_state["finder-saved-menu"] = True
    return app.run()


def test_a_selection_is_saved_opened_renamed_removed_and_brought_back(full_folder, open_page):
    store = SavedSelections(full_folder / "shapes")
    app = saved_menu(opened(open_page, Selection("cluster", 2, 1), (RED,)))
    keyed(app.text_input, "finder-saved-new").set_value("reds").run()
    keyed(app.button, "finder-saved-save").click().run()
    (saved,) = store.all()
    assert (saved.name, saved.selection, saved.filters) == ("reds", Selection("cluster", 2, 1), (RED,))
    keyed(app.button, "finder-clear").click().run()
    keyed(app.button, "finder-saved-0-open").click().run()
    assert linked(app) == (Selection("cluster", 2, 1), (RED,))
    keyed(app.button, "finder-saved-0-icon-edit").click().run()
    keyed(app.text_input, "finder-saved-0-name").set_value("red ones").run()
    assert [one.name for one in store.all()] == ["red ones"]
    keyed(app.button, "finder-saved-0-icon-remove").click().run()
    assert store.all() == []
    keyed(app.button, "finder-saved-undo").click().run()
    assert [one.name for one in store.all()] == ["red ones"]


def test_a_name_that_is_taken_is_said(full_folder, open_page):
    ws = full_folder / "shapes"
    SavedSelections(ws).save("reds", Selection(), (RED,), tree="T", count=1)
    app = saved_menu(opened(open_page, filters=(RED,)))
    keyed(app.text_input, "finder-saved-new").set_value("reds").run()
    keyed(app.button, "finder-saved-save").click().run()
    assert "there is a selection 'reds' already" in shown(app).replace("\\", "").lower()


def test_a_damaged_file_of_saved_selections_is_said_and_hurts_nothing_else(full_folder, open_page):
    (full_folder / "shapes" / "selections.json").write_text("not json")
    app = saved_menu(opened(open_page, filters=(RED,)))
    assert not app.exception
    assert "selections.json cannot be read" in shown(app).replace("\\", "").lower()
    assert chips(app) == ["shape is red circle"]


def test_clusters_of_another_tree_cannot_be_opened(full_folder, open_page):
    SavedSelections(full_folder / "shapes").save("old", Selection("cluster", 1, 1), tree="another", count=1)
    app = saved_menu(opened(open_page))
    row = keyed(app.button, "finder-saved-0-open")
    assert row.disabled
    assert "clusters of another tree" in row.help


# ---- a picture that is dropped in


def picture(colour=(210, 60, 50), kind="PNG"):
    data = io.BytesIO()
    Image.new("RGB", (64, 64), colour).save(data, kind)
    return data.getvalue()


def test_a_dropped_picture_finds_its_like_and_its_link_lasts(full_folder, open_page):
    ws = Workspace(full_folder / "shapes")
    with ws.originals() as read:
        data = read(ws.catalog().uri[5])
    digest = dropped.keep(ws, data)
    assert (ws.path / "searches" / ws.plans.meta("prepare")["key"] / f"{digest}.npy").is_file()
    assert dropped.vector_of(ws)(digest) == pytest.approx(ws.vectors()[5], abs=1e-4)
    app = opened(open_page, Selection("nearest", image=digest, n=25))
    assert chips(app) == ["Nearest to your picture"]
    assert "25 items" in shown(app)


def test_bytes_that_are_no_picture_are_refused_and_keep_nothing(full_folder):
    ws = Workspace(full_folder / "shapes")
    for data in (b"", b"GIF89a", b"<svg onload=alert(1)>", picture()[:100]):
        with pytest.raises(IngestError):
            dropped.keep(ws, data)
    with pytest.raises(ConfigError, match="10 MB are allowed"):
        dropped.keep(ws, b"x" * (11 << 20))
    assert not (ws.path / "searches").exists()


def test_a_picture_of_another_space_or_a_damaged_one_is_asked_for_again(full_folder):
    ws = Workspace(full_folder / "shapes")
    digest = dropped.keep(ws, picture())
    for unknown in ("ab" * 32, "../../etc/passwd", digest.upper()):
        with pytest.raises(ConfigError, match="drop it in again"):
            dropped.vector_of(ws)(unknown)
    path = next((ws.path / "searches").rglob("*.npy"))
    path.write_bytes(b"torn")
    with pytest.raises(ConfigError, match="damaged; drop it in again"):
        dropped.vector_of(ws)(digest)
    assert dropped.keep(ws, picture()) == digest
    assert dropped.vector_of(ws)(digest).shape == (ws.vectors().shape[1],)


def test_texts_are_found_by_meaning(empty_folder, open_page):
    texts = ["a cat sleeps on the sofa", "a kitten plays with wool", "stocks fell on the market", "bonds rose in price"]
    source = empty_folder / "texts.jsonl"
    source.write_text("".join(json.dumps({"text": text}) + "\n" for text in texts * 3))
    ws = Workspace.create(empty_folder / "texts", source)
    ws.embed(embedder="wordllama")
    ws.cluster(n_clusters=(4, 2))
    app = open_page("explore", ws="texts")
    assert keyed(app.selectbox, "finder-kind").value == "Meaning"
    app = ask(app, "Meaning", "cats and other pets")
    assert linked(app)[0] == Selection("nearest", text="cats and other pets")
    scores = meaning.text_scores(ws)("cats and other pets")
    assert set(np.argsort(-scores)[:6] % 4) == {0, 1}
    assert meaning.text_scores(ws)("cats and other pets") is scores
    with pytest.raises(ConfigError, match="no pictures"):
        dropped.keep(ws, picture())
    assert loaders.catalog(ws).modality == "text"
