"""Quality: what the scores of pictures and texts say, and the step that keeps them."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageFilter

from curation_core import image_quality, quality, text_quality
from curation_core.catalog import FAILURE_SCHEMA, ITEM_SCHEMA, Catalog
from curation_core.config import Modality, QualityConfig
from curation_core.errors import Cancelled, ConfigError, IngestError, StaleArtifact
from curation_core.quality import FLAGS, Flag, examples, flagged, flags_of, read_scores, score


def photo(seed: int, side: int = 160) -> Image.Image:
    """Coloured structure at every scale, as photographs have it."""
    rng = np.random.default_rng([seed])
    layers = [rng.integers(0, 255, (cells, cells, 3), dtype=np.uint8) for cells in (4, 12, 40, side)]
    grown = [
        np.asarray(Image.fromarray(layer).resize((side, side), Image.Resampling.NEAREST), float) for layer in layers
    ]
    mixed = sum(weight * layer for weight, layer in zip((0.4, 0.3, 0.2, 0.1), grown, strict=True))
    return Image.fromarray(np.clip((mixed - 128) * 1.6 + 128, 0, 255).astype(np.uint8))


def scored(image: Image.Image) -> dict[str, float]:
    values = image_quality.image_scores([image])[0].tolist()
    return dict(zip(image_quality.COLUMNS, values, strict=True))


def catalog_of(modality: Modality, **columns: list[Any]) -> Catalog:
    n = len(next(iter(columns.values())))
    rows = [
        {
            "item_id": f"{row:016x}",
            "uri": f"{row}",
            "content_hash": f"{row}",
            "source_row": row,
            **{name: values[row] for name, values in columns.items()},
        }
        for row in range(n)
    ]
    return Catalog(modality, pa.Table.from_pylist(rows, ITEM_SCHEMA), pa.table({}), FAILURE_SCHEMA.empty_table())


def pictures(images: list[Image.Image]) -> Catalog:
    return catalog_of("image", width=[image.width for image in images], height=[image.height for image in images])


def verdicts(images: list[Image.Image], folder: Path) -> dict[str, list[int]]:
    table = score(pictures(images), lambda rows: [images[row] for row in rows], QualityConfig(), folder)
    return {name: np.flatnonzero(holds).tolist() for name, holds in flagged(table).items()}


def test_every_fault_of_a_picture_raises_its_own_flag_and_no_other(tmp_path: Path):
    good = photo(0)
    images = [
        good,
        good.point(lambda value: value // 6),
        Image.eval(good, lambda value: 250 + value // 60),
        good.filter(ImageFilter.GaussianBlur(6)),
        Image.new("RGB", (90, 90), (40, 140, 80)),
        good.convert("L").convert("RGB"),
        good.crop((0, 0, 160, 40)),
        good.resize((24, 24)),
    ]
    found = verdicts(images, tmp_path)
    assert found["dark"] == [1]
    assert found["bright"] == [2]
    assert found["blurred"] == [3]
    assert 4 in found["low_information"]
    assert 0 not in found["low_information"]
    assert set(found["grayscale"]) == {2, 5}  # what is nearly white has no colour either
    assert found["odd_aspect"] == [6]
    assert found["too_small"] == [7]


def test_sharpness_falls_with_every_blur_and_hardly_with_size():
    good = photo(1)
    series = [scored(good.filter(ImageFilter.GaussianBlur(radius)))["sharpness"] for radius in (0, 1, 2, 4, 8)]
    assert series == sorted(series, reverse=True)
    assert series[0] - series[-1] > 0.4
    large, small = photo(1, 256), photo(1, 256).resize((128, 128))
    assert scored(large)["sharpness"] == pytest.approx(scored(small)["sharpness"], abs=0.1)
    blurred = photo(1, 256).filter(ImageFilter.GaussianBlur(8))
    assert scored(blurred)["sharpness"] < 0.35
    assert scored(blurred.resize((128, 128)))["sharpness"] < 0.35


def test_contrast_does_not_pass_for_sharpness():
    good = photo(2)
    pale = Image.eval(good, lambda value: 110 + value // 8)
    assert scored(pale)["sharpness"] == pytest.approx(scored(good)["sharpness"], abs=0.06)


@pytest.mark.parametrize("size", [(1, 1), (1, 300), (300, 2), (8, 8)])
def test_tiny_and_narrow_pictures_have_scores(size: tuple[int, int]):
    values = scored(Image.new("RGB", size, (10, 200, 30)))
    assert np.isnan(values.pop("sharpness"))
    assert all(np.isfinite(value) for value in values.values())


@pytest.mark.slow
def test_dark_bright_and_flat_agree_with_cleanvision():
    properties = pytest.importorskip("cleanvision.issue_managers.image_property")
    from benchmarks.planted import load

    images = [image for sample in ("emoji", "blue_marble") for image in load(sample, 60)]
    images += [Image.eval(image, lambda value: value // 4) for image in images[::4]]
    images += [Image.eval(image, lambda value: 244 + value // 24) for image in images[::4]]
    ours = image_quality.image_scores(images).astype(np.float64)
    brightness = [properties.BrightnessProperty("dark").calculate(image) for image in images]
    theirs = {
        "brightest": np.array([values["brightness_perc_99"] for values in brightness]),
        "darkest": np.array([values["brightness_perc_5"] for values in brightness]),
        "information": np.array([properties.EntropyProperty().calculate(image)["entropy"] / 10 for image in images]),
    }
    for flag in FLAGS:
        if flag.modality == "image" and flag.column in theirs:
            mine = ours[:, image_quality.COLUMNS.index(flag.column)]
            assert np.corrcoef(_ranks(mine), _ranks(theirs[flag.column]))[0, 1] > 0.99
            assert np.array_equal(flag.holds(mine), flag.holds(theirs[flag.column]))


def _ranks(values: np.ndarray) -> np.ndarray:
    return np.unique(values.round(6), return_inverse=True)[1]


# ---- texts


def text_scored(text: str, script: str | None = "LATIN") -> dict[str, float]:
    return dict(zip(text_quality.COLUMNS, text_quality.text_scores([text], script)[0].tolist(), strict=True))


def test_length_counts_characters_without_the_space_around_them():
    assert text_scored("  two words \n")["length"] == 9
    assert text_scored(" \n ")["length"] == 0


def test_repeated_words_lines_and_characters_are_seen():
    prose = "every sentence here says something that the others did not say before it was written"
    assert text_scored(prose)["repetition"] == 0
    assert text_scored("buy this now " * 20)["repetition"] > 0.9
    assert text_scored("the same line again\n" * 6 + prose)["repetition"] > 0.3
    assert text_scored("hahahahahahahahahahaha")["repetition"] > 0.7
    assert np.isnan(text_scored("too short")["repetition"])


def test_letters_of_another_script_are_foreign_and_digits_are_none():
    assert text_scored("Straße, naïve café 123")["foreign"] == 0
    assert text_scored("abcПрив")["foreign"] == pytest.approx(4 / 7)
    assert text_scored("こんにちは世界カタカナ", "CJK")["foreign"] == 0
    assert np.isnan(text_scored("12 + 30 = 42")["foreign"])


def test_the_main_script_is_that_of_most_letters():
    assert text_quality.main_script(["hello there", "Привет", "42"]) == "LATIN"
    assert text_quality.main_script(["42", ""]) is None


def test_entropy_is_that_of_shannon():
    assert text_quality.entropy("abababababab") == pytest.approx(1.0)
    assert text_quality.entropy("a" * 20) == 0
    assert np.isnan(text_quality.entropy("short"))


def test_faults_of_texts_raise_their_flags(tmp_path: Path):
    texts = [
        "a perfectly good sentence about cats and their habits",
        "",
        "tiny",
        "spam spam spam " * 9,
        "Привет " * 2,
        None,
    ]
    catalog = catalog_of("text", text=texts)
    table = score(catalog, lambda rows: [texts[row] or "" for row in rows], QualityConfig(), tmp_path)
    found = {name: np.flatnonzero(holds).tolist() for name, holds in flagged(table).items()}
    assert found == {
        "empty": [1, 5],
        "short": [1, 2, 4, 5],
        "repeated": [3],
        "wrong_script": [4],
        "low_information": [3],
    }


@settings(max_examples=80, deadline=None)
@given(text=st.text(max_size=200))
def test_any_text_has_scores_within_bounds(text: str):
    values = text_scored(text)
    assert values["length"] == len(text.strip())
    for name in ("repetition", "foreign"):
        assert np.isnan(values[name]) or 0 <= values[name] <= 1


# ---- the step


def test_scores_are_float32_columns_of_the_catalogs_rows_and_read_back(tmp_path: Path):
    images = [photo(seed, 40 + seed) for seed in range(5)]
    table = score(pictures(images), lambda rows: [images[row] for row in rows], QualityConfig(), tmp_path)
    assert table.column_names == [*image_quality.COLUMNS, "aspect", "side"]
    assert set(table.schema.types) == {pa.float32()}
    assert table.column("side").to_pylist() == [40, 41, 42, 43, 44]
    assert read_scores(tmp_path).equals(table)
    assert [path.name for path in tmp_path.iterdir()] == ["scores.parquet"]


def test_a_killed_run_goes_on_after_its_last_whole_shard(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(quality, "SHARD", 2)
    images = [photo(seed, 32) for seed in range(5)]
    fetched: list[int] = []

    def fetch(rows: Any) -> list[Image.Image]:
        if 4 in rows and 4 not in fetched:
            fetched.append(4)
            raise Cancelled("stop")
        fetched.extend(rows)
        return [images[row] for row in rows]

    with pytest.raises(Cancelled):
        score(pictures(images), fetch, QualityConfig(), tmp_path)
    resumed = score(pictures(images), fetch, QualityConfig(), tmp_path)
    assert fetched == [0, 1, 2, 3, 4, 4]
    (tmp_path / "again").mkdir()
    assert resumed.equals(score(pictures(images), fetch, QualityConfig(), tmp_path / "again"))


def test_what_cannot_be_read_any_more_has_no_scores_and_no_flags(tmp_path: Path):
    def fetch(rows: Any) -> list[Image.Image]:
        if 1 in rows:
            raise IngestError("gone")
        return [photo(0) for _ in rows]

    table = score(catalog_of("image", width=[160] * 3, height=[160] * 3), fetch, QualityConfig(), tmp_path)
    assert np.isnan(table.column("information").to_numpy()).tolist() == [False, True, False]
    assert not any(holds[1] for holds in flagged(table).values())


def test_vectors_have_no_scores_of_their_own(tmp_path: Path):
    table = score(catalog_of("vector", width=[None]), lambda rows: [], QualityConfig(), tmp_path)
    assert flagged(table) == {}
    assert [flag.name for flag in flags_of("vector")] == ["far_from_cluster", "isolated"]


def test_a_threshold_of_an_unknown_flag_is_refused(tmp_path: Path):
    with pytest.raises(ConfigError, match=r"no flag 'blured' for image items; did you mean blurred\?"):
        score(pictures([photo(0)]), lambda rows: [], QualityConfig(thresholds={"blured": 0.2}), tmp_path)


def test_torn_scores_are_stale(tmp_path: Path):
    (tmp_path / "scores.parquet").write_bytes(b"PAR1")
    with pytest.raises(StaleArtifact):
        read_scores(tmp_path)


def test_thresholds_move_flags_and_nan_is_never_flagged():
    table = pa.table({"side": pa.array([10, 32, 40, float("nan")], pa.float32())})
    assert flagged(table)["too_small"].tolist() == [True, False, False, False]
    assert flagged(table, {"too_small": 41})["too_small"].tolist() == [True, True, True, False]


@settings(max_examples=50, deadline=None)
@given(
    values=st.lists(st.one_of(st.floats(0, 1, width=32), st.just(float("nan"))), max_size=30),
    threshold=st.floats(0, 1),
    direction=st.sampled_from(["above", "below"]),
)
def test_examples_stand_on_both_sides_of_the_threshold_the_nearest_first(
    values: list[float], threshold: float, direction: Any
):
    flag = Flag("made_up", "vector", "made_up", direction, 0.5, "")
    table = pa.table({"made_up": pa.array(values, pa.float32())})
    column = table.column("made_up").to_numpy()
    found = examples(table, flag, threshold, 4)
    holds = flag.holds(column, threshold)
    assert holds[found.inside].all()
    assert not holds[found.outside].any()
    for side, among in ((found.inside, holds), (found.outside, ~holds & ~np.isnan(column))):
        gaps = np.abs(column[side] - threshold)
        assert (np.diff(gaps) >= 0).all()
        assert len(side) == min(4, among.sum())
        rest = np.setdiff1d(np.flatnonzero(among), side)
        assert not len(rest) or not len(side) or np.abs(column[rest] - threshold).min() >= gaps.max() - 1e-6
