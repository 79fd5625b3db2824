"""Card sections on what people decided, on duplicates, faces and personal data, and on what the dataset cannot do."""

from curation_core.card_blocks import Block, Bullets, Table, Text, clean, counted, listed, percent
from curation_core.card_config import CardConfig
from curation_core.card_facts import CardFacts
from curation_core.card_words import answer

_NOT_LOOKED = "Nobody looked for {what} in this run."


def review(facts: CardFacts) -> tuple[Block, ...]:
    """Decisions by verdict and by person."""
    found = facts.review
    if not found.n_events:
        return (
            Text("Nobody reviewed this pool: no item or cluster was kept, dropped, capped or weighted by a person."),
        )
    dropped = f"{counted(found.n_dropped, 'item')} dropped ({percent(found.n_dropped / max(1, facts.n_tree))})"
    said = f"{dropped}, {found.n_kept:,} kept at any size."
    if found.n_lost:
        said += f" {counted(found.n_lost, 'decision')} of earlier trees did not find their cluster and did not count."
    people = tuple((clean(name, 60), count) for name, count in found.people.items())
    return (
        Text(said),
        Table("Decisions that stand, by verdict", ("verdict", "decisions"), tuple(found.verdicts.items())),
        Table("By person", ("reviewer", "decisions"), people),
    )


def privacy(facts: CardFacts) -> tuple[Block, ...]:
    """Near-duplicates, faces and personal data: what was found, what was done, or that nobody looked."""
    return (Text(duplicates_said(facts)), *(Text(said) for said in privacy_said(facts)))


def duplicates_said(facts: CardFacts) -> str:
    """One sentence on near-duplicates."""
    if facts.groups is None:
        return _NOT_LOOKED.format(what="near-duplicates")
    groups, items, left_out = facts.groups
    how = f"one per group was drawn, {left_out:,} gave way" if left_out else "the draw does not count them once"
    return f"Near-duplicates: {counted(items, 'item')} in {counted(groups, 'group')}; {how}."


def privacy_said(facts: CardFacts) -> list[str]:
    """Sentences on faces in pictures and personal data in texts."""
    found = []
    if facts.modality == "image":
        faces = facts.faces
        if faces is None:
            found.append(_NOT_LOOKED.format(what="faces"))
        else:
            how = "blurred in copies and small pictures" if faces["blurred"] else "shown as they are"
            found.append(
                f"Faces: {counted(faces['found'], 'face')} in {counted(faces['items'], 'picture')} of the pool, "
                f"{faces['drawn']:,} of them drawn; {how}. A detector misses some: a picture counted as free of faces "
                "may still hold one."
            )
            if faces["unsearched"]:
                found.append(f"{counted(faces['unsearched'], 'picture')} could not be searched.")
    if facts.masked is not None:
        marks, rows = facts.masked
        found.append(
            f"Personal data: {counted(marks, 'mail address, phone, card or account number', _MARKS)} in "
            f"{counted(rows, 'drawn row')} replaced by their kind. Names and places are not looked for."
        )
    elif facts.columns:
        found.append("Texts and columns stand as they came; personal data in them was not masked.")
    return found


_MARKS = "mail addresses, phone, card or account numbers"


def limitations(facts: CardFacts, config: CardConfig) -> tuple[Block, ...]:
    """What follows from how it was made, and what people add."""
    return (Bullets(tuple(limits_said(facts))), answer(config, "limitations"))


def limits_said(facts: CardFacts) -> list[str]:
    """Limits that the run knows of."""
    finest = facts.levels[-1]
    empty = finest.before.n_groups - round(finest.after.coverage * finest.before.n_groups)
    found = [
        "Balance is balance in the geometry of the embedder. What it does not see apart is not balanced apart.",
        "Shares in this dataset are not shares in the world, nor in the source: rare kinds are raised on purpose.",
    ]
    if empty:
        found.append(f"{empty:,} of {finest.before.n_groups:,} finest clusters have no item in the draw.")
    if facts.n_drawn < facts.target:
        found.append(f"{facts.target - facts.n_drawn:,} fewer items than asked for: the pool did not have them.")
    lost = [f"{clean(r.column, 40)} ({r.n_lost:,})" for r in facts.bias if r.n_lost]
    if lost:
        found.append(f"Values of the pool that the draw has none of: {listed(lost)}.")
    found += [clean(r.warning, 600) for r in facts.bias if r.warning]
    if not facts.review.n_events:
        found.append("No person has looked at the clusters.")
    if facts.groups is None:
        found.append("Near-duplicates may be among the items: nobody looked for them.")
    return found
