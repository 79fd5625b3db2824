"""Embed: by shard, resumable, with what cannot be embedded listed."""

import hashlib

import numpy as np
import pyarrow as pa
import pytest

from curation_core.catalog import FAILURE_SCHEMA, ITEM_SCHEMA, Catalog
from curation_core.config import EmbedConfig
from curation_core.embed import embed, read_embeddings
from curation_core.errors import Cancelled, CurationError, IngestError, ShapeError, StaleArtifact

CONFIG = EmbedConfig(batch_size=2, shard_size=4)


def catalog_of(n):
    items = [
        {"item_id": f"{row:016x}", "uri": f"t#{row}", "content_hash": hashlib.sha256(b"%d" % row).hexdigest()}
        for row in range(n)
    ]
    return Catalog("vector", pa.Table.from_pylist(items, ITEM_SCHEMA), pa.table({}), FAILURE_SCHEMA.empty_table())


class Doubler:
    name, dim, modality = "doubler", 3, "vector"

    def __init__(self):
        self.batches = []

    def __call__(self, batch):
        self.batches.append(len(batch))
        return 2 * np.stack(batch)


def rows_of(values, unreadable=()):
    def fetch(rows):
        if bad := [row for row in rows if row in unreadable]:
            raise IngestError(f"row {bad[0]} is torn")
        return [values[row] for row in rows]

    return fetch


@pytest.fixture
def values():
    return np.random.default_rng([1]).normal(size=(10, 3)).astype(np.float32)


def test_every_item_has_its_vector_in_order_and_only_the_result_remains(tmp_path, values):
    embedder = Doubler()
    found = embed(catalog_of(10), rows_of(values), embedder, CONFIG, tmp_path)
    assert np.array_equal(found.vectors, 2 * values)
    assert found.vectors.dtype == np.float32
    assert found.rows.tolist() == list(range(10))
    assert found.model == "doubler"
    assert embedder.batches == [2] * 5
    assert sorted(file.name for file in tmp_path.iterdir()) == ["failures.parquet", "rows.npy", "vectors.npy"]


def test_batches_never_cross_the_border_of_a_shard(tmp_path, values):
    embedder = Doubler()
    embed(catalog_of(10), rows_of(values), embedder, EmbedConfig(batch_size=3, shard_size=4), tmp_path)
    assert embedder.batches == [3, 1, 3, 1, 2]


def test_unreadable_items_and_useless_vectors_are_absent_and_listed(tmp_path, values):
    values[2], values[5, 0], values[7, 1] = 0, np.nan, np.inf
    found = embed(catalog_of(10), rows_of(values, unreadable={0, 9}), Doubler(), CONFIG, tmp_path)
    assert found.rows.tolist() == [1, 3, 4, 6, 8]
    assert np.array_equal(found.vectors, 2 * values[[1, 3, 4, 6, 8]])
    reasons = dict(zip(*found.failures.to_pydict().values(), strict=True))
    assert list(reasons) == ["t#0", "t#2", "t#5", "t#7", "t#9"]
    assert reasons["t#0"] == "row 0 is torn"
    assert "zero" in reasons["t#2"]
    assert reasons["t#5"] == reasons["t#7"] == "not a vector of 3 finite numbers"


def test_a_shard_without_any_readable_item_does_no_harm(tmp_path, values):
    found = embed(catalog_of(10), rows_of(values, unreadable={4, 5, 6, 7}), Doubler(), CONFIG, tmp_path)
    assert found.rows.tolist() == [0, 1, 2, 3, 8, 9]


