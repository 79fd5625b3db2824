"""Command of the draw: sample."""

from typing import Annotated, Any

import typer

from curation_core.cli_common import HERE, AsJson, Where, app, given, open_workspace, say, whole
from curation_core.config import SampleConfig
from curation_core.errors import ConfigError
from curation_core.sampling import SamplingPlan
from curation_core.terminal import progress_bar
from curation_core.workspace import Workspace

_Targets = tuple[float | None, float | None, float | None, float | None]

_Splits = tuple[list[str] | None, str | None]


@app.command()
def sample(
    workspace: Where = HERE,
    target_size: Annotated[float | None, typer.Option(help="Items to draw.")] = None,
    target_share: Annotated[float | None, typer.Option(help="Share of the items to draw, such as 0.1.")] = None,
    target_tokens: Annotated[float | None, typer.Option(help="Tokens that the drawn texts may have.")] = None,
    target_bytes: Annotated[float | None, typer.Option(help="Bytes that the drawn texts or files may have.")] = None,
    strategy: Annotated[str | None, typer.Option(help="random, closest or diverse.")] = None,
    multiplier: Annotated[int | None, typer.Option(help="How often one item may be drawn at most.")] = None,
    cover: Annotated[str | None, typer.Option(help="What comes first: none, clusters or items, each once.")] = None,
    column: Annotated[str | None, typer.Option(help="Column whose values are balanced; empty for none.")] = None,
    column_share: Annotated[float | None, typer.Option(help="Share of the target along the column.")] = None,
    reference_share: Annotated[float | None, typer.Option(help="Share nearest to the reference set.")] = None,
    seed: Annotated[int | None, typer.Option(help="Same seed, same draw.")] = None,
    one_per_group: Annotated[
        bool | None, typer.Option("--one-per-group/--all", help="Draw at most one of a group of near-duplicates.")
    ] = None,
    split: Annotated[
        list[str] | None, typer.Option(help="Splits and their shares: train=0.8,val=0.1,test=0.1.")
    ] = None,
    split_column: Annotated[str | None, typer.Option(help="Column that every split holds in equal parts.")] = None,
    save_as: Annotated[str | None, typer.Option(help="Keep the draw by this name too.")] = None,
    as_json: AsJson = False,
) -> None:
    """Draw the balanced subset."""
    opened, options = (
        open_workspace(workspace),
        given(
            strategy=strategy,
            multiplier=multiplier,
            cover=cover,
            column_share=column_share,
            reference_share=reference_share,
            seed=seed,
            one_per_group=one_per_group,
        ),
    )
    options |= {} if column is None else {"column": column or None}
    size = _size(opened, (target_size, target_share, target_tokens, target_bytes), options)
    _finish(opened, opened.sample(size, **options), (split, split_column), save_as, as_json)


def _size(opened: Workspace, targets: _Targets, options: dict[str, Any]) -> int | None:
    """The target size that one of the ways to tell it comes to; None where the settings' own is meant."""
    size, share, tokens, n_bytes = targets
    if sum(target is not None for target in targets) > 1:
        raise ConfigError("the target is told in two ways; give one of --target-size, -share, -tokens and -bytes")
    if size is not None:
        return whole(size, "--target-size")
    before = opened.settings.sample
    config = SampleConfig(**{**(before.model_dump() if before else {}), **options, "target_size": 0})
    if share is not None:
        return opened.target_of(config, share=share)
    budget = n_bytes if tokens is None else tokens
    if budget is None:
        return None
    with progress_bar() as bar:
        costs = opened.costs("bytes" if tokens is None else "tokens", progress=bar)
    return opened.target_of(config, costs=costs, budget=budget)


def _finish(
    opened: Workspace,
    plan: SamplingPlan,
    split: _Splits,
    save_as: str | None,
    as_json: bool,
) -> None:
    """Part the draw where that is asked for, give it a name where one is given, and say what was drawn."""
    if split[0] or split[1] is not None:
        entries = [entry for told in split[0] or [] for entry in told.split(",")]
        shares = {"shares": dict(map(_share, entries))} if entries else {}
        opened.configure(split={**shares, **({} if split[1] is None else {"column": split[1] or None})})
    if save_as is not None:
        opened.save_plan(save_as)
    told: dict[str, Any] = {"drawn": len(plan.indices), "target": plan.target_size}
    sentence = f"{len(plan.indices):,} items drawn"
    if plan.shortfall:
        sentence += f"; {plan.shortfall:,} short: review left too few items"
    splits = opened.splits(plan)
    if splits is not None:
        counts, leaks = splits.counts(plan.indices), opened.leakage(splits)
        told |= {"splits": counts, "leaked_pairs": None if leaks is None else leaks.pairs}
        parts = ", ".join(f"{name} {count:,}" for name, count in counts.items())
        sentence += f"; {parts}; " + ("near-duplicates not looked for" if leaks is None else f"{leaks.pairs} leak")
    say(told, as_json, sentence)


def _share(entry: str) -> tuple[str, float]:
    name, _, share = entry.rpartition("=")
    try:
        return name, float(share)
    except ValueError:
        raise ConfigError(f"--split is {entry!r}; expected a name and a share, for example train=0.8") from None
