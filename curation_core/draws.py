"""Draws of a workspace: kept and not kept, parted into splits, saved by name, measured over sizes."""

from dataclasses import replace
from typing import Any

import numpy as np

from curation_core.artifacts import read_table
from curation_core.budgets import target_of_budget, target_of_share
from curation_core.config import SampleConfig, SplitConfig
from curation_core.described import Described
from curation_core.errors import ConfigError, StepMissing
from curation_core.item_costs import ItemCosts, Unit, byte_costs, token_costs
from curation_core.metrics import balance
from curation_core.progress import Progress, silent
from curation_core.results import read_draw, write_draw
from curation_core.retention import Retention, retention
from curation_core.sampling import Drawing, SamplingPlan, drawing
from curation_core.saved_plans import SavedPlan, SavedPlans
from curation_core.splits import Leakage, Splits, assign_splits, leakage


class Draws(Described):
    """A workspace that can be drawn from."""

    def sample(self, target_size: int | None = None, *, progress: Progress = silent, **options: Any) -> SamplingPlan:
        """Draw the balanced subset and keep it; options are those of SampleConfig."""
        given = options if target_size is None else {"target_size": target_size, **options}
        with self._trying(**({"sample": given} if given else {})):
            progress("sample", 0, 1)
            drawn = self.draw(self.settings.sample)
            self._make(self.plans.plan("sample"), lambda folder: write_draw(folder, drawn))
            progress("sample", 1, 1)
        return self.sampling_plan()

    def draw(self, config: SampleConfig | None) -> SamplingPlan:
        """A draw that is not kept: what the slider shows. Raises ConfigError when the target exceeds what there is."""
        if config is None:
            raise ConfigError("no target size is set; give one, for example `curate sample --target-size 500`")
        decided, most = self.decisions(), self.plans.meta("cluster")["n_items"] * config.multiplier
        if config.target_size > most:
            n = decided.tree.n_items
            raise ConfigError(
                f"target size is {config.target_size:,}, but {n:,} items, each {config.multiplier}x, give "
                f"{most:,}; choose at most {most:,}, or set multiplier to {-(-config.target_size // n)}"
            )
        return self.drawing(config).plan(config.target_size)

    def drawing(self, config: SampleConfig) -> Drawing:
        """The draw of a configuration for every size; its own target size does not matter."""
        decided = self.decisions()
        may = self.standing(decided.eligible, decided.kept) if config.one_per_group else decided.eligible
        groups, retrieved = self.mixed_in(config)
        return drawing(
            decided.tree,
            config,
            eligible=may,
            rules=decided.rules,
            vectors=self.vectors() if config.strategy == "diverse" else None,
            groups=groups,
            retrieved=retrieved,
        )

    def mixed_in(self, config: SampleConfig) -> tuple[np.ndarray | None, np.ndarray | None]:
        """What `sample` needs for a mixed draw: groups of the column, ranks of retrieval; None where it needs none."""
        if config.reference_share and self.settings.reference is None:
            raise ConfigError(
                f"reference_share is {config.reference_share:g}, but there is no reference set; read one first, for "
                "example `curate reference trusted/`, or set it to 0"
            )
        return (
            self.groups(config.column if config.along_column else None),
            self.retrieved() if config.reference_share else None,
        )

    def splits(self, plan: SamplingPlan, config: SplitConfig | None = None) -> Splits | None:
        """A draw parted by a configuration, else by the settings; None where neither asks for it."""
        config = self.settings.split if config is None else config
        if config is None:
            return None
        catalog, rows = self.catalog(), self.embeddings().rows
        hashes = catalog.items.column("content_hash").combine_chunks().dictionary_encode().indices
        return assign_splits(
            plan.indices,
            self.decisions().tree,
            config,
            near=self.near_duplicates() if self._has("duplicates") else None,
            content=hashes.to_numpy(zero_copy_only=False)[rows].astype(np.int64),
            groups=self.groups(config.column),
        )

    def forget_splits(self) -> None:
        """Have no splits any more."""
        self._save(self.settings.changed(split=None))

    def leakage(self, splits: Splits) -> Leakage | None:
        """Near-duplicates on different sides of splits; None where nobody looked for near-duplicates."""
        if not self._has("duplicates"):
            return None
        return leakage(splits, self.near_duplicate_pairs(), self.duplicate_threshold())

    # ---- targets told otherwise than in items

    def costs(self, unit: Unit, *, progress: Progress = silent) -> ItemCosts:
        """Tokens or bytes of every item of the tree, as far as they are known."""
        catalog, rows = self.catalog(), self.embeddings().rows
        if unit == "tokens":
            return token_costs(catalog, rows, progress)
        stamps = sorted(self.plans.folder("ingest").glob("stamps-*.parquet"))
        return byte_costs(catalog, rows, (read_table(path) for path in stamps))

    def target_of(
        self, config: SampleConfig, *, share: float | None = None, costs: ItemCosts | None = None, budget: float = 0
    ) -> int:
        """Target size of a draw that is a share of the tree's items, or that costs at most a budget."""
        if share is not None:
            return target_of_share(self.plans.meta("cluster")["n_items"], share)
        if costs is None:
            raise ConfigError("neither a share nor a budget is given; pass share=, or costs= and budget=")
        return target_of_budget(self.drawing(config), costs, budget)

    # ---- draws by name

    @property
    def saved_plans(self) -> SavedPlans:
        """The draws that people kept by name."""
        return SavedPlans(self.path)

    def save_plan(self, name: str, config: SampleConfig | None = None) -> SavedPlan:
        """Keep a draw by name, by default the one of the settings; what settings say stays as it is."""
        config = self.settings.sample if config is None else config
        drawn = self.draw(config)
        plans = replace(self.plans, settings=self.settings.changed(sample=config))
        plan = plans.plan("sample")
        self._make(plan, lambda folder: write_draw(folder, drawn))
        return self.saved_plans.save(
            name, plans.settings.sample or drawn.config, key=plan.key, tree=plan.inputs["cluster"], figures=_told(drawn)
        )

    def saved_draw(self, name: str) -> SamplingPlan:
        """The draw of that name, as it was when it was saved; raises StepMissing when its result was deleted."""
        saved = self.saved_plans.get(name)
        if not self.store.has("sample", saved.key):
            raise StepMissing(f"the draw of plan {name!r} was deleted; save the plan again")
        return read_draw(self.store.folder("sample", saved.key), self.store.meta("sample", saved.key))

    # ---- what balance costs at every size

    def retention(
        self, config: SampleConfig | None = None, column: str | None = None, *, progress: Progress = silent
    ) -> Retention:
        """Draws of many sizes beside random ones, over the tree's leaves or the values of a column."""
        config = self.settings.sample or SampleConfig(target_size=0) if config is None else config
        tree, codes = self.decisions().tree, self.groups(column)
        return retention(
            self.drawing(config),
            tree.point_assignment(1) if codes is None else codes + 1,
            vectors=self.vectors(),
            near=self.near_duplicates() if self._has("duplicates") else None,
            progress=progress,
        )


def _told(drawn: SamplingPlan) -> dict[str, float]:
    """Figures of a draw over the leaves that could give something."""
    found = balance(drawn.quotas[0], pool=np.maximum(drawn.capacity[0], drawn.quotas[0]))
    return {
        "items": len(drawn.indices),
        "shortfall": drawn.shortfall,
        "entropy": found.entropy,
        "gini": found.gini,
        "coverage": found.coverage,
        "largest_share": found.largest_share,
    }
