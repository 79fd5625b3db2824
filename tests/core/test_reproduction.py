import json
from typing import get_args

import numpy as np
import pytest
from PIL import Image

from curation_core import jobs
from curation_core.config import ManifestFormat
from curation_core.errors import ConfigError, ManifestMismatch, StaleArtifact
from curation_core.progress import silent
from curation_core.reproduction import Sources, reproduce
from curation_core.workspace import Workspace
from tests.core.exported import fresh, largest, small_workspace
from tests.core.test_cli import curate

LEFT_OUT = ("coco", "wds-index")  # they need a COCO file, or tar shards, in the source
FORMATS = tuple(one for one in get_args(ManifestFormat) if one not in LEFT_OUT)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return small_workspace(tmp_path_factory.mktemp("repro"))


def unlike(found):
    return {name: state for name, state in found.files.items() if state != "same"}


def decided(ws):
    """Decisions of every kind, on items and clusters, some taken back."""
    sizes = ws.decisions().tree.sizes(1)
    order = np.argsort(-sizes, kind="stable").tolist()
    ws.decide_cluster(1, order[1], "cap", "3", reviewer="ann@example.org")
    ws.decide_cluster(1, order[2], "weight", "2")
    ws.decide_cluster(1, order[3], "drop")
    ws.decide_cluster(2, 0, "label", "first")
    ws.decide_items([3, 4], "keep")
    ws.decide_items([5], "drop")
    ws.split(1, order[0], 2)
    ws.merge(1, order[4], order[5])
    ws.decide_items([8], "drop")
    ws.reviews.undo()
    return ws


def test_every_byte_comes_again_with_decisions_of_every_kind(made, tmp_path):
    ws = decided(fresh(made, tmp_path))
    ws.duplicates()
    ws.sample(25, strategy="closest", one_per_group=True, seed=4)
    ws.export("e", mask_personal=True)
    found = ws.repro("e")
    assert found.ok, (unlike(found), found.why)
    assert len(found.files) >= 8
    assert found.why == ()


def test_a_draw_guided_by_examples_comes_again_from_wherever_they_lie(made, tmp_path):
    ws = fresh(made, tmp_path)
    vectors = np.load(ws.settings.ingest.source)
    np.save(tmp_path / "trusted.npy", vectors[5:9] + 0.1)
    ws.reference(tmp_path / "trusted.npy")
    ws.sample(20, reference_share=0.5)
    folder = ws.export("e", formats=("parquet", "csv"))
    assert unlike(ws.repro("e")) == {}
    (tmp_path / "elsewhere").mkdir()
    moved = folder.rename(tmp_path / "elsewhere" / "e")
    with pytest.raises(ConfigError, match="give --source"):
        reproduce(moved, Workspace.init)
    with pytest.raises(ConfigError, match=r"guided by the examples 'trusted\.npy'; give --reference"):
        reproduce(moved, Workspace.init, Sources(ws.settings.ingest.source))
    (tmp_path / "trusted.npy").rename(tmp_path / "elsewhere" / "t.npy")
    places = Sources(ws.settings.ingest.source, reference=str(tmp_path / "elsewhere" / "t.npy"))
    found = reproduce(moved, Workspace.init, places, scratch=tmp_path)
    # the examples' file has another name there, and croissant.json holds the sum of run.json
    assert set(unlike(found)) <= {"run.json", "croissant.json"}, found.why


def test_pictures_come_again_with_copies_and_one_of_each_group(tmp_path):
    rng = np.random.default_rng(0)
    (tmp_path / "pics").mkdir()
    for number in range(24):
        colour = rng.integers(0, 255, 3) if number % 3 else np.array([200, 30, 30])
        noise = rng.integers(0, 9, (40, 40, 3))
        Image.fromarray(np.clip(colour + noise, 0, 255).astype("uint8")).save(tmp_path / "pics" / f"{number:02d}.png")
    (tmp_path / "pics" / "broken.png").write_bytes(b"no picture")
    (tmp_path / "side.csv").write_text("path,kind\n" + "".join(f"{n:02d}.png,k{n % 4}\n" for n in range(24)))
    ws = Workspace.create(tmp_path / "ws", tmp_path / "pics", metadata=str(tmp_path / "side.csv"))
    ws.embed(embedder="color-hog")
    ws.cluster(n_clusters=(6, 2))
    ws.duplicates()
    ws.decide_cluster(1, largest(ws), "keep")
    ws.sample(12, one_per_group=True)
    folder = ws.export("e", files="copy", formats=FORMATS)
    found = ws.repro("e")
    assert unlike(found) == {}
    assert found.files["manifest.lance"] == "same"
    Image.new("RGB", (40, 40)).save(tmp_path / "pics" / "01.png")
    (tmp_path / "pics" / "02.png").unlink()
    done = curate("repro", folder, "--json")
    assert done.returncode == 1, done.stderr
    answer = json.loads(done.stdout)
    assert answer["files"]["run.json"] == "differs"
    assert answer["why"][0] == "the source changed: 1 items changed (01.png), 1 items are gone (02.png)"


def test_what_differs_is_named_with_what_may_explain_it(made, tmp_path):
    ws = fresh(made, tmp_path)
    ws.sample(20)
    folder = ws.export("e", formats=("parquet", "csv"))
    run = json.loads((folder / "run.json").read_text())
    run["packages"]["numpy"] = "1.0"
    (folder / "run.json").write_text(json.dumps(run))
    sums = (folder / "SHA256SUMS").read_text().splitlines()
    (folder / "SHA256SUMS").write_text(
        "".join(f"{'0' * 64}  manifest.csv\n" if line.endswith("manifest.csv") else f"{line}\n" for line in sums)
    )
    found = ws.repro("e")
    assert unlike(found) == {"manifest.csv": "differs"}
    assert found.why[0].startswith("version numpy: 1.0 then, ")
    with pytest.raises(ManifestMismatch, match=r"manifest\.csv differs; it may be because version numpy"):
        jobs._do(ws.path, {"verb": "repro", "options": {"name": "e"}}, silent)
    del run["settings"], run["export"]
    (folder / "run.json").write_text(json.dumps(run))
    with pytest.raises(StaleArtifact, match=r"did not tell all settings \(settings, export\).*export it again"):
        ws.repro("e")
    run |= {"settings": {}, "export": {}, "format": 2}
    (folder / "run.json").write_text(json.dumps(run))
    with pytest.raises(StaleArtifact, match=r"is of format 2, here \d+: .*writes other files"):
        ws.repro("e")


def test_the_command_says_that_all_is_the_same(made, tmp_path):
    ws = fresh(made, tmp_path)
    ws.sample(20)
    done = curate("repro", ws.export("e", formats=("parquet",)))
    assert done.returncode == 0, done.stderr
    assert "files are the same byte for byte" in done.stdout
