"""Exports with files: copied as they are or with faces blurred, personal data masked, and all of it verified."""

import hashlib
import io
import json
import shutil
import tarfile
import zipfile

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import skimage.data
from PIL import Image, ImageOps

from curation_core import export
from curation_core.artifacts import file_hash
from curation_core.catalog import FAILURE_SCHEMA, ITEM_SCHEMA, Catalog
from curation_core.cluster import cluster
from curation_core.config import ClusterConfig, ExportConfig, FacesConfig, IngestConfig, SampleConfig
from curation_core.errors import ConfigError, IngestError, ManifestMismatch, StepMissing
from curation_core.face_corrections import Correction, corrected
from curation_core.face_model import detector
from curation_core.faces import detect_faces
from curation_core.folding import fold
from curation_core.images import decode_image
from curation_core.safe_paths import safe_names
from curation_core.sampling import sample
from curation_core.sources import ingest
from curation_core.unchanged import Originals
from curation_core.verification import verify
from curation_core.workspace import Workspace

THRESHOLD = 0.35
BLUR = FacesConfig(blur=True)


def portrait():
    return Image.fromarray(skimage.data.astronaut())


def two_in_one():
    picture = Image.new("RGB", (1024, 512))
    picture.paste(portrait(), (0, 0))
    picture.paste(ImageOps.mirror(portrait()), (512, 0))
    return picture


def write_pile(folder):
    (folder / "people").mkdir(parents=True)
    portrait().save(folder / "people" / "portrait.jpg", quality=90)
    exif = Image.Exif()
    exif[0x0112] = 6  # stored on its side
    portrait().rotate(90).resize((900, 900)).save(folder / "people" / "turned.jpg", exif=exif)
    two_in_one().save(folder / "people" / "two.png")
    portrait().resize((96, 96)).convert("L").save(folder / "people" / "small_grey.webp")
    for name in ("coffee", "chelsea", "brick", "gravel"):
        picture = Image.fromarray(getattr(skimage.data, name)()).convert("RGB")
        picture.save(folder / f"{name}.png")
    return folder


class Pile:
    """A folder of pictures with and without faces, searched, clustered and drawn from."""

    def __init__(self, folder):
        self.source = write_pile(folder / "pile")
        for step in ("ingest", "faces"):
            (folder / step).mkdir()
        config = IngestConfig(source=str(self.source))
        self.catalog = ingest(config, folder / "ingest", thumbnails=folder / "thumbs")
        self.found = detect_faces(self.catalog, self.read, FacesConfig(), folder / "faces")

    def read(self, uri):
        try:
            return (self.source / uri).read_bytes()
        except OSError:
            raise IngestError("cannot be read") from None

    def contents(self, target=None, **more):
        return contents_of(self.catalog, target or len(self.catalog), **more)

    def correct(self, name, is_face):
        row = self.catalog.uri.index(name)
        box = tuple(self.found.of(row).box[0].tolist())
        return Correction(self.catalog.item_id[row], self.catalog.content_hash[row], box, is_face)


def contents_of(catalog, target, *, eligible=None, **more):
    n = len(catalog)
    vectors = np.random.default_rng([0, n]).normal(size=(n, 4)).astype(np.float32)
    tree = cluster(vectors, ClusterConfig(n_clusters=(3, 2), n_resamples=0))
    config = SampleConfig(target_size=target)
    plan = sample(tree, config, eligible=eligible)
    decisions = fold(more.pop("events", []), tree, "t", catalog.item_id)
    kept = {"target_size": target, "strategy": plan.strategy, "multiplier": plan.multiplier, "seed": plan.seed}
    return export.ExportContents(
        catalog, np.arange(n), tree, plan, decisions, FAILURE_SCHEMA.empty_table(), [], {"sample": kept}, **more
    )


def written(folder, contents, *, read=None, **options):
    config = ExportConfig(name="e", files="reference" if read is None else "copy", **options)
    export.write(folder, contents, config, originals=None if read is None else Originals(read))
    return folder, {row["path"]: row for row in pq.read_table(folder / "manifest.parquet").to_pylist()}


