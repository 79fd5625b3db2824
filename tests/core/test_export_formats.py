"""Every format of an export, read back by the tool that it is for."""

import csv
import importlib
import json
import tarfile

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq
import pytest
from PIL import Image

from curation_app.format_words import load_lines
from curation_core.errors import ConfigError
from curation_core.verification import verify
from curation_core.workspace import Workspace

N, DRAWN = 60, 24
ODD = ["=1+1", "-x", "@y", 'say "hi"', "a,b", "new\nline", "\ttab", "back\\slash", "ünï", "", None, "'=quoted"]


def odd_columns(n):
    return {
        "note": [ODD[i % len(ODD)] for i in range(n)],
        "tags": [["a", f"t{i % 3}"] if i % 4 else [] for i in range(n)],
        "place": [{"lat": i / 7, "lon": None if i % 5 else 1.5} for i in range(n)],
        "score": [float("nan") if i % 6 == 0 else i / 3 for i in range(n)],
        "count": [None if i % 7 == 0 else i for i in range(n)],
        "good": [bool(i % 2) for i in range(n)],
        "id": [f"user-{i}" for i in range(n)],
    }


def coco_of(names):
    images = [{"id": 900 + i, "file_name": name, "width": 9, "height": 9} for i, name in enumerate(names)]
    rest = {"bbox": [0, 0, 4, 4], "area": 16, "iscrowd": 0}
    boxes = [
        {"id": 5000 + 2 * i + j, "image_id": 900 + i, "category_id": 1 + j, **rest}
        for i in range(len(names))
        for j in range(2)
    ]
    return {
        "info": {"year": 2020},
        "images": images,
        "annotations": boxes,
        "categories": [{"id": 1, "name": "a"}, {"id": 2, "name": "b"}],
    }


def pictures(folder, n=N):
    rng = np.random.default_rng(0)
    for i in range(n):
        name = folder / f"{'abc'[i % 3]}" / f"p{i:03d}.{'png' if i % 2 else 'jpg'}"
        name.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 255, (9 + i % 4, 12, 3), dtype=np.uint8)).save(name)
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("p*.*"))


def made(path, source, target, **options):
    workspace = Workspace.create(path, source, **options)
    workspace.embed(embedder={"text": "hashing-text"}.get(workspace.catalog().modality, "color-hog"))
    workspace.cluster(n_clusters=(8, 3), n_resamples=0)
    workspace.configure(split={"shares": {"train": 0.7, "test": 0.3}})
    workspace.sample(target)
    return workspace


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    folder = tmp_path_factory.mktemp("formats")
    names = pictures(folder / "pile")
    (folder / "pile" / "boxes.json").write_text(json.dumps(coco_of(names)))
    pq.write_table(pa.table({"path": names, **odd_columns(N)}), folder / "m.parquet")
    return made(folder / "ws", folder / "pile", DRAWN, metadata=str(folder / "m.parquet"))


@pytest.fixture(scope="module")
def exported(images):
    """One export of pictures in every format that fits them, the files copied."""
    formats = ("parquet", "csv", "jsonl", "npy", "txt", "datasets", "imagefolder", "webdataset", "fiftyone", "lightly")
    return images.export("all", formats=(*formats, "coco", "lance", "weights"), files="copy", shard_mb=1)


@pytest.fixture(scope="module")
def manifest(exported):
    return pq.read_table(exported / "manifest.parquet")


@pytest.fixture(scope="module")
def texts(tmp_path_factory):
    folder = tmp_path_factory.mktemp("texts")
    pq.write_table(
        pa.table({"text": [f"text {i % 9} number {i}" for i in range(N)], **odd_columns(N)}), folder / "t.parquet"
    )
    return made(folder / "ws", folder / "t.parquet", DRAWN, text_column="text")


def test_the_export_verifies_and_user_columns_are_whole(exported, manifest):
    assert verify(exported).ok
    assert list(odd_columns(1)) == manifest.column_names[-len(odd_columns(1)) :]
    assert manifest.num_rows == DRAWN
    assert set(manifest["split"].to_pylist()) == {"train", "test"}


