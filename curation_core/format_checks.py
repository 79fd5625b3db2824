"""Every format of an export read back and held against the manifest.

The same items, in the same order, with the same values and, where a format holds them, the same files.
"""

import hashlib
import json
import tarfile
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from curation_core.artifacts import read_array
from curation_core.errors import ManifestMismatch
from curation_core.export_reading import ReadExport, read_csv_texts
from curation_core.export_sums import all_well
from curation_core.manifest_files import one_line, paths_of
from curation_core.table_columns import is_string
from curation_core.table_text import safe_texts

_INSIDE = ("item_id", "sha256", "split", "file", "faces_blurred")


def check_formats(export: ReadExport) -> str:
    """Returns the formats that agree; raises ManifestMismatch naming the files that differ."""
    if not export.tables:
        raise ManifestMismatch("there is no manifest.parquet, .csv or .jsonl; export again")
    first = export.tables[0]
    wrong = [
        f"manifest.{kind} and manifest.{first} list different items"
        if not _alike(export.table(f"manifest.{kind}"), export.manifest, ("item_id", "row"))
        else f"manifest.{kind} and manifest.{first} say different things of {differ}"
        for kind in export.tables[1:]
        if (differ := _differing(export, kind))
    ]
    found = list(export.tables)
    promised = export.run.get("formats", ())
    for kind, (name, check) in _OTHERS.items():
        if (export.folder / name).exists():
            found.append(kind)
            wrong += check(export)
        elif kind in promised:
            wrong.append(f"{name} is missing")
    wrong += [
        f"manifest.{kind} is missing" for kind in ("parquet", "csv", "jsonl") if kind in promised and kind not in found
    ]
    return all_well(wrong, ", ".join(found))


def _differing(export: ReadExport, kind: str) -> str:
    """The columns in which two tables of the manifest differ; the user's texts are compared too."""
    ours = export.table(f"manifest.{kind}")
    wrong = [] if ours.num_rows == export.manifest.num_rows else ["all columns"]
    wrong = wrong or [name for name in ours.column_names if not _alike(ours, export.manifest, (name,))]
    return ", ".join(wrong or _differing_texts(export, kind))


def _differing_texts(export: ReadExport, kind: str) -> list[str]:
    if kind != "csv" or export.tables[0] != "parquet":
        return []
    whole, told = pq.read_table(export.folder / "manifest.parquet"), read_csv_texts(export.folder / "manifest.csv")
    texts = [field.name for field in whole.schema if is_string(field.type) and field.name in told.column_names]
    return [
        name for name in texts if not _same_texts(safe_texts(whole.column(name).cast(pa.string())), told.column(name))
    ]


def _same_texts(ours: pa.ChunkedArray, theirs: pa.ChunkedArray) -> bool:
    # a CSV written before format 3 has no word for the difference between no text and an empty one
    return bool(pc.all(pc.equal(pc.fill_null(ours, ""), pc.fill_null(theirs, ""))).as_py() in (True, None))


def _alike(ours: pa.Table, theirs: pa.Table, names: tuple[str, ...]) -> bool:
    for name in names:
        if (name in ours.column_names) != (name in theirs.column_names):
            return False
        if name in ours.column_names and not ours.column(name).equals(theirs.column(name)):
            left, right = ours.column(name), theirs.column(name)
            if not pa.types.is_string(left.type) or len(left) != len(right) or not _same_texts(left, right):
                return False
    return True


def _npy(export: ReadExport) -> list[str]:
    rows = np.asarray(read_array(export.folder / "manifest.npy"))
    same = np.array_equal(rows, export.numbers(export.manifest, "source_row"))
    return [] if same else [f"manifest.npy and manifest.{export.tables[0]} list different rows"]


def _txt(export: ReadExport) -> list[str]:
    names = {name: name for name in export.manifest.column_names}
    wanted = one_line(paths_of(export.manifest, names)).to_pylist()
    lines = (export.folder / "manifest.txt").read_text(encoding="utf-8").split("\n")[:-1]
    return _listed("manifest.txt", lines == wanted)


