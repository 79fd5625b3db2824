"""What a workspace tells of its draw: what it does to groups, and the card that people fill in."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from curation_core.bias import BiasReport
from curation_core.card_config import PEOPLE_SAY
from curation_core.card_facts import bias_reports
from curation_core.cards import write_cards
from curation_core.config import ExportConfig
from curation_core.manifest import ExportContents
from curation_core.sampling import SamplingPlan
from curation_core.trial_settings import UseConfig
from curation_core.trials import options_of
from curation_core.use_trial import UseTrial


class Described(UseTrial):
    """A workspace that can give account of its draw."""

    def bias(self, plan: SamplingPlan | None = None, **options: Any) -> tuple[BiasReport, ...]:
        """Shares of groups in the pool, after review and in a draw (default: the kept one), one report per column.

        options: those of BiasConfig; they are kept, and every export reports on the same. Raises ConfigError for a
        column that is not there.
        """
        with self._trying(bias=options):
            drawn = self.sampling_plan() if plan is None else plan
            contents = self.export_contents(drawn, ExportConfig(name="bias"))
            return bias_reports(contents, self.settings.bias)[0]

    def export_contents(self, plan: SamplingPlan, config: ExportConfig) -> ExportContents:
        """Everything that an export of a draw tells, with the report of use where there is one of its size."""
        contents = super().export_contents(plan, config)
        report = self.reports(plan.target_size).get("use")
        if report is None:
            return contents
        asked = options_of(self.plans.plan("use").config, UseConfig)
        told = {**contents.provenance, "reports": {"use": asked}}  # by which it can be made again
        return replace(contents, reports={"use": report}, provenance=told)

    def describing(self, contents: ExportContents) -> Callable[[Path, Mapping[str, str]], None]:
        """What writes the cards of an export into its folder, given the sums of the files that are there."""
        settings = self.settings

        def write(folder: Path, sums: Mapping[str, str]) -> None:
            write_cards(folder, contents, settings.card, settings.bias, thumbnail=self.thumbnail, sums=sums)

        return write

    def card(self, **options: Any) -> tuple[str, ...]:
        """Set what people say in the dataset card; options: those of CardConfig. Returns what is still blank."""
        said = self.configure(card=options).card
        return tuple(name for name in PEOPLE_SAY if not getattr(said, name))
