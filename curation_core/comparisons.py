"""What a workspace can hold against what: draws it keeps, earlier ones too, trees, and exports of any workspace."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from curation_core.branches import Branch, kept_side
from curation_core.comparison import DrawComparison, EmbedderAgreement, compare_draws
from curation_core.config import SampleConfig
from curation_core.draw_sides import DrawSide
from curation_core.errors import ConfigError, StepMissing
from curation_core.exported_draws import is_export, read_export
from curation_core.references import References
from curation_core.retrieval import shared_neighbors
from curation_core.sampling import sample
from curation_core.saved_plans import SavedPlan, SavedPlans

_NEIGHBORS = 10
_LISTED = 12  # names that an error lists


class Comparisons(References):
    """A workspace whose draws can be compared."""

    def compare(self, a: str | Path = "previous", b: str | Path = "current") -> DrawComparison:
        """Hold two draws against each other: which items entered and left from A to B, and why.

        A side is "current", "previous", "draw:KEY" (a draw that is kept, of any settings and tree), the name of a saved
        plan, "tree:KEY" (another tree, drawn with the present target), or an export: its name, its folder or a zip of
        it. Keys may be shortened; "plan:NAME" means the plan where an export has the same name.
        Raises ConfigError that lists what there is.
        """
        branches: dict[str, Branch] = {}
        first, second = (self._side(name, branches) for name in self._dated(str(a), str(b)))
        found = compare_draws(first, second)
        keys = [one.made_of.get("cluster", "") for one in (first, second)]
        if first.made_of.get("embed") != second.made_of.get("embed") and all(key in branches for key in keys):
            told = _embedders(found, branches[keys[0]], branches[keys[1]])
            return replace(found, embedders=told) if told else found
        return found

    def comparable(self) -> tuple[str, ...]:
        """Names of all that can be compared, the newest of each kind first."""
        plans = [f"plan:{one.name}" for one in self._named if self.store.has("sample", one.key)]
        draws = [f"draw:{meta['key']}" for meta in self.store.all_meta("sample")]
        trees = [f"tree:{meta['key']}" for meta in self.store.all_meta("cluster")]
        return (*plans, *draws, *(folder.name for folder in self.exports()), *trees)

    def _side(self, name: str, branches: dict[str, Branch]) -> DrawSide:
        own = self.path / "exports" / name
        place = own if "/" not in name and is_export(own) else Path(name)
        drawn = self._draw_key(name, or_plan=not is_export(place))
        if drawn:
            side = kept_side(self.store, drawn, self.reviews.events(), lambda key: self._branch(key, branches))
            return replace(side, name=name.removeprefix("plan:")) if name.startswith("plan:") else side
        if name.startswith("tree:") and name != "tree:":
            return self._of_tree(self._whole_key("cluster", name.removeprefix("tree:")), branches)
        if is_export(place):
            return read_export(place)
        listed = self.comparable()
        more = f" and {len(listed) - _LISTED} more" if len(listed) > _LISTED else ""
        there = f"there are {', '.join(listed[:_LISTED])}{more}" if listed else "nothing has been drawn yet; run sample"
        raise ConfigError(f"there is no draw or export {name!r} to compare; {there}")

    def _draw_key(self, name: str, *, or_plan: bool) -> str:
        """Key of the kept draw that a name means, "" where it means something else."""
        if name.startswith("draw:") and name != "draw:":
            return self._whole_key("sample", name.removeprefix("draw:"))
        wanted = name.removeprefix("plan:")
        known = {one.name: one.key for one in self._named} if or_plan or wanted != name else {}
        return known.get(wanted, "")

    @property
    def _named(self) -> list[SavedPlan]:
        return SavedPlans(self.path).all()

    def _dated(self, *names: str) -> tuple[str, ...]:
        """Names with "current" and "previous" as the draws they are now: the current one, and the newest other one."""
        if not {"current", "previous"} & set(names):
            return names
        keys = [str(meta["key"]) for meta in self.store.all_meta("sample")]
        try:
            now = self.plans.plan("sample").key
        except StepMissing:
            now = ""
        keys = ([now] if now in keys else []) + [key for key in keys if key != now]
        meant = dict(zip(("current", "previous"), keys, strict=False))
        for name in ("current", "previous"):
            if name in names and name not in meant:
                raise StepMissing(f"there is no {name} draw to compare; run sample {'twice' if keys else 'first'}")
        return tuple(f"draw:{meant[name]}" if name in meant else name for name in names)

    def _whole_key(self, step: str, key: str) -> str:
        keys = [str(meta["key"]) for meta in self.store.all_meta(step)]
        fitting = [one for one in keys if one.startswith(key)]
        if len(fitting) != 1:
            what = {"sample": "draw", "cluster": "tree"}[step]
            found = "no" if not fitting else f"{len(fitting)} of the"
            raise ConfigError(f"{found} {what}s are called {key!r}; there are {', '.join(keys[:_LISTED]) or 'none'}")
        return fitting[0]

    def _branch(self, key: str, branches: dict[str, Branch]) -> Branch:
        return branches.setdefault(key, branches.get(key) or Branch.of(self.store, key))

    def _of_tree(self, key: str, branches: dict[str, Branch]) -> DrawSide:
        """Another tree, drawn with the present target, seed and decisions as far as they fit."""
        if self.settings.sample is None:
            raise StepMissing("no target size is set to draw from the tree with; run sample first")
        branch = self._branch(key, branches)
        decided, wanted = branch.decided(self.reviews.events()), self.settings.sample
        config = SampleConfig(target_size=wanted.target_size, multiplier=wanted.multiplier, seed=wanted.seed)
        plan = sample(decided.tree, config, eligible=decided.eligible, rules=decided.rules)
        return branch.side(f"tree:{key}", plan, config, decided)


def _embedders(found: DrawComparison, first: Branch, second: Branch) -> EmbedderAgreement | None:
    """How far two embedders agree on the items that both trees have; None where they share too few."""
    common = np.flatnonzero((found.at[0] >= 0) & (found.at[1] >= 0))
    if len(common) <= _NEIGHBORS:
        return None
    rows = found.at[0][common], found.at[1][common]
    shared, n_queries, n = shared_neighbors(first.vectors, second.vectors, rows, k=_NEIGHBORS)
    target = min(int(found.a.copies.sum()), int(found.b.copies.sum()))
    config = SampleConfig(target_size=min(target, len(common)))
    drawn = [
        np.isin(place, sample(branch.hierarchy, config).indices)
        for branch, place in zip((first, second), rows, strict=True)
    ]
    both, either = int((drawn[0] & drawn[1]).sum()), int((drawn[0] | drawn[1]).sum())
    overlap = both / either if either else 1.0
    return EmbedderAgreement(_NEIGHBORS, shared, _NEIGHBORS / (n - 1), n_queries, n, overlap, config.target_size)
