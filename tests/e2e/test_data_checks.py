"""Duplicates, quality and faces in the browser: jobs started, thresholds moved, detections corrected."""

import re

import pytest
from PIL import Image

from curation_core.workspace import Workspace
from tests.conftest import write_shapes
from tests.e2e.test_journey import PICTURES

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    """30 small pictures, three larger copies of them, and one portrait."""
    from skimage import data

    folder = write_shapes(tmp_path_factory.mktemp("checks") / "pictures", 30)
    for number, name in enumerate(sorted(path.name for path in folder.glob("*.png"))[:3]):
        Image.open(folder / name).resize((72, 72)).save(folder / f"copy_{number}.jpg", quality=90)
    Image.fromarray(data.astronaut()).resize((220, 220)).save(folder / "portrait.jpg")
    return folder


def metric(page, label):
    """The figure under a label, read once it stands there."""
    return page.locator("[data-testid=stMetric]", has_text=label).locator("[data-testid=stMetricValue]")


def test_a_person_finds_duplicates_applies_them_and_takes_a_face_back(page, server, pictures):
    address, workspaces = server
    ws = Workspace.create(workspaces / "checks", pictures)
    ws.embed(embedder="color-hog")
    ws.cluster(n_clusters=(6, 2))
    page.goto(f"{address}/data?ws=checks")

    page.get_by_role("tab", name="Duplicates").click()
    page.get_by_role("button", name="Compare 34 items").click()
    metric(page, "Left out by one per group").wait_for()
    pictures_shown = page.locator(".is-flow .grid-picture")
    pictures_shown.first.wait_for()
    page.wait_for_function(PICTURES)
    page.get_by_text("Draw one item per group").click()
    page.get_by_role("button", name="Apply to draws").click()
    page.wait_for_function("() => document.body.innerText.includes('applied')")
    assert ws.settings.sample.one_per_group

    page.get_by_role("tab", name="Faces").click()
    page.get_by_text("Blur faces").click()
    page.locator("label").filter(has_text="Blur faces").locator("input:checked").wait_for(state="attached")
    page.get_by_role("button", name="Search 34 pictures").click()
    metric(page, "Pictures with faces").wait_for()
    assert metric(page, "Pictures with faces").inner_text().startswith("1 ")
    assert ws.settings.faces.blur
    crop = page.locator(".grid-cell.is-picture").first
    crop.click()
    page.get_by_role("button", name=re.compile("Not a face: 1 picked")).click()
    metric(page, "Said to be none").filter(has_text="1").wait_for()
    assert len(ws.detected_faces().above(0.35)) == 0

    page.get_by_role("tab", name="Quality").click()
    page.get_by_role("button", name="Score 34 items").click()
    page.get_by_role("button", name=re.compile("Drop .* flagged item")).wait_for()