def _datasets(export: ReadExport) -> list[str]:
    """Shards of each split in order; pictures inside are the items', or differ where faces were blurred."""
    rows = _by_split(export)
    wrong = []
    for split, table in rows.items():
        shards = sorted((export.folder / "datasets" / "data").glob(f"{split}-*.parquet"))
        wanted, place = table.to_pylist(), 0
        for shard in shards:
            file = pq.ParquetFile(shard)
            image = next((name for name in ("curation_image", "image") if name in file.schema_arrow.names), None)
            image = image if image and pa.types.is_struct(file.schema_arrow.field(image).type) else None
            columns = [export.names["item_id"], *([image] if image else [])]
            for number in range(file.num_row_groups):
                for row in file.read_row_group(number, columns=columns).to_pylist():
                    wrong += _row_differs(export, shard, row, image, wanted[place] if place < len(wanted) else None)
                    place += 1
        if place < len(wanted):
            wrong.append(f"datasets/data/{split}-*.parquet list {place} items, the manifest {len(wanted)}")
    return wrong


def _row_differs(
    export: ReadExport, shard: Path, row: dict[str, Any], image: str | None, wanted: dict[str, Any] | None
) -> list[str]:
    name = f"datasets/data/{shard.name}"
    if wanted is None or row[export.names["item_id"]] != wanted["item_id"]:
        return [f"{name} and the manifest list different items"]
    if image is None or row[image] is None:
        return []
    return _payload_differs(export, name, row[image]["bytes"], wanted)


def _payload_differs(export: ReadExport, name: str, data: bytes, wanted: dict[str, Any]) -> list[str]:
    """What is wrong with a picture in a shard: it is the item's, or, where faces may be blurred, the copy's."""
    if hashlib.sha256(data).hexdigest() == wanted["sha256"]:
        hidden = bool(wanted.get("faces_blurred"))
        return [f"{name} holds the original of {wanted['item_id']}, its faces are not blurred"] if hidden else []
    if wanted.get("file") and (export.folder / wanted["file"]).read_bytes() == data:
        return []
    if export.run.get("faces", {}).get("blur") and not wanted.get("file"):
        return []
    return [f"{name} holds something else for {wanted['item_id']}"]


def _imagefolder(export: ReadExport) -> list[str]:
    wrong = []
    for split, table in _by_split(export).items():
        name = f"imagefolder/{split}/metadata.parquet"
        there = table.filter(pc.is_valid(table.column("file")))
        told = pq.read_table(export.folder / name, columns=["file_name", export.names["item_id"]])
        paths = [f"imagefolder/{split}/{path}" for path in told.column("file_name").to_pylist()]
        same = told.column(export.names["item_id"]).to_pylist() == there.column("item_id").to_pylist()
        wrong += _listed(name, same and paths == there.column("file").to_pylist())
    return wrong


def _webdataset(export: ReadExport) -> list[str]:
    wrong, left_out = list[str](), _left_out(export)
    sizes: dict[str, int] = json.loads((export.folder / "webdataset" / "sizes.json").read_text(encoding="utf-8"))
    for split, table in _by_split(export).items():
        wanted = iter(_keyed(table, left_out))
        for name in sorted(shard for shard in sizes if shard.rpartition("-")[0] == split):
            count = 0
            for key, data, told in _samples(export.folder / "webdataset" / name):
                expected = next(wanted, None)
                count += 1
                if (
                    expected is None
                    or key != expected[0]
                    or told.get(export.names["item_id"]) != expected[1]["item_id"]
                ):
                    wrong.append(f"webdataset/{name} and the manifest list different items")
                    break
                if data is not None:
                    wrong += _payload_differs(export, f"webdataset/{name}", data, expected[1])
            if count != sizes[name]:
                wrong.append(f"webdataset/{name} holds {count} samples, sizes.json says {sizes[name]}")
        missing = sum(1 for _ in wanted)
        wrong += [f"webdataset/{split}-*.tar lack {missing} items of the manifest"] if missing else []
    return wrong


