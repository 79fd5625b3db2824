"""An export that is killed goes on where it stopped, or leaves nothing; what is tampered with is named."""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from curation_core import export
from curation_core.artifacts import file_hash
from curation_core.config import ExportConfig
from curation_core.errors import Cancelled, ConfigError, ManifestMismatch
from curation_core.export_sums import Hashes, check_sums
from curation_core.unchanged import Originals
from curation_core.verification import Check, verify
from tests.core.test_export_formats import made, pictures

ALL = ("parquet", "csv", "jsonl", "npy", "txt", "datasets", "imagefolder", "webdataset", "fiftyone", "lightly", "coco")
FORMATS = (*ALL, "weights")
WORKER = """
import sys
from pathlib import Path
from curation_core.workspace import Workspace
import time
def slow(stage, done, total, **figures):
    print(stage, done, flush=True)
    time.sleep(0.004)
Workspace.open(sys.argv[1]).export("e", formats=tuple(sys.argv[2].split(",")), files="copy", shard_mb=1, progress=slow)
"""


@pytest.fixture(scope="module")
def workspace(tmp_path_factory):
    folder = tmp_path_factory.mktemp("resume")
    pictures(folder / "pile", 90)
    return made(folder / "ws", folder / "pile", 70)


@pytest.fixture(scope="module")
def whole(workspace):
    """An export that nobody interrupted."""
    return workspace.export("whole", formats=FORMATS, files="copy", shard_mb=1)


def started(workspace):
    command = [sys.executable, "-c", WORKER, str(workspace.path), ",".join(FORMATS)]
    environment = {**os.environ, "PYTHONPATH": str(Path.cwd()), "OPENBLAS_NUM_THREADS": "1"}
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)


def test_a_killed_export_goes_on_and_has_the_same_bytes(workspace, whole):
    """Killed at three random calls of progress; never anything under the real name until it is whole."""
    exports, rng, seen = workspace.path / "exports", random.Random(7), []
    for _ in range(3):
        worker = started(workspace)
        assert worker.stdout is not None
        lines = [worker.stdout.readline() for _ in range(rng.randrange(10, 90))]
        worker.send_signal(signal.SIGKILL)
        worker.wait()
        worker.stdout.close()
        seen.append(lines[-1])
        assert not (exports / "e").exists()
    assert (exports / ".partial-e").is_dir()
    kept = {
        path: path.stat().st_mtime_ns for path in (exports / ".partial-e").rglob("*.png") if ".part" not in path.name
    }
    assert kept, seen
    folder = workspace.export("e", formats=FORMATS, files="copy", shard_mb=1)
    assert (folder / "SHA256SUMS").read_bytes() == (whole / "SHA256SUMS").read_bytes()
    again = {folder / path.relative_to(exports / ".partial-e"): stamp for path, stamp in kept.items()}
    assert all(path.stat().st_mtime_ns == stamp for path, stamp in again.items())  # kept, not written again
    assert verify(folder).ok
    assert [path.name for path in exports.iterdir() if path.name.startswith(".")] == []


class Stop:
    """A progress that stops the work at its n-th call."""

    def __init__(self, calls):
        self.calls = calls

    def __call__(self, stage, done, total, **figures):
        self.calls -= 1
        if self.calls < 0:
            raise Cancelled("stopped")


def test_a_stop_at_any_moment_can_be_gone_on_with(workspace, whole):
    """Every few calls of progress a stop; what is finished is never made again, and the bytes are the same."""
    exports, stops, done = workspace.path / "exports", 0, set()
    while not (exports / "s").exists():
        try:
            workspace.export("s", formats=FORMATS, files="copy", shard_mb=1, progress=Stop(40 + 9 * stops))
        except Cancelled:
            stops += 1
            now = set((exports / ".partial-s.journal").read_text().splitlines()[1:])
            assert {json.loads(line)[0] for line in done} <= {json.loads(line)[0] for line in now}
            done = now
    assert stops > 3
    assert (exports / "s" / "SHA256SUMS").read_bytes() == (whole / "SHA256SUMS").read_bytes()


def test_a_file_of_an_interrupted_export_that_was_changed_is_made_again(workspace, whole):
    exports = workspace.path / "exports"
    with pytest.raises(Cancelled):
        workspace.export("c", formats=FORMATS, files="copy", shard_mb=1, progress=Stop(60))
    copied = sorted((exports / ".partial-c").rglob("*.png"))
    copied[0].write_bytes(b"x" * copied[0].stat().st_size)
    copied[1].unlink()
    (exports / ".partial-c" / "stray.txt").write_text("x")
    with (exports / ".partial-c.journal").open("a") as journal:
        journal.write('["torn')
    folder = workspace.export("c", formats=FORMATS, files="copy", shard_mb=1)
    assert (folder / "SHA256SUMS").read_bytes() == (whole / "SHA256SUMS").read_bytes()


def test_another_export_of_the_name_begins_anew(workspace):
    exports = workspace.path / "exports"
    with pytest.raises(Cancelled):
        workspace.export("n", formats=("csv",), files="copy", progress=Stop(60))
    kept = set((exports / ".partial-n" / "files").rglob("*.png"))
    assert kept
    folder = workspace.export("n", formats=("csv",))
    assert not (folder / "files").exists()
    assert verify(folder).ok


