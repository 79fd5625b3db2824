import csv
import json
import shutil
import zipfile

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from curation_core.artifacts import file_hash
from curation_core.errors import ConfigError, ManifestMismatch
from curation_core.verification import verify
from curation_core.workspace import Workspace


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("verification")
    rng = np.random.default_rng(1)
    vectors = rng.normal(size=(200, 4)).astype("float32")
    vectors[7] = np.nan
    np.save(folder / "v.npy", vectors)
    names = ["=1+1", "-x", "@y", "plain", "0123456789012345"]
    table = pa.table(
        {
            "path": [names[i % 5] for i in range(200)],
            "note": [f"n{i}" for i in range(200)],
            "cluster_1": list(range(200)),
        }
    )
    pq.write_table(table, folder / "m.parquet")
    workspace = Workspace.create(folder / "ws", folder / "v.npy", metadata=str(folder / "m.parquet"))
    workspace.embed()
    workspace.cluster(n_clusters=(30, 6))
    workspace.decide_cluster(1, 3, "drop")
    workspace.sample(50)
    workspace.export("e")
    return workspace


@pytest.fixture
def export(made, tmp_path):
    shutil.copytree(made.path / "exports" / "e", tmp_path / "e")
    return tmp_path / "e"


def failed(folder, **options):
    return {check.name: check.detail for check in verify(folder, **options).checks if not check.ok}


def resum(folder):
    lines = [f"{file_hash(path)}  {path.name}\n" for path in sorted(folder.iterdir()) if path.name != "SHA256SUMS"]
    (folder / "SHA256SUMS").write_text("".join(lines))


def test_an_untouched_export_verifies_by_itself_and_against_its_source(made, export):
    assert failed(export) == {}
    assert failed(export, source=made.settings.ingest) == {}


def test_a_zip_of_an_export_verifies(export, tmp_path):
    shutil.make_archive(str(tmp_path / "e"), "zip", export)
    assert verify(tmp_path / "e.zip").ok
    with zipfile.ZipFile(tmp_path / "nested.zip", "w") as archive:
        for path in export.iterdir():
            archive.write(path, f"e/{path.name}")
    assert verify(tmp_path / "nested.zip").ok


def test_user_columns_keep_their_names_and_ours_give_way(export):
    manifest = pq.read_table(export / "manifest.parquet")
    assert {"path", "note", "cluster_1", "curation_path", "curation_cluster_1", "item_id", "quota", "reason"} <= set(
        manifest.column_names
    )
    assert set(manifest["path"].to_pylist()) <= {"=1+1", "-x", "@y", "plain", "0123456789012345"}


def test_no_csv_cell_is_a_formula(export):
    lines = (export / "manifest.csv").read_text().splitlines()
    assert not any(cell.startswith(("=", "@", "+")) for line in lines for cell in line.split(","))


