"""Every kind of source, a real one each, from ingest to an exported manifest that verifies."""

import functools
import http.server
import io
import json
import tarfile
import threading
import zipfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
import pytest
from PIL import Image

from curation_core import Workspace
from curation_core.integrity import changed_items

SAMPLES = Path(__file__).parents[2] / "sample_data"
N = 32
EMBEDDERS = {"image": "color-hog", "text": "hashing-text", "vector": "as-is"}


@pytest.fixture(scope="module")
def emoji():
    """The first pictures of the sample, with their labels: (name, bytes, label)."""
    with zipfile.ZipFile(SAMPLES / "emoji.zip") as archive:
        table = pyarrow.csv.read_csv(io.BytesIO(archive.read("metadata.csv")))
        rows = table.take(list(range(0, 60 * N, 60))).to_pylist()
        return [(row["file_name"].rpartition("/")[2], archive.read(row["file_name"]), row["subgroup"]) for row in rows]


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory, monkeypatch):
    monkeypatch.setenv("CURATE_CACHE", str(tmp_path_factory.mktemp("cache")))


def journey(tmp_path, source, **options):
    """Ingest, embed, cluster, draw, export and verify; gives the workspace and the manifest."""
    workspace = Workspace.init(tmp_path / "workspace", tmp_path, **options)
    workspace.configure(ingest={"source": str(source)})
    catalog = workspace.ingest()
    workspace.embed(embedder=EMBEDDERS[catalog.modality])
    workspace.cluster(n_clusters=(6,), n_resamples=0)
    plan = workspace.sample(target_size=10)
    folder = workspace.export("ten", plan, ("parquet",))
    assert workspace.verify("ten").ok
    wanted = dict(zip(catalog.uri, catalog.content_hash, strict=True))
    assert changed_items(workspace.settings.ingest, wanted) == {}
    manifest = pyarrow.parquet.read_table(folder / "manifest.parquet")
    assert manifest.num_rows == 10
    return catalog, manifest


def write_pictures(folder, emoji):
    folder.mkdir(parents=True, exist_ok=True)
    for name, data, _ in emoji:
        (folder / name).write_bytes(data)
    return folder


def test_a_folder_of_images_with_metadata(tmp_path, emoji):
    folder = write_pictures(tmp_path / "pictures", emoji)
    lines = "".join(f"{name},{label}\n" for name, _, label in emoji)
    (folder / "metadata.csv").write_text("file_name,label\n" + lines)
    catalog, manifest = journey(tmp_path, folder)
    assert catalog.metadata.column("label").to_pylist() == [label for _, _, label in sorted(emoji)]
    assert "label" in manifest.column_names


