"""Readers give the same shards wherever they start."""

import numpy as np
import pytest

from curation_core.config import IngestConfig
from curation_core.errors import ConfigError
from curation_core.origins import find_origin
from curation_core.readers import open_reader


def shards(config, start, tmp_path, size):
    ticks = []
    with open_reader(find_origin(config), config) as reader:
        reader.shard_size = size
        return list(reader.shards(start, tmp_path / "thumbs", ticks.append)), ticks


@pytest.fixture
def texts(tmp_path):
    (tmp_path / "t.csv").write_text("text,n\n" + "".join(f"text {n},{n}\n" for n in range(7)))
    return IngestConfig(source=str(tmp_path / "t.csv"))


@pytest.fixture
def vectors(tmp_path):
    np.save(tmp_path / "v.npy", np.arange(14.0).reshape(7, 2))
    return IngestConfig(source=str(tmp_path / "v.npy"))


@pytest.mark.parametrize("kind", ["texts", "vectors"])
def test_reading_from_a_later_shard_gives_the_rest(kind, request, tmp_path):
    config = request.getfixturevalue(kind)
    everything, ticks = shards(config, 0, tmp_path, 3)
    rest, _ = shards(config, 1, tmp_path, 3)
    assert [shard.items.num_rows for shard in everything] == [3, 3, 1]
    assert ticks == [3, 3, 1]
    assert rest == everything[1:]


def test_metadata_of_a_table_is_joined_by_row(tmp_path, texts):
    (tmp_path / "m.csv").write_text("label\n" + "".join(f"{n}\n" for n in range(7)))
    config = texts.model_copy(update={"metadata": str(tmp_path / "m.csv")})
    found, _ = shards(config, 0, tmp_path, 3)
    assert found[1].metadata.to_pydict() == {"text": ["text 3", "text 4", "text 5"], "n": [3, 4, 5], "label": [3, 4, 5]}


def test_metadata_of_another_length_or_with_the_same_names_is_refused(tmp_path, texts):
    config = texts.model_copy(update={"metadata": str(tmp_path / "m.csv")})
    (tmp_path / "m.csv").write_text("label\n1\n")
    with pytest.raises(ConfigError, match=r"1 rows for 7 items; give one row per item"):
        shards(config, 0, tmp_path, 3)
    (tmp_path / "m.csv").write_text("n\n" + "1\n" * 7)
    with pytest.raises(ConfigError, match="repeats the source's column 'n'"):
        shards(config, 0, tmp_path, 3)