def _keyed(table: pa.Table, left_out: set[str]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Key and row of every sample that is to be there: an item drawn again adds a number."""
    drawn = Counter[str]()
    for row in table.to_pylist():
        drawn[row["item_id"]] += 1
        if row["path"] not in left_out:
            times = drawn[row["item_id"]]
            yield row["item_id"] if times == 1 else f"{row['item_id']}-{times}", row


def _samples(path: Path) -> Iterator[tuple[str, bytes | None, dict[str, Any]]]:
    """Key, picture (None for a text) and row of every sample of a shard."""
    with tarfile.open(path, "r:") as archive:
        members = iter(archive)
        for member in members:
            beside = next(members, None)
            key, _, kind = member.name.partition(".")
            if beside is None or beside.name != f"{key}.json":
                raise ManifestMismatch(f"webdataset/{path.name}: {member.name} has no .json beside it")
            data, told = (archive.extractfile(one) for one in (member, beside))
            assert data is not None and told is not None  # noqa: PT018 (shards hold plain files only)
            picture = data.read()
            yield key, None if kind == "txt" else picture, json.loads(told.read())


def _left_out(export: ReadExport) -> set[str]:
    path = export.folder / "not_copied.parquet"
    return set(pq.read_table(path).column("uri").to_pylist()) if path.is_file() else set()


def _selection(export: ReadExport) -> list[str]:
    told = read_csv_texts(export.folder / "wds-index.csv")
    return _listed("wds-index.csv", told.column("item_id").to_pylist() == export.manifest.column("item_id").to_pylist())


def _fiftyone(export: ReadExport) -> list[str]:
    told = json.loads((export.folder / "fiftyone" / "samples.json").read_text(encoding="utf-8"))["samples"]
    ids = [sample.get(export.names["item_id"]) for sample in told]
    return _listed("fiftyone/samples.json", ids == export.manifest.column("item_id").to_pylist())


def _lightly(export: ReadExport) -> list[str]:
    wrong = []
    names = {name: name for name in export.manifest.column_names}
    for split, table in _by_split(export).items():
        name = f"lightly/{split}.json"
        told = json.loads((export.folder / name).read_text(encoding="utf-8"))["images"]
        wanted = list(dict.fromkeys(paths_of(table, names).to_pylist()))
        wrong += _listed(name, [image["file_name"] for image in told] == wanted)
    return wrong


def _coco(export: ReadExport) -> list[str]:
    told = json.loads((export.folder / "coco.json").read_text(encoding="utf-8"))
    names = {name: name for name in export.manifest.column_names}
    wanted = set(paths_of(export.manifest, names).to_pylist())
    ids = {image["id"] for image in told["images"]}
    ends = {path.rsplit("/", 1)[-1] for path in wanted}
    strange = [image for image in told["images"] if image["file_name"].rsplit("/", 1)[-1] not in ends]
    wrong = [f"coco.json lists {len(strange)} images that were not drawn"] if strange else []
    loose = sum(note.get("image_id") not in ids for note in told["annotations"])
    return wrong + ([f"coco.json has {loose} annotations of images it does not list"] if loose else [])


def _lance(export: ReadExport) -> list[str]:
    try:
        import lance
    except ImportError:
        return []  # its files are in the checksums all the same
    table = lance.dataset(str(export.folder / "manifest.lance")).to_table(columns=[export.names["item_id"]])
    same = table.column(0).to_pylist() == export.manifest.column("item_id").to_pylist()
    return _listed("manifest.lance", same)


def _weights(export: ReadExport) -> list[str]:
    told, weight = read_csv_texts(export.folder / "weights.csv"), read_array(export.folder / "weights.npy")
    same = np.array_equal(told.column("weight").cast(pa.float64()).to_numpy(), weight)
    wrong = [] if same else ["weights.csv and weights.npy differ"]
    total = int(export.run["counts"]["drawn"])
    if not np.isclose(weight.sum(), total):
        wrong.append(f"weights.npy sums to {weight.sum():.6g}, not to the {total} draws")
    drawn = np.isin(told.column("item_id").to_numpy(), export.manifest.column("item_id").to_numpy())
    if (np.asarray(weight)[drawn] <= 0).any():
        wrong.append("weights.npy gives nothing to items that were drawn")
    return wrong


def _by_split(export: ReadExport) -> dict[str, pa.Table]:
    """Rows of the manifest by part of the dataset, in order."""
    table = export.manifest.select([name for name in (*_INSIDE, "path") if name in export.manifest.column_names])
    if "split" not in table.column_names:
        return dict.fromkeys(export.run.get("splits", {}), table)
    return {name: table.filter(pc.equal(table.column("split"), name)) for name in export.run.get("splits", {})}


def _listed(name: str, same: bool) -> list[str]:
    return [] if same else [f"{name} and the manifest list different items"]


_OTHERS: dict[str, tuple[str, Callable[[ReadExport], list[str]]]] = {
    "npy": ("manifest.npy", _npy),
    "txt": ("manifest.txt", _txt),
    "datasets": ("datasets/data", _datasets),
    "imagefolder": ("imagefolder", _imagefolder),
    "webdataset": ("webdataset/sizes.json", _webdataset),
    "wds-index": ("wds-index.csv", _selection),
    "fiftyone": ("fiftyone/samples.json", _fiftyone),
    "lightly": ("lightly", _lightly),
    "coco": ("coco.json", _coco),
    "lance": ("manifest.lance", _lance),
    "weights": ("weights.npy", _weights),
}
