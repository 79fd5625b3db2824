import pytest

from tests.core.carded import Carded, placed_pictures

pytestmark = pytest.mark.e2e


def test_a_card_shows_its_pictures_and_fits_any_width_in_light_and_dark(page, tmp_path):
    ws = placed_pictures(tmp_path)
    ws.configure(bias={"protected": {"kind": []}})
    carded = Carded(ws, "looked-at")
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    colours = set()
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        for width in (1280, 390):
            page.set_viewport_size({"width": width, "height": 900})
            page.goto(f"file://{carded.folder / 'card.html'}")
            assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0, width
            assert page.evaluate("[...document.images].every(image => image.complete && image.naturalWidth > 0)")
            assert page.evaluate("document.images.length") > 20
        colours.add(page.evaluate("getComputedStyle(document.body).backgroundColor"))
    assert len(colours) == 2
    page.click("text=Limitations")
    assert page.evaluate("location.hash") == "#limits"
    assert page.evaluate("document.querySelectorAll('[onerror]').length") == 0
    assert said == []
