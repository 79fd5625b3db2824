"""What people decide, as events: who said what of which items or clusters, and when.

Nothing is ever updated or deleted. Undo is one more event that names an earlier one; undoing an undo brings back.
Events of one bulk action share their op_id up to a slash, and an undo may name all of them by that.
"""

import json
import re
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from fractions import Fraction
from typing import Any, Literal, get_args

from curation_core.errors import ConfigError

Verdict = Literal["keep", "drop", "clear", "cap", "weight", "label", "merge", "split", "note", "skip", "undo"]
MOST_LABEL, MOST_NOTE = 80, 2_000  # characters
LEAST_WEIGHT, MOST_WEIGHT = 0.01, 100.0
_CAP = re.compile(r"(?P<number>[0-9]{1,12})|(?P<share>[0-9]{1,3}(\.[0-9]{1,4})?)\s?%")
_MOST = 2**63 - 1  # a number that fits an array
_OF_ITEMS = ("keep", "drop", "clear", "label", "note")
_WITH_VALUE = ("cap", "weight", "label", "note")


@dataclass(frozen=True)
class ClusterTarget:
    """A cluster of one tree: tree is the artefact key, members the fingerprint of its items, size their number.

    sketch: ids of some of its items, by which it is found in another tree (module anchors).
    """

    tree: str
    level: int
    cluster: int
    members: str
    size: int
    sketch: tuple[str, ...] = ()


@dataclass(frozen=True)
class ItemTarget:
    """Items by id."""

    item_ids: tuple[str, ...]


@dataclass(frozen=True)
class MergeTarget:
    """A cluster whose items belong to another one of its level from now on."""

    cluster: ClusterTarget
    into: ClusterTarget


@dataclass(frozen=True)
class SplitTarget:
    """A cluster that is parted. parts: of every item in ascending order of id its part, as `tree_edits.pack_parts`."""

    cluster: ClusterTarget
    parts: str


@dataclass(frozen=True)
class UndoTarget:
    """An earlier event, or all events of a bulk action by what their op_ids share."""

    op_id: str


Target = ClusterTarget | ItemTarget | MergeTarget | SplitTarget | UndoTarget
_TARGETS: dict[str, type[Target]] = {
    "cluster": ClusterTarget,
    "items": ItemTarget,
    "merge": MergeTarget,
    "split": SplitTarget,
    "undo": UndoTarget,
}
_ONLY: Mapping[type[Target], tuple[str, ...]] = {
    ItemTarget: _OF_ITEMS,
    MergeTarget: ("merge",),
    SplitTarget: ("split",),
    UndoTarget: ("undo",),
    ClusterTarget: tuple(one for one in get_args(Verdict) if one not in ("merge", "split", "undo")),
}


@dataclass(frozen=True)
class Decision:
    """One event. op_id makes a repeated write harmless; time is UTC, ISO 8601.

    value: of a cap a number of draws ("120") or a share of the cluster's items ("10 %"), of a weight a number, of a
    label the name, of a note its text; "" takes it away again. "" with every other verdict.
    """

    target: Target
    verdict: Verdict
    reviewer: str = ""
    op_id: str = field(default_factory=lambda: uuid.uuid4().hex)
    time: str = field(default_factory=lambda: datetime.now(UTC).isoformat(timespec="milliseconds"))
    value: str = ""

    def __post_init__(self) -> None:
        if self.verdict not in get_args(Verdict):
            *others, last = get_args(Verdict)
            raise ConfigError(f"verdict is {self.verdict!r}; expected {', '.join(others)} or {last}")
        if self.verdict not in _ONLY[type(self.target)]:
            fitting = ", ".join(_ONLY[type(self.target)])
            raise ConfigError(
                f"verdict {self.verdict!r} does not fit a {type(self.target).__name__}; it takes {fitting}"
                if self.verdict != "undo"
                else f"verdict 'undo' does not fit a {type(self.target).__name__}; undo names an event"
            )
        if self.value and self.verdict not in _WITH_VALUE:
            raise ConfigError(f"verdict {self.verdict!r} takes no value, got {self.value[:40]!r}; leave it out")
        _CHECKS.get(self.verdict, lambda _: None)(self.value)

    @property
    def batch(self) -> str:
        """What the op_ids of its bulk action share; its own op_id when it stands alone."""
        return self.op_id.partition("/")[0]

    def values(self) -> dict[str, Any]:
        """All of it as plain values, in the order of a line of decisions.jsonl."""
        found: dict[str, Any] = {"op_id": self.op_id, "target": target_values(self.target), "verdict": self.verdict}
        if self.verdict in _WITH_VALUE:
            found["value"] = self.value
        return {**found, "reviewer": self.reviewer, "time": self.time}

    def as_json(self) -> str:
        """One line of decisions.jsonl."""
        return json.dumps(self.values(), ensure_ascii=False)


def _check_text(most: int, what: str) -> Any:
    def check(value: str) -> None:
        if len(value) > most:
            raise ConfigError(f"the {what} has {len(value):,} characters; use at most {most:,}")

    return check


def _check_cap(value: str) -> None:
    if value:
        cap_of(value, 1)


def _check_weight(value: str) -> None:
    if value:
        weight_of(value)


