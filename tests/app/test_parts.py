"""The parts that pages are made of: cells, names, forms, the review's effect, times and sizes."""

import json

import numpy as np
import pytest

from curation_app import forms, items, loaders, show
from curation_app.boundary import escaped
from curation_app.components.grid import LIMIT, Cell, Section, grid_data
from curation_app.found import found
from curation_core.config import ClusterConfig
from curation_core.errors import ConfigError
from curation_core.selection import Area, Selection
from curation_core.workspace import Workspace


@pytest.fixture
def ws(full_folder) -> Workspace:
    return Workspace(full_folder / "shapes")


def test_grid_data_carries_ids_hashes_and_captions_only(ws):
    pool = loaders.pool(ws)
    cells = items.cells(pool, range(5))
    data = grid_data("a b/..", [Section(cells)], height=300, mode="multi", toolbar=True, empty="")
    assert data["thumbs"] == "/api/thumb/a%20b%2F../0/"
    assert set(data["sections"][0]["items"][0]) == {"id", "caption", "hash"}
    assert len(json.dumps(data)) < 1_000


def test_a_grid_never_holds_more_than_its_limit():
    sections = [Section([Cell(str(i)) for i in range(200)]) for _ in range(3)]
    data = grid_data("w", sections, height=None, mode="multi", toolbar=True, empty="")
    assert sum(len(section["items"]) for section in data["sections"]) == LIMIT


def test_dropped_items_carry_their_mark(ws):
    ws.decide_cluster(2, 0, "drop")
    pool, decided = loaders.pool(ws), loaders.decisions(ws)
    rows = pool.hierarchy.members(2, 0)
    assert {cell.mark for cell in items.cells(pool, rows, decided)} == {"drop"}


def test_the_bands_of_a_cluster_hold_no_item_twice(ws):
    pool, decided = loaders.pool(ws), loaders.decisions(ws)
    largest = int(pool.hierarchy.sizes(2).argmax())
    sections = items.bands(pool, 2, largest, decided, size=4)
    ids = [cell.id for section in sections for cell in section.cells]
    assert [section.title for section in sections] == ["Nearest", "Random", "Farthest"]
    assert len(set(ids)) == 12
    assert {int(name) for name in ids} <= set(pool.hierarchy.members(2, largest).tolist())


def test_members_come_nearest_first_at_every_level(ws):
    pool = loaders.pool(ws)
    for level in (1, 2):
        cluster = int(pool.hierarchy.sizes(level).argmax())
        rows = pool.by_distance(level, cluster)
        gap = np.linalg.norm(pool.vectors[rows] - pool.hierarchy.levels[level - 1].centroids[cluster], axis=1)
        assert (np.diff(gap) >= -1e-5).all()
        assert set(rows.tolist()) == set(pool.hierarchy.members(level, cluster).tolist())


def test_an_area_selects_on_all_points_and_a_cluster_its_members(ws):
    pool, xy = loaders.pool(ws), loaders.xy(ws)
    low, high = xy.min(axis=0) - 1, xy.max(axis=0) + 1
    around = ((low[0], low[1]), (high[0], low[1]), (high[0], high[1]), (low[0], high[1]))
    all_of_it = np.ones(len(xy), dtype=bool)
    chosen = {
        Selection("area", areas=(Area(around),)): len(xy),
        Selection("cluster", 2, 1): pool.hierarchy.sizes(2)[1],
        Selection("cluster", 7, 1): 0,
        Selection(): 0,
    }
    for selection, expected in chosen.items():
        rows, said = found(ws, pool, xy, "map", selection, all_of_it)
        assert (len(rows), said) == (expected, "")


def test_a_cluster_is_called_by_what_most_of_its_members_are(ws):
    pool = loaders.pool(ws)
    codes, names = pool.labels("shape")
    for cluster in range(6):
        inside = codes[pool.hierarchy.members(2, cluster)]
        counts = np.bincount(inside, minlength=len(names))
        said = pool.name(2, cluster)
        if counts.max() * 2 > len(inside):
            assert said == f"{cluster} · {names[counts.argmax()]}"


def test_loaders_notice_a_decision_at_once(ws):
    assert loaders.decisions(ws).n_dropped == 0
    ws.decide_cluster(2, 0, "drop")
    assert loaders.decisions(ws).n_dropped == loaders.pool(ws).hierarchy.sizes(2)[0]
    assert loaders.status(ws)["sample"].state == "stale"
    ws.reviews.undo()
    assert loaders.decisions(ws).n_dropped == 0
    assert loaders.status(ws)["sample"].state == "done"


@pytest.mark.parametrize(("text", "expected"), [("200, 20", (200, 20)), ("7", (7,)), ("", None), (" 9  3 ", (9, 3))])
def test_levels_are_read_from_text(text, expected):
    assert forms.numbers("Levels", text) == expected


@pytest.mark.parametrize("text", ["-3", "1.5", "a", "10; 2"])
def test_what_is_no_list_of_numbers_is_refused(text):
    with pytest.raises(ConfigError, match="write whole numbers"):
        forms.numbers("Levels", text)


def test_bounds_of_a_widget_are_those_of_the_field():
    assert forms.bounds(ClusterConfig.model_fields["n_resamples"]) == (0, 100)
    assert forms.label_of("n_resamples") == "N resamples"


def test_markdown_in_names_is_shown_and_not_obeyed():
    hostile = "![x](http://evil) **b** <img> :material/home: $x$ `c`\n# d"
    assert "](" not in escaped(hostile)
    assert "\\*\\*b\\*\\*" in escaped(hostile)
    assert "\n" not in escaped(hostile)


@pytest.mark.parametrize(
    ("seconds", "said"), [(None, ""), (0.2, "under 1 s"), (12, "12 s"), (600, "10 min"), (9_000, "2.5 h")]
)
def test_durations_are_said_in_a_fitting_unit(seconds, said):
    assert show.duration(seconds) == said


@pytest.mark.parametrize(
    ("part", "said"), [(0, "0.0 %"), (1, "< 0.1 %"), (5, "0.1 %"), (4_999, "50.0 %"), (10_000, "100.0 %")]
)
def test_a_share_that_is_there_is_never_said_to_be_none(part, said):
    assert show.percent(part, 10_000) == said


@pytest.mark.parametrize(("n_bytes", "said"), [(12, "12 B"), (1_500, "1.5 kB"), (2_000_000, "2.0 MB"), (3e9, "3.0 GB")])
def test_sizes_are_said_in_a_fitting_unit(n_bytes, said):
    assert show.file_size(int(n_bytes)) == said
