"""The sections of a dataset card: facts put into sentences, tables and charts; a blank where only a person knows."""

from collections.abc import Mapping

from curation_core import card_balance, card_people, card_process
from curation_core.card_blocks import Block, Card, Code, Figures, Items, Parts, Section, Table, Text, clean, counted
from curation_core.card_config import CardConfig
from curation_core.card_facts import CardFacts
from curation_core.card_items import Thumbnail, contact_sheet
from curation_core.card_process import title_of
from curation_core.card_use import use_blocks
from curation_core.card_words import VERIFY_LINES, answer, load_lines
from curation_core.manifest import ExportContents


def make_card(
    contents: ExportContents,
    facts: CardFacts,
    config: CardConfig,
    *,
    files: Mapping[str, int],
    thumbnail: Thumbnail | None = None,
) -> Card:
    """The card of an export. files: those at its top so far, folders ending in a slash, with their sizes."""
    sections = (
        Section("composition", "What is in it", _composition(contents, facts, config, thumbnail)),
        Section("motivation", "Why it was made", (answer(config, "motivation"),)),
        Section("collection", "Where it comes from", card_process.collection(facts, config)),
        Section("process", "How it was made", card_process.process(facts)),
        Section("balance", "Balance, before and after", card_balance.balance_blocks(contents, facts, thumbnail)),
        Section("bias", "Shares of groups", card_balance.bias_blocks(facts)),
        Section("review", "What people decided", card_people.review(facts)),
        Section("privacy", "Duplicates, faces, personal data", card_people.privacy(facts)),
        Section("uses", "Uses", _uses(config)),
        Section("use", "How well models learn from it", use_blocks(facts.reports.get("use"))),
        Section("limits", "Limitations", card_people.limitations(facts, config)),
        Section("upkeep", "Licence and upkeep", _upkeep(config)),
        Section("load", "How to load it", _load(facts, files)),
        Section("verify", "How to check it", (Text(_VERIFY), Code("bash", VERIFY_LINES))),
    )
    noun = facts.noun
    lead = config.description or (
        f"{counted(facts.n_distinct, noun)} out of {facts.n_tree:,}, drawn so that frequent kinds do not crowd out "
        "rare ones."
    )
    kept = tuple(section for section in sections if section.blocks)
    return Card(clean(title_of(facts, config)), lead, (_head(facts),), kept)


MOST_QUOTES = 18  # texts take more room than pictures
_VERIFY = (
    "Every file is in SHA256SUMS. The command also derives the draw again from the tree, the quotas, the decisions and "
    "the seed, and names what differs."
)


def _head(facts: CardFacts) -> Block:
    top, finest = facts.levels[0], facts.levels[-1]
    return Figures(
        (
            ("Items", f"{facts.n_drawn:,}", f"of {facts.n_tree:,} in the pool"),
            (
                "Clusters covered",
                f"{100 * finest.after.coverage:.0f} %",
                f"of the {finest.before.n_groups:,} finest ones",
            ),
            (
                "Largest share",
                f"{100 * top.before.largest_share:.1f} → {100 * top.after.largest_share:.1f} %",
                "of the largest coarse cluster, pool → draw",
            ),
            (
                "Evenness",
                f"{top.before.entropy:.2f} → {top.after.entropy:.2f}",
                "entropy over coarse clusters, 1 is even",
            ),
            ("Left out by people", f"{facts.review.n_dropped:,}", "items dropped in review"),
        )
    )


def _composition(
    contents: ExportContents, facts: CardFacts, config: CardConfig, thumbnail: Thumbnail | None
) -> tuple[Block, ...]:
    said = f"{counted(facts.n_drawn, 'row')}, {counted(facts.n_distinct, 'different ' + facts.noun)}."
    if facts.n_drawn > facts.n_distinct:
        said += " Rare items stand more than once: the draw oversamples."
    blocks: list[Block] = [Text(said)]
    items = contact_sheet(
        contents, thumbnail, min(config.pictures, MOST_QUOTES if facts.modality == "text" else config.pictures)
    )
    if items:
        blocks.append(Items(f"{len(items)} of the drawn {facts.noun}s, spread over the tree.", items))
    if facts.splits:
        rows = tuple((name, count) for name, count in facts.splits)
        alike = "exact copies" if facts.groups is None else "near-duplicates"
        alt = "Items per split: " + ", ".join(f"{name} {count:,}" for name, count in rows) + "."
        table = Table("Items per split", ("split", "items"), rows)
        blocks.append(Parts(f"Splits; {alike} never fall into two of them", rows, table, alt))
    if facts.columns:
        rows_of = tuple((clean(c.name, 60), c.type, c.meaning, c.n_distinct, c.n_missing) for c in facts.columns)
        columns = ("column", "type", "meaning", "values", "missing")
        blocks.append(Table(f"Columns that came with the data, over all {facts.n_items:,} items", columns, rows_of))
    return tuple(blocks)


def _uses(config: CardConfig) -> tuple[Block, ...]:
    return tuple(answer(config, name) for name in ("intended_use", "out_of_scope", "social_impact"))


def _upkeep(config: CardConfig) -> tuple[Block, ...]:
    names = ("license", "creator", "url", "citation", "published", "maintenance")
    return (Text(f"Version: {config.version}"), *(answer(config, name) for name in names))


def _load(facts: CardFacts, files: Mapping[str, int]) -> tuple[Block, ...]:
    blocks: list[Block] = [
        Code("python", text) for text in load_lines("", facts.modality, files, has_splits=bool(facts.splits))
    ]
    return (Text("In the folder of this card, as rows and as a dataset for training:"), *blocks)
