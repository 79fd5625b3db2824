import json

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image

from curation_core import Workspace
from curation_core.errors import ConfigError, StepMissing
from curation_core.thumbnails import thumbnail_path
from tests.conftest import write_shapes


@pytest.fixture(scope="module")
def copied(tmp_path_factory):
    """60 small pictures of which six are there twice, as re-encoded copies of larger size, with their tree."""
    folder = write_shapes(tmp_path_factory.mktemp("copied") / "pictures", 60)
    for number, name in enumerate(sorted(path.name for path in folder.glob("*.png"))[:6]):
        Image.open(folder / name).resize((72, 72)).save(folder / f"copy_{number}.jpg", quality=85)
    ws = Workspace.create(folder.parent / "ws", source=folder)
    ws.embed(embedder="color-hog")
    ws.cluster(n_clusters=(12, 3))
    return ws


def test_copies_share_a_group_with_their_originals(copied):
    found = copied.duplicates()
    names = [copied.catalog().uri[row] for row in copied.embeddings().rows]
    originals = sorted(name for name in names if name.endswith(".png"))[:6]
    for number, original in enumerate(originals):
        copy = names.index(f"copy_{number}.jpg")
        assert found.group[copy] == found.group[names.index(original)] >= 0


def test_a_draw_of_one_per_group_takes_the_keeper_alone_and_says_so(copied, tmp_path):
    found = copied.duplicates(keeper="largest")
    plan = copied.sample(60, one_per_group=True)
    drawn = found.group[plan.indices]
    assert len(set(drawn[drawn >= 0].tolist())) == (drawn >= 0).sum()
    folder = copied.export("one-per-group", plan)
    rejected = pq.read_table(folder / "rejected.parquet").to_pylist()
    left_out = [row for row in rejected if row["reason"].startswith("near-duplicate of ")]
    assert len(left_out) == int(found.sizes().sum()) - found.n_groups
    assert not any(row["path"].startswith("copy_") for row in left_out)  # the copies are the larger ones
    assert copied.verify("one-per-group").ok


def test_when_the_keeper_is_dropped_another_member_stands_for_the_group(copied):
    found = copied.duplicates(keeper="largest")
    names = [copied.catalog().uri[row] for row in copied.embeddings().rows]
    copy = names.index("copy_0.jpg")
    copied.decide_items([copy], "drop")
    try:
        standing = copied.eligible(one_per_group=True)
        members = found.members(int(found.group[copy]))
        assert not standing[copy]
        assert standing[members].sum() == 1
    finally:
        copied.reviews.undo()


def test_changing_the_threshold_makes_the_draw_stale_and_nothing_else(copied):
    copied.duplicates()
    copied.sample(30, one_per_group=True)
    before = {step.step: step.state for step in copied.status()}
    copied.configure(duplicates={"threshold": 0.99})
    after = {step.step: step.state for step in copied.status()}
    assert {step for step in before if before[step] != after[step]} == {"sample"}
    assert after["sample"] == "stale"
    copied.configure(duplicates={"threshold": None})


def test_one_per_group_needs_the_search_first(tmp_path, shapes_folder):
    ws = Workspace.create(tmp_path / "ws", source=shapes_folder)
    ws.embed(embedder="color-hog")
    ws.cluster(n_clusters=(6,))
    with pytest.raises(StepMissing, match="duplicates"):
        ws.sample(10, one_per_group=True)
    ws.configure(sample={"target_size": 10, "one_per_group": True})
    ws.run()
    assert {step.state for step in ws.status()} == {"done"}


def test_quality_flags_feed_decisions_and_drop_nothing(copied):
    flags = copied.quality()
    assert {"dark", "blurred", "isolated"} <= set(flags)
    assert copied.decisions().n_dropped == 0
    flagged = copied.quality(thresholds={"too_small": 60})["too_small"]
    assert flagged.sum() == 60  # the copies are 72 pixels wide
    copied.decide_catalog(np.flatnonzero(flagged)[:5], "drop")
    assert copied.decisions().n_dropped == 5
    copied.reviews.undo()
    copied.configure(quality={"thresholds": {}})


def test_a_flag_that_does_not_exist_is_one_sentence_and_changes_no_setting(copied):
    with pytest.raises(ConfigError, match=r"blurrd.*did you mean blurred"):
        copied.quality(thresholds={"blurrd": 0.5})
    assert copied.settings.quality.thresholds == {}


def test_outliers_come_with_the_tree(tmp_path, shapes_folder):
    ws = Workspace.create(tmp_path / "ws", source=shapes_folder)
    assert "isolated" not in ws.quality()
    ws.embed(embedder="color-hog")
    ws.cluster(n_clusters=(6,))
    assert "isolated" in ws.quality()