def failed(folder):
    return {check.name: check.detail for check in verify(folder).checks if not check.ok}


def resum(folder):
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path.name != "SHA256SUMS")
    lines = [f"{file_hash(path)}  {path.relative_to(folder).as_posix()}\n" for path in files]
    (folder / "SHA256SUMS").write_text("".join(lines))


@pytest.fixture(scope="module")
def pile(tmp_path_factory):
    return Pile(tmp_path_factory.mktemp("pile"))


@pytest.fixture(scope="module")
def exported(pile, tmp_path_factory):
    contents = pile.contents(faces=pile.found, face_config=BLUR)
    return written(tmp_path_factory.mktemp("exports") / "e", contents, read=pile.read)


@pytest.fixture
def own(exported, tmp_path):
    """A copy of the export to damage."""
    shutil.copytree(exported[0], tmp_path / "e")
    return tmp_path / "e"


def test_pictures_with_faces_are_blurred_and_all_others_are_the_same_bytes(pile, exported):
    folder, manifest = exported
    assert failed(folder) == {}
    assert len(manifest) == 8
    for name, row in manifest.items():
        copied, original = (folder / row["file"]).read_bytes(), (pile.source / name).read_bytes()
        with_faces = name.startswith("people/")
        assert row["faces_blurred"] is with_faces
        assert row["faces"] == (2 if "two" in name else int(with_faces))
        assert (copied == original) is not with_faces
        assert hashlib.sha256(original).hexdigest() == row["sha256"]
    assert manifest["people/portrait.jpg"]["file"] == "files/people/portrait.png"
    assert manifest["coffee.png"]["file"] == "files/coffee.png"


def test_in_a_blurred_copy_no_face_is_found_and_only_faces_have_changed(pile, exported):
    folder, manifest = exported
    for name, row in manifest.items():
        if not row["faces_blurred"]:
            continue
        image = decode_image((folder / row["file"]).read_bytes())
        original = decode_image((pile.source / name).read_bytes())
        assert image.size == original.size
        for side in (320, 640, 1024):
            assert len(detector().detect(image, floor=THRESHOLD, max_side=side)) == 0, (name, side)
        changed = (np.asarray(image) != np.asarray(original)).any(axis=2)
        near = np.zeros_like(changed)
        for x, y, w, h in pile.found.above(THRESHOLD).of(pile.catalog.uri.index(name)).box * np.tile(image.size, 2):
            near[max(0, int(y - h)) : int(y + 2 * h) + 1, max(0, int(x - w)) : int(x + 2 * w) + 1] = True
        assert changed.any()
        assert not changed[~near].any()
        assert changed.mean() < 0.35


def test_run_json_says_what_was_done_and_how_often(exported):
    run = json.loads((exported[0] / "run.json").read_text())
    assert run["files"] == {"mode": "copy", "copied": 8, "not_copied": 0, "blurred": 4}
    assert run["faces"]["found"] == 5
    assert run["faces"]["items_with_faces"] == 4
    assert (run["faces"]["blur"], run["faces"]["threshold"]) == (True, 0.35)


def test_the_sums_can_be_checked_without_us_and_cover_the_files(exported):
    folder, _ = exported
    lines = [line.split("  ") for line in (folder / "SHA256SUMS").read_text().splitlines()]
    assert "files/people/portrait.png" in dict(map(reversed, lines))
    assert all(hashlib.sha256((folder / name).read_bytes()).hexdigest() == content for content, name in lines)


def test_a_zip_of_an_export_with_files_verifies_with_and_without_its_folder(exported, tmp_path):
    folder, _ = exported
    flat = shutil.make_archive(str(tmp_path / "flat"), "zip", folder)
    nested = shutil.make_archive(str(tmp_path / "nested"), "zip", folder.parent, folder.name)
    for archive in (flat, nested):
        assert failed(tmp_path / archive) == {}


