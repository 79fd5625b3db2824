"""The responsible-AI fields of Croissant that a curation run knows truthfully, and those that people fill in.

Specification: docs.mlcommons.org/croissant/docs/croissant-rai-spec.html.
"""

from typing import Any

from curation_core.card_balance import bias_said
from curation_core.card_blocks import clean, counted
from curation_core.card_config import CardConfig
from curation_core.card_facts import CardFacts
from curation_core.card_people import duplicates_said, limits_said, privacy_said
from curation_core.card_process import steps


def rai_fields(facts: CardFacts, config: CardConfig) -> dict[str, Any]:
    """Fields by name; those with nothing to say are absent."""
    done = dict(steps(facts))
    found: dict[str, Any] = {
        "rai:dataCollection": config.collection,
        "rai:dataCollectionMissingData": _missing(facts),
        "rai:dataPreprocessingProtocol": [done[step] for step in ("Read", "Embed", "Prepare", "Cluster")],
        "rai:dataManipulationProtocol": f"{done['Draw']} {duplicates_said(facts)}",
        **_annotation(facts),
        "rai:machineAnnotationTools": _tools(facts),
        "rai:dataBiases": [clean(report.warning or bias_said(report), 800) for report in facts.bias],
        "rai:dataLimitations": [*limits_said(facts), *([config.limitations] if config.limitations else [])],
        "rai:personalSensitiveInformation": privacy_said(facts),
        "rai:dataUseCases": [said for said in (config.intended_use, _not_for(config)) if said],
        "rai:dataSocialImpact": config.social_impact,
        "rai:dataReleaseMaintenancePlan": config.maintenance,
    }
    return {name: value for name, value in found.items() if value}


def _missing(facts: CardFacts) -> str:
    parts = [f"{counted(facts.n_unreadable, 'item')} could not be read."] if facts.n_unreadable else []
    gaps = [f"{clean(c.name, 60)} ({c.n_missing:,})" for c in facts.columns if c.n_missing]
    parts += [f"Rows without a value, over the pool: {', '.join(gaps)}."] if gaps else []
    return " ".join(parts)


def _annotation(facts: CardFacts) -> dict[str, Any]:
    """What people said of items and clusters; nothing where nobody said anything."""
    found = facts.review
    if not found.n_events:
        return {}
    verdicts = ", ".join(f"{verdict} {count:,}" for verdict, count in found.verdicts.items())
    return {
        "rai:dataAnnotationProtocol": [
            "People looked at clusters (items nearest to the centroid, random ones, farthest ones) and at single "
            f"items, and decided what may be drawn and how much of it. Decisions that stand: {verdicts}."
        ],
        "rai:dataAnnotationPlatform": ["Curation Studio"],
        "rai:dataAnnotationAnalysis": [
            f"{counted(len(found.people), 'person', 'people')}; {counted(found.n_dropped, 'item')} dropped, "
            f"{found.n_kept:,} kept at any size; {counted(found.n_lost, 'decision')} did not find its cluster."
        ],
    }


def _tools(facts: CardFacts) -> list[str]:
    embedder = facts.provenance.get("steps", {}).get("embed", {}).get("config", {}).get("embedder", "")
    found = [f"Embedder {clean(embedder)}: vectors, from which the clusters follow"] if embedder else []
    return [*found, *(["Face detector: boxes of faces"] if facts.faces is not None else [])]


def _not_for(config: CardConfig) -> str:
    return f"Not for: {config.out_of_scope}" if config.out_of_scope else ""
