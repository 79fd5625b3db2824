"""Decisions in words: what was said, of what, how many items."""

from curation_app import show
from curation_app.pool import Pool
from curation_core.decisions import ClusterTarget, Decision, ItemTarget, MergeTarget, SplitTarget, Target, UndoTarget
from curation_core.review import Place, ReviewDecisions

MARKS = {
    "keep": "✓ keep",
    "drop": "✕ drop",
    "cap": "▬ cap",
    "weight": "⇅ weight",
    "label": "✎ name",
    "note": "✎ note",
    "merge": "∪ merge",
    "split": "÷ split",
    "skip": "↷ skip",
    "clear": "• clear",
    "undo": "↶ undo",
}


def said(event: Decision) -> str:
    """The verdict, with its value."""
    mark = MARKS[event.verdict]
    if event.verdict in ("cap", "weight", "label", "note"):
        return f"{mark}: {event.value}" if event.value else f"{mark} taken away"
    return mark


def meant(event: Decision, pool: Pool | None = None, decided: ReviewDecisions | None = None) -> str:
    """What a decision is about; with its name where the tree still has it."""
    target = event.target
    if isinstance(target, ItemTarget):
        return show.count(len(target.item_ids), "picked item")
    if isinstance(target, UndoTarget):
        return "an earlier decision"
    if isinstance(target, MergeTarget):
        return f"{_cluster(target.cluster)} into {target.into.cluster}"
    place = decided.where.get(event.op_id) if decided is not None else None
    if pool is not None and place is not None:
        return f"{pool.name(*place)} · level {place[0]}"
    return _cluster(target.cluster if isinstance(target, SplitTarget) else target)


def n_items(target: Target) -> int:
    """Items that a target held when it was decided on."""
    if isinstance(target, ItemTarget):
        return len(target.item_ids)
    if isinstance(target, UndoTarget):
        return 0
    return target.size if isinstance(target, ClusterTarget) else target.cluster.size


def place_name(pool: Pool, place: Place) -> str:
    """A cluster by name and level."""
    return f"{pool.name(*place)} · level {place[0]}"


def _cluster(target: ClusterTarget) -> str:
    return f"cluster {target.cluster} of level {target.level}"
