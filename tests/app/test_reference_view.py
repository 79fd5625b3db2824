"""Balance, Reference: from choosing examples to what covers them and what a share of retrieval does."""

import numpy as np
import pytest

from curation_app.chart_reference import coverage_curves, mix_curve, nearness
from curation_core.saved_selections import SavedSelections
from curation_core.selection import Selection
from curation_core.workspace import Workspace


def reference(app):
    return app.segmented_control(key="balance-part").set_value("Reference").run()


def test_without_a_set_the_part_asks_for_one(full_folder, open_page):
    app = reference(open_page("balance", ws="shapes"))
    assert not app.exception
    assert app.segmented_control(key="reference-way").options == ["A mounted folder", "An upload", "Items of this pool"]
    app.segmented_control(key="reference-way").set_value("Items of this pool").run()
    app.selectbox(key="reference-items").set_value("a condition on the columns").run()
    assert app.button(key="reference-read").disabled
    app.text_input(key="reference-where").set_value("uri != ''").run()
    assert not app.button(key="reference-read").disabled
    ws = Workspace.open(full_folder / "shapes")
    SavedSelections(ws.path).save("mine", Selection("cluster", 2, 0), tree=ws.plans.plan("cluster").key, count=1)
    app.run()
    app.selectbox(key="reference-items").set_value("mine").run()
    n = int(ws.hierarchy().sizes(2)[0])
    assert app.button(key="reference-read").label == f"Use {n:,} items as examples"


def test_coverage_and_the_share_follow_the_draw(full_folder, open_page, tmp_path):
    ws = Workspace.open(full_folder / "shapes")
    ids = ws.item_ids()
    found = ws.reference(items=tuple(ids[:12]))
    app = reference(open_page("balance", ws="shapes"))
    assert not app.exception
    assert not app.error
    told = {metric.label: metric.value for metric in app.metric}
    assert told["Covered by the pool"] == "100.0 %"
    plan = ws.sampling_plan()
    share = found.coverage_by(ws.vectors(), plan.indices).share
    assert told["Covered by this draw"] == f"{100 * share:.1f} %"
    app.slider(key="reference-share").set_value(50).run()
    assert not app.exception
    guided = ws.draw(ws.settings.sample.model_copy(update={"reference_share": 0.5}))
    share = found.coverage_by(ws.vectors(), guided.indices).share
    assert {metric.label: metric.value for metric in app.metric}["Covered by this draw"] == f"{100 * share:.1f} %"
    app.button(key="reference-other").click().run()
    assert ws.settings.reference is None
    assert app.segmented_control(key="reference-way").value == "A mounted folder"


def test_curves_count_what_lies_within_a_distance():
    made = coverage_curves({"pool": np.array([0.0, 1.0, 2.0]), "this draw": np.array([2.0, np.inf, 4.0])}, 1.5, "Near")
    assert "pool 66.7 %" in made.alt
    assert made.figure.data[0].y[-1] == 100
    assert made.figure.data[1].y[-1] == pytest.approx(200 / 3)
    spread = nearness({"pool": np.arange(10.0), "this draw": np.array([1.0, 1.0])}, "How near")
    assert sum(spread.table["pool, % of items"]) == pytest.approx(100)
    assert "from 10.0 to 30.0 %" in mix_curve((0.0, 1.0), {"covered": (10.0, 30.0)}, 0.0, "Mix").alt
