"""What items are coloured by, and that the colours stay apart for all eyes."""

import itertools

import numpy as np
import pytest

from curation_app import hues
from curation_app.colouring import MOST_CLASSES, colour_by, colourings, default_colouring, size_by, sizings
from curation_app.palette import ACCENT, CATEGORIES, CONTEXT, DECISIONS, MARKED, OTHER
from curation_core.errors import ConfigError
from curation_core.hierarchy import Hierarchy, Level
from curation_core.item_columns import ItemColumn, ItemColumns

# linear sRGB as seen without red or without green cones; Machado, Oliveira and Fernandes 2009, severity 1.0
EYES = {
    "all cones": np.eye(3),
    "no red cones": np.array(
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]
    ),
    "no green cones": np.array(
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]
    ),
}
TO_XYZ = np.array(
    [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]]
)


def cielab(colours: list[str], eyes: np.ndarray) -> np.ndarray:
    """Colours as these eyes see them, in CIE L*a*b* (D65): (k, 3)."""
    xyz = np.clip(hues.linear(colours) @ eyes.T, 0, 1) @ TO_XYZ.T / (0.95047, 1.0, 1.08883)
    f = np.where(xyz > 216 / 24389, np.cbrt(xyz), (24389 / 27 * xyz + 16) / 116)
    return np.stack([116 * f[:, 1] - 16, 500 * (f[:, 0] - f[:, 1]), 200 * (f[:, 1] - f[:, 2])], axis=1)


def apart(first: np.ndarray, second: np.ndarray) -> float:
    return float(np.linalg.norm(first - second))


def tree_of(children: list[int], items: int = 20, seed: int = 0) -> Hierarchy:
    """Two levels: as many clusters above as the list is long, each with so many below, of `items` items on average."""
    rng = np.random.default_rng(seed)
    above = np.repeat(np.arange(len(children)), children).astype(np.int32)
    k = len(above)
    below = np.r_[np.arange(k), rng.integers(0, k, k * (items - 1))].astype(np.int32)
    return Hierarchy((level(below, k), level(above, len(children))))


def level(assignment: np.ndarray, k: int) -> Level:
    return Level(np.zeros((k, 2), np.float32), assignment, np.zeros(len(assignment), np.float32))


def columns_of(tree: Hierarchy, *more: ItemColumn) -> ItemColumns:
    levels = (
        ItemColumn(f"level {n}", "class", "tree", lambda n=n: (tree.point_assignment(n), []))
        for n in range(tree.n_levels, 0, -1)
    )
    return ItemColumns.of(tree.n_items, [*more, *levels])


def name(at: int, cluster: int) -> str:
    return f"{at}:{cluster}"


