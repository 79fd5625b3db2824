"""The review beside the deck: queue, effects, suggestions, decisions, agreement, carrying over."""

import numpy as np
import pytest

from curation_app import deck_cards, loaders, review_figures, wording
from curation_core.config import SampleConfig
from curation_core.decisions import Decision, ItemTarget
from curation_core.review_queue import EFFECT, SIZE
from curation_core.sampling import sample
from curation_core.workspace import Workspace


@pytest.fixture
def ws(full_folder) -> Workspace:
    return Workspace(full_folder / "shapes")


def waiting(ws, order=SIZE, reviewer="", level=2):
    return review_figures.queue(ws, loaders.pool(ws), loaders.decisions(ws), level, order, reviewer)


def shown(app) -> str:
    return " ".join(part.value for kind in (app.markdown, app.caption, app.subheader) for part in kind)


def button(app, label):
    return next(one for one in app.button if label in one.label)


def test_the_queue_by_items_is_largest_first_and_puts_skipped_clusters_last(ws):
    first = waiting(ws)
    assert (np.diff(loaders.pool(ws).hierarchy.sizes(2)[first.order]) <= 0).all()
    ws.decide_cluster(2, int(first.order[0]), "skip", reviewer="ada")
    assert waiting(ws, reviewer="ada").waiting.tolist() == [*first.order[1:], first.order[0]]
    assert waiting(ws, reviewer="bob").waiting.tolist() == first.order.tolist()


def test_a_decided_cluster_waits_no_more_and_progress_counts_its_items(ws):
    largest = int(waiting(ws).order[0])
    ws.decide_cluster(2, largest, "cap", "3")
    after = waiting(ws)
    assert largest not in after.waiting
    assert after.n_decided == 1
    assert after.share_decided == pytest.approx(loaders.pool(ws).hierarchy.sizes(2)[largest] / 120)


def test_every_order_that_is_offered_orders_all_clusters(ws):
    orders = review_figures.orders(ws, loaders.pool(ws))
    assert orders[0] == EFFECT
    for order in orders:
        assert sorted(waiting(ws, order).order) == sorted(waiting(ws).order)


def test_a_double_review_waits_for_whoever_has_not_judged(ws):
    ws.configure(review={"double_share": 1.0})
    largest = int(waiting(ws).order[0])
    ws.decide_cluster(2, largest, "drop", reviewer="ada")
    assert largest not in waiting(ws, reviewer="ada").waiting
    assert largest in waiting(ws, reviewer="bob").waiting
    ws.decide_cluster(2, largest, "keep", reviewer="bob")
    assert largest not in waiting(ws, reviewer="cid").waiting


def test_the_effect_of_a_drop_is_what_happens_when_it_is_dropped(ws):
    pool, config = loaders.pool(ws), SampleConfig(target_size=30)
    plan = loaders.draw(ws, config)
    largest = int(pool.hierarchy.sizes(2).argmax())
    ws.decide_items(pool.hierarchy.members(2, largest)[:2], "keep")  # an item's own verdict wins
    before = loaders.draw(ws, config)
    effect = deck_cards.effect_of_drop(ws, pool, 2, largest)
    ws.decide_cluster(2, largest, "drop")
    decided = loaders.decisions(ws)
    after = sample(pool.hierarchy, config, eligible=decided.eligible, rules=decided.rules)
    change = after.quotas[1] - before.quotas[1]
    assert effect["here"] == before.quotas[1][largest]
    assert effect["moved"] == change[change > 0].sum()
    assert effect["shortfall"] == after.shortfall
    assert after.quotas[1][largest] == 2
    assert plan.quotas[1][largest] > 2


def test_caps_weights_and_merges_move_the_draw_of_every_page(ws):
    pool, config = loaders.pool(ws), SampleConfig(target_size=60)
    first, second = waiting(ws).order[:2].tolist()
    ws.decide_cluster(2, first, "cap", "4")
    assert loaders.draw(ws, config).quotas[1][first] == 4
    ws.merge(2, second, first)
    merged = loaders.pool(ws)
    assert merged.key != pool.key
    assert merged.tree == pool.tree
    assert merged.hierarchy.sizes(2)[second] == 0
    assert loaders.draw(ws, config).quotas[1][second] == 0
    ws.reviews.undo()
    assert loaders.pool(ws).hierarchy.sizes(2)[second] > 0