def test_pandas_reads_the_tables_alike(exported, manifest):
    parquet = pd.read_parquet(exported / "manifest.parquet")
    lines = pd.read_json(exported / "manifest.jsonl", lines=True, dtype={"item_id": str}, precise_float=True)
    table = pd.read_csv(exported / "manifest.csv", dtype={"item_id": str})
    for frame in (lines, table):
        assert frame["item_id"].tolist() == parquet["item_id"].tolist() == manifest["item_id"].to_pylist()
        assert list(frame.columns) == manifest.column_names
    np.testing.assert_allclose(lines["distance"], parquet["distance"], rtol=1e-6)
    np.testing.assert_allclose(table["score"].astype(float), parquet["score"], equal_nan=True)
    assert lines["tags"].tolist() == [list(tags) for tags in parquet["tags"]]
    assert lines["place"].tolist() == manifest["place"].to_pylist()
    assert lines["note"].astype(object).where(lines["note"].notna(), None).tolist() == manifest["note"].to_pylist()
    assert table["tags"].fillna("").tolist() == [";".join(tags) for tags in parquet["tags"]]


def test_every_line_of_json_is_what_a_parser_of_its_own_reads(exported, manifest):
    rows = [json.loads(line) for line in (exported / "manifest.jsonl").read_text(encoding="utf-8").splitlines()]
    for row, expected in zip(rows, manifest.to_pylist(), strict=True):
        expected["score"] = None if np.isnan(expected["score"]) else expected["score"]
        expected["distance"] = pytest.approx(expected["distance"], rel=1e-6)
        assert row == expected


