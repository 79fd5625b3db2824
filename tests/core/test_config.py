import pytest

from curation_core.config import ClusterConfig, ExportConfig, SampleConfig
from curation_core.errors import ConfigError
from curation_core.settings import Settings, parse, render


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"n_clusters": (100, 100)}, "each level must be smaller"),
        ({"n_clusters": (10, 100)}, "fine to coarse"),
        ({"n_clusters": (0,)}, "at least 1 cluster"),
        ({"n_clusters": ()}, "at least one level"),
        ({"n_clusters": (10, 5), "resample_size": (2,)}, "one per level"),
        ({"resample_size": (0,)}, "at least 1 member"),
        ({"mode": "slow"}, "'fast' or 'compatible', got 'slow'"),
        ({"n_resample": 3}, "did you mean n_resamples"),
        ({"seed": -1}, "greater than or equal to 0"),
    ],
)
def test_a_wrong_cluster_setting_is_one_clear_sentence(values, says):
    with pytest.raises(ConfigError, match=says) as raised:
        ClusterConfig(**values)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("target", [-1, 2.5, 3.0, True, "many"])
def test_a_target_that_is_no_count_is_refused(target):
    with pytest.raises(ConfigError, match="target_size"):
        SampleConfig(target_size=target)


def test_an_export_name_cannot_leave_its_folder():
    for name in ("../x", "a/b", "", ".hidden", "x" * 101):
        with pytest.raises(ConfigError, match="name"):
            ExportConfig(name=name)


def test_one_number_of_clusters_is_one_level():
    assert ClusterConfig(n_clusters=7).n_clusters == (7,)


def test_settings_come_back_from_their_file():
    settings = Settings(
        name='Ein "Name" — ünïcode \x7f',
        ingest={"source": "/data/x.zip", "text_column": "a b"},
        cluster={"n_clusters": [100, 10], "seed": 3},
        sample={"target_size": 50},
        export={"name": "e1"},
    )
    assert parse(render(settings), "workspace.toml") == settings


def test_settings_name_the_file_that_is_wrong():
    with pytest.raises(ConfigError, match=r"workspace\.toml is not valid TOML"):
        parse("a = ", "workspace.toml")
    with pytest.raises(ConfigError, match=r"workspace.toml: .*clusterr.*did you mean cluster"):
        parse("[clusterr]\nseed = 1\n", "workspace.toml")
