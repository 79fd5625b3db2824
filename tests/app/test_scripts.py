"""A component's script travels by address."""

import re

from starlette.applications import Starlette
from starlette.testclient import TestClient

from curation_app.components.scripts import by_address, routes


def test_a_script_is_served_under_the_hash_of_its_text_and_nothing_else_is():
    first, second = by_address("export default () => 1;"), by_address("export default () => 2;")
    assert first == by_address("export default () => 1;") != second
    assert len(first) < 200
    browser = TestClient(Starlette(routes=routes()))
    found = browser.get(re.search(r"/api/script/[0-9a-f]{32}\.js", first)[0])
    assert found.text == "export default () => 1;"
    assert found.headers["content-type"].startswith("text/javascript")
    assert "immutable" in found.headers["cache-control"]
    assert browser.get(f"/api/script/{'0' * 32}.js").status_code == 404
