"""A comparison in words and as files: what the command prints, and the list of all that entered or left."""

import io
from pathlib import Path

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from curation_core.artifacts import write_bytes, write_table
from curation_core.changes import Change
from curation_core.comparison import DrawComparison
from curation_core.errors import ConfigError
from curation_core.table_text import safe_texts


def sentences(found: DrawComparison) -> list[str]:
    """The figures for people, a line each."""
    counts = found.counts
    lines = [
        f"A {found.a.name}: {int(found.a.copies.sum()):,} of {found.a.hierarchy.n_items:,} items",
        f"B {found.b.name}: {int(found.b.copies.sum()):,} of {found.b.hierarchy.n_items:,} items",
        f"{counts[Change.STAYED]:,} stayed, {counts[Change.ENTERED]:,} entered, {counts[Change.LEFT]:,} left; "
        f"overlap (Jaccard) {found.jaccard:.3f}",
    ]
    for change in (Change.ENTERED, Change.LEFT):
        lines += [f"  {change.name.lower()}: {n:,} {cause}" for cause, n in found.causes(change).items()]
    return lines + _of_trees(found)


def _of_trees(found: DrawComparison) -> list[str]:
    trees, lines = found.trees, []
    if not trees.same and trees.finest is not None and trees.coarsest is not None:
        lines.append(
            f"trees, over {trees.n:,} common items: adjusted mutual information "
            f"{trees.finest.adjusted_mutual_information:.3f} at the finest, "
            f"{trees.coarsest.adjusted_mutual_information:.3f} at the coarsest level; adjusted Rand "
            f"{trees.finest.adjusted_rand:.3f} and {trees.coarsest.adjusted_rand:.3f}"
        )
    if found.embedders is not None:
        one = found.embedders
        lines.append(
            f"embedders: {one.shared:.1%} of the {one.k} nearest neighbours are the same (chance {one.by_chance:.1%}); "
            f"draws of {one.target:,} from both trees overlap by {one.jaccard:.3f}"
        )
    return lines


def changes_csv(found: DrawComparison) -> bytes:
    """All that entered or left as a CSV that a spreadsheet shows and does not compute."""
    table = found.as_table()
    for place, name in enumerate(table.column_names):
        if pa.types.is_string(table.schema.field(name).type):
            table = table.set_column(place, name, safe_texts(table.column(name)))
    sink = io.BytesIO()
    pyarrow.csv.write_csv(table, sink)
    return sink.getvalue()


def changes_parquet(found: DrawComparison) -> bytes:
    """The same as Parquet."""
    sink = io.BytesIO()
    pyarrow.parquet.write_table(found.as_table(), sink, compression="zstd")
    return sink.getvalue()


def write_changes(found: DrawComparison, path: Path) -> None:
    """Write all that entered or left; the ending says how. Raises ConfigError for another one."""
    if path.suffix == ".parquet":
        write_table(path, found.as_table())
    elif path.suffix == ".csv":
        write_bytes(path, changes_csv(found))
    else:
        raise ConfigError(f"{path.name} ends in {path.suffix or 'nothing'!r}; expected .csv or .parquet")