def test_a_folder_of_class_folders(tmp_path, emoji):
    for name, data, _ in emoji:
        place = tmp_path / "pictures" / ("first" if name < emoji[N // 2][0] else "second")
        place.mkdir(parents=True, exist_ok=True)
        (place / name).write_bytes(data)
    catalog, _ = journey(tmp_path, tmp_path / "pictures")
    assert set(catalog.metadata.column("folder").to_pylist()) == {"first", "second"}


def test_a_zip_of_images(tmp_path, emoji):
    with zipfile.ZipFile(tmp_path / "pictures.zip", "w") as archive:
        for name, data, _ in emoji:
            archive.writestr(f"in/{name}", data)
    catalog, _ = journey(tmp_path, tmp_path / "pictures.zip")
    assert len(catalog) == N


@pytest.mark.parametrize("ending", ["tar", "tar.gz", "tar.xz", "tar.zst"])
def test_a_tar_of_images(tmp_path, emoji, ending):
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w") as archive:
        for name, data, _ in emoji:
            info = tarfile.TarInfo(f"./in/{name}")
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    codec = {"tar.gz": "gzip", "tar.zst": "zstd"}.get(ending)
    path = tmp_path / f"pictures.{ending}"
    if codec:
        with pa.CompressedOutputStream(str(path), codec) as file:
            file.write(plain.getvalue())
    elif ending == "tar.xz":
        import lzma

        path.write_bytes(lzma.compress(plain.getvalue()))
    else:
        path.write_bytes(plain.getvalue())
    catalog, _ = journey(tmp_path, path)
    assert catalog.uri == sorted(f"in/{name}" for name, _, _ in emoji)


def write_shards(folder, emoji):
    webdataset = pytest.importorskip("webdataset")
    folder.mkdir()
    for shard in range(2):
        with webdataset.TarWriter(str(folder / f"part-{shard:03d}.tar")) as writer:
            for number in range(shard, N, 2):
                _, data, label = emoji[number]
                sample = {"__key__": f"{number:05d}", "webp": data, "cls": number % 3, "json": {"label": label}}
                writer.write(sample)
    return folder


def test_webdataset_shards_in_a_folder(tmp_path, emoji):
    catalog, manifest = journey(tmp_path, write_shards(tmp_path / "shards", emoji))
    assert catalog.uri[:2] == ["part-000.tar/00000.webp", "part-000.tar/00002.webp"]
    assert catalog.metadata.column("cls").to_pylist()[:3] == [0, 2, 1]
    assert {"cls", "label"} <= set(manifest.column_names)


def test_webdataset_shards_by_a_pattern(tmp_path, emoji):
    folder = write_shards(tmp_path / "shards", emoji)
    catalog, _ = journey(tmp_path, folder / "part-{000..001}.tar")
    assert len(catalog) == N


def hub_dataset(emoji):
    datasets = pytest.importorskip("datasets")
    labels = sorted({label for _, _, label in emoji})
    features = datasets.Features({"image": datasets.Image(), "label": datasets.ClassLabel(names=labels)})
    rows = [{"image": {"bytes": data, "path": name}, "label": labels.index(label)} for name, data, label in emoji]
    return datasets.Dataset.from_list(rows, features=features)


def test_a_saved_dataset_of_hugging_face(tmp_path, emoji):
    hub_dataset(emoji).save_to_disk(str(tmp_path / "saved"), num_shards=2)
    catalog, _ = journey(tmp_path, tmp_path / "saved")
    assert catalog.metadata.column("label").to_pylist() == [label for _, _, label in emoji]
    assert catalog.metadata.column("file_name").to_pylist() == [name for name, _, _ in emoji]


def test_a_saved_dataset_of_several_splits(tmp_path, emoji):
    hub_dataset(emoji).train_test_split(8, shuffle=False).save_to_disk(str(tmp_path / "saved"))
    catalog, manifest = journey(tmp_path, tmp_path / "saved")
    assert catalog.metadata.column("split").to_pylist() == ["train"] * (N - 8) + ["test"] * 8
    assert "split" in manifest.column_names


def test_a_saved_dataset_of_texts(tmp_path):
    datasets = pytest.importorskip("datasets")
    texts = [f"the {kind} number {n}" for n in range(20) for kind in ("cat", "river")]
    features = datasets.Features(
        {"text": datasets.Value("string"), "kind": datasets.ClassLabel(names=["cat", "river"])}
    )
    saved = datasets.Dataset.from_dict({"text": texts, "kind": [0, 1] * 20}, features=features)
    saved.save_to_disk(str(tmp_path / "saved"))
    catalog, _ = journey(tmp_path, tmp_path / "saved")
    assert catalog.text == texts
    assert catalog.metadata.column("kind").to_pylist()[:2] == ["cat", "river"]


def test_parquet_shards_as_the_hub_keeps_them(tmp_path, emoji):
    found = hub_dataset(emoji)
    (tmp_path / "hub" / "data").mkdir(parents=True)
    for number, split in enumerate(("train", "test")):
        part = found.shard(2, number, contiguous=True)
        part.to_parquet(str(tmp_path / "hub" / "data" / f"{split}-00000-of-00001.parquet"))
    catalog, _ = journey(tmp_path, tmp_path / "hub")
    assert catalog.uri[0] == "data/test-00000-of-00001.parquet#0"
    assert catalog.metadata.column("split").to_pylist() == ["test"] * 16 + ["train"] * 16
    assert set(catalog.metadata.column("label").to_pylist()) == {label for _, _, label in emoji}


def test_a_table_of_image_bytes(tmp_path, emoji):
    table = pa.table({"picture": [data for _, data, _ in emoji], "label": [label for _, _, label in emoji]})
    pyarrow.parquet.write_table(table, tmp_path / "t.parquet", row_group_size=7)
    catalog, _ = journey(tmp_path, tmp_path / "t.parquet")
    assert len(catalog) == N
    assert catalog.columns == ["label"]


@pytest.mark.parametrize("kind", ["csv", "jsonl"])
def test_a_table_of_image_paths(tmp_path, emoji, kind):
    write_pictures(tmp_path / "data" / "images", emoji)
    rows = [{"image": f"images/{name}", "label": label} for name, _, label in emoji]
    path = tmp_path / "data" / f"table.{kind}"
    if kind == "csv":
        pyarrow.csv.write_csv(pa.Table.from_pylist(rows), path)
    else:
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    catalog, _ = journey(tmp_path, path)
    assert catalog.uri[0] == f"images/{emoji[0][0]}"
    assert catalog.metadata.column("label").to_pylist() == [label for _, _, label in emoji]


@pytest.mark.parametrize("kind", ["csv", "jsonl", "parquet"])
def test_a_table_of_texts(tmp_path, kind):
    table = pyarrow.csv.read_csv(SAMPLES / "glosses.csv").slice(0, 40)
    path = tmp_path / f"t.{kind}"
    if kind == "csv":
        pyarrow.csv.write_csv(table, path)
    elif kind == "jsonl":
        path.write_text("".join(json.dumps(row) + "\n" for row in table.to_pylist()))
    else:
        pyarrow.parquet.write_table(table, path)
    catalog, _ = journey(tmp_path, path, text_column="text")
    assert catalog.text == table.column("text").to_pylist()


def test_a_folder_of_text_tables(tmp_path):
    table = pyarrow.csv.read_csv(SAMPLES / "glosses.csv").slice(0, 40)
    (tmp_path / "shards").mkdir()
    for number in range(2):
        pyarrow.csv.write_csv(table.slice(20 * number, 20), tmp_path / "shards" / f"part-{number}.csv")
    catalog, _ = journey(tmp_path, tmp_path / "shards", text_column="text")
    assert catalog.text == table.column("text").to_pylist()
    assert catalog.uri[20] == "part-1.csv#0"


def vectors():
    return np.random.default_rng(0).normal(size=(40, 8)).astype(np.float32)


def test_vectors_in_an_npy_file(tmp_path):
    np.save(tmp_path / "v.npy", vectors())
    catalog, _ = journey(tmp_path, tmp_path / "v.npy")
    assert len(catalog) == 40


def test_vectors_in_an_npz_file(tmp_path):
    np.savez_compressed(tmp_path / "v.npz", embeddings=vectors(), ids=np.arange(40))
    catalog, _ = journey(tmp_path, tmp_path / "v.npz")
    assert catalog.uri[0] == "v.npz#0"


def test_vectors_in_a_folder_of_shards_with_metadata(tmp_path):
    (tmp_path / "v").mkdir()
    for number in range(4):
        np.save(tmp_path / "v" / f"part-{number}.npy", vectors()[10 * number : 10 * number + 10])
    (tmp_path / "v" / "metadata.csv").write_text("label\n" + "".join(f"{n % 3}\n" for n in range(40)))
    catalog, _ = journey(tmp_path, tmp_path / "v")
    assert catalog.uri[10] == "part-1.npy#0"
    assert catalog.metadata.column("label").to_pylist() == [n % 3 for n in range(40)]


def test_vectors_in_parquet_shards(tmp_path):
    (tmp_path / "v").mkdir()
    for number in range(2):
        part = vectors()[20 * number : 20 * number + 20]
        table = pa.table({"v": list(part), "label": ["a", "b"] * 10})
        pyarrow.parquet.write_table(table, tmp_path / "v" / f"part-{number}.parquet", row_group_size=6)
    catalog, _ = journey(tmp_path, tmp_path / "v")
    assert catalog.columns == ["label"]


def test_vectors_in_lance(tmp_path):
    lance = pytest.importorskip("lance")
    values = pa.FixedSizeListArray.from_arrays(pa.array(vectors().ravel()), 8)
    lance.write_dataset(pa.table({"v": values, "label": ["a", "b"] * 20}), str(tmp_path / "v.lance"))
    catalog, _ = journey(tmp_path, tmp_path / "v.lance")
    assert catalog.uri[0] == "v.lance#0"
    assert catalog.metadata.column("label").to_pylist() == ["a", "b"] * 20


def test_a_scene_cut_into_tiles(tmp_path):
    catalog, manifest = journey(tmp_path, SAMPLES / "landsat_crop.tif", tile_size=32)
    assert catalog.items.column("width").to_pylist() == [32] * len(catalog)
    longitudes = catalog.metadata.column("longitude").to_numpy()
    latitudes = catalog.metadata.column("latitude").to_numpy()
    assert abs(longitudes + 54.5).max() < 1  # around Foz do Iguaçu
    assert abs(latitudes + 25.5).max() < 1
    assert {"scene", "tile_row", "tile_column", "crs", "valid_share"} <= set(manifest.column_names)


def test_a_folder_of_ready_tiles_keeps_where_they_lie(tmp_path):
    rasterio = pytest.importorskip("rasterio")
    (tmp_path / "tiles").mkdir()
    with rasterio.open(SAMPLES / "landsat_crop.tif") as scene:
        for number in range(30):
            window = rasterio.windows.Window(32 * (number % 6), 32 * (number // 6), 32, 32)
            here = scene.transform
            moved = rasterio.Affine(
                here.a, 0.0, here.c + here.a * window.col_off, 0.0, here.e, here.f + here.e * window.row_off
            )
            kept = {name: scene.profile[name] for name in ("driver", "dtype", "count", "crs", "nodata")}
            profile = {**kept, "width": 32, "height": 32, "transform": moved}
            with rasterio.open(tmp_path / "tiles" / f"{number:02d}.tif", "w", **profile) as tile:
                tile.write(scene.read(window=window))
    catalog, _ = journey(tmp_path, tmp_path / "tiles")
    assert len(catalog) == 30
    assert catalog.columns == ["longitude", "latitude", "crs"]
    assert len(set(catalog.metadata.column("longitude").to_pylist())) > 5


# ---- remote stores


@pytest.fixture
def bucket(monkeypatch):
    """A bucket of a local S3 server: (its client, what an address must end with)."""
    boto3 = pytest.importorskip("boto3")
    server_module = pytest.importorskip("moto.server")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    server = server_module.ThreadedMotoServer(port=0)
    server.start()
    host, port = server.get_host_and_port()
    client = boto3.client("s3", endpoint_url=f"http://{host}:{port}", region_name="us-east-1")
    client.create_bucket(Bucket="piles")
    yield client, f"?scheme=http&endpoint_override={host}:{port}&region=us-east-1"
    server.stop()


def test_images_in_a_bucket(tmp_path, emoji, bucket):
    client, ending = bucket
    for name, data, _ in emoji:
        client.put_object(Bucket="piles", Key=f"pictures/{name}", Body=data)
    lines = "".join(f"{name},{label}\n" for name, _, label in emoji)
    client.put_object(Bucket="piles", Key="pictures/metadata.csv", Body=("file_name,label\n" + lines).encode())
    catalog, _ = journey(tmp_path, f"s3://piles/pictures{ending}")
    assert catalog.uri == sorted(name for name, _, _ in emoji)
    assert catalog.metadata.column("label").null_count == 0


def test_a_zip_and_parquet_shards_in_a_bucket(tmp_path, emoji, bucket):
    client, ending = bucket
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, data, _ in emoji:
            archive.writestr(name, data)
    client.put_object(Bucket="piles", Key="pictures.zip", Body=packed.getvalue())
    catalog, _ = journey(tmp_path, f"s3://piles/pictures.zip{ending}")
    assert len(catalog) == N
    for number in range(2):
        buffer = io.BytesIO()
        pyarrow.parquet.write_table(pa.table({"text": [f"text {n} of {number}" for n in range(20)]}), buffer)
        client.put_object(Bucket="piles", Key=f"texts/{number}.parquet", Body=buffer.getvalue())
    (tmp_path / "texts").mkdir()
    catalog, _ = journey(tmp_path / "texts", f"s3://piles/texts{ending}")
    assert len(catalog) == 40


def test_images_in_any_store_that_fsspec_knows(tmp_path, emoji):
    fsspec = pytest.importorskip("fsspec")
    store = fsspec.filesystem("memory")
    for name, data, _ in emoji:
        store.pipe(f"/pile/{name}", data)
    catalog, _ = journey(tmp_path, "memory://pile")
    assert len(catalog) == N


@pytest.fixture
def site(tmp_path):
    """A folder, and the address that serves it."""
    folder = tmp_path / "site"
    folder.mkdir()

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *args):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(folder)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield folder, f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_a_table_of_paths_on_a_web_server(tmp_path, emoji, site):
    folder, address = site
    write_pictures(folder / "images", emoji)
    (folder / "t.csv").write_text("image,label\n" + "".join(f"images/{name},{label}\n" for name, _, label in emoji))
    catalog, _ = journey(tmp_path, f"{address}/t.csv", allow_http=True)
    assert catalog.uri[0] == f"images/{emoji[0][0]}"


def test_an_archive_on_a_web_server(tmp_path, emoji, site):
    folder, address = site
    with tarfile.open(folder / "p.tar", "w") as archive:
        archive.add(write_pictures(tmp_path / "p", emoji), "p")
    catalog, _ = journey(tmp_path, f"{address}/p.tar", allow_http=True)
    assert len(catalog) == N


def test_images_of_every_format(tmp_path):
    folder = tmp_path / "formats"
    folder.mkdir()
    rng = np.random.default_rng(0)
    for number in range(30):
        image = Image.fromarray(rng.integers(0, 256, (20, 24, 3), dtype=np.uint8))
        kind = ("jpeg", "png", "webp", "gif", "bmp", "tiff")[number % 6]
        image.save(folder / f"{number:02d}.{kind}")
    catalog, _ = journey(tmp_path, folder)
    assert len(catalog) == 30


def test_the_documented_sources_and_these_tests_are_the_same(request):
    import re

    documented = set(re.findall(r"`(test_\w+)`", (request.config.rootpath / "docs" / "sources.md").read_text()))
    here = {name for name in globals() if name.startswith("test_")} - {request.node.name}
    assert documented == here