def coloured(column: ItemColumn):
    tree = tree_of([2, 2], items=len(column.values()[0] if column.kind == "class" else column.values()) // 4)
    return colour_by(column.name, columns_of(tree, column), tree, None, name)


# ---- colours


@pytest.mark.parametrize("eyes", EYES)
def test_any_two_of_the_ten_and_the_grey_of_the_rest_stay_apart_for_all_eyes(eyes):
    seen = cielab([*CATEGORIES, OTHER], EYES[eyes])
    assert min(apart(one, other) for one, other in itertools.combinations(seen, 2)) >= 14


@pytest.mark.parametrize("eyes", EYES)
def test_neighbours_in_a_family_stay_apart_for_all_eyes(eyes):
    for colour in CATEGORIES:
        seen = cielab(hues.shades(colour, 40), EYES[eyes])
        assert min(apart(one, other) for one, other in itertools.pairwise(seen)) >= 8


@pytest.mark.parametrize("eyes", EYES)
def test_neighbours_among_many_classes_stay_apart_for_all_eyes(eyes):
    seen = cielab(hues.distinct(MOST_CLASSES), EYES[eyes])
    assert min(apart(one, other) for one, other in itertools.pairwise(seen)) >= 12


def test_no_colour_sinks_into_a_light_or_a_dark_page():
    for colour in {*hues.distinct(60), *hues.shades(CATEGORIES[1], 30), *hues.scale()}:
        lightness = hues.oklab([colour])[0, 0]
        assert hues.DARKEST - 0.01 <= lightness <= hues.LIGHTEST + 0.01


def test_the_scale_rises_evenly_in_lightness_and_its_steps_look_equal_for_all_eyes():
    for eyes in EYES.values():
        seen = cielab(list(hues.scale(32)), eyes)
        assert (np.diff(seen[:, 0]) > 0.5).all()
    steps = np.linalg.norm(np.diff(hues.oklab(list(hues.scale(32))), axis=0), axis=1)
    assert steps.max() < 1.35 * steps.min()


def test_a_colour_given_in_oklch_comes_back():
    assert hues.oklab(["#ffffff"])[0] == pytest.approx([1, 0, 0], abs=1e-3)
    light, a, b = hues.oklab(["#4269d0"])[0]
    made = hues.from_oklch(np.array([light]), np.array([np.hypot(a, b)]), np.array([np.degrees(np.arctan2(b, a))]))
    assert made == ["#4269d0"]


# ---- classes


def test_ten_classes_or_fewer_take_the_ten_largest_first():
    codes = np.repeat([2, 0, 1], [50, 30, 20])
    found = coloured(ItemColumn("kind", "class", "yours", lambda: (codes, ["a", "b", "c"])))
    assert found.names == ("c", "a", "b")
    assert found.colours == CATEGORIES[:3]
    assert found.totals.tolist() == [50, 30, 20]
    assert found.codes.tolist() == np.repeat([0, 1, 2], [50, 30, 20]).tolist()
    assert found.counts(np.array([0, 1, 60])).tolist() == [2, 1, 0]


def test_of_more_than_a_hundred_classes_the_99_largest_are_named_and_the_rest_is_counted():
    sizes = np.arange(1, 251)
    codes = np.repeat(np.arange(250), sizes)
    codes = codes[: len(codes) // 4 * 4]
    found = coloured(ItemColumn("kind", "class", "yours", lambda: (codes, [f"c{i}" for i in range(250)])))
    assert len(found.names) == MOST_CLASSES
    assert found.names[0] in ("c249", "c248")
    assert found.names[-1] == "other (151)"
    assert found.colours[-1] == OTHER
    assert found.totals.sum() == len(codes)
    assert found.totals[-1] == np.bincount(codes)[:151].sum()


def test_an_empty_cell_is_a_grey_class_of_its_own_and_a_class_of_no_item_is_none():
    found = coloured(ItemColumn("kind", "class", "yours", lambda: (np.repeat([0, 2], 50), ["", "unused", "a"])))
    assert found.names == ("(empty)", "a")
    assert found.colours == (CONTEXT, CATEGORIES[0])


def test_numbers_of_few_values_stand_in_their_own_order_and_can_be_a_scale_too():
    years = np.repeat([2021.0, 1999.0, 2003.0], [70, 20, 10])
    column = ItemColumn("year", "number", "yours", lambda: years, classes=True)
    tree = tree_of([2, 2], items=25)
    columns = columns_of(tree, column)
    assert [choice.name for choice in colourings(columns)] == ["year", "year (scale)", "level 2", "level 1"]
    assert colour_by("year", columns, tree, None, name).names == ("1999", "2003", "2021")
    assert colour_by("year (scale)", columns, tree, None, name).kind == "scale"


def test_decisions_the_draw_and_flags_have_fixed_colours():
    codes = np.repeat([0, 1, 2, 0], 25)
    decided = coloured(ItemColumn("decision", "class", "review", lambda: (codes, ["undecided", "kept", "dropped"])))
    assert dict(zip(decided.names, decided.colours, strict=True)) == {
        "undecided": CONTEXT,
        "kept": DECISIONS["keep"],
        "dropped": DECISIONS["drop"],
    }
    flag = codes == 1
    drawn = coloured(ItemColumn("drawn", "flag", "draw", lambda: flag))
    assert (drawn.names, drawn.colours) == (("not drawn", "drawn"), (CONTEXT, ACCENT))
    assert coloured(ItemColumn("flag: dark", "flag", "quality", lambda: flag)).colours == (CONTEXT, MARKED)


def test_a_users_column_called_decision_is_a_column_like_any_other():
    found = coloured(ItemColumn("decision", "class", "yours", lambda: (np.zeros(100, int), ["dropped"])))
    assert found.colours == (CATEGORIES[0],)


# ---- scales


def test_a_scale_spans_all_but_the_outermost_values_and_says_so():
    values = np.arange(1_000.0)
    values[-1] = 1e9
    found = coloured(ItemColumn("size", "number", "quality", lambda: values))
    assert (found.kind, found.low, found.high) == ("scale", "≤ 19.98", "≥ 979")
    assert found.codes[0] == 0
    assert found.codes[-1] == found.codes.max() == len(hues.scale()) - 1
    assert (np.diff(found.codes.astype(int)) >= 0).all()
    assert found.names == ()


def test_what_has_no_value_is_grey_and_counted_behind_the_scale():
    values = np.r_[np.full(30, np.nan), np.linspace(-1, 1, 70)]
    found = coloured(ItemColumn("size", "number", "quality", lambda: values))
    assert found.names == ("no value",)
    assert found.colours[found.codes[0]] == CONTEXT
    assert found.totals[len(hues.scale())] == 30


def test_where_hardly_any_value_differs_the_scale_spans_all_of_them():
    found = coloured(ItemColumn("size", "number", "quality", lambda: np.r_[np.ones(99), 7.0]))
    assert (found.low, found.high) == ("1", "7")
    assert (found.codes[0], found.codes[-1]) == (0, len(hues.scale()) - 1)
    same = coloured(ItemColumn("size", "number", "quality", lambda: np.ones(100)))
    assert (same.low, same.high) == ("1", "1")
    assert len(set(same.codes.tolist())) == 1
    none = coloured(ItemColumn("size", "number", "quality", lambda: np.full(100, np.nan)))
    assert none.totals[-1] == 100


# ---- the tree


def hue_of(colour: str) -> float:
    _, a, b = hues.oklab([colour])[0]
    return float(np.degrees(np.arctan2(b, a)))


def test_a_level_of_many_clusters_follows_the_tree_in_hue():
    tree = tree_of([8, 8, 8, 8])
    found = colour_by("level 1", columns_of(tree), tree, None, name)
    assert len(found.names) == 32
    for cluster, colour in ((int(n.split(":")[1]), c) for n, c in zip(found.names, found.colours, strict=True)):
        rank = np.argsort(-tree.sizes(2), kind="stable").tolist().index(int(tree.parents(1)[cluster]))
        turn = abs(hue_of(colour) - hue_of(CATEGORIES[rank])) % 360
        assert min(turn, 360 - turn) < 16
    assert len(set(found.colours)) == 32


def test_every_item_has_the_code_of_its_own_cluster():
    tree = tree_of([5, 9, 2, 7])
    found = colour_by("level 1", columns_of(tree), tree, None, name)
    assert [found.names[code] for code in found.codes] == [name(1, c) for c in tree.point_assignment(1)]


def test_of_more_than_a_hundred_clusters_what_is_left_over_stays_with_its_family():
    tree = tree_of([100, 60, 40])
    found = colour_by("level 1", columns_of(tree), tree, None, name)
    assert len(found.names) == MOST_CLASSES
    rests = [said for said in found.names if said.startswith("other in 2:")]
    assert len(rests) == 3
    assert sum(int(said.split("(")[1][:-1]) for said in rests) == 200 - 97
    code = found.names.index(next(said for said in rests if said.startswith("other in 2:0 ")))
    assert (tree.point_assignment(2)[found.codes == code] == 0).all()


def test_with_very_many_families_the_largest_keep_what_is_left_over_and_the_rest_is_one_class():
    tree = tree_of([4] * 60)
    found = colour_by("level 1", columns_of(tree), tree, None, name)
    assert len(found.names) <= MOST_CLASSES
    rests = [said for said in found.names if said.startswith("other in ")]
    own = [said for said in found.names if said.startswith("1:")]
    assert len(own) == MOST_CLASSES - 41
    assert 30 < len(rests) <= 40
    counted = [int(said.split("(")[1][:-1]) for said in found.names if said.startswith("other")]
    assert found.names[-1].startswith("other (")
    assert len(own) + sum(counted) == 240
    assert found.totals.sum() == tree.n_items


def test_very_many_clusters_without_a_level_above_are_the_99_largest_and_the_rest():
    tree = tree_of([1] * 300)
    found = colour_by("level 2", columns_of(tree), tree, None, name)
    assert len(found.names) == MOST_CLASSES
    assert found.names[-1] == "other (201)"
    assert all(tree.sizes(2)[int(said[2:])] >= 15 for said in found.names[:-1])


def test_inside_an_opened_cluster_only_its_children_have_colours_and_the_rest_is_context():
    tree = tree_of([100, 60, 3])
    for asked in ("level 1", "level 2"):
        found = colour_by(asked, columns_of(tree), tree, (2, 2), name)
        assert len(found.names) == 4
        assert found.names[-1] == "outside 2:2"
        assert found.colours[-1] == CONTEXT
        assert ((found.codes == 3) == (tree.point_assignment(2) != 2)).all()
        assert CONTEXT not in found.colours[:3]
    assert len(colour_by("level 1", columns_of(tree), tree, (2, 0), name).names) == MOST_CLASSES
    leaf = colour_by("level 1", columns_of(tree), tree, (1, 5), name)
    assert leaf.names == ("1:5", "outside 1:5")


def test_a_root_that_is_not_in_this_tree_opens_nothing():
    tree = tree_of([3, 3])
    for root in ((3, 0), (0, 0), (2, 2), (2, -1)):
        assert len(colour_by("level 2", columns_of(tree), tree, root, name).names) == 2


# ---- choosing


def test_the_first_label_of_the_user_is_the_default_else_the_coarsest_level():
    tree = tree_of([2, 2], items=25)
    label = ItemColumn("kind", "class", "yours", lambda: (np.zeros(100, int), ["a"]))
    number = ItemColumn("size", "number", "yours", lambda: np.zeros(100))
    assert default_colouring(columns_of(tree, number, label), tree) == "kind"
    assert default_colouring(columns_of(tree, number), tree) == "level 2"


def test_texts_cannot_be_a_colour_and_a_column_that_is_not_there_is_an_error_that_names_those_that_are():
    tree = tree_of([2, 2], items=25)
    text = ItemColumn("uri", "text", "item", lambda: [""] * 100)
    columns = columns_of(tree, text)
    assert "uri" not in [choice.name for choice in colourings(columns)]
    with pytest.raises(ConfigError, match="uri"):
        colour_by("uri", columns, tree, None, name)
    with pytest.raises(ConfigError, match="level 2, level 1"):
        colour_by("gone", columns, tree, None, name)


def test_hostile_names_stay_as_they_are():
    said = ["<img src=x onerror=alert(1)>", "![](http://a/b.png)", "\u202eabc"]
    found = coloured(ItemColumn("kind", "class", "yours", lambda: (np.repeat([0, 1, 2, 0], 25), said)))
    assert sorted(found.names) == sorted(said)


# ---- sizes


def sized(values: np.ndarray):
    return size_by("price", ItemColumns.of(len(values), [ItemColumn("price", "number", "yours", lambda: values)]))


def test_sizes_span_all_but_the_outermost_values_and_say_so():
    values = np.r_[np.arange(100.0), 1e9]
    found = sized(values)
    assert found.codes.dtype == np.uint8
    assert (np.diff(found.codes.astype(int)) >= 0).all()
    assert found.codes[:3].tolist() == [0, 0, 0]
    assert found.codes[-4:].tolist() == [252, 255, 255, 255]
    assert (found.low, found.high, found.title) == ("≤ 2", "≥ 98", "price")


def test_what_has_no_value_is_as_small_as_the_smallest():
    found = sized(np.r_[np.nan, np.inf, -np.inf, np.arange(100.0)])
    assert found.codes[:3].tolist() == [0, 0, 0]
    assert found.codes.max() == 255
    assert sized(np.full(9, np.nan)).codes.tolist() == [0] * 9


def test_equal_values_have_one_size_between_the_two():
    assert np.unique(sized(np.full(9, 3.0)).codes).tolist() == [128]


def test_numbers_can_be_sizes_the_users_own_first():
    numbers = {"width": "item", "price": "yours", "distance": "tree", "year": "yours"}
    columns = [ItemColumn(one, "number", group, lambda: np.zeros(9)) for one, group in numbers.items()]
    other = [
        ItemColumn("kind", "class", "yours", lambda: (np.zeros(9, int), ["a"])),
        ItemColumn("dark", "flag", "quality", lambda: np.zeros(9, bool)),
        ItemColumn("note", "text", "yours", lambda: ["x"] * 9),
    ]
    found = sizings(ItemColumns.of(9, [*columns, *other]))
    assert [choice.name for choice in found] == ["price", "year", "width", "distance"]
    for wrong in ("kind", "note", "gone"):
        with pytest.raises(ConfigError):
            size_by(wrong, ItemColumns.of(9, [*columns, *other]))