@pytest.mark.parametrize("name", ["../evil.txt", "/tmp/evil.txt", "e/../../evil.txt"])
def test_a_zip_whose_members_lead_elsewhere_is_refused(exported, tmp_path, name):
    archive = tmp_path / "bad.zip"
    with zipfile.ZipFile(archive, "w") as file:
        for path in exported[0].glob("*.*"):
            file.write(path, f"e/{path.name}")
        file.write(exported[0] / "SHA256SUMS", "e/SHA256SUMS")
        file.writestr(name, b"x")
    with pytest.raises(ManifestMismatch, match="does not belong"):
        verify(archive)
    with zipfile.ZipFile(tmp_path / "none.zip", "w") as file:
        file.writestr("a.txt", b"x")
    with pytest.raises(ManifestMismatch, match="no SHA256SUMS"):
        verify(tmp_path / "none.zip")


def test_changed_missing_and_unknown_files_are_named(own):
    (own / "files" / "coffee.png").write_bytes(b"other")
    (own / "files" / "people" / "portrait.png").unlink()
    (own / "files" / "people" / "extra.png").write_bytes(b"x")
    sums = failed(own)["checksums"]
    assert "files/people/portrait.png is missing" in sums
    assert "files/people/extra.png is not listed" in sums
    assert "files/coffee.png was changed" in sums


def test_an_original_in_the_place_of_a_blurred_file_is_found_even_with_new_sums(pile, own):
    shutil.copy(pile.source / "people" / "portrait.jpg", own / "files" / "people" / "portrait.png")
    shutil.copy(pile.source / "brick.png", own / "files" / "coffee.png")
    (own / "files" / "more.png").write_bytes(b"x")
    resum(own)
    found = failed(own)
    assert set(found) == {"files"}
    assert "files/people/portrait.png is the original, its faces are not blurred" in found["files"]
    assert "files/coffee.png is not the item that the manifest names" in found["files"]
    assert "files/more.png belongs to no item" in found["files"]


def test_a_link_in_the_place_of_a_file_is_named(pile, own):
    (own / "files" / "coffee.png").unlink()
    (own / "files" / "coffee.png").symlink_to(pile.source / "coffee.png")
    assert "files/coffee.png is no regular file" in failed(own)["checksums"]


def test_without_blurring_all_files_are_the_originals_and_faces_are_counted(pile, tmp_path):
    folder, manifest = written(tmp_path / "e", pile.contents(faces=pile.found), read=pile.read)
    assert failed(folder) == {}
    assert all((folder / row["file"]).read_bytes() == pile.read(name) for name, row in manifest.items())
    assert manifest["people/two.png"]["faces"] == 2
    assert not any(row["faces_blurred"] for row in manifest.values())


def test_only_drawn_items_are_copied_and_the_same_export_has_the_same_bytes(pile, tmp_path):
    contents = pile.contents(target=4, faces=pile.found, face_config=BLUR)
    first, manifest = written(tmp_path / "a", contents, read=pile.read)
    second, _ = written(tmp_path / "b", contents, read=pile.read)
    assert (first / "SHA256SUMS").read_bytes() == (second / "SHA256SUMS").read_bytes()
    assert {path.relative_to(first).as_posix() for path in (first / "files").rglob("*.*")} == {
        row["file"] for row in manifest.values()
    }
    assert failed(first) == {}


def test_a_denied_face_is_copied_as_it_is(pile, tmp_path):
    word = pile.correct("people/portrait.jpg", False)
    contents = pile.contents(faces=corrected(pile.found, [word], pile.catalog), face_config=BLUR)
    folder, manifest = written(tmp_path / "e", contents, read=pile.read)
    row = manifest["people/portrait.jpg"]
    assert (row["faces"], row["faces_blurred"], row["file"]) == (0, False, "files/people/portrait.jpg")
    assert failed(folder) == {}


