"""What the deck asks for and says, through the real routes: cards, effects, decisions that are sent once or twice."""

import json
import uuid

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from curation_app import loaders
from curation_app.review_routes import MOST_OPS, routes
from curation_core.workspace import Workspace


@pytest.fixture
def client(full_folder):
    return TestClient(Starlette(routes=routes()))


@pytest.fixture
def ws(full_folder):
    return Workspace.open(full_folder / "shapes")


def key(ws) -> str:
    return loaders.pool(ws).key


def op(verdict, level=2, cluster=0, **more):
    return {"op": uuid.uuid4().hex, "seq": 1, "verdict": verdict, "level": level, "cluster": cluster, **more}


def send(client, ws, *ops, reviewer="ada", tree=None, **options):
    body = {"tree": tree or key(ws), "reviewer": reviewer, "ops": list(ops)}
    return client.post("/api/decide/shapes", json=body, **options)


def card(client, ws, level=2, cluster=0, reviewer="ada"):
    return client.get(f"/api/deck/shapes/{key(ws)}/~{reviewer}/{level}/{cluster}")


def filled(ws, level=2):
    return [int(c) for c in loaders.pool(ws).hierarchy.sizes(level).nonzero()[0]]


def test_a_card_tells_all_of_a_cluster(client, ws):
    found = card(client, ws).json()
    tree = loaders.pool(ws).hierarchy
    assert found["size"] == tree.sizes(2)[0]
    assert found["pool"] == 120
    shown = [cell["row"] for band in found["bands"] for cell in band["cells"]]
    assert len(shown) == len(set(shown))
    assert set(shown) <= set(tree.members(2, 0).tolist())
    assert len(found["points"]) == 2 * len(tree.members(2, 0))
    assert {one["cluster"] for one in found["siblings"]} == set(filled(ws)) - {0}
    assert found["verdict"] == found["cap"] == found["label"] == ""
    assert found["splittable"] == len([c for c in tree.children(2, 0) if tree.sizes(1)[c]])


def test_an_effect_moves_what_the_cluster_had_to_others(client, ws):
    found = client.get(f"/api/effect/shapes/{key(ws)}/2/0").json()["drop"]
    plan = ws.sampling_plan()
    assert found["here"] == plan.quotas[1][0]
    assert found["moved"] == found["here"] - found["shortfall"]


def test_a_decision_is_written_once_however_often_it_is_sent(client, ws):
    drop = op("drop")
    for _ in range(3):
        answer = send(client, ws, drop).json()
        assert [one["state"] for one in answer["results"]] == ["saved"]
    assert answer["version"] == ws.reviews.version() == 1
    (event,) = ws.reviews.events()
    assert (event.verdict, event.reviewer, event.op_id) == ("drop", "ada", drop["op"])
    assert ws.decisions().verdicts[1][0] == -1


@pytest.mark.parametrize(
    ("verdict", "more", "told"),
    [
        ("cap", {"value": "3"}, {"cap": "3"}),
        ("weight", {"value": "2.5"}, {"weight": "2.5"}),
        ("label", {"value": "<b>cats</b>"}, {"label": "<b>cats</b>"}),
        ("note", {"value": "look again"}, {"note": "look again"}),
        ("keep", {}, {"verdict": "keep"}),
        ("skip", {}, {"skipped": True}),
    ],
)
def test_every_verdict_shows_on_the_card(client, ws, verdict, more, told):
    assert send(client, ws, op(verdict, **more)).json()["results"][0]["state"] == "saved"
    found = card(client, ws).json()
    assert {name: found[name] for name in told} == told


def test_a_merge_empties_one_cluster_and_its_card_is_gone(client, ws):
    first, second = filled(ws)[:2]
    before = loaders.pool(ws).hierarchy.sizes(2)
    total = int(before[first] + before[second])
    assert send(client, ws, op("merge", cluster=first, into=second)).json()["results"][0]["state"] == "saved"
    assert card(client, ws, cluster=first).status_code == 404
    assert card(client, ws, cluster=second).json()["size"] == total


def test_a_name_that_another_cluster_has_joins_them(client, ws):
    first, second = filled(ws)[:2]
    send(client, ws, op("label", cluster=first, value="Cats"), op("label", cluster=second, value="cats "))
    assert card(client, ws, cluster=second).status_code == 404
    assert ws.decisions().labels[1] == {first: "Cats"}


def test_a_split_makes_clusters_that_can_be_decided_on(client, ws):
    largest = int(loaders.pool(ws).hierarchy.sizes(1).argmax())
    k = loaders.pool(ws).hierarchy.n_clusters[0]
    answer = send(client, ws, op("split", 1, largest, parts=2), op("drop", 1, k)).json()
    assert [one["state"] for one in answer["results"]] == ["saved", "saved"]
    decided = ws.decisions()
    assert decided.tree.n_clusters[0] == k + 1
    assert decided.n_dropped == decided.tree.sizes(1)[k]