def test_suggestions_say_why_and_stop_when_somebody_decided(ws):
    pool = loaders.pool(ws)
    largest = int(waiting(ws, level=1).order[0])
    parent = int(pool.hierarchy.parents(1)[largest])
    ws.decide_cluster(2, parent, "drop")
    found = review_figures.suggested(ws, pool, loaders.decisions(ws), 1)
    assert found[largest].verdict == "drop"
    assert "nearest decided items are dropped" in found[largest].reason
    ws.decide_cluster(1, largest, "keep")
    assert largest not in review_figures.suggested(ws, pool, loaders.decisions(ws), 1)


@pytest.mark.parametrize(
    "view", ["", "Deck~1~items", "Suggestions~2~", "Decisions~0~", "Agreement~0~", "Nonsense~99~x"]
)
def test_every_view_of_the_review_opens_by_its_link(full_folder, open_page, ws, view):
    ws.decide_cluster(2, 0, "drop", reviewer="ada")
    ws.decide_cluster(2, 0, "keep", reviewer="bob")
    ws.decide_cluster(1, 0, "note", "<b>look</b>")
    app = open_page("review", ws="shapes", queue=view)
    assert not app.exception
    assert not app.error


def test_decisions_lists_who_said_what_and_offers_what_was_dropped(full_folder, open_page, ws):
    ws.decide_cluster(2, 0, "drop", reviewer="ada")
    app = open_page("review", ws="shapes", queue="Decisions~0~")
    assert "1 decision" in shown(app)
    table = app.dataframe[0].value
    assert table["decision"].tolist() == ["✕ drop"]
    assert table["by"].tolist() == ["ada"]
    button(app, "dropped items").click().run()
    assert "decision" in str(dict(app.query_params))


def test_after_clustering_anew_the_report_is_shown_and_used_on_demand(full_folder, open_page, ws):
    members = {}
    for cluster in range(6):
        members[cluster] = set(ws.decisions().tree.members(2, cluster).tolist())
        ws.decide_cluster(2, cluster, "drop" if cluster % 2 else "keep", reviewer="ada")
    dropped = ws.decisions().n_dropped
    ws.cluster(n_clusters=(20, 5), seed=3)
    assert ws.decisions().n_dropped < dropped
    app = open_page("review", ws="shapes", queue="Carry over~0~")
    assert "of an earlier tree" in shown(app)
    before = ws.reviews.version()
    button(app, "Use").click().run()
    assert ws.reviews.version() > before
    assert {event.reviewer for event in ws.reviews.events()} == {"ada"}


@pytest.mark.parametrize(
    ("event", "words"),
    [
        (("keep", ""), "✓ keep"),
        (("cap", "10 %"), "▬ cap: 10 %"),
        (("label", ""), "✎ name taken away"),
    ],
)
def test_decisions_are_told_in_words(ws, event, words):
    verdict, value = event
    assert wording.said(ws.decide_cluster(2, 0, verdict, value)) == words
    assert wording.meant(Decision(ItemTarget(("a", "b")), "drop")) == "2 picked items"


@pytest.mark.parametrize("page", ["overview", "cluster", "explore", "review", "balance", "export", "runs"])
def test_every_page_stands_on_a_tree_with_merges_splits_caps_and_kept_items(full_folder, open_page, ws, page):
    largest = int(ws.hierarchy().sizes(1).argmax())
    ws.split(1, largest, 2)
    ws.merge(2, 1, 0)
    ws.decide_cluster(2, 0, "cap", "20 %")
    ws.decide_cluster(1, largest, "weight", "2")
    ws.decide_items([0, 1], "keep")
    ws.decide_items([2], "label", "<i>odd</i>")
    ws.sample(30)
    app = open_page(page, ws="shapes")
    assert not app.exception
    assert not app.error


@pytest.mark.parametrize("view", ["Map", "Icicle", "Treemap", "Sunburst", "Table", "Sizes", "Split"])
def test_every_view_of_explore_stands_on_an_edited_tree(full_folder, open_page, ws, view):
    ws.split(1, int(ws.hierarchy().sizes(1).argmax()), 2)
    ws.merge(2, 1, 0)
    app = open_page("explore", ws="shapes", view=view, sel=f"cluster:1:{ws.hierarchy().n_clusters[0]}")
    assert not app.exception
    assert not app.error