@pytest.mark.parametrize("name", ["manifest.parquet", "manifest.csv", "tree.parquet", "run.json", "rejected.parquet"])
def test_a_changed_byte_is_named(export, name):
    data = bytearray((export / name).read_bytes())
    data[len(data) // 2] ^= 1
    (export / name).write_bytes(bytes(data))
    assert f"{name} was changed" in failed(export)["checksums"]


def test_a_missing_and_an_extra_file_are_named(export):
    (export / "manifest.csv").unlink()
    (export / "extra.txt").write_text("x")
    assert failed(export)["checksums"] == "manifest.csv is missing, extra.txt is not listed in SHA256SUMS"


def test_a_manifest_that_swaps_an_item_does_not_follow_its_seed(export):
    manifest, rejected = pq.read_table(export / "manifest.parquet"), pq.read_table(export / "rejected.parquet")
    ours = manifest.to_pylist()
    theirs = rejected.to_pylist()
    swap = next(
        (i, j)
        for i, a in enumerate(ours)
        for j, b in enumerate(theirs)
        if b["eligible"] and a["curation_cluster_1"] == b["curation_cluster_1"]
    )
    for name in set(manifest.column_names) & set(rejected.column_names):
        ours[swap[0]][name], theirs[swap[1]][name] = theirs[swap[1]][name], ours[swap[0]][name]
    pq.write_table(pa.Table.from_pylist(ours, manifest.schema), export / "manifest.parquet")
    pq.write_table(pa.Table.from_pylist(theirs, rejected.schema), export / "rejected.parquet")
    for name in ("manifest.csv", "manifest.jsonl", "manifest.npy"):
        (export / name).unlink()
    resum(export)
    found = failed(export)
    assert found["draw derived again"] == "1 drawn items are not the ones that seed 0 draws"
    assert set(found) == {"draw derived again", "formats agree"}  # run.json names the formats that are gone


def test_formats_that_disagree_are_named(export):
    lines = (export / "manifest.jsonl").read_text().splitlines(keepends=True)
    (export / "manifest.jsonl").write_text("".join(reversed(lines)))
    np.save(export / "manifest.npy", np.load(export / "manifest.npy")[::-1])
    resum(export)
    detail = failed(export)["formats agree"]
    assert "manifest.jsonl and manifest.parquet list different items" in detail
    assert "manifest.npy and manifest.parquet list different rows" in detail


def test_a_quota_that_was_edited_is_found(export):
    tree = pq.read_table(export / "tree.parquet").to_pydict()
    tree["quota"][0] += 1
    pq.write_table(pa.table(tree), export / "tree.parquet")
    resum(export)
    assert "quotas of level 1 differ" in failed(export)["draw derived again"]


def test_an_item_that_vanished_from_the_rejected_is_missed(export):
    rejected = pq.read_table(export / "rejected.parquet")
    pq.write_table(rejected.slice(1), export / "rejected.parquet")
    resum(export)
    assert "do not make up the 199 items" in failed(export)["every item once"]


def test_only_csv_or_only_jsonl_is_enough(made):
    for kind in ("csv", "jsonl"):
        folder = made.export(f"only-{kind}", formats=(kind,))
        assert failed(folder, source=made.settings.ingest) == {}


def test_what_is_no_export_is_refused(tmp_path):
    with pytest.raises(ManifestMismatch, match="not a whole export"):
        verify(tmp_path)


def test_an_export_that_holds_something_else_is_not_overwritten_unasked(made):
    folder = made.export("twice")
    before = (folder / "SHA256SUMS").read_bytes()
    made.export("twice")  # the same again is fine
    other = made.draw(made.settings.sample.model_copy(update={"target_size": 20}))
    with pytest.raises(ConfigError, match="exists and holds something else"):
        made.export("twice", other)
    assert (folder / "SHA256SUMS").read_bytes() == before
    made.export("twice", other, overwrite=True)
    assert json.loads((folder / "run.json").read_text())["counts"]["drawn"] == 20


@pytest.mark.parametrize("strategy", ["closest", "diverse"])
def test_draws_by_place_verify_too(made, strategy):
    plan = made.draw(made.settings.sample.model_copy(update={"strategy": strategy}))
    folder = made.export(f"by-{strategy}", plan)
    assert failed(folder) == {}


def test_an_oversampled_draw_verifies(made):
    plan = made.draw(made.settings.sample.model_copy(update={"target_size": 300, "multiplier": 2}))
    assert failed(made.export("over", plan)) == {}


def test_the_failed_row_is_listed_with_its_reason(export):
    unreadable = [row["reason"] for row in pq.read_table(export / "rejected.parquet").to_pylist() if row["row"] is None]
    assert len(unreadable) == 1
    assert unreadable[0].startswith("unreadable: ")


@pytest.mark.parametrize("formats", [("parquet", "npy"), ("csv",), ("jsonl",)])
def test_a_draw_of_nothing_is_an_export_too(made, formats):
    plan = made.draw(made.settings.sample.model_copy(update={"target_size": 0}))
    assert failed(made.export(f"none-{formats[0]}", plan, formats)) == {}


@pytest.fixture(scope="module")
def mixed(made, tmp_path_factory):
    """A draw along a column, the tree and by retrieval, every cluster first; splits, kept items, a cap, a weight."""
    shutil.copytree(made.path, tmp_path_factory.mktemp("mixed") / "ws")
    workspace = Workspace(tmp_path_factory.getbasetemp() / "mixed0" / "ws")
    workspace.decide_items([5, 9], "keep")
    workspace.decide_cluster(1, 7, "cap", "1")
    workspace.decide_cluster(2, 2, "weight", "3")
    workspace.configure(split={"shares": {"train": 0.8, "test": 0.2}})
    workspace.reference(items=tuple(workspace.item_ids()[:6]))
    options = {"cover": "clusters", "column": "path", "column_share": 0.5, "reference_share": 0.25}
    workspace.sample(60, **options)
    return workspace.export("mixed", formats=("parquet", "csv", "jsonl"))


@pytest.mark.parametrize("kept", ["parquet", "csv", "jsonl"])
def test_a_mixed_draw_is_derived_again_from_any_table(mixed, tmp_path, kept):
    shutil.copytree(mixed, tmp_path / "e")
    for kind in {"parquet", "csv", "jsonl"} - {kept}:
        (tmp_path / "e" / f"manifest.{kind}").unlink()
    found = {check.name: check for check in verify(tmp_path / "e").checks}
    assert found["draw derived again"].ok, found["draw derived again"].detail
    assert found["draw derived again"].detail.startswith("60 items")
    assert found["every item once"].ok
    assert found["splits"].ok


@pytest.mark.parametrize("column", ["balance_group", "reference_rank", "kept"])
def test_a_mix_that_was_edited_is_found(mixed, tmp_path, column):
    shutil.copytree(mixed, tmp_path / "e")
    table = pq.read_table(tmp_path / "e" / "manifest.parquet")
    values = table[column].to_pylist()
    changed = [not value for value in values] if column == "kept" else values[1:] + values[:1]
    place = table.column_names.index(column)
    table = table.set_column(place, column, pa.array(changed, table.schema.field(column).type))
    pq.write_table(table, tmp_path / "e" / "manifest.parquet")
    resum(tmp_path / "e")
    assert {"draw derived again", "formats agree"} <= set(failed(tmp_path / "e"))


def test_likenesses_in_different_splits_are_found(mixed, tmp_path):
    shutil.copytree(mixed, tmp_path / "e")
    for name in ("csv", "jsonl"):
        (tmp_path / "e" / f"manifest.{name}").unlink()
    table = pq.read_table(tmp_path / "e" / "manifest.parquet")
    content = table["sha256"].to_pylist()
    first, other = table["split"].to_pylist().index("train"), table["split"].to_pylist().index("test")
    content[other] = content[first]
    table = table.set_column(table.column_names.index("sha256"), "sha256", pa.array(content))
    pq.write_table(table, tmp_path / "e" / "manifest.parquet")
    resum(tmp_path / "e")
    assert failed(tmp_path / "e")["splits"] == "1 groups of the same bytes are in more than one split"


@pytest.mark.parametrize("version", [1, 2])
def test_exports_of_earlier_versions_verify(export, version):
    """As format 2 wrote them: cells by Python's csv and json; format 1 had no caps, weights and kept items."""
    table, run = pq.read_table(export / "manifest.parquet"), json.loads((export / "run.json").read_text())
    if version == 1:
        tree = pq.read_table(export / "tree.parquet")
        pq.write_table(tree.drop_columns(["cap", "weight"]), export / "tree.parquet")
    rows = table.to_pylist()
    with (export / "manifest.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(table.column_names)
        writer.writerows(
            [f"'{v}" if isinstance(v, str) and v[:1] in "=-@+" else v for v in row.values()] for row in rows
        )
    (export / "manifest.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    told = {name: value for name, value in run.items() if name not in ("formats", "splits")}
    sample = {name: run["sample"][name] for name in ("target_size", "strategy", "multiplier", "seed")}
    (export / "run.json").write_text(json.dumps({**told, "format": version, "sample": sample}))
    resum(export)
    assert failed(export) == {}
