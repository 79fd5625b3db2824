"""The review held against a plain model of it, whatever people, crashes and new trees do in whatever order."""

import shutil
import subprocess
import sys
import tempfile
from itertools import pairwise
from pathlib import Path

import numpy as np
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from curation_core.anchors import Anchors
from curation_core.config import SampleConfig
from curation_core.decisions import Decision, ItemTarget, MergeTarget, SplitTarget, history, read_decision
from curation_core.folding import fold
from curation_core.hierarchy import Hierarchy, Level
from curation_core.review_log import ReviewLog, ReviewTail
from curation_core.sampling import sample
from curation_core.tree_edits import pack_parts
from tests.core.review_model import Action, Review, Said, Steps, Tree
from tests.core.test_draw_rules import require_exact

PEOPLE = ("ada", "bob")
MEMORY = Path("/dev/shm")  # thousands of durable writes take minutes on a disk that others use, too
STRATEGIES = ("random", "closest", "diverse")
KILLED = """
import os, signal, sqlite3, sys
file = sqlite3.connect(sys.argv[1], isolation_level=None)
file.execute("PRAGMA cache_size=1")  # what is not committed is on the disk all the same
file.execute("BEGIN IMMEDIATE")
for number in range(9):
    row = (f"half/{number}", '{"kind": "items", "item_ids": ["' + "x" * 9_000 + '"]}')
    file.execute("INSERT INTO events (op_id, target, verdict, reviewer, time) VALUES (?, ?, 'drop', '', '')", row)
os.kill(os.getpid(), signal.SIGKILL)
"""

people, seeds = st.sampled_from(PEOPLE), st.integers(0, 99)
numbers = st.integers(0, 3) | st.integers(0, 99)  # of clusters and items: often the same few
judgements = st.one_of(
    st.tuples(st.sampled_from(["keep", "drop", "clear", "skip"]), st.just("")),
    st.tuples(st.just("cap"), st.sampled_from(["0", "1", "3", "33.3 %", "50%", ""])),
    st.tuples(st.just("weight"), st.sampled_from(["0.5", "3", ""])),
    st.tuples(st.just("label"), st.sampled_from(["birds", "Birds ", "fish", "", " "])),
    st.tuples(st.just("note"), st.sampled_from(["look again", ""])),
)
of_items = st.one_of(
    st.tuples(st.sampled_from(["keep", "drop", "clear"]), st.just("")),
    st.tuples(st.sampled_from(["label", "note"]), st.sampled_from(["odd", ""])),
)


def random_tree(rng, ids, n_levels):
    counts = np.sort(rng.integers(2, 7, n_levels))[::-1].tolist()
    up = [{item: int(rng.integers(counts[0])) for item in ids}]
    for finer, k in pairwise(counts):
        up.append({cluster: int(rng.integers(k)) for cluster in range(finer)})
    return Tree(up, counts)


def renumbered(tree, rng, n_moved=0):
    """The same tree with other numbers, and some items in other leaves."""
    new = [rng.permutation(k).tolist() for k in tree.count]
    up = [{item: new[0][leaf] for item, leaf in tree.up[0].items()}]
    for level in range(1, len(tree.up)):
        up.append({new[level - 1][one]: new[level][above] for one, above in tree.up[level].items()})
    for item in rng.choice(sorted(tree.up[0]), n_moved, replace=False).tolist():
        up[0][item] = int(rng.integers(tree.count[0]))
    return Tree(up, tree.count)


def as_hierarchy(tree, rng):
    levels = []
    for up, k in zip(tree.up, tree.count, strict=True):
        assignment = np.array([up[one] for one in sorted(up)], dtype=np.int32)
        centroids, distance = (rng.random(shape).astype(np.float32) for shape in ((k, 2), len(assignment)))
        levels.append(Level(centroids, assignment, distance))
    return Hierarchy(tuple(levels))


