"""Card sections on where items come from and what was done to them, read from the run's own provenance."""

from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any

from curation_core.card_blocks import Block, Table, Text, clean, counted, percent
from curation_core.card_config import CardConfig
from curation_core.card_facts import CardFacts
from curation_core.card_words import answer


def title_of(facts: CardFacts, config: CardConfig) -> str:
    """What a person called it, else the source and the number of items: never the folder, which may be renamed."""
    source = str(facts.provenance.get("source", {}).get("source", "")).rstrip("/").rpartition("/")[2]
    return config.title or f"{PurePosixPath(source).stem or 'dataset'}-{facts.n_drawn}"


def collection(facts: CardFacts, config: CardConfig) -> tuple[Block, ...]:
    """The source as the run saw it, and what a person says of how it came about."""
    source = facts.provenance.get("source", {})
    said = [f"Source: {clean(source.get('source', 'unknown'))}, {counted(facts.n_items, 'readable item')}."]
    if facts.n_unreadable:
        said.append(
            f"{counted(facts.n_unreadable, 'item')} could not be read; rejected.parquet lists each with its reason."
        )
    said.append(f"The items' bytes are named by the digest {source.get('digest', 'unknown')}.")
    return (Text(" ".join(said)), answer(config, "collection"))


def steps(facts: CardFacts) -> list[tuple[str, str]]:
    """What was done, step by step: name and sentence."""
    made = facts.provenance.get("steps", {})
    embed, prepare, tree = (made.get(step, {}).get("config", {}) for step in ("embed", "prepare", "cluster"))
    drawn = facts.provenance.get("sample", {})
    found = [
        ("Read", f"Every item was read once and hashed (sha256); {counted(facts.n_unreadable, 'item')} refused."),
        ("Embed", f"Items became vectors by {clean(embed.get('embedder', 'an unknown model'))}."),
        ("Prepare", f"Vectors were prepared by the preset {clean(prepare.get('preset', 'none'))}."),
        ("Cluster", _tree(tree)),
    ]
    if facts.groups is not None:
        found.append(("Compare", "Items that are the same or nearly so were put in groups."))
    if facts.review.n_events:
        found.append(("Review", f"People decided: {counted(facts.review.n_events, 'event')}, all in decisions.jsonl."))
    return [*found, ("Draw", _draw(facts, drawn))]


def process(facts: CardFacts) -> tuple[Block, ...]:
    """Steps as a table, and the versions that made them."""
    packages = facts.provenance.get("packages", {})
    versions = ", ".join(f"{clean(name)} {clean(version)}" for name, version in packages.items())
    said = "run.json holds every setting; the same source, settings, decisions and seed give the same bytes."
    return (
        Table("Steps, in their order", ("step", "what was done"), tuple(steps(facts))),
        Text(f"{said} Made with {versions}." if versions else said),
    )


def _tree(config: Mapping[str, Any]) -> str:
    sizes = config.get("n_clusters") or ()
    levels = ", ".join(f"{size:,}" for size in sizes)
    return (
        f"Hierarchical k-means of {counted(len(sizes), 'level')} ({levels} clusters, fine to coarse) with "
        f"{counted(int(config.get('n_resamples') or 0), 'resampling step')} a level, "
        f"mode {config.get('mode', 'fast')}, seed {config.get('seed', 0)} (Vo et al. 2024, arXiv 2405.15613)."
    )


def _draw(facts: CardFacts, drawn: Mapping[str, Any]) -> str:
    parts = [
        f"{facts.n_drawn:,} of {facts.target:,} asked for, {_shared(drawn)}",
        f"members of a cluster: {drawn.get('strategy', 'random')}",
        f"seed {drawn.get('seed', 0)}",
    ]
    multiplier = int(drawn.get("multiplier", 1) or 1)
    parts += [f"an item at most {multiplier} times"] if multiplier > 1 else []
    cover = {"clusters": "one item of every cluster first", "items": "every item once first"}.get(
        str(drawn.get("cover"))
    )
    return f"{'; '.join([*parts, *([cover] if cover else [])])}."


def _shared(drawn: Mapping[str, Any]) -> str:
    """What the budget goes along: the tree, a column, nearness to a reference set."""
    column, retrieved = drawn.get("column"), float(drawn.get("reference_share", 0) or 0)
    along = float(drawn.get("column_share", 1)) if column else 0.0
    rest = (1 - along) * (1 - retrieved)
    shares = [
        (rest, "split top-down over the tree as evenly as clusters allow"),
        (along * (1 - retrieved), f"as evenly as can be over the values of {clean(column, 60)}"),
        (retrieved, "taken by nearness to the reference set"),
    ]
    there = [(share, said) for share, said in shares if share > 0]
    return there[0][1] if len(there) == 1 else ", ".join(f"{percent(share, 0)} {said}" for share, said in there)
