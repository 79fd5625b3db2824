"""A plain, slow model of the review, to hold the real one against: dicts and sets of item ids, no arrays, no hashes."""

from collections import Counter
from dataclasses import dataclass, field
from fractions import Fraction

NO_CAP = -1


@dataclass(frozen=True)
class Said:
    """One event as the person means it. level: 0 of items. members: the cluster, or the items, by id."""

    op_id: str
    who: str
    verdict: str
    members: frozenset[str]
    level: int = 0
    value: str = ""
    into: frozenset[str] = frozenset()
    parts: dict[str, int] = field(default_factory=dict, hash=False)


@dataclass
class Action:
    """What a person did at once: it stands or is taken back as a whole."""

    batch: str
    who: str
    said: list[Said]
    stands: bool = True


@dataclass
class Steps:
    """What each person may take back and bring back, as in any editor."""

    actions: list[Action] = field(default_factory=list)
    done: dict[str, list[Action]] = field(default_factory=dict)
    undone: dict[str, list[Action]] = field(default_factory=dict)

    def do(self, action):
        self.actions.append(action)
        self.done.setdefault(action.who, []).append(action)
        self.undone[action.who] = []

    def undo(self, who):
        """A person's last action, None for nothing."""
        if not self.done.get(who):
            return None
        action = self.done[who].pop()
        self.undone[who].append(action)
        action.stands = False
        return action

    def undo_anybodys(self):
        """The last action of all; nobody has it in hand to bring it back."""
        action = next((one for one in reversed(self.actions) if one.stands), None)
        if action is not None:
            self.done[action.who].remove(action)
            action.stands = False
        return action

    def redo(self, who):
        if not self.undone.get(who):
            return None
        action = self.undone[who].pop()
        self.done[who].append(action)
        action.stands = True
        return action

    def standing(self):
        return [said for action in self.actions if action.stands for said in action.said]


class Tree:
    """up: per level what belongs where, items by id at the first. count: clusters per level."""

    def __init__(self, up, count):
        self.up, self.count = [dict(one) for one in up], list(count)

    def at(self, item, level):
        here = item
        for one in range(level):
            here = self.up[one][here]
        return here

    def members(self, level, cluster):
        return frozenset(item for item in self.up[0] if self.at(item, level) == cluster)

    def full(self, level):
        """Clusters of a level that hold items, with these."""
        found = {}
        for item in self.up[0]:
            found.setdefault(self.at(item, level), set()).add(item)
        return {cluster: frozenset(items) for cluster, items in sorted(found.items())}

    def find(self, level, members):
        if level > len(self.up):
            return None
        return next((cluster for cluster, items in self.full(level).items() if items == members), None)

    def children(self, level, cluster):
        return sorted(child for child, above in self.up[level - 1].items() if above == cluster)


class Review:
    """What all that stands adds up to."""

    def __init__(self, tree, standing):
        self.tree, self.lost, self.where = Tree(tree.up, tree.count), [], {}
        self.verdict, self.cap, self.weight, self.label, self.note, self.skip = {}, {}, {}, {}, {}, {}
        self.item_verdict, self.item_label, self.item_note = {}, {}, {}
        for said in standing:
            if said.level:
                self._of_cluster(said)
            else:
                kept = {"label": self.item_label, "note": self.item_note}.get(said.verdict, self.item_verdict)
                for item in said.members:
                    kept[item] = said.value if said.verdict in ("label", "note") else said.verdict

    def _of_cluster(self, said):
        cluster = self.tree.find(said.level, said.members)
        place = (said.level, cluster)
        if cluster is None or not self._did(said, place):
            self.lost.append(said.op_id)
        else:
            self.where[said.op_id] = place

    def _did(self, said, place):
        match said.verdict:
            case "merge":
                into = self.tree.find(said.level, said.into)
                return into is not None and self._merge(place, into)
            case "split":
                return self._split(place, said.parts)
            case "label":
                name = " ".join(said.value.split()).casefold()
                for (level, cluster), other in self.label.items():
                    if name and level == place[0] and (level, cluster) != place and same_name(other, name):
                        return self._merge(place, cluster)
                self.label[place] = said.value if name else ""
            case "note":
                self.note[place] = said.value
            case "skip":
                self.skip.setdefault(place, set()).add(said.who)
            case _:
                self._judge(said, place)
        return True

    def _judge(self, said, place):
        self.skip.pop(place, None)
        match said.verdict:
            case "cap":
                self.cap[place] = said.value
            case "weight":
                self.weight[place] = said.value
            case "clear":
                for kept in (self.verdict, self.cap, self.weight):
                    kept.pop(place, None)
            case verdict:
                self.verdict[place] = verdict

    def _merge(self, place, into):
        level, cluster = place
        if cluster == into:
            return False
        for child in self.tree.children(level, cluster):
            self.tree.up[level - 1][child] = into
        for kept in (self.verdict, self.cap, self.weight, self.label, self.note, self.skip):
            kept.pop(place, None)
        return True

    def _split(self, place, parts):
        level, cluster = place
        belongs = {}
        for child in self.tree.children(level, cluster):
            inside = [child] if level == 1 else sorted(self.tree.members(level - 1, child))
            votes = Counter(parts[item] for item in inside)
            belongs[child] = min(votes, key=lambda part: (-votes[part], part)) if votes else 0
        n_parts = max(parts.values()) + 1
        if set(belongs.values()) != set(range(n_parts)):
            return False
        first_new = self.tree.count[level - 1]
        for child, part in belongs.items():
            self.tree.up[level - 1][child] = cluster if part == 0 else first_new + part - 1
        for number in range(first_new, first_new + n_parts - 1):
            if level < len(self.tree.up):
                self.tree.up[level][number] = self.tree.up[level][cluster]
            for kept in (self.verdict, self.cap, self.weight):
                if place in kept:
                    kept[level, number] = kept[place]
        self.tree.count[level - 1] += n_parts - 1
        return True

    def decided_by(self, item):
        """Whose word counts for an item: -1 its own, a level, 0 nobody's; and what it is."""
        if self.item_verdict.get(item, "clear") != "clear":
            return -1, self.item_verdict[item]
        for level in range(1, len(self.tree.up) + 1):
            verdict = self.verdict.get((level, self.tree.at(item, level)))
            if verdict:
                return level, verdict
        return 0, "keep"

    def caps(self, level):
        """Draws that every cluster of a level may give, NO_CAP for as many as there are."""
        found = []
        for cluster in range(self.tree.count[level - 1]):
            value = self.cap.get((level, cluster), "")
            size = len(self.tree.members(level, cluster))
            share = value.removesuffix("%").strip()
            found.append(NO_CAP if not value else int(Fraction(share) * size / 100) if share != value else int(value))
        return found

    def weights(self, level):
        return [float(self.weight.get((level, one), "") or 1) for one in range(self.tree.count[level - 1])]


def same_name(name, folded):
    return " ".join(name.split()).casefold() == folded