_CHECKS = {
    "label": _check_text(MOST_LABEL, "name"),
    "note": _check_text(MOST_NOTE, "note"),
    "cap": _check_cap,
    "weight": _check_weight,
}


def cap_of(value: str, size: int) -> int:
    """Draws that a cap allows a cluster of so many items; a share is rounded down. Raises ConfigError."""
    found = _CAP.fullmatch(value.strip())
    share = Fraction(found["share"]) if found and found["share"] else Fraction(0)
    if not found or share > 100:
        raise ConfigError(f"the cap is {value!r}; give a number of items such as 120, or a share such as 10 %")
    return int(found["number"]) if found["number"] else int(share * size / 100)  # a float is one off in large clusters


def weight_of(value: str) -> float:
    """A weight as a number; raises ConfigError unless it is one between LEAST_WEIGHT and MOST_WEIGHT."""
    try:
        found = float(value)
    except ValueError:
        found = 0.0
    if not LEAST_WEIGHT <= found <= MOST_WEIGHT:
        raise ConfigError(
            f"the weight is {value!r}; give a number from {LEAST_WEIGHT:g} to {MOST_WEIGHT:g}, 1 is plain"
        )
    return found


def active(events: Sequence[Decision]) -> list[Decision]:
    """The events that no undo takes back, without the undos; an undo may itself be undone."""
    undone: set[str] = set()
    standing = []
    for event in reversed(events):
        if event.op_id in undone or event.batch in undone:
            continue
        if isinstance(event.target, UndoTarget):
            undone.add(event.target.op_id)
        else:
            standing.append(event)
    return standing[::-1]


@dataclass(frozen=True)
class History:
    """What one person may take back and bring back, newest last. done: op_ids of decisions; undone: of undo events."""

    done: tuple[str, ...]
    undone: tuple[str, ...]


def history(events: Iterable[Decision], reviewer: str) -> History:
    """A person's own steps: a new decision forgets what could be brought back, as in any editor.

    What somebody else took back is not there to be taken back again.
    """
    written = list(events)
    done: list[str] = []
    undone: list[tuple[str, str]] = []  # the undo event, and what it took back
    for event in written:
        if event.reviewer != reviewer:
            continue
        if not isinstance(event.target, UndoTarget):
            if not done or done[-1] != event.batch:
                done.append(event.batch)
            undone.clear()
            continue
        meant = event.target.op_id
        back = next((pair for pair in undone if pair[0] == meant), None)
        if back is not None:
            undone.remove(back)
            done.append(back[1])
        elif meant in done:
            done.remove(meant)
            undone.append((event.op_id, meant))
    standing = {event.batch for event in active(written)}
    return History(tuple(one for one in done if one in standing), tuple(one for one, _ in undone))


# ---- plain values


def target_values(target: Target) -> dict[str, Any]:
    """A target as plain values, as events keep it."""
    kind = next(name for name, model in _TARGETS.items() if isinstance(target, model))
    found = {name: vars(value) if isinstance(value, ClusterTarget) else value for name, value in vars(target).items()}
    if isinstance(target, ClusterTarget) and not target.sketch:
        del found["sketch"]
    return {"kind": kind, **found}


def read_target(values: Mapping[str, Any]) -> Target:
    """The target that `target_values` wrote; raises KeyError, TypeError or ValueError for anything else."""
    rest = dict(values)
    model = _TARGETS[rest.pop("kind")]
    if model is ItemTarget:
        return ItemTarget(_texts(rest["item_ids"]))
    if model is ClusterTarget:
        return _cluster(rest)
    if model is MergeTarget:
        return MergeTarget(_cluster(rest["cluster"]), _cluster(rest["into"]))
    if model is SplitTarget:
        return SplitTarget(_cluster(rest["cluster"]), _text(rest["parts"]))
    return UndoTarget(_text(rest["op_id"]))


def read_decision(line: str) -> Decision:
    """A decision from its line of decisions.jsonl; raises ConfigError for anything else."""
    try:
        said = json.loads(line)
        names = {name: _text(said.get(name, "")) for name in ("reviewer", "time", "value")}
        op_id = _text(said["op_id"])
        if not op_id.partition("/")[0]:
            raise ValueError("an event has a name")
        return Decision(read_target(said["target"]), said["verdict"], op_id=op_id, **names)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        if isinstance(error, ConfigError):
            raise
        raise ConfigError(f"not a line of decisions.jsonl ({type(error).__name__}): {line[:60]!r}") from None


def _cluster(values: Mapping[str, Any]) -> ClusterTarget:
    level, cluster, size = (values[name] for name in ("level", "cluster", "size"))
    if not all(type(number) is int and 0 <= number <= _MOST for number in (level, cluster, size)) or level == 0:
        raise ValueError("a cluster is named by whole numbers")
    sketch = _texts(values.get("sketch", []))
    return ClusterTarget(_text(values["tree"]), level, cluster, _text(values["members"]), size, sketch)


def _texts(values: Any) -> tuple[str, ...]:
    if not isinstance(values, list | tuple):  # a text is a sequence of texts, too
        raise TypeError(f"expected a list, got {type(values).__name__}")
    return tuple(map(_text, values))


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"expected text, got {type(value).__name__}")
    value.encode()  # half a character ("\ud800") is fine in JSON, and in no file or table
    return value