@pytest.mark.parametrize("at", [2, 4, 6, 8, 10])
def test_a_stopped_run_goes_on_after_its_last_whole_shard_to_the_same_bytes(tmp_path, values, at):
    (tmp_path / "whole").mkdir()
    (tmp_path / "stopped").mkdir()
    embed(catalog_of(10), rows_of(values, {5}), Doubler(), CONFIG, tmp_path / "whole")

    def stop(stage, done, total, **figures):
        if done == at:
            raise Cancelled("stopped")

    with pytest.raises(Cancelled):
        embed(catalog_of(10), rows_of(values, {5}), Doubler(), CONFIG, tmp_path / "stopped", stop)
    embedder = Doubler()
    embed(catalog_of(10), rows_of(values, {5}), embedder, CONFIG, tmp_path / "stopped")
    assert sum(embedder.batches) == {2: 9, 4: 9, 6: 5, 8: 5, 10: 2}[at]
    for file in (tmp_path / "whole").iterdir():
        assert file.read_bytes() == (tmp_path / "stopped" / file.name).read_bytes()


def test_a_finished_folder_is_read_and_not_made_again(tmp_path, values):
    embed(catalog_of(10), rows_of(values), Doubler(), CONFIG, tmp_path)
    (tmp_path / "part-00000.npy").write_bytes(b"left over")
    embedder = Doubler()
    assert len(embed(catalog_of(10), rows_of(values), embedder, CONFIG, tmp_path)) == 10
    assert embedder.batches == []
    assert not list(tmp_path.glob("part-*"))


def test_progress_counts_items_and_tells_the_speed(tmp_path, values):
    seen = []
    embed(catalog_of(10), rows_of(values), Doubler(), CONFIG, tmp_path, lambda *a, **figures: seen.append((a, figures)))
    assert [done for (_, done, _), _ in seen] == [0, 2, 4, 6, 8, 10]
    assert all(stage == "embed" and total == 10 for (stage, _, total), _ in seen)
    assert all(figures["items_per_s"] > 0 for _, figures in seen[1:])
    assert all(figures["batch_size"] == 2 for _, figures in seen[1:])


def test_the_result_tells_device_batch_size_and_speed_and_a_second_reading_nothing(tmp_path, values):
    found = embed(catalog_of(10), rows_of(values), Doubler(), CONFIG, tmp_path)
    assert found.facts["device"] == "cpu"
    assert found.facts["batch_size"] == 2
    assert found.facts["items_per_s"] > 0
    assert read_embeddings(tmp_path, "doubler").facts == {}


def test_an_embedder_that_breaks_its_promise_is_named(tmp_path, values):
    class Short(Doubler):
        def __call__(self, batch):
            return np.ones((1, 3), np.float32)

    with pytest.raises(ShapeError, match=r"embedder doubler gave shape \(1, 3\), expected \(2, 3\)"):
        embed(catalog_of(10), rows_of(values), Short(), CONFIG, tmp_path)


def test_when_nothing_can_be_embedded_the_error_says_so(tmp_path, values):
    with pytest.raises(
        IngestError, match="doubler gave no vector for any of 10 items, the first because row 0 is torn"
    ):
        embed(catalog_of(10), rows_of(values, set(range(10))), Doubler(), CONFIG, tmp_path)


def test_torn_results_are_refused(tmp_path, values):
    embed(catalog_of(10), rows_of(values), Doubler(), CONFIG, tmp_path)
    (tmp_path / "vectors.npy").write_bytes((tmp_path / "vectors.npy").read_bytes()[:-4])
    with pytest.raises(StaleArtifact):
        read_embeddings(tmp_path, "doubler")


def test_float16_takes_half_the_space_and_says_what_does_not_fit(tmp_path, values):
    values[3, 0], values[6] = 1e5, [1e-9, 0, -1e-9]
    config = EmbedConfig(batch_size=2, shard_size=4, storage="float16")
    found = embed(catalog_of(10), rows_of(values), Doubler(), config, tmp_path)
    assert found.vectors.dtype == np.float16
    assert found.rows.tolist() == [0, 1, 2, 4, 5, 7, 8, 9]
    assert np.allclose(found.vectors, 2 * values[found.rows], rtol=1e-3)
    reasons = found.failures.column("reason").to_pylist()
    assert all("does not fit into float16" in reason and "use storage float32" in reason for reason in reasons)
    assert (tmp_path / "vectors.npy").stat().st_size == 128 + 8 * 3 * 2