def test_what_stops_before_anything_is_finished_leaves_nothing(workspace):
    exports = workspace.path / "exports"
    before = set(exports.iterdir())
    with pytest.raises(Cancelled):
        workspace.export("nothing", formats=("parquet",), progress=Stop(1))
    assert set(exports.iterdir()) == before


def test_two_at_once_are_refused(workspace):
    config = ExportConfig(name="twice", formats=("csv",))
    contents = workspace.told(workspace.sampling_plan(), config)

    def again(stage, done, total, **figures):
        with pytest.raises(ConfigError, match="is being written by another process"):
            export.write(workspace.path / "exports" / "twice", contents, config)

    export.write(workspace.path / "exports" / "twice", contents, config, again)
    assert verify(workspace.path / "exports" / "twice").ok


def test_an_export_put_aside_by_a_killed_overwrite_comes_back(workspace):
    exports = workspace.path / "exports"
    folder = workspace.export("old", formats=("csv",))
    folder.rename(exports / ".old-old")
    with pytest.raises(Cancelled):
        workspace.export("old", formats=("jsonl",), overwrite=True, progress=Stop(1))
    assert verify(folder).ok
    assert not (exports / ".old-old").exists()


def test_a_stop_is_heard_within_a_second_while_files_are_copied(workspace):
    def read(uri):
        time.sleep(0.05)
        return (workspace.path.parent / "pile" / uri).read_bytes()

    began = time.perf_counter()

    def stop(stage, done, total, **figures):
        if time.perf_counter() - began > 0.3:
            raise Cancelled("stopped")

    config = ExportConfig(name="slow", formats=("webdataset",))
    contents = workspace.told(workspace.sampling_plan(), config)
    with pytest.raises(Cancelled):
        export.write(workspace.path / "exports" / "slow", contents, config, stop, originals=Originals(read))
    assert time.perf_counter() - began < 1.3


# ---- tampering


def test_any_byte_of_any_file_that_is_changed_is_named(whole, tmp_path):
    """A random byte of every file in turn, SHA256SUMS included."""
    folder, rng = tmp_path / "e", random.Random(3)
    shutil.copytree(whole, folder)
    files = [path for path in folder.rglob("*") if path.is_file() and path.stat().st_size]
    names = sorted(path.relative_to(folder).as_posix() for path in files)
    chosen = [name for name in names if not name.startswith("imagefolder/t")] + rng.sample(names, 12)
    for name in [*chosen, *["SHA256SUMS"] * 25]:
        path = folder / name
        before = path.read_bytes()
        place = rng.randrange(len(before))
        path.write_bytes(before[:place] + bytes([before[place] ^ (1 << rng.randrange(8))]) + before[place + 1 :])
        check = sums_of(folder)
        assert not check.ok, (name, place)
        assert name in check.detail, (name, place, check.detail)
        path.write_bytes(before)
    assert sums_of(folder).ok


def sums_of(folder):
    """The check of the sums alone; the others are slower and see less."""
    try:
        return Check("checksums", True, check_sums(folder, Hashes(folder), links=False))
    except ManifestMismatch as error:
        return Check("checksums", False, str(error))


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("manifest.npy", lambda path: path.write_bytes(path.read_bytes()[:-8] + bytes(8))),
        ("manifest.txt", lambda path: path.write_text("".join(reversed(path.read_text().splitlines(True))))),
        ("lightly/train.json", lambda path: path.write_text(path.read_text().replace("p00", "p99"))),
        ("fiftyone/samples.json", lambda path: path.write_text(json.dumps({"samples": []}))),
        ("weights.csv", lambda path: path.write_text(path.read_text().replace(",1\n", ",0.5\n").replace(",0", ",2"))),
        ("imagefolder/train/metadata.parquet", lambda path: shutil.copy(path.parent.parent / "test" / path.name, path)),
        ("datasets/data/train-*.parquet", lambda path: path.unlink()),
        ("webdataset/train-000000.tar", lambda path: path.write_bytes(path.read_bytes().replace(b'"path"', b'"htap"'))),
        ("manifest.csv", lambda path: path.write_text(path.read_text().replace("train", "trian"))),
    ],
)
def test_a_format_that_tells_something_else_is_named_even_with_new_sums(whole, tmp_path, name, change):
    folder = tmp_path / "e"
    shutil.copytree(whole, folder)
    (path,) = folder.glob(name)
    change(path)
    lines = []
    for file in sorted(folder.rglob("*")):
        if file.is_file() and file.name != "SHA256SUMS":
            lines.append(f"{file_hash(file)}  {file.relative_to(folder).as_posix()}\n")
    (folder / "SHA256SUMS").write_text("".join(lines))
    found = {check.name: check.detail for check in verify(folder).checks if not check.ok}
    if name != "webdataset/train-000000.tar":
        assert Path(name).name.split("-*")[0] in found["formats agree"]
    else:
        assert found == {}  # a user's column inside a shard is in the sums only
