import numpy as np
import pytest

from curation_app import chart_bias
from curation_core.attributes import Attribute
from curation_core.bias import bias_report
from curation_core.workspace import Workspace


@pytest.fixture
def bias_part(full_folder, open_page):
    """Balance, open at the part on groups."""

    def opened():
        app = open_page("balance", ws="shapes")
        app.segmented_control(key="balance-part").set_value("Bias")
        return app.run()

    return Workspace(full_folder / "shapes"), opened


def test_a_value_marked_as_protected_is_kept_and_warned_about(bias_part):
    ws, opened = bias_part
    app = opened()
    assert not app.exception
    assert app.selectbox(key=next(w.key for w in app.selectbox if w.key.startswith("bias-column"))).value == "shape"
    protect = next(w for w in app.multiselect if w.key.startswith("bias-protect"))
    protect.select("red circle")
    app.run()
    assert dict(Workspace(ws.path).settings.bias.protected) == {"shape": ("red circle",)}
    report = ws.bias()[0]
    assert bool(report.warning) == bool(app.warning)
    assert opened().multiselect(key=protect.key).value == ["red circle"]  # the workspace remembers it


def test_nothing_to_report_on_is_said(full_folder, open_page, tmp_path):
    np.save(tmp_path / "v.npy", np.random.default_rng(0).normal(size=(60, 4)).astype("float32"))
    made = Workspace.create(full_folder / "plain", tmp_path / "v.npy")
    made.embed()
    made.cluster(n_clusters=(8, 2))
    app = open_page("balance", ws="plain")
    app.segmented_control(key="balance-part").set_value("Bias")
    app.run()
    assert not app.exception
    assert any("No column" in caption.value for caption in app.caption)


def test_the_chart_has_every_group_in_its_table_and_names_nothing_as_markup():
    codes = np.arange(200) % 30
    names = ("<b>bold</b>", *(f"value {i}" for i in range(1, 30)))
    report = bias_report(
        Attribute("kind", "values", codes, names),
        np.arange(0, 200, 4),
        protected=["<b>bold</b>"],
        clusters=np.arange(200) % 5,
        level=1,
    )
    made = chart_bias.bias_bars(report, "Shares of kind")
    assert [len(column) for column in made.table.values()] == [30] * len(made.table)
    assert len(made.figure.data[0].x) == chart_bias.MOST_ROWS
    assert "<b>" not in "".join(made.figure.layout.yaxis.ticktext)
    assert made.figure.layout.yaxis.ticktext[0].startswith(chart_bias.PROTECTED)
    heat = chart_bias.cluster_heat(report, report.clusters, ["a", "b", "c", "d", "e"], "Clusters")
    assert len(heat.table["cluster"]) == 5
    assert "<b>bold" not in heat.figure.data[0].text[0][0]
