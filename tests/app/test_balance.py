"""Balance in the app: settings, targets in every unit, who gives and receives, plans, splits, retention."""

import numpy as np
import pytest

from curation_app import chart_balance, node_panel
from curation_app.splits_panel import shares_of
from curation_core.errors import ConfigError
from curation_core.retention import Retention
from curation_core.workspace import Workspace


def one(found, key):
    return next(element for element in found if element.key == key)


def text(app):
    return " ".join(str(part.value) for part in (*app.markdown, *app.caption, *app.subheader))


def test_a_column_is_balanced_beside_the_tree(full_folder, open_page):
    app = open_page("balance", ws="shapes")
    one(app.button_group, "sample-shapes-along").set_value("Both").run()
    one(app.slider, "sample-shapes-column-share").set_value(60).run()
    assert one(app.number_input, "sample-shapes-multiplier").disabled
    one(app.button, "keep-draw").click().run()
    assert not app.error
    kept = Workspace(full_folder / "shapes").settings.sample
    assert (kept.column, kept.column_share) == ("shape", 0.6)
    assert not open_page("export", ws="shapes").exception


def test_the_target_may_be_a_share_or_bytes(full_folder, open_page):
    app = open_page("balance", ws="shapes")
    n = Workspace(full_folder / "shapes").hierarchy().n_items
    one(app.selectbox, "target-unit-shapes").set_value("%").run()
    one(app.number_input, "target-share-number-shapes").set_value(50.0).run()
    one(app.button, "keep-draw").click().run()
    assert len(Workspace(full_folder / "shapes").sampling_plan().indices) == round(n / 2)
    one(app.selectbox, "target-unit-shapes").set_value("bytes").run()
    assert "bytes of files" in text(app)
    assert not app.exception


def test_children_of_a_cluster_are_one_step_away(full_folder, open_page):
    from curation_app import loaders

    app = open_page("balance", ws="shapes")
    pool = loaders.pool(Workspace(full_folder / "shapes"))
    largest = int(pool.hierarchy.sizes(2).argmax())
    app.session_state[f"node-open-{pool.key}"] = (2, largest)
    app.run()
    table = next(frame.value for frame in app.dataframe if "received" in frame.value.columns)
    assert table["items"].sum() == pool.hierarchy.sizes(2)[largest]
    one(app.button, "node-way-top").click().run()
    table = next(frame.value for frame in app.dataframe if "received" in frame.value.columns)
    assert table["items"].sum() == pool.hierarchy.n_items


def test_a_plan_is_saved_used_again_and_deleted(full_folder, open_page):
    app = open_page("balance", ws="shapes")
    one(app.text_input, "plan-name").input("thirty").run()
    one(app.button, "plan-save").click().run()
    assert [saved.name for saved in Workspace(full_folder / "shapes").saved_plans.all()] == ["thirty"]
    one(app.slider, "target-slider-shapes").set_value(50).run()
    one(app.button, "plan-use").click().run()
    assert one(app.number_input, "target-number-shapes").value == 30
    one(app.text_input, "plan-name").input("thirty").run()
    one(app.button, "plan-save").click().run()
    assert "already" in app.error[0].value
    one(app.button, "plan-delete").click().run()
    assert not Workspace(full_folder / "shapes").saved_plans.all()


def test_splits_are_named_and_counted(full_folder, open_page):
    app = open_page("balance", ws="shapes")
    app.session_state["splits-panel"] = True  # opened
    app.run()
    one(app.text_input, "splits-shapes-shares").input("a 50, b 50").run()
    one(app.button, "splits-shapes-use").click().run()
    assert Workspace(full_folder / "shapes").settings.split.shares == {"a": 0.5, "b": 0.5}
    assert "**a** 15 (50.0 %)" in text(app)
    one(app.text_input, "splits-shapes-shares").input("half").run()
    one(app.button, "splits-shapes-use").click().run()
    assert "train 80" in app.error[0].value


