"""Card sections on balance: sizes by rank, shares of the largest clusters, and shares of a column's values."""

import numpy as np

from curation_core.bias import BiasReport
from curation_core.card_blocks import Alarm, Bars, Block, Curves, Table, Text, clean, listed, percent
from curation_core.card_facts import MOST_REPORTS, MOST_TOP, CardFacts, LevelFacts, cluster_names
from curation_core.card_items import Thumbnail, of_cluster
from curation_core.manifest import ExportContents

_GLANCES = 2  # pictures beside a cluster
MOST_BARS = 16


def balance_blocks(contents: ExportContents, facts: CardFacts, thumbnail: Thumbnail | None) -> tuple[Block, ...]:
    """Figures per level, the curve of the finest one, and the largest clusters of the coarsest."""
    rows = tuple(
        (
            level.level,
            level.before.n_groups,
            f"{level.before.entropy:.3f} → {level.after.entropy:.3f}",
            f"{level.before.gini:.3f} → {level.after.gini:.3f}",
            f"{percent(level.before.largest_share)} → {percent(level.after.largest_share)}",
            percent(level.after.coverage),
        )
        for level in facts.levels
    )
    columns = ("level", "clusters", "entropy", "Gini", "largest share", "covered")
    return (
        Text(
            "Entropy is normalised: 1 is perfectly even. Gini: 0 is even. Covered: clusters with at least one item "
            "drawn. Level 1 is the finest; each figure is pool → draw."
        ),
        Table("Balance over the clusters of each level", columns, rows),
        *(_curves(level) for level in (facts.levels[-1:] if len(facts.levels) == 1 else facts.levels[::-1][:2])),
        _top(contents, facts, thumbnail),
    )


def bias_blocks(facts: CardFacts) -> tuple[Block, ...]:
    """Warnings first, then a chart per column with its table."""
    if not facts.bias:
        return (Text("No column of the data makes groups, so shares cannot be told."),)
    blocks: list[Block] = [Alarm(clean(report.warning, 800)) for report in facts.bias if report.warning]
    blocks.append(
        Text(
            "Share of each value in the pool and in the draw. A draw's share has the interval (95\u00a0%) that chance "
            "alone would explain; where the pool's share lies outside, the draw has moved that value. With many "
            "values, one in forty seems to fall by chance alone. bias.json holds all of it."
        )
    )
    for report in facts.bias[:MOST_REPORTS]:
        blocks += _column(report)
    if len(facts.bias) > MOST_REPORTS:
        others = listed([clean(report.column, 40) for report in facts.bias[MOST_REPORTS:]])
        blocks.append(Text(f"Further columns are in bias.json: {others}."))
    if facts.passed_over:
        blocks.append(Text(f"No groups to report on: {listed([clean(c, 40) for c in facts.passed_over])}."))
    return tuple(blocks)


def bias_said(report: BiasReport) -> str:
    """What a draw did to a column, in a sentence or two."""
    before, after = report.entropy
    what = "equal parts" if report.kind == "quantiles" else "values"
    said = f"{clean(report.column, 60)}: {report.n_values:,} {what}, entropy {before:.3f} → {after:.3f}."
    worst = report.worst
    if worst is not None:
        said += (
            f" Lowered most: {clean(report.groups[worst], 60)}, {percent(float(report.share[worst]))} → "
            f"{percent(float(report.after[worst]))}."
        )
    if report.n_lost:
        said += f" Lost altogether: {listed([clean(name, 40) for name in report.lost[:3]], 3)}"
        said += f" and {report.n_lost - 3:,} more." if report.n_lost > 3 else "."
    if report.clusters is not None and len(report.groups) > 1:
        said += (
            f" Association with the clusters of level {report.clusters.level}: V = {report.clusters.association:.2f}."
        )
    return said


def bias_table(report: BiasReport) -> Table:
    """Every group of a report."""
    share, after, ratio = report.share, report.after, report.ratio
    rows = tuple(
        (
            clean(name, 80) + (" (protected)" if report.protected[g] else ""),
            int(report.pool[g]),
            int(report.reviewed[g]),
            int(report.drawn[g]),
            percent(float(share[g])),
            percent(float(after[g])),
            f"{100 * report.low[g]:.1f}–{percent(float(report.high[g]))}",
            f"{ratio[g]:.2f}",
        )
        for g, name in enumerate(report.groups)
    )
    columns = ("value", "pool", "after review", "drawn", "share of pool", "share of draw", "interval", "ratio")
    return Table(f"Values of {clean(report.column, 60)}", columns, rows)


def _column(report: BiasReport) -> list[Block]:
    shown = slice(0, MOST_BARS)
    names = tuple(
        clean(name, 60) + (" ◆" if report.protected[g] else "") for g, name in enumerate(report.groups[shown])
    )
    title = f"Values of {clean(report.column, 60)}"
    if len(report.groups) > MOST_BARS:
        title += f", the {MOST_BARS} most frequent of {report.n_values:,}"
    if report.protected[shown].any():
        title += " (◆ protected)"
    bars = Bars(
        title,
        names,
        report.share[shown],
        report.after[shown],
        bias_table(report),
        f"{title}. {bias_said(report)}",
        report.low[shown],
        report.high[shown],
    )
    return [bars, Text(bias_said(report))]


def _curves(level: LevelFacts) -> Curves:
    curves = level.curves
    series = tuple((name, curve.rank, curve.size) for name, curve in curves)
    pool = np.sort(level.pool)[::-1]
    drawn = np.sort(level.drawn)[::-1]
    n = level.before.n_groups
    ranks = np.unique(np.geomspace(1, max(1, n), 12).round().astype(np.int64))
    rows = tuple((int(rank), int(pool[rank - 1]), int(drawn[rank - 1])) for rank in ranks if rank <= len(pool))
    title = f"Items per cluster, level {level.level}, largest first"
    alt = (
        f"{title}. The pool falls from {int(pool[0]):,} items to {int(pool[n - 1]):,} over {n:,} clusters, the draw "
        f"from {int(drawn[0]):,} to {int(drawn[n - 1]):,}."
    )
    return Curves(title, "cluster", series, Table(title, ("rank", "pool", "drawn"), rows), alt)


def _top(contents: ExportContents, facts: CardFacts, thumbnail: Thumbnail | None) -> Bars:
    top = facts.levels[0]
    order = np.argsort(-top.pool, kind="stable")[:MOST_TOP]
    order = order[top.pool[order] > 0]
    names = tuple(cluster_names(contents, top.level, order.tolist(), facts.bias))
    before = top.pool / max(1, top.pool.sum())
    after = top.drawn / max(1, top.drawn.sum())
    title = f"The {len(order)} largest of {top.before.n_groups:,} coarse clusters"
    rows = tuple(
        (name, int(top.pool[c]), int(top.drawn[c]), percent(float(before[c])), percent(float(after[c])))
        for name, c in zip(names, order.tolist(), strict=True)
    )
    columns = ("cluster", "pool", "drawn", "share of pool", "share of draw")
    first = f"The largest, {names[0]}, goes from {rows[0][3]} to {rows[0][4]}." if rows else ""
    is_seen = contents.catalog.modality == "image" and thumbnail is not None
    pictures = tuple(of_cluster(contents, thumbnail, top.level, c, _GLANCES) for c in order.tolist()) if is_seen else ()
    table = Table(title, columns, rows)
    return Bars(title, names, before[order], after[order], table, f"{title}. {first}", pictures=pictures)