def test_what_cannot_be_copied_is_listed_and_never_copied_unblurred(pile, tmp_path):
    def read(uri):
        if uri == "brick.png":
            raise IngestError("cannot be read (gone)")
        return b"other" if uri == "gravel.png" else pile.read(uri)

    contents = pile.contents(faces=pile.found, face_config=BLUR, unsearched=("coffee.png",))
    folder, manifest = written(tmp_path / "e", contents, read=read)
    reasons = {row["uri"]: row["reason"] for row in pq.read_table(folder / "not_copied.parquet").to_pylist()}
    assert reasons == {
        "brick.png": "cannot be read (gone)",
        "coffee.png": "could not be searched for faces; run faces again",
        "gravel.png": "was changed since it was ingested; ingest again",
    }
    assert manifest["brick.png"]["file"] is None
    assert manifest["coffee.png"]["faces"] is None
    assert json.loads((folder / "run.json").read_text())["files"]["not_copied"] == 3
    assert failed(folder) == {}
    with pytest.raises(IngestError, match="none of 8 files can be copied"):
        written(tmp_path / "none", contents, read=lambda uri: b"")
    assert not (tmp_path / "none").exists()


def test_blurring_without_a_search_is_refused_and_leaves_nothing(pile, tmp_path):
    with pytest.raises(StepMissing, match="run faces"):
        written(tmp_path / "e", pile.contents(face_config=BLUR), read=pile.read)
    assert list(tmp_path.iterdir()) == []


def test_pictures_inside_shards_are_blurred_too_and_what_nobody_searched_is_left_out(pile, tmp_path):
    contents = pile.contents(faces=pile.found, face_config=BLUR, unsearched=("coffee.png",))
    config = ExportConfig(name="e", formats=("webdataset", "datasets"), shard_mb=1)
    export.write(tmp_path / "e", contents, config, originals=Originals(pile.read))
    assert failed(tmp_path / "e") == {}
    assert not (tmp_path / "e" / "files").exists()
    paths = {row["item_id"]: row["path"] for row in pq.read_table(tmp_path / "e" / "manifest.parquet").to_pylist()}
    found = {}
    for shard in (tmp_path / "e" / "webdataset").glob("*.tar"):
        with tarfile.open(shard) as archive:
            members = [member for member in archive if not member.name.endswith(".json")]
            found |= {paths[one.name[:16]]: (one.name, archive.extractfile(one).read()) for one in members}
    rows = [row for path in (tmp_path / "e").rglob("train-*.parquet") for row in pq.read_table(path).to_pylist()]
    inside = {row["path"]: row["image"] and row["image"]["bytes"] for row in rows}
    assert inside.pop("coffee.png") is None
    assert set(found) == set(inside) == set(paths.values()) - {"coffee.png"}
    for name, (member, data) in found.items():
        assert inside[name] == data
        assert (data == pile.read(name)) is not name.startswith("people/")
        assert len(detector().detect(decode_image(data), floor=THRESHOLD, max_side=640)) == 0 or "people" not in name
        assert member.endswith(".png") or not name.startswith("people/")
    left_out = pq.read_table(tmp_path / "e" / "not_copied.parquet").to_pylist()
    assert left_out == [{"uri": "coffee.png", "reason": "could not be searched for faces; run faces again"}]


# ---- names


def named(*uris):
    rows = [
        {"item_id": f"{place:016x}", "uri": uri, "content_hash": "0" * 64, "source_row": place}
        for place, uri in enumerate(uris)
    ]
    table = pa.Table.from_pylist(rows, ITEM_SCHEMA)
    catalog = Catalog("image", table, pa.table({}), FAILURE_SCHEMA.empty_table())
    return catalog, np.arange(len(uris))


def test_names_are_kept_where_they_are_safe():
    names = safe_names(*named("a.jpg", "sub/b c.png", "ü/é.webp"))
    assert list(names.values()) == ["files/a.jpg", "files/sub/b c.png", "files/ü/é.webp"]


HOSTILE = [
    "../../etc/passwd.png",
    "/abs/olute.png",
    "a\nb.png",
    'x:y<z>"|?*.png',
    "back\\slash.png",
    "con.png",
    "AUX",
    ".hidden/.x.png",
    "trailing. /dot..png",
    "",
    "...",
    "ä" * 120 + ".jpg",
    "a.png",
    "A.png",
    "a.png/b.png",
    "e\u0301.png",
    "\u00e9.png",
    "s3://bucket/a.png",
    "t.parquet#1",
    "t.parquet#1.png",
    "SHA256SUMS",
    "twin.jpg",
    "twin.png",
]