def test_retention_says_whether_balancing_pays(full_folder, open_page):
    app = open_page("balance", ws="shapes")
    one(app.button_group, "balance-part").set_value("Retention").run()
    assert not app.exception
    assert "Balancing" in text(app)
    assert "random draws of the same size" in text(app)


def test_shares_are_read_as_people_write_them():
    assert shares_of("train 80, in between 15.5%, test 4.5") == pytest.approx(
        {"train": 0.8, "in between": 0.155, "test": 0.045}
    )
    with pytest.raises(ConfigError, match="train 80"):
        shares_of("train")


def test_a_chart_of_many_groups_names_only_what_it_shows():
    asked = []
    before = np.arange(10_000, 0, -1)

    def name(group):
        asked.append(group)
        return f"group {group}"

    chart = chart_balance.shares(name, before, before[::-1], "clusters of level 1")
    assert len(asked) == chart_balance.MOST_SHARES
    assert chart.table["pool, %"][0] == round(100 * 10_000 / before.sum(), 2)


def test_a_retention_curve_has_its_table_and_its_sentence():
    found = Retention(
        np.array([10, 100]), {"entropy": np.array([0.9, 0.8])}, {"entropy": np.array([[0.5, 0.7], [0.6, 0.8]])}, 100, 0
    )
    chart = chart_balance.retention_curve(found, "entropy", "Evenness", target=12)
    assert chart.table["random, highest"] == [0.6, 0.8]
    assert "At 10 items 0.900, at random 0.500 to 0.600" in chart.alt


def test_the_smaller_children_of_a_cluster_are_one_row(full_folder):
    from curation_app import loaders

    ws = Workspace(full_folder / "shapes")
    pool, plan = loaders.pool(ws), ws.sampling_plan()
    every = np.arange(24)
    table = node_panel.node_table(pool, plan, ws.decisions(), 1, every[:5], every[5:])
    assert len(table["cluster"]) == 6
    assert table["cluster"][-1] == "19 smaller clusters"
    assert sum(table["quota"]) == 30


def test_a_draw_of_nearly_everything_is_told_not_to_pay(full_folder, open_page):
    app = open_page("balance", ws="shapes")
    assert not app.info
    n = Workspace(full_folder / "shapes").hierarchy().n_items
    one(app.slider, "target-slider-shapes").set_value(n).run()
    assert "Balancing does not pay" in app.info[0].value


def test_other_draws_of_the_same_size_stand_beside_it_when_asked_for(full_folder, open_page):
    app = open_page("balance", ws="shapes")
    one(app.button_group, "balance-baselines").set_value(["random", "flat k-means", "no resampling"]).run()
    assert not app.exception
    table = next(frame.value for frame in app.dataframe if "rank" in frame.value.columns)
    assert list(table.columns) == ["rank", "pool", "drawn", "random", "flat k-means", "no resampling"]


def test_a_column_that_is_gone_is_left_out_of_the_draw(full_folder, open_page):
    ws = Workspace(full_folder / "shapes")
    ws.configure(sample={"target_size": 20, "column": "gone"})
    for page in ("overview", "balance", "review"):
        app = open_page(page, ws="shapes")
        assert not app.exception
        assert not app.error


def test_a_draw_that_was_kept_elsewhere_is_taken_over(full_folder, open_page):
    app = open_page("balance", ws="shapes")
    one(app.slider, "target-slider-shapes").set_value(50).run()
    assert one(app.number_input, "target-number-shapes").value == 50
    Workspace(full_folder / "shapes").sample(20, cover="clusters", column="shape")
    app.run()
    assert not app.exception
    assert one(app.number_input, "target-number-shapes").value == 20
    assert one(app.selectbox, "sample-shapes-cover").value == "clusters"
    assert one(app.button_group, "sample-shapes-along").value == "Column"
    assert one(app.button, "to-export")
