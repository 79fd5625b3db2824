"""The command review: decisions on clusters, taken back, brought in, carried over to a new tree, and how they stand."""

from pathlib import Path
from typing import Annotated, Any, get_args

import typer

from curation_core.cli_common import HERE, AsJson, Where, app, open_workspace, say
from curation_core.decisions import Verdict
from curation_core.errors import ConfigError
from curation_core.workspace import Workspace

Clusters = list[str] | None
_PLAIN = "Cluster, as LEVEL:CLUSTER; may be repeated."


@app.command()
def review(
    workspace: Where = HERE,
    drop: Annotated[Clusters, typer.Option(help=f"Leave out of every draw. {_PLAIN}")] = None,
    keep: Annotated[Clusters, typer.Option(help=f"Let in, whatever was decided above it. {_PLAIN}")] = None,
    clear: Annotated[Clusters, typer.Option(help=f"Take away what was decided on it. {_PLAIN}")] = None,
    cap: Annotated[Clusters, typer.Option(help="At most so many draws, or a share of it: 2:7=120, 2:7=10%.")] = None,
    weight: Annotated[Clusters, typer.Option(help="How high it is filled beside its siblings: 2:7=2.")] = None,
    label: Annotated[Clusters, typer.Option(help="Its name; the name of another one merges both: 2:7=cats.")] = None,
    note: Annotated[Clusters, typer.Option(help="A note on it: 2:7='look again'.")] = None,
    merge: Annotated[Clusters, typer.Option(help="Into another cluster of its level: 2:7=3.")] = None,
    split: Annotated[Clusters, typer.Option(help="Into so many parts by k-means: 2:7=3.")] = None,
    undo: Annotated[bool, typer.Option("--undo", help="Take back the reviewer's last decision.")] = False,
    redo: Annotated[bool, typer.Option("--redo", help="Bring back what the reviewer took back last.")] = False,
    bring_in: Annotated[Path | None, typer.Option("--import", help="Add the events of a decisions.jsonl.")] = None,
    carry_over: Annotated[
        bool, typer.Option("--carry-over", help="Use the decisions of an earlier tree where its clusters are found.")
    ] = False,
    reviewer: Annotated[str, typer.Option(help="Who decides.")] = "",
    as_json: AsJson = False,
) -> None:
    """Record decisions on clusters, or show how they stand."""
    opened = open_workspace(workspace)
    asked = {"drop": drop, "keep": keep, "clear": clear, "cap": cap, "weight": weight, "label": label, "note": note}
    parsed = [(verdict, *_parsed(verdict, one)) for verdict, listed in asked.items() for one in listed or []]
    joins = [_parsed("merge", one) for one in merge or []]
    parts = [_parsed("split", one) for one in split or []]
    for verdict, level, cluster, value in parsed:
        opened.decide_cluster(level, cluster, verdict, value, reviewer=reviewer)  # type: ignore[arg-type]
    for level, cluster, into in joins:
        opened.merge(level, cluster, _whole("--merge", into), reviewer=reviewer)
    for level, cluster, n_parts in parts:
        opened.split(level, cluster, _whole("--split", n_parts), reviewer=reviewer)
    if undo and opened.reviews.undo(reviewer) is None:
        whose = f" of {reviewer}" if reviewer else ""
        raise ConfigError(f"there is no decision{whose} to take back; --reviewer says whose")
    if redo and opened.reviews.redo(reviewer) is None:
        raise ConfigError("there is nothing to bring back; only what was taken back last, before any new decision, is")
    told = _more(opened, bring_in, carry_over)
    _say(opened, told, as_json)


def _more(opened: Workspace, bring_in: Path | None, carry_over: bool) -> dict[str, Any]:
    told: dict[str, Any] = {}
    if bring_in is not None:
        told["imported"] = opened.import_decisions(bring_in)
    if carry_over:
        told["carried_over"] = opened.use_reattached()
    return told


def _say(opened: Workspace, told: dict[str, Any], as_json: bool) -> None:
    state, waiting = opened.decisions(), opened.reattached()
    values = {
        **told,
        "events": state.n_events,
        "dropped_items": state.n_dropped,
        "kept_items": int(state.kept.sum()),
        "eligible": int(state.eligible.sum()),
        "lost": len(state.lost),
        **{one: waiting.count(one) for one in ("attached", "split")},
    }
    said = f"{state.n_events} events; {state.n_dropped:,} items dropped, {values['eligible']:,} may be drawn"
    said += "".join(f"; {number} {name.replace('_', ' ')}" for name, number in told.items())
    if waiting.found:
        usable = waiting.count("attached") + waiting.count("split")
        said += f"; {len(waiting.found)} decisions belong to another tree, {usable} of them found here (--carry-over)"
    say(values, as_json, said)


def _parsed(verdict: str, text: str) -> tuple[int, int, str]:
    """Level, cluster and value of LEVEL:CLUSTER or LEVEL:CLUSTER=VALUE; raises ConfigError for anything else."""
    place, equals, value = text.partition("=")
    level, _, cluster_id = place.partition(":")
    if not (level.isdecimal() and cluster_id.isdecimal()):
        raise ConfigError(f"cluster is {place!r}; expected LEVEL:CLUSTER, for example 2:7")
    takes = verdict not in ("drop", "keep", "clear")
    if takes != bool(equals):
        raise ConfigError(
            f"--{verdict} is {text!r}; "
            + ("expected LEVEL:CLUSTER=VALUE, for example 2:7=3" if takes else "it takes no value, only LEVEL:CLUSTER")
        )
    assert verdict in get_args(Verdict)
    return int(level), int(cluster_id), value


def _whole(option: str, text: str) -> int:
    if not text.isdecimal():
        raise ConfigError(f"{option} has {text!r} behind the =; expected a whole number, for example 2:7=3")
    return int(text)
