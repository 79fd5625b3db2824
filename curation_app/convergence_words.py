"""How the levels of a tree came to their end, in a sentence each."""

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any


def how_levels_ended(trace: Sequence[Mapping[str, Any]], n_resamples: int) -> list[str]:
    """A sentence for every level that was resampled or cut, finest first. trace: see `curation_core.cluster`."""
    levels = sorted({int(record["level"]) for record in trace})
    told = [_ended(level, [r for r in trace if int(r["level"]) == level], n_resamples) for level in levels]
    return [sentence for sentence in told if sentence]


def _ended(level: int, records: Sequence[Mapping[str, Any]], n_resamples: int) -> str:
    last, said = records[-1], []
    sizes = [size for size, _ in groupby(int(r["resample_size"]) for r in records[1:] if not r.get("no_op"))]
    if sizes:
        said.append(f"kept {' then '.join(f'{size:,}' for size in sizes)} members of a cluster in resampling")
    if last.get("no_op"):
        said.append("had nothing to resample: no cluster is larger than what is kept")
    elif n_resamples and 0 < last["step"] < n_resamples:
        said.append(f"ended after {last['step']} of {n_resamples} steps, as two in a row flattened it by less than 1 %")
    if last.get("cells"):
        said.append(
            f"was made in {last['cells']:,} cells, and {100 * last['nearest']:.1f} % of items have the nearest centroid"
        )
    return f"Level {level} {'; '.join(said)}." if said else ""
