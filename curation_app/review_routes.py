"""What the review deck asks for and says: cards of clusters, effects, names to merge with, and decisions.

A decision is on disk when its answer goes out. Every operation carries an id of its own; one that is sent again,
because the answer was lost or the server was started anew, changes nothing.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, get_args

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from curation_app import deck_cards, loaders
from curation_app.items import is_cluster
from curation_app.places import workspace_path
from curation_app.pool import Pool
from curation_app.posting import posted
from curation_core.decisions import ClusterTarget, Decision, MergeTarget, SplitTarget, Target, Verdict
from curation_core.errors import ConfigError, CurationError
from curation_core.folding import parted
from curation_core.selection import is_text
from curation_core.workspace import Workspace

MOST_BYTES, MOST_OPS, MOST_NAME = 1 << 20, 200, 60
_HEADERS = {"X-Content-Type-Options": "nosniff", "Cache-Control": "no-store"}
_NUMBER, _OP = re.compile(r"[0-9]{1,9}"), re.compile(r"[0-9a-f]{32}")
_VERDICTS = {*get_args(Verdict), "redo"}


def card(request: Request) -> Response:
    """One cluster for the deck, as the person in the address sees it."""
    found = _cluster(request)
    if found is None:
        return _absent()
    reviewer = request.path_params["reviewer"].removeprefix("~")
    return _json(deck_cards.card(*found, reviewer))


def effect(request: Request) -> Response:
    """What dropping a cluster would do."""
    found = _cluster(request)
    return _absent() if found is None else _json({"drop": deck_cards.effect_of_drop(*found)})


def clusters(request: Request) -> Response:
    """Clusters to merge another one with."""
    found, level, other = _pool(request), request.path_params["level"], request.query_params.get("not", "")
    fits = _NUMBER.fullmatch(level) and _NUMBER.fullmatch(other)
    if found is None or not fits or not is_cluster(found[1], int(level), int(other)):
        return _absent()
    words = request.query_params.get("q", "")[:200]
    return _json({"clusters": deck_cards.merge_candidates(found[1], int(level), int(other), words)})


def news(request: Request) -> Response:
    """The number of the last decision: it grows whenever anybody decides anything."""
    ws = _workspace(request)
    return _absent() if ws is None else _json({"version": ws.reviews.version()})


async def decide(request: Request) -> Response:
    """Write decisions; the body is read here, the work is done in a thread."""
    body = await posted(request, MOST_BYTES)
    return _absent() if body is None else await run_in_threadpool(_decide, request, body)


def routes() -> list[BaseRoute]:
    """What reads is a plain function, so Starlette runs it in a thread."""
    place = "{workspace}/{pool_key}"
    return [
        Route(f"/api/deck/{place}/{{reviewer}}/{{level}}/{{cluster}}", card),
        Route(f"/api/effect/{place}/{{level}}/{{cluster}}", effect),
        Route(f"/api/clusters/{place}/{{level}}", clusters),
        Route("/api/decisions/{workspace}", news),
        Route("/api/decide/{workspace}", decide, methods=["POST"]),
    ]


# ---- decisions


@dataclass(frozen=True)
class Op:
    """One thing that a person said, as the deck sends it."""

    op: str
    verdict: str
    level: int
    cluster: int
    value: str
    into: int | None
    parts: int | None


def _decide(request: Request, body: bytes) -> Response:
    ws, asked = _workspace(request), _asked(body)
    if ws is None or asked is None:
        return _absent()
    tree, reviewer, ops = asked
    try:
        pool = loaders.pool(ws)
    except CurationError as error:
        return _json({"reason": str(error)}, status=409)
    if pool.tree != tree.partition("-")[0]:
        said = "the tree was made anew; open Review again, what is not saved yet is kept here"
        return _json({"reason": said}, status=409)
    results = [_done(ws, reviewer, op) for op in ops]
    return _json({"version": ws.reviews.version(), "results": results})


def _done(ws: Workspace, reviewer: str, op: Op) -> dict[str, Any]:
    """Do one operation; what cannot be done is told in words, and the next one is done all the same."""
    answer = {"op": op.op, "state": "saved", "reason": "", "level": op.level, "cluster": op.cluster, "said": ""}
    try:
        if op.verdict in ("undo", "redo"):
            return {**answer, **_step(ws, reviewer, op)}
        if not loaders.is_written(ws, op.op):
            verdict: Verdict = op.verdict  # type: ignore[assignment]
            made = Decision(_target(ws, op), verdict, reviewer, op_id=op.op, value=op.value)
            ws.reviews.append([made])
    except CurationError as error:
        return {**answer, "state": "refused", "reason": _sentence(str(error))}
    return answer


def _step(ws: Workspace, reviewer: str, op: Op) -> dict[str, Any]:
    """Undo or redo; names the cluster that it was about where it is in this tree."""
    back = op.verdict == "undo"
    found = ws.reviews.undo(reviewer, op_id=op.op) if back else ws.reviews.redo(reviewer, op_id=op.op)
    if found is None:
        nothing = "There is nothing of yours to take back." if back else "There is nothing to bring back."
        return {"state": "refused", "reason": nothing, "level": None, "cluster": None}
    target, pool = found.target, loaders.pool(ws)
    where = target.cluster if isinstance(target, MergeTarget | SplitTarget) else target
    what = f"{'Undone' if back else 'Done again'}: {found.verdict}"
    if not isinstance(where, ClusterTarget) or where.tree != pool.tree or not _holds(pool, where.level, where.cluster):
        return {"level": None, "cluster": None, "said": f"{what}."}
    said = f"{what} of {pool.name(where.level, where.cluster)}."
    return {"level": where.level, "cluster": where.cluster, "said": said}


def _target(ws: Workspace, op: Op) -> Target:
    pool, anchors = loaders.pool(ws), loaders.anchors(ws)
    for cluster in (op.cluster, op.into):
        if cluster is not None and not _holds(pool, op.level, cluster):
            raise ConfigError(f"cluster {op.level}:{cluster} is not there any more; it was merged, or its split undone")
    if op.verdict == "merge":
        if op.into is None or op.into == op.cluster:
            raise ConfigError("a cluster is merged with another one; choose which")
        return MergeTarget(anchors.target(op.level, op.cluster), anchors.target(op.level, op.into))
    if op.verdict == "split":
        return parted(anchors, pool.vectors, op.level, op.cluster, op.parts or 2)
    return anchors.target(op.level, op.cluster)


def _holds(pool: Pool, level: int, cluster: int) -> bool:
    return is_cluster(pool, level, cluster) and bool(pool.hierarchy.sizes(level)[cluster])


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]


def _asked(body: bytes) -> tuple[str, str, list[Op]] | None:
    """Tree, reviewer and operations, None when it is not what our page sends."""
    try:
        said = json.loads(body)
        tree, reviewer, listed = said["tree"], said["reviewer"], said["ops"]
        ops = [_op(one) for one in listed]
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    named = isinstance(tree, str) and isinstance(reviewer, str) and len(reviewer) <= MOST_NAME and is_text(reviewer)
    return (tree, reviewer, ops) if named and 0 < len(ops) <= MOST_OPS else None


def _op(said: Mapping[str, Any]) -> Op:
    """One operation; raises ValueError, KeyError or TypeError for anything else."""
    op, verdict, value = said["op"], said["verdict"], said.get("value") or ""
    if not (isinstance(op, str) and _OP.fullmatch(op) and verdict in _VERDICTS and isinstance(value, str)):
        raise ValueError("not an operation")
    if not is_text(value):
        raise ValueError("not a text")
    is_step = verdict in ("undo", "redo")
    level, cluster = (0 if is_step else _whole(said[name]) for name in ("level", "cluster"))
    into, parts = (None if said.get(name) is None else _whole(said[name]) for name in ("into", "parts"))
    return Op(op, verdict, level, cluster, value, into, parts)


def _whole(value: Any) -> int:
    if type(value) is not int or not 0 <= value < 1 << 31:
        raise ValueError("not a whole number")
    return value


# ---- who and what is asked for


def _workspace(request: Request) -> Workspace | None:
    try:
        return Workspace.open(workspace_path(request.path_params["workspace"]))
    except CurationError:
        return None


def _pool(request: Request) -> tuple[Workspace, Pool] | None:
    """Workspace and pool, None unless the key in the address is that of the tree; merges and splits do not matter."""
    ws = _workspace(request)
    try:
        pool = loaders.pool(ws) if ws is not None else None
    except CurationError:
        return None
    asked = request.path_params["pool_key"].partition("-")[0]
    return (ws, pool) if ws is not None and pool is not None and pool.tree == asked else None


def _cluster(request: Request) -> tuple[Workspace, Pool, int, int] | None:
    numbers = [request.path_params[name] for name in ("level", "cluster")]
    found = _pool(request) if all(map(_NUMBER.fullmatch, numbers)) else None
    if found is None:
        return None
    level, cluster = map(int, numbers)
    return (*found, level, cluster) if _holds(found[1], level, cluster) else None


def _json(value: Any, *, status: int = 200) -> Response:
    body = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode("utf-8", "replace")
    return Response(body, status_code=status, media_type="application/json", headers=_HEADERS)


def _absent() -> Response:
    return Response(status_code=404, headers=_HEADERS)