def test_pythons_csv_reads_every_cell_and_none_is_a_formula(exported, manifest):
    with (exported / "manifest.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    guarded = [f"'{note}" if note and note[0] in "=-@\t" else note or "" for note in manifest["note"].to_pylist()]
    assert [row["note"] for row in rows] == guarded
    assert not any(value[:1] in ("=", "+", "@", "\t", "\r") for row in rows for value in row.values())


def test_pyarrow_and_duckdb_read_parquet_csv_and_json(exported, manifest):
    assert pa_csv.read_csv(exported / "manifest.csv")["quota"].to_pylist() == manifest["quota"].to_pylist()
    for name in ("parquet", "csv", "jsonl"):
        reader = {"parquet": "read_parquet", "csv": "read_csv", "jsonl": "read_json"}[name]
        query = f"select count(*), sum(quota), sum(source_row) from {reader}('{exported / f'manifest.{name}'}')"
        assert duckdb.sql(query).fetchall()[0] == (
            DRAWN,
            sum(manifest["quota"].to_pylist()),
            sum(manifest["source_row"].to_pylist()),
        )


def test_a_row_group_holds_some_ten_thousand_rows_at_most(exported):
    groups = pq.ParquetFile(exported / "rejected.parquet").metadata
    assert max(groups.row_group(i).num_rows for i in range(groups.num_row_groups)) <= 1 << 15


def test_index_list_and_weights(exported, manifest, images):
    assert np.load(exported / "manifest.npy").tolist() == manifest["source_row"].to_pylist()
    assert (exported / "manifest.txt").read_text().splitlines() == manifest["file"].to_pylist()
    assert all((exported / name).is_file() for name in manifest["file"].to_pylist())
    weights, table = np.load(exported / "weights.npy"), pd.read_csv(exported / "weights.csv", dtype={"item_id": str})
    assert table["item_id"].tolist() == images.catalog().item_id
    np.testing.assert_array_equal(table["weight"], weights)
    assert weights.sum() == pytest.approx(DRAWN)
    assert json.loads((exported / "run.json").read_text())["weights"]["sum"] == pytest.approx(DRAWN)


@pytest.fixture
def datasets(monkeypatch, tmp_path):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    module = importlib.import_module("datasets")
    monkeypatch.setattr(module.config, "HF_DATASETS_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(module.config, "HF_HUB_OFFLINE", True)
    return module


def test_datasets_loads_the_layout_with_its_splits_and_pictures(exported, manifest, datasets):
    loaded = datasets.load_dataset(str(exported / "datasets"))
    assert {name: len(rows) for name, rows in loaded.items()} == json.loads((exported / "run.json").read_text())[
        "splits"
    ]
    rows = {row["item_id"]: row for part in loaded.values() for row in part}
    for row in manifest.to_pylist():
        with Image.open(exported / row["file"]) as image:
            assert np.array_equal(np.asarray(rows[row["item_id"]]["image"]), np.asarray(image))
        assert rows[row["item_id"]]["note"] == row["note"]
        assert rows[row["item_id"]]["tags"] == row["tags"]
    names = sorted(path.name for path in (exported / "datasets" / "data").iterdir())
    assert names == ["test-00000-of-00001.parquet", "train-00000-of-00001.parquet"]


def test_datasets_loads_the_image_folder(exported, manifest, datasets):
    loaded = datasets.load_dataset("imagefolder", data_dir=str(exported / "imagefolder"))
    assert {name: len(rows) for name, rows in loaded.items()} == json.loads((exported / "run.json").read_text())[
        "splits"
    ]
    paths = {row["item_id"]: row["file"] for row in manifest.to_pylist()}
    row = loaded["test"][0]
    with Image.open(exported / paths[row["item_id"]]) as image:
        assert np.array_equal(np.asarray(row["image"]), np.asarray(image))


@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")  # its own
def test_webdataset_reads_the_shards(exported, manifest):
    webdataset = pytest.importorskip("webdataset")
    found = {}
    for split in ("train", "test"):
        names = sorted(str(path) for path in (exported / "webdataset").glob(f"{split}-*.tar"))
        for sample in webdataset.WebDataset(names, shardshuffle=False, empty_check=False):
            kind = next(key for key in ("png", "jpg") if key in sample)
            found[sample["__key__"]] = (sample[kind], json.loads(sample["json"]), split)
    expected = {row["item_id"]: row for row in manifest.to_pylist()}
    assert set(found) == set(expected)
    for key, (data, told, split) in found.items():
        assert data == (exported / expected[key]["file"]).read_bytes()
        assert (told["path"], told["note"], told["split"]) == (expected[key]["path"], expected[key]["note"], split)
        assert len(key) <= 128
        assert "." not in key
    sizes = json.loads((exported / "webdataset" / "sizes.json").read_text())
    assert sum(sizes.values()) == DRAWN


def test_pythons_tarfile_reads_the_shards_and_nothing_of_the_machine_is_in_them(exported):
    for path in (exported / "webdataset").glob("*.tar"):
        with tarfile.open(path) as archive:
            for member in archive:
                assert (member.mtime, member.uid, member.gid, member.uname, member.mode) == (0, 0, 0, "", 0o644)


def test_lance_reads_its_table(exported, manifest):
    lance = pytest.importorskip("lance")
    table = lance.dataset(str(exported / "manifest.lance")).to_table()
    assert (
        table.select(["item_id", "note", "quota"]).to_pydict()
        == manifest.select(["item_id", "note", "quota"]).to_pydict()
    )


def test_coco_keeps_ids_and_annotations_of_the_drawn_images(exported, manifest):
    told = json.loads((exported / "coco.json").read_text())
    names = sorted({row["path"] for row in manifest.to_pylist()})
    everything = coco_of(sorted(set(names)))
    assert told["info"] == {"year": 2020}
    assert told["categories"] == everything["categories"]
    ids = {image["id"] for image in told["images"]}
    assert len(ids) == DRAWN
    assert {note["image_id"] for note in told["annotations"]} == ids
    assert len(told["annotations"]) == 2 * DRAWN
    assert all((exported / image["file_name"]).is_file() for image in told["images"])
    assert all(
        note["id"] in (5000 + 2 * (note["image_id"] - 900), 5001 + 2 * (note["image_id"] - 900))
        for note in told["annotations"]
    )


def test_without_a_coco_file_images_are_listed_alone(tmp_path):
    names = pictures(tmp_path / "pile", 12)
    folder = made(tmp_path / "ws", tmp_path / "pile", 6).export("e", formats=("coco", "parquet"))
    told = json.loads((folder / "coco.json").read_text())
    rows = pq.read_table(folder / "manifest.parquet").to_pylist()
    assert [(image["id"], image["file_name"]) for image in told["images"]] == [
        (r["source_row"], r["path"]) for r in rows
    ]
    assert {image["file_name"] for image in told["images"]} <= set(names)
    assert told["annotations"] == told["categories"] == []
    assert verify(folder).ok


def test_lightly_lists_are_coco_images_by_split(exported, manifest):
    rows = manifest.to_pylist()
    for split in ("train", "test"):
        told = json.loads((exported / "lightly" / f"{split}.json").read_text())
        assert sorted(image["file_name"] for image in told["images"]) == sorted(
            r["file"] for r in rows if r["split"] == split
        )
        assert all(image["width"] == 12 and 9 <= image["height"] <= 12 for image in told["images"])
        assert told["annotations"] == told["categories"] == []


def test_fiftyone_samples_have_what_its_importer_reads(exported, manifest):
    told = json.loads((exported / "fiftyone" / "samples.json").read_text())["samples"]
    for sample, row in zip(told, manifest.to_pylist(), strict=True):
        assert (exported / "fiftyone" / sample["filepath"]).resolve() == (exported / row["file"]).resolve()
        assert sample["tags"] == [row["split"]]
        assert sample["user_id"] == row["id"]
        assert sample["metadata"]["width"] == 12
    info = json.loads((exported / "fiftyone" / "metadata.json").read_text())["info"]
    assert info["columns"] == {"user_id": "id", "user_tags": "tags"}


def test_fiftyones_own_importer_reads_the_folder(exported):
    data = pytest.importorskip("fiftyone.utils.data")
    importer = data.LegacyFiftyOneDatasetImporter(str(exported / "fiftyone"))
    with importer:
        assert len(list(importer)) == DRAWN


RUN = ("parquet", "csv", "jsonl", "npy", "txt", "datasets", "imagefolder", "webdataset", "weights", "lance")


@pytest.mark.parametrize("kind", RUN)
def test_the_lines_that_the_page_shows_load_each_format(exported, manifest, monkeypatch, datasets, kind):
    monkeypatch.chdir(exported.parent)
    found: dict = {}
    exec(load_lines(kind, exported.name, ["test", "train"], has_files=True), found)
    if "parts" in found:
        assert sum(map(len, found["parts"].values())) == DRAWN
    elif "sampler" in found:
        assert len(list(found["sampler"])) == DRAWN
    elif "shards" in found:
        assert [path.rpartition("/")[2] for path in found["shards"]] == ["test-000000.tar"]
    else:
        assert len(next(found[name] for name in ("manifest", "rows", "paths") if name in found)) == DRAWN


# ---- texts, vectors, tars


def test_texts_come_as_tables_datasets_and_shards(texts, datasets):
    folder = texts.export("t", formats=("csv", "datasets", "webdataset", "txt"))
    assert verify(folder).ok
    rows = pa_csv.read_csv(folder / "manifest.csv").to_pylist()
    loaded = datasets.load_dataset(str(folder / "datasets"))
    assert sorted(row["text"] for part in loaded.values() for row in part) == sorted(row["text"] for row in rows)
    found = {}
    for path in (folder / "webdataset").glob("*.tar"):
        with tarfile.open(path) as archive:
            found |= {member.name: archive.extractfile(member).read().decode() for member in archive}
    by_id = {row["item_id"]: row["text"] for row in rows}
    assert {name[:-4]: text for name, text in found.items() if name.endswith(".txt")} == by_id


@pytest.mark.parametrize("kind", ["imagefolder", "fiftyone", "lightly", "coco"])
def test_formats_of_pictures_are_refused_for_texts_in_one_sentence(texts, kind):
    with pytest.raises(ConfigError, match=f"{kind} is for pictures"):
        texts.export("no", formats=(kind,), **({"files": "copy"} if kind == "imagefolder" else {}))
    assert not (texts.path / "exports" / "no").exists()


def test_an_image_folder_without_files_is_refused(images):
    with pytest.raises(ConfigError, match="set files to copy, hardlink or symlink"):
        images.export("no", formats=("imagefolder",))


def test_a_selection_list_names_key_and_shard(tmp_path):
    pictures(tmp_path / "pile", 30)
    for shard in range(3):
        with tarfile.open(tmp_path / f"s-{shard}.tar", "w") as archive:
            for path in sorted((tmp_path / "pile").rglob("p*.*"))[shard * 10 : shard * 10 + 10]:
                archive.add(path, f"x/{path.name}")
    workspace = made(tmp_path / "ws", tmp_path / "s-{0..2}.tar", 12)
    folder = workspace.export("e", formats=("wds-index",))
    assert verify(folder).ok
    with (folder / "wds-index.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 12
    for row in rows:
        with tarfile.open(tmp_path / row["shard"]) as archive:
            assert [name for name in archive.getnames() if name.rpartition(".")[0] == row["key"]]


def test_a_selection_list_of_what_came_from_no_tar_is_refused(images):
    with pytest.raises(ConfigError, match="came from 'pile'; choose webdataset"):
        images.export("no", formats=("wds-index",))
    assert not list((images.path / "exports").glob("*no*"))


def test_an_item_drawn_twice_is_two_samples_and_one_picture(images):
    plan = images.draw(images.settings.sample.model_copy(update={"target_size": 80, "multiplier": 2}))
    folder = images.export("twice", plan, formats=("webdataset", "lightly", "coco"), files="copy")
    assert verify(folder).ok
    names = []
    for path in (folder / "webdataset").glob("*.tar"):
        with tarfile.open(path) as archive:
            names += [name for name in archive.getnames() if not name.endswith(".json")]
    assert len(set(names)) == len(names) == 80
    listed = [
        image["id"] for path in (folder / "lightly").glob("*.json") for image in json.loads(path.read_text())["images"]
    ]
    assert len(set(listed)) == len(listed) == len(json.loads((folder / "coco.json").read_text())["images"])
    assert len(listed) == len(set(plan.indices.tolist())) < 80


def test_a_column_file_name_gives_way_in_an_image_folder_only_where_it_holds_the_paths(tmp_path, datasets):
    names = pictures(tmp_path / "pile", 12)
    pq.write_table(pa.table({"file_name": names, "n": range(12)}), tmp_path / "m.parquet")
    workspace = made(tmp_path / "ws", tmp_path / "pile", 6, metadata=str(tmp_path / "m.parquet"))
    folder = workspace.export("e", formats=("imagefolder",), files="copy")
    assert verify(folder).ok
    assert set(pq.read_table(folder / "manifest.parquet")["file_name"].to_pylist()) <= set(names)
    loaded = datasets.load_dataset("imagefolder", data_dir=str(folder / "imagefolder"))
    assert sum(map(len, loaded.values())) == 6

    cells = [{"bytes": (tmp_path / "pile" / name).read_bytes(), "path": f"old-{name}"} for name in names]
    pq.write_table(pa.table({"image": cells}), tmp_path / "t.parquet")
    workspace = made(tmp_path / "other", tmp_path / "t.parquet", 6)
    with pytest.raises(ConfigError, match="a column 'file_name' of their own"):
        workspace.export("e", formats=("imagefolder",), files="copy")


# ---- files as links


@pytest.mark.parametrize("mode", ["hardlink", "symlink"])
def test_files_can_be_links(images, mode):
    folder = images.export(mode, formats=("parquet", "imagefolder"), files=mode)
    assert verify(folder).ok
    for row in pq.read_table(folder / "manifest.parquet").to_pylist():
        path, source = folder / row["file"], images.path.parent / "pile" / row["path"]
        assert path.samefile(source)
        assert path.is_symlink() is (mode == "symlink")


def test_links_into_an_archive_are_refused(tmp_path):
    names = pictures(tmp_path / "pile", 12)
    with tarfile.open(tmp_path / "p.tar", "w") as archive:
        for name in names:
            archive.add(tmp_path / "pile" / name, name)
    workspace = made(tmp_path / "ws", tmp_path / "p.tar", 6)
    with pytest.raises(ConfigError, match="nothing can be linked to; set files to copy"):
        workspace.export("e", files="hardlink")
    assert list((workspace.path / "exports").iterdir()) == []


def test_pictures_inside_the_shards_need_no_copies(images, datasets):
    folder = images.export("inside", formats=("datasets",), shard_mb=1)
    assert not (folder / "files").exists()
    loaded = datasets.load_dataset(str(folder / "datasets"))
    with Image.open(images.path.parent / "pile" / loaded["train"][0]["path"]) as image:
        assert np.array_equal(np.asarray(loaded["train"][0]["image"]), np.asarray(image))