@pytest.mark.parametrize("as_png", [frozenset(), frozenset(range(len(HOSTILE)))])
def test_hostile_names_stay_inside_are_apart_and_can_be_written(tmp_path, as_png):
    names = safe_names(*named(*HOSTILE), as_png)
    assert len({name.casefold() for name in names.values()}) == len(HOSTILE)
    for name in names.values():
        parts = name.split("/")
        assert parts[0] == "files"
        assert not {"", ".", ".."} & set(parts)
        assert not set(name) & set('\n\\:<>"|?*')
        assert not any(part.startswith(".") or len(part.encode()) > 255 for part in parts)
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    assert len([path for path in tmp_path.rglob("*") if path.is_file()]) == len(HOSTILE)


def test_an_item_whose_name_does_not_say_what_it_is_gets_the_ending_of_its_bytes(tmp_path):
    buffer = io.BytesIO()
    portrait().resize((8, 8)).save(buffer, "PNG")
    catalog, _ = named("table.parquet#0", "table.parquet#1", "table.parquet#2", "table.parquet#3")
    hashes = pa.array([hashlib.sha256(buffer.getvalue()).hexdigest()] * 4)
    items = catalog.items.set_column(2, "content_hash", hashes)
    catalog = Catalog("image", items, pa.table({}), FAILURE_SCHEMA.empty_table())
    folder, manifest = written(tmp_path / "e", contents_of(catalog, 2), read=lambda uri: buffer.getvalue())
    assert all(row["file"].endswith(".png") for row in manifest.values())
    assert failed(folder) == {}


# ---- personal data, near-duplicates


@pytest.fixture
def texts(tmp_path):
    rows = [f"note {number}, nothing in it" for number in range(8)]
    rows[0], rows[1] = "Write to ana@example.com or +1 202 555 0173.", "card 4111 1111 1111 1111"
    table = pa.table(
        {
            "text": rows,
            "file": [f"by mail{number}@example.org" for number in range(8)],
            "tags": [["x", "a@example.com"]] * 8,
            "number": list(range(8)),
        }
    )
    pq.write_table(table, tmp_path / "t.parquet")
    (tmp_path / "i").mkdir()
    config = IngestConfig(source=str(tmp_path / "t.parquet"), text_column="text")
    return ingest(config, tmp_path / "i", thumbnails=tmp_path / "thumbs")


def test_personal_data_is_masked_in_every_format_and_in_what_was_rejected(texts, tmp_path):
    folder, _ = written(tmp_path / "e", contents_of(texts, 5, masked=True))
    everything = b"".join(path.read_bytes() for path in folder.glob("manifest.[cj]*")).decode()
    tables = [pq.read_table(folder / name).to_pylist() for name in ("manifest.parquet", "rejected.parquet")]
    everything += str(tables)
    for secret in ("example.com", "example.org", "555 0173", "4111"):
        assert secret not in everything
    rows = sorted(tables[0] + tables[1], key=lambda row: row["number"])
    assert rows[0]["text"] == "Write to [mail] or [phone]."
    assert rows[1]["text"] == "card [card]"
    assert rows[2]["tags"] == ["x", "[mail]"]
    assert [row["personal_masked"] for row in rows] == [4, 3, 2, 2, 2, 2, 2, 2]
    assert [row["file"] for row in rows] == ["by [mail]"] * 8  # the user's column keeps its name
    run = json.loads((folder / "run.json").read_text())
    assert run["masked"] == {"kinds": ["mail", "phone", "card", "iban"], "found": 19, "items": 8}
    assert failed(folder) == {}