@pytest.fixture
def portrait(tmp_path):
    """A folder with one portrait and three pictures without a face."""
    from skimage import data

    folder = tmp_path / "people"
    write_shapes(folder, 3)
    (folder / "metadata.csv").unlink()
    Image.fromarray(data.astronaut()).resize((256, 256)).save(folder / "astronaut.jpg", quality=92)
    return folder


def thumbnail(ws, name):
    catalog = ws.catalog()
    path = thumbnail_path(ws.path / "thumbnails", catalog.content_hash[catalog.uri.index(name)])
    return np.asarray(Image.open(path).convert("RGB"), dtype=float) if path.exists() else None


def test_with_blurring_from_the_start_no_thumbnail_shows_a_face_at_any_time(tmp_path, portrait):
    plain = Workspace.create(tmp_path / "plain", source=portrait)
    ws = Workspace.init(tmp_path / "ws", portrait)
    ws.configure(faces={"blur": True})
    ws.ingest()
    assert thumbnail(ws, "astronaut.jpg") is None
    found = ws.faces()
    assert found.above(0.35).n_items == 1
    difference = np.abs(thumbnail(ws, "astronaut.jpg") - thumbnail(plain, "astronaut.jpg"))
    box = (found.above(0.35).box[0] * 128).astype(int)
    inside = difference[box[1] : box[1] + box[3], box[0] : box[0] + box[2]]
    assert inside.mean() > 10
    assert np.median(difference) < 3


def test_a_person_takes_a_detection_back_and_the_thumbnail_follows(tmp_path, portrait):
    plain = Workspace.create(tmp_path / "plain", source=portrait)
    ws = Workspace.create(tmp_path / "ws", source=portrait)
    found = ws.faces(blur=True)
    assert np.abs(thumbnail(ws, "astronaut.jpg") - thumbnail(plain, "astronaut.jpg")).max() > 30
    ws.correct_faces(found.above(0.35), False)
    assert len(ws.detected_faces().above(0.35)) == 0
    assert np.abs(thumbnail(ws, "astronaut.jpg") - thumbnail(plain, "astronaut.jpg")).max() < 30
    ws.correct_faces(ws.detected_faces().denied(), True)
    assert len(ws.detected_faces().above(0.35)) == 1


def test_exported_copies_are_blurred_and_verify(tmp_path, portrait):
    ws = Workspace.create(tmp_path / "ws", source=portrait)
    ws.faces(blur=True)
    ws.embed(embedder="color-hog")
    ws.cluster(n_clusters=(2,))
    folder = ws.export("e", ws.sample(4), files="copy")
    manifest = {row["path"]: row for row in pq.read_table(folder / "manifest.parquet").to_pylist()}
    assert manifest["astronaut.jpg"]["faces"] == 1
    copy = folder / manifest["astronaut.jpg"]["file"]
    assert copy.read_bytes() != (portrait / "astronaut.jpg").read_bytes()
    assert ws.verify("e").ok
    from curation_core.face_model import detector

    assert len(detector().detect(Image.open(copy).convert("RGB"), floor=0.35, max_side=640)) == 0


def test_personal_data_in_texts_is_masked_on_export(tmp_path):
    source = tmp_path / "texts.jsonl"
    texts = [f"note {number}: write to person{number}@example.org please" for number in range(30)]
    source.write_text("".join(json.dumps({"text": text, "by": "x@y.org"}) + "\n" for text in texts))
    ws = Workspace.create(tmp_path / "ws", source=source, text_column="text")
    ws.embed(embedder="hashing-text")
    ws.cluster(n_clusters=(3,))
    folder = ws.export("masked", ws.sample(10), mask_personal=True)
    for name in ("manifest.csv", "manifest.jsonl"):
        assert "@" not in (folder / name).read_text()
    assert "[mail]" in (folder / "manifest.jsonl").read_text()
    assert "@" not in str(pq.read_table(folder / "rejected.parquet").to_pylist())
    assert ws.verify("masked").ok


def test_faces_are_looked_for_in_pictures_only(tmp_path):
    np.save(tmp_path / "v.npy", np.random.default_rng(0).normal(size=(20, 4)).astype("float32"))
    ws = Workspace.create(tmp_path / "ws", source=tmp_path / "v.npy")
    with pytest.raises(ConfigError, match="looked for in pictures"):
        ws.faces(blur=True)
    assert not ws.settings.faces.blur


def test_a_second_ingest_reads_only_what_is_new(tmp_path):
    folder = write_shapes(tmp_path / "pictures", 30)
    ws = Workspace.create(tmp_path / "ws", source=folder)
    Image.new("RGB", (40, 40), "teal").save(folder / "new.png")
    opened = []
    import os as system

    real = system.open

    def counting(path, *arguments, **options):
        opened.append(str(path))
        return real(path, *arguments, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(system, "open", counting)
        ws.ingest()
    assert len(ws.catalog()) == 31
    assert [path for path in opened if path.endswith(".png")] == [str((folder / "new.png").resolve())]
