import json

import pytest
from typer.testing import CliRunner

from curation_core.cli import app
from curation_core.config import ExportConfig
from curation_core.errors import ConfigError
from tests.core.test_advisor import long_tail, workspace_of


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """A workspace with both trials at the size of its draw, and its export."""
    ws = workspace_of(tmp_path_factory.mktemp("tried"), *long_tail(n_classes=4, largest=120))
    ws.cluster(n_clusters=(40, 8))
    ws.sample(30)
    ws.advise(column="kind", n_seeds=2)
    ws.use(column="kind", n_seeds=3)
    return ws, ws.export("e", formats=("parquet",))


def test_an_export_with_a_report_of_use_comes_again_to_the_byte(exported):
    ws, folder = exported
    assert json.loads((folder / "run.json").read_text())["reports"]["use"]["target_size"] == 30
    found = ws.repro("e")
    assert found.ok, (found.files, found.why)


def test_trials_of_another_size_are_not_told(exported):
    ws, _ = exported
    assert set(ws.reports(30)) == {"advise", "use"}
    assert ws.reports(29) == {}
    contents = ws.export_contents(
        ws.draw(ws.settings.sample.model_copy(update={"target_size": 20})), ExportConfig(name="x")
    )
    assert contents.reports == {}


def test_status_lists_them(exported):
    ws, _ = exported
    assert [step.state for step in ws.plans.reports()] == ["done", "done"]


def test_the_commands_print_their_tables_and_answer_in_json(exported):
    ws, _ = exported

    def said(*arguments):
        return CliRunner().invoke(app, [*arguments, "-w", str(ws.path)], catch_exceptions=False).stdout

    assert "(2B, B/3)" in said("advise")
    assert ws.report("advise")["sentence"] in said("advise")
    assert ws.report("use")["sentence"] in said("use")
    assert json.loads(said("use", "--json")) == ws.report("use")
    with pytest.raises(ConfigError, match="there is no column 'colour'"):
        said("use", "--column", "colour")
