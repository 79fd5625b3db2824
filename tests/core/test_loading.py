import hashlib
import multiprocessing.reduction
import re

import numpy as np
import pytest
from torch.utils.data import DataLoader

from curation_core.errors import ConfigError, IngestError, ManifestMismatch
from curation_core.loading import ManifestDataset, batch
from curation_core.workspace import Workspace
from tests.core.carded import placed_pictures, texts


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    ws = placed_pictures(tmp_path_factory.mktemp("pictures"))
    return ws, ws.export("copied", files="copy"), ws.export("named")


@pytest.fixture(scope="module")
def vectors(tmp_path_factory):
    folder = tmp_path_factory.mktemp("vectors")
    np.save(folder / "v.npy", np.random.default_rng(0).normal(size=(60, 6)).astype("float32"))
    ws = Workspace.create(folder / "ws", folder / "v.npy")
    ws.embed()
    ws.cluster(n_clusters=(8, 2))
    ws.sample(target_size=21, multiplier=2)
    return folder, ws.export("v")


def test_pictures_come_from_copies_or_from_the_source_alike(pictures):
    ws, copied, named = pictures
    with (
        ManifestDataset(copied, check=True) as ours,
        ManifestDataset(named, ws.settings.ingest.source, check=True) as theirs,
    ):
        assert len(ours) == len(theirs) == 16
        for (first, row), (second, other) in zip(ours, theirs, strict=True):
            assert first.size == (24, 24)
            assert first.tobytes() == second.tobytes()
            assert row["item_id"] == other["item_id"]


def test_worker_processes_read_every_item_once_in_order(pictures):
    ws, _, named = pictures
    with ManifestDataset(named, ws.settings.ingest.source, transform=np.asarray, columns=["item_id", "stars"]) as data:
        data[0]  # open here before the workers are: they must not share what is open
        loader = DataLoader(data, batch_size=5, num_workers=2, collate_fn=batch)
        found = [(items, rows) for items, rows in loader]
    assert [tuple(items.shape) for items, _ in found] == [(5, 24, 24, 3)] * 3 + [(1, 24, 24, 3)]
    assert [one for _, rows in found for one in rows["item_id"]] == [data[i][1]["item_id"] for i in range(16)]
    assert set(found[0][1]) == {"item_id", "stars"}
    data.close()


def test_texts_need_no_source_and_travel_between_processes(tmp_path):
    ws = texts(tmp_path)
    folder = ws.export("t", formats=("jsonl",))
    data = ManifestDataset(folder, check=True)
    assert data.modality == "text"
    text, row = data[-1]
    assert text == row["body"]
    again = multiprocessing.reduction.ForkingPickler.loads(multiprocessing.reduction.ForkingPickler.dumps(data))
    assert again[3][0] == data[3][0]


def test_masked_texts_load_and_say_so_when_they_are_checked(tmp_path):
    ws = texts(tmp_path)
    ws.sample(target_size=60)
    folder = ws.export("t", mask_personal=True)
    found = [text for text, _ in ManifestDataset(folder) if "write to" in text]
    assert found == [found[0]]
    assert "jane.doe" not in found[0]
    with pytest.raises(ManifestMismatch, match="masked"):
        list(ManifestDataset(folder, check=True))


def test_vectors_come_from_the_matrix_row_by_row(vectors):
    folder, export = vectors
    matrix, data = np.load(folder / "v.npy"), ManifestDataset(export, folder / "v.npy", check=True)
    items, rows = batch(data.__getitems__(range(len(data))))
    assert np.array_equal(items.numpy(), matrix[rows["source_row"]])
    assert len(data) == 21


def test_what_cannot_be_loaded_is_said_in_a_sentence(pictures, vectors, tmp_path):
    _, copied, named = pictures
    with pytest.raises(ConfigError, match="give source"):
        ManifestDataset(named)
    with pytest.raises(ConfigError, match="no column 'colour'"):
        ManifestDataset(copied, columns=["colour"])
    with pytest.raises(ConfigError, match="no splits"):
        ManifestDataset(copied, split="train")
    with pytest.raises(IndexError):
        ManifestDataset(copied)[16]
    folder, export = vectors
    changed = np.load(folder / "v.npy")
    changed[:, 0] += 1
    np.save(tmp_path / "v.npy", changed)
    with pytest.raises(ManifestMismatch, match="bytes changed"):
        ManifestDataset(export, tmp_path / "v.npy", check=True)[0]


def test_a_copy_that_was_changed_is_named_when_it_is_checked(tmp_path):
    ws = placed_pictures(tmp_path)
    folder = ws.export("c", files="copy")
    first = next((folder / "files").iterdir())
    first.write_bytes(first.read_bytes() + b"x")
    with pytest.raises(ManifestMismatch, match=re.escape(first.name)):
        list(ManifestDataset(folder, check=True))
    assert len(list(ManifestDataset(folder))) == 16
    first.write_bytes(b"no picture")
    with pytest.raises(IngestError):
        list(ManifestDataset(folder))


def test_the_lines_of_the_docs_are_those_of_the_card(request):
    from curation_core.card_words import load_lines

    text = (request.config.rootpath / "docs" / "loading.md").read_text()
    docs = "\n".join(line for line in text.splitlines() if line)  # blank lines in code are a matter of style
    for lines in load_lines("emoji-500", "image", {"manifest.parquet": 0}, has_splits=False):
        assert lines.replace("path/to/pictures", "emoji.zip") in docs


def test_the_lines_of_the_card_run(tmp_path, monkeypatch):
    from curation_core.card_words import load_lines

    ws = texts(tmp_path / "made")
    export = ws.export("words")
    monkeypatch.chdir(export.parent)
    monkeypatch.setenv("HF_DATASETS_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("datasets.config.HF_DATASETS_CACHE", tmp_path / "cache")
    names = dict.fromkeys((path.name for path in export.iterdir()), 0)
    first, second = load_lines("words", "text", names, has_splits=False)
    assert [len(lines.splitlines()) for lines in (first, second)] == [3, 3]
    told: dict = {}
    exec(first, told)
    assert told["rows"].num_rows == 24
    exec(second, told)
    read = [text for items, _ in told["loader"] for text in items]
    assert [hashlib.sha256(text.encode()).hexdigest() for text in read] == told["rows"]["sha256"][:]