class Small(Doubler):
    """Memory for three items; the fourth is too much."""

    def __init__(self, room=3):
        super().__init__()
        self.room = room

    def __call__(self, batch):
        if len(batch) > self.room:
            raise MemoryError
        return super().__call__(batch)


def test_where_memory_runs_out_batches_are_halved_and_nothing_is_lost(tmp_path, values):
    embedder, done = Small(), []
    config = EmbedConfig(batch_size=8, shard_size=8)
    found = embed(catalog_of(10), rows_of(values), embedder, config, tmp_path, lambda *a, **figures: done.append(a[1]))
    assert np.array_equal(found.vectors, 2 * values)
    assert embedder.batches == [2] * 5
    assert done == [0, 2, 4, 6, 8, 10]
    assert found.facts["batch_size"] == 2


def test_a_resumed_run_keeps_to_the_smaller_batch_and_so_to_the_same_bytes(tmp_path, values):
    class Rough(Small):
        """Its vectors hang on the size of the batch, as those of a fast kernel do in their last bits."""

        def __call__(self, batch):
            return super().__call__(batch) + np.float32(len(batch)) * 1e-6

    config = EmbedConfig(batch_size=None, shard_size=4)
    (tmp_path / "whole").mkdir()
    (tmp_path / "stopped").mkdir()
    embed(catalog_of(10), rows_of(values), Rough(), config, tmp_path / "whole")

    def stop(stage, done, total, **figures):
        if done == 6:
            raise Cancelled("stopped")

    with pytest.raises(Cancelled):
        embed(catalog_of(10), rows_of(values), Rough(), config, tmp_path / "stopped", stop)
    embed(catalog_of(10), rows_of(values), Rough(room=100), config, tmp_path / "stopped")
    for file in (tmp_path / "whole").iterdir():
        assert file.read_bytes() == (tmp_path / "stopped" / file.name).read_bytes()


def test_when_not_even_one_item_fits_the_error_says_what_to_do(tmp_path, values):
    with pytest.raises(CurationError, match=r"memory ran out in doubler with one item at a time .* choose a smaller"):
        embed(catalog_of(10), rows_of(values), Small(room=0), CONFIG, tmp_path)


def test_shards_of_another_embedder_or_size_are_not_gone_on_with(tmp_path, values):
    def stop(stage, done, total, **figures):
        if done == 6:
            raise Cancelled("stopped")

    for config in (CONFIG, EmbedConfig(batch_size=2, shard_size=3), CONFIG.model_copy(update={"storage": "float16"})):
        with pytest.raises(Cancelled):
            embed(catalog_of(10), rows_of(values), Doubler(), config, tmp_path, stop)
    embedder = Doubler()
    embed(catalog_of(10), rows_of(values), embedder, CONFIG, tmp_path)
    assert sum(embedder.batches) == 10


def test_on_a_gpu_the_batch_size_is_tried_and_noted(tmp_path, values):
    class Gpu(Doubler):
        device = "cuda"

    many = np.repeat(values, 20, axis=0)
    embedder = Gpu()
    found = embed(catalog_of(200), rows_of(many), embedder, EmbedConfig(), tmp_path)
    assert np.array_equal(found.vectors, 2 * many)
    assert found.facts["device"] == "cuda"
    assert found.facts["batch_size"] in {8, 16, 32, 64, 128}
    assert sum(embedder.batches) > 200


def test_the_next_items_are_fetched_while_the_model_works_and_no_fetch_outlives_the_run(tmp_path, values):
    import threading
    import time

    fetched_by, running = set(), []

    def fetch(rows):
        running.append(rows)
        fetched_by.add(threading.current_thread().name)
        time.sleep(0.02)
        running.remove(rows)
        return [values[row % 10] for row in rows]

    def stop(stage, done, total, **figures):
        if done == 64:
            raise Cancelled("stopped")

    with pytest.raises(Cancelled):
        embed(catalog_of(400), fetch, Doubler(), EmbedConfig(batch_size=64), tmp_path, stop)
    assert running == []
    assert threading.current_thread().name not in fetched_by
    embed(catalog_of(400), fetch, Doubler(), EmbedConfig(batch_size=64), tmp_path)