def test_personal_data_is_masked_inside_shards_too(texts, tmp_path):
    config = ExportConfig(name="e", formats=("webdataset", "datasets"))
    export.write(tmp_path / "e", contents_of(texts, 8, masked=True), config)
    assert failed(tmp_path / "e") == {}
    shards = b"".join(path.read_bytes() for path in (tmp_path / "e").rglob("*.tar"))
    rows = str([pq.read_table(path).to_pylist() for path in (tmp_path / "e" / "datasets").rglob("*.parquet")])
    for secret in ("example.com", "example.org", "555 0173", "4111"):
        assert secret.encode() not in shards
        assert secret not in rows
    assert b"Write to [mail] or [phone]." in shards


def test_without_masking_texts_are_as_they_were_and_the_columns_as_before(texts, tmp_path):
    folder, _ = written(tmp_path / "e", contents_of(texts, 5))
    manifest = pq.read_table(folder / "manifest.parquet")
    assert not {"personal_masked", "faces", "duplicate_group", "curation_file"} & set(manifest.column_names)
    assert "@example.org" in str(manifest.to_pylist())


def test_texts_have_no_files_to_copy(texts, tmp_path):
    with pytest.raises(ConfigError, match="files = reference"):
        written(tmp_path / "e", contents_of(texts, 5), read=lambda uri: b"")


def test_near_duplicates_name_the_item_that_stands_for_them(texts, tmp_path):
    group = np.array([0, 0, -1, 1, 1, 1, -1, -1], np.int32)
    keeper = np.array([1, 0, 1, 0, 1, 0, 1, 1], bool)
    contents = contents_of(texts, 5, eligible=keeper, near_duplicates=group, keeper=keeper)
    folder, _ = written(tmp_path / "e", contents)
    manifest, rejected = (
        {row["number"]: row for row in pq.read_table(folder / f"{name}.parquet").to_pylist()}
        for name in ("manifest", "rejected")
    )
    assert set(manifest) == {0, 2, 4, 6, 7}
    assert {number: row["duplicate_group"] for number, row in manifest.items()} == {
        0: 0,
        2: None,
        4: 1,
        6: None,
        7: None,
    }
    ids = texts.item_id
    assert rejected[1]["reason"] == f"near-duplicate of {ids[0]}"
    assert rejected[3]["reason"] == rejected[5]["reason"] == f"near-duplicate of {ids[4]}"
    assert not any(row["eligible"] for row in rejected.values())
    assert failed(folder) == {}
    assert json.loads((folder / "run.json").read_text())["near_duplicates"] == {"left_out": 3}


# ---- from a folder to a verified export


def test_a_workspace_that_blurs_never_shows_a_face_in_a_thumbnail_or_an_export(tmp_path):
    workspace = Workspace.init(tmp_path / "ws", write_pile(tmp_path / "pile"))
    workspace.configure(faces={"blur": True}, embed={"embedder": "color-hog"})
    workspace.ingest()
    assert list((tmp_path / "ws").rglob("*.webp")) == []  # none before faces have been looked for
    found = workspace.faces()
    assert len(found.above(THRESHOLD)) == 5
    thumbnails = list((tmp_path / "ws").rglob("*.webp"))
    assert len(thumbnails) == 8
    for path in thumbnails:
        assert len(detector().detect(Image.open(path).convert("RGB"), floor=THRESHOLD, max_side=640)) == 0
    workspace.embed()
    workspace.cluster(n_clusters=(3, 2), n_resamples=0)
    workspace.sample(6)
    folder = workspace.export("e", files="copy", mask_personal=True)
    assert workspace.verify("e").ok
    copies = [path for path in (folder / "files").rglob("*") if path.is_file()]
    assert len(copies) == 6
    for path in copies:
        assert len(detector().detect(decode_image(path.read_bytes()), floor=THRESHOLD, max_side=640)) == 0

    portrait_row = workspace.catalog().uri.index("people/portrait.jpg")
    workspace.correct_faces(workspace.detected_faces().of(portrait_row).above(THRESHOLD), False)
    content = workspace.catalog().content_hash[portrait_row]
    shown = Image.open(workspace.thumbnail(content)).convert("RGB")
    assert len(detector().detect(shown, floor=THRESHOLD, max_side=640)) == 1  # a person said that it may be seen
    assert workspace.detected_faces().above(THRESHOLD).counts(8)[portrait_row] == 0
