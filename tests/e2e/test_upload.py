"""A folder through the real upload door: interrupted by a reload, gone on with, to an ingested workspace."""

import re
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from curation_app.upload_store import CHUNK
from curation_core.workspace import Workspace

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]
N_PICTURES = 7
DROP = """() => {
    const zone = [...document.querySelectorAll('*')].map(e => e.shadowRoot?.querySelector('.up-zone')).find(Boolean);
    const dataTransfer = new DataTransfer();
    dataTransfer.items.add(new File(['x'], 'dropped.exe'));
    zone.dispatchEvent(new DragEvent('drop', { dataTransfer, bubbles: true, cancelable: true }));
}"""


@pytest.fixture(scope="module")
def pictures(tmp_path_factory) -> Path:
    """A folder of noise that does not fit into two chunks, with a table of names and a file that is not read."""
    folder = tmp_path_factory.mktemp("chosen") / "noise"
    (folder / "deep").mkdir(parents=True)
    for number in range(N_PICTURES):
        pixels = np.random.default_rng([0, number]).integers(0, 256, (1024, 1024, 3), dtype=np.uint8)
        name = f"deep/n{number}.png" if number % 2 else f"n{number}.png"
        Image.fromarray(pixels).save(folder / name, compress_level=0)
    rows = [f"deep/n{n}.png,{n}" if n % 2 else f"n{n}.png,{n}" for n in range(N_PICTURES)]
    (folder / "metadata.csv").write_text("\n".join(["file_name,number", *rows]))
    (folder / "notes.html").write_text("<p>not a picture</p>")
    assert sum(path.stat().st_size for path in folder.rglob("*.png")) > 2 * CHUNK
    return folder


def opened(page, address: str) -> None:
    page.goto(f"{address}/data")
    page.get_by_role("heading", name="Data", exact=True).wait_for()
    page.get_by_role("button", name="Choose a folder").wait_for()


def test_a_folder_is_uploaded_interrupted_and_ingested(server, page, pictures):
    address, workspaces = server
    offsets: list[int] = []
    network = {"works": False}

    def watched(route) -> None:
        offset = int(re.search(r"offset=(\d+)", route.request.url)[1])
        offsets.append(offset)
        if offset and not network["works"]:
            route.abort("connectionreset")  # the network goes away after the first chunk
        else:
            route.continue_()

    page.route(re.compile(r"/api/uploads/[0-9a-f]{32}\?offset="), watched)
    page.on("dialog", lambda dialog: dialog.accept())  # "leave the page while an upload is running?"
    opened(page, address)
    page.get_by_label("Folder to upload").set_input_files(pictures)
    page.get_by_text("No connection; trying again").wait_for()
    assert set(offsets) == {0, CHUNK}

    # a reload: the browser forgot the files, the server did not
    page.goto("about:blank")
    opened(page, address)
    page.get_by_text("Choose the same files again to go on").wait_for()
    offsets.clear()
    network["works"] = True
    page.get_by_label("Folder to upload").set_input_files(pictures)
    page.get_by_text(f"{N_PICTURES} images").first.wait_for()
    assert offsets[0] == CHUNK, "the first chunk must not be sent twice"
    page.get_by_text("1 file of types that are not read").wait_for()

    page.get_by_text("then embed, cluster and lay out the map").click()
    page.wait_for_timeout(1_000)
    page.get_by_role("button", name=f"Ingest {N_PICTURES} items").click()
    ws = Workspace(workspaces / "noise")
    for _ in range(300):
        if (ws.path / "workspace.toml").exists() and ws.status()[0].state == "done":
            break
        time.sleep(0.1)
    catalog = ws.catalog()
    assert sorted(catalog.uri) == sorted(f"deep/n{n}.png" if n % 2 else f"n{n}.png" for n in range(N_PICTURES))
    assert catalog.columns == ["file_name", "number"]
    sent = {path.relative_to(pictures): path.read_bytes() for path in pictures.rglob("*.png")}
    stored = Path(ws.settings.ingest.source)
    assert {path.relative_to(stored): path.read_bytes() for path in stored.rglob("*.png")} == sent
    assert stored.is_relative_to(workspaces / ".uploads")


def test_a_wrong_file_is_refused_before_a_byte_is_sent_and_the_next_is_taken(server, page, tmp_path):
    address, _ = server
    sent: list[str] = []
    page.on("request", lambda request: sent.append(request.url) if "/api/uploads" in request.url else None)
    opened_on_new(page, address)
    table = tmp_path / "words.csv"
    table.write_text("text\n" + "some words\n" * 9)
    for name, content, said in (("a.exe", "x", "type that is not read"), ("b.png", "", "is empty")):
        (tmp_path / name).write_text(content)
        page.get_by_label("Files to upload").set_input_files(tmp_path / name)
        page.get_by_role("alert").filter(has_text=said).wait_for()
    page.evaluate(DROP)
    page.get_by_role("alert").filter(has_text="dropped.exe").wait_for()
    assert not sent
    page.get_by_label("Files to upload").set_input_files(table)
    page.get_by_text("9 texts").wait_for()
    assert len([url for url in sent if "offset=" in url]) == 1


def opened_on_new(page, address: str) -> None:
    """The doors, whether or not there is a workspace already."""
    page.goto(f"{address}/data")
    page.get_by_role("heading", name="Data", exact=True).wait_for()
    page.wait_for_timeout(1_000)
    tab = page.get_by_role("tab", name="New workspace")
    if tab.count():
        tab.click()
    page.get_by_role("button", name="Choose a folder").wait_for()