class Reviewing(RuleBasedStateMachine):
    """Two people with a log and a tail each, on one file; each acts on what was there when they last did or looked."""

    @initialize(
        seed=st.integers(0, 10_000), n_items=st.integers(8, 30), n_levels=st.integers(2, 3), is_hex=st.booleans()
    )
    def start(self, seed, n_items, n_levels, is_hex):
        self.folder = Path(tempfile.mkdtemp(dir=MEMORY if MEMORY.is_dir() else None))
        self.rng, self.steps, self.written, self.op_ids = np.random.default_rng(seed), Steps(), [], []
        self.ids = sorted(f"{one:016x}" if is_hex else f"item {one}" for one in self.rng.permutation(999)[:n_items])
        self.vectors = self.rng.random((n_items, 2)).astype(np.float32)
        self.trees, self.folded = [], (None, None)
        self._use(random_tree(self.rng, self.ids, n_levels))
        self.crash()
        self.logs["ada"].append([])
        self.views = {who: self._look() for who in PEOPLE}

    def teardown(self):
        if hasattr(self, "folder"):
            shutil.rmtree(self.folder)

    # ---- what people do

    @rule(who=people)
    def look(self, who):
        self.views[who] = self._look()

    @rule(who=people, judged=st.lists(st.tuples(numbers, judgements), min_size=1, max_size=4))
    def decide(self, who, judged):
        self._do(who, [self._judged(who, which, *said) for which, said in judged])

    @rule(who=people, which=st.sets(numbers, min_size=1, max_size=6), said=of_items)
    def decide_items(self, who, which, said):
        items = ["gone", *sorted({self.ids[one % len(self.ids)] for one in which})]
        self._do(who, [(ItemTarget(tuple(items)), {"verdict": said[0], "value": said[1], "members": items})])

    @rule(who=people, which=numbers, other=numbers)
    def merge(self, who, which, other):
        anchors, tree = self.views[who]
        level, cluster, members = self._pick(who, which)
        others = [one for one in tree.full(level).items() if one[0] != cluster]
        if others:
            into, into_members = others[other % len(others)]
            target = MergeTarget(anchors.target(level, cluster), anchors.target(level, into))
            self._do(who, [(target, {"verdict": "merge", "level": level, "members": members, "into": into_members})])

    @rule(who=people, which=numbers, seed=seeds, n_parts=st.integers(2, 3))
    def split(self, who, which, seed, n_parts):
        anchors, tree = self.views[who]
        level, cluster, members = self._pick(who, which)
        below = {item: item if level == 1 else tree.at(item, level - 1) for item in sorted(members)}
        children = sorted(set(below.values()))
        if len(children) >= n_parts:
            order = np.random.default_rng(seed).permutation(len(children)).tolist()
            part = {child: order[place] % n_parts for place, child in enumerate(children)}
            parts = {item: part[child] for item, child in below.items()}
            target = SplitTarget(anchors.target(level, cluster), pack_parts(np.array(list(parts.values()))))
            self._do(who, [(target, {"verdict": "split", "level": level, "members": members, "parts": parts})])

    @rule(who=people)
    def undo(self, who):
        self._step_back(who, self.steps.undo(who), lambda op_id: self.logs[who].undo(who, op_id=op_id))

    @rule(who=people)
    def redo(self, who):
        self._step_back(who, self.steps.redo(who), lambda op_id: self.logs[who].redo(who, op_id=op_id))

    @rule(who=people)
    def undo_anybodys(self, who):
        self._step_back(who, self.steps.undo_anybodys(), lambda op_id: self.logs[who].undo(op_id=op_id))

    # ---- what happens to them

    @precondition(lambda self: self.written)
    @rule(who=people, which=numbers)
    def retry(self, who, which):
        assert self.logs[who].append(self.written[which % len(self.written)]) == 0

    @rule()
    def crash(self):
        path = self.folder / "reviews.sqlite"
        self.logs = {who: ReviewLog(path) for who in PEOPLE}
        self.tails = {who: ReviewTail(log) for who, log in self.logs.items()}

    @rule()
    def kill_a_writer(self):
        command = [sys.executable, "-I", "-S", "-c", KILLED, str(self.folder / "reviews.sqlite")]
        assert subprocess.run(command, check=False).returncode == -9

    @rule(seed=seeds, kind=st.sampled_from(["another", "same", "near", "earlier"]))
    def cluster_again(self, seed, kind):
        rng, tree = np.random.default_rng(seed), self.trees[self.now][0]
        match kind:
            case "another":
                self._use(random_tree(rng, self.ids, len(tree.up)))
            case "earlier":
                self.now = seed % len(self.trees)
            case _:
                self._use(renumbered(tree, rng, n_moved=2 if kind == "near" else 0))

    @rule()
    def replay_elsewhere(self):
        lines = [event.as_json() for event in self.logs["ada"].events()]
        other = ReviewLog(self.folder / "other.sqlite")
        other.append(map(read_decision, lines[: len(lines) // 2]))
        other.append(map(read_decision, lines))  # the first half is there already
        assert other.events() == self.logs["ada"].events()
        other.path.unlink()

    # ---- what holds

    @invariant()
    def nothing_is_lost_or_doubled(self):
        events = self.logs["ada"].events()
        assert [event.op_id for event in events] == self.op_ids
        for who in PEOPLE:
            assert self.tails[who].read()[1] == events
            assert history(events, who).done == tuple(action.batch for action in self.steps.done.get(who, ()))

    @invariant()
    def all_adds_up_as_in_the_model(self):
        found, model = self._fold(), Review(self.trees[self.now][0], self.steps.standing())
        tree, said = found.tree, [model.decided_by(item) for item in self.ids]
        assert found.decided_by.tolist() == [level for level, _ in said]
        assert found.eligible.tolist() == [verdict == "keep" for _, verdict in said]
        assert found.kept.tolist() == [one == (-1, "keep") for one in said]
        assert [event.op_id for event in found.lost] == model.lost
        assert found.where == model.where
        assert tree.n_clusters == tuple(model.tree.count)
        for level in range(1, tree.n_levels + 1):
            clusters, up = range(tree.n_clusters[level - 1]), (*model.tree.up, {})[level]
            assert tree.point_assignment(level).tolist() == [model.tree.at(item, level) for item in self.ids]
            assert tree.parents(level).tolist() == [up.get(cluster, 0) for cluster in clusters]
            verdicts = [{"keep": 1, "drop": -1}.get(model.verdict.get((level, one)), 0) for one in clusters]
            assert found.verdicts[level - 1].tolist() == verdicts
            assert found.rules.caps[level - 1].tolist() == model.caps(level)
            assert found.rules.weights[level - 1].tolist() == model.weights(level)
            assert found.labels[level - 1] == {
                one: name for (at, one), name in model.label.items() if name and at == level
            }
        assert found.notes == {place: note for place, note in model.note.items() if note}
        assert found.skips == {place: frozenset(who) for place, who in model.skip.items()}
        assert found.item_labels == {item: name for item, name in model.item_label.items() if name}
        assert found.item_notes == {item: note for item, note in model.item_note.items() if note}

    @invariant()
    def a_draw_keeps_to_it(self):
        found, turn, before = self._fold(), len(self.op_ids), np.zeros(len(self.ids), dtype=int)
        for target in (turn % 7, turn % 7 + turn % 5 + 3, len(self.ids)):
            config = SampleConfig(target_size=target, strategy=STRATEGIES[turn % 3], seed=turn)
            plan = sample(found.tree, config, eligible=found.eligible, rules=found.rules, vectors=self.vectors)
            require_exact(plan, found.tree, found.rules, found.eligible)
            counts = np.bincount(plan.indices, minlength=len(self.ids))
            assert (counts >= before).all()
            before = counts

    # ---- hands

    def _use(self, tree):
        self.trees.append((tree, as_hierarchy(tree, self.rng)))
        self.now = len(self.trees) - 1

    def _fold(self):
        when = (len(self.op_ids), self.now)
        if self.folded[0] != when:
            _, hierarchy = self.trees[self.now]
            events = self.logs["bob"].events()
            self.folded = when, fold(events, hierarchy, f"T{self.now}", self.ids, vectors=self.vectors)
        return self.folded[1]

    def _look(self):
        model = Review(self.trees[self.now][0], self.steps.standing())
        return Anchors(self._fold().tree, f"T{self.now}", self.ids), model.tree

    def _pick(self, who, which):
        """A cluster that holds items, as the person sees the tree: level, number, members."""
        tree = self.views[who][1]
        full = [(level, *one) for level in range(1, len(tree.up) + 1) for one in tree.full(level).items()]
        return full[which % len(full)]

    def _judged(self, who, which, verdict, value):
        level, cluster, members = self._pick(who, which)
        said = {"verdict": verdict, "value": value, "level": level, "members": members}
        return self.views[who][0].target(level, cluster), said

    def _do(self, who, said):
        batch = f"op{len(self.op_ids)}"
        names = [batch] if len(said) == 1 else [f"{batch}/{number}" for number in range(len(said))]
        events, meant = [], []
        for op_id, (target, fields) in zip(names, said, strict=True):
            events.append(Decision(target, fields["verdict"], who, op_id, value=fields.get("value", "")))
            meant.append(Said(op_id, who, **{**fields, "members": frozenset(fields["members"])}))
        assert self.logs[who].append(events) == len(events)
        self.written.append(events)
        self.op_ids += names
        self.steps.do(Action(batch, who, meant))
        self.views[who] = self._look()

    def _step_back(self, who, action, step):
        op_id = f"step{len(self.op_ids)}"
        found = [step(op_id) for _ in range(2)]  # the second is a retry
        assert [one and one.batch for one in found] == [action and action.batch] * 2
        self.op_ids += [op_id] if action else []
        self.views[who] = self._look()


TestReviewing = Reviewing.TestCase
TestReviewing.settings = settings(max_examples=50, stateful_step_count=30, deadline=None)