def test_undo_and_redo_go_back_and_forth_and_name_the_cluster(client, ws):
    send(client, ws, op("drop", cluster=1))
    back = op("undo")
    for _ in range(2):  # a retry takes back nothing more
        (told,) = send(client, ws, back).json()["results"]
        assert (told["state"], told["level"], told["cluster"]) == ("saved", 2, 1)
    assert ws.decisions().n_dropped == 0
    (told,) = send(client, ws, op("redo")).json()["results"]
    assert told["cluster"] == 1
    assert ws.decisions().verdicts[1][1] == -1
    (told,) = send(client, ws, op("undo"), reviewer="bob").json()["results"]
    assert (told["state"], told["cluster"]) == ("refused", None)
    assert "nothing of yours" in told["reason"]


def test_what_cannot_be_done_is_told_and_the_rest_is_done(client, ws):
    answer = send(client, ws, op("cap", value="many"), op("drop", cluster=99), op("split", 1, 0, parts=64), op("keep"))
    states = [(one["state"], one["reason"]) for one in answer.json()["results"]]
    assert [state for state, _ in states] == ["refused", "refused", "refused", "saved"]
    assert "give a number of items such as 120" in states[0][1]
    assert "2:99 is not there any more" in states[1][1]
    assert len(ws.reviews.events()) == 1


def test_another_tree_is_a_conflict_that_says_so(client, ws):
    answer = send(client, ws, op("drop"), tree="0123456789abcdef")
    assert answer.status_code == 409
    assert "made anew" in answer.json()["reason"]
    assert ws.reviews.events() == []


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{}",
        b'{"tree": 1, "reviewer": "", "ops": []}',
        json.dumps({"tree": "x", "reviewer": "", "ops": []}).encode(),
        json.dumps({"tree": "x", "reviewer": "", "ops": [{"op": "1"}]}).encode(),
        json.dumps({"tree": "x", "reviewer": "a" * 61, "ops": [op("drop")]}).encode(),
        json.dumps({"tree": "x", "reviewer": "", "ops": [op("drop", level=-1)]}).encode(),
        json.dumps({"tree": "x", "reviewer": "", "ops": [op("drop", cluster=True)]}).encode(),
        json.dumps({"tree": "x", "reviewer": "", "ops": [op("explode")]}).encode(),
        json.dumps({"tree": "x", "reviewer": "", "ops": [op("note", value="\ud800")]}).encode(),
        json.dumps({"tree": "x", "reviewer": "", "ops": [op("drop")] * (MOST_OPS + 1)}).encode(),
        b"[" * 100_000,
    ],
)
def test_what_our_page_does_not_send_is_not_heard(client, ws, body):
    answer = client.post("/api/decide/shapes", content=body, headers={"content-type": "application/json"})
    assert answer.status_code == 404
    assert ws.reviews.events() == []


def test_other_sites_and_forms_decide_nothing(client, ws):
    assert send(client, ws, op("drop"), headers={"sec-fetch-site": "cross-site"}).status_code == 404
    body = json.dumps({"tree": key(ws), "reviewer": "", "ops": [op("drop")]})
    assert client.post("/api/decide/shapes", content=body, headers={"content-type": "text/plain"}).status_code == 404
    assert ws.reviews.events() == []


@pytest.mark.parametrize("place", ["9/0", "2/999", "2/x", "0/0", "-1/0", "2/99999999999"])
def test_a_cluster_that_is_not_there_is_absent(client, ws, place):
    assert client.get(f"/api/deck/shapes/{key(ws)}/~/{place}").status_code == 404
    assert client.get(f"/api/effect/shapes/{key(ws)}/{place}").status_code == 404


def test_candidates_to_merge_with_are_siblings_or_what_is_typed(client, ws):
    send(client, ws, op("label", cluster=filled(ws)[1], value="Größe <x>"))
    near = client.get(f"/api/clusters/shapes/{key(ws)}/2?q=&not=0").json()["clusters"]
    assert {one["cluster"] for one in near} == set(filled(ws)) - {0}
    (named,) = client.get(f"/api/clusters/shapes/{key(ws)}/2", params={"q": "GRÖSSE", "not": 0}).json()["clusters"]
    assert named["cluster"] == filled(ws)[1]


def test_others_decisions_are_news(client, ws):
    assert client.get("/api/decisions/shapes").json() == {"version": 0}
    ws.decide_cluster(2, 0, "drop", reviewer="bob")
    assert client.get("/api/decisions/shapes").json() == {"version": 1}
    assert client.get("/api/decisions/none").status_code == 404


def test_the_second_of_two_judges_does_not_see_the_first(client, ws):
    ws.configure(review={"double_share": 1.0})
    send(client, ws, op("drop"), reviewer="ada")
    assert card(client, ws, reviewer="ada").json()["verdict"] == "drop"
    blind = card(client, ws, reviewer="bob").json()
    assert (blind["verdict"], blind["blind"]) == ("", True)
    send(client, ws, op("keep"), reviewer="bob")
    assert card(client, ws, reviewer="cid").json()["blind"] is False
