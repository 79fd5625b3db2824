"""What the advisor and the report of use find on the bundled samples, over seeds.

Labels are used to measure by, never to choose what is tried. Writes the tables between the marks in
benchmarks/README.md:

    python benchmarks/advisor.py --workspaces workspaces --seeds 5 --write
"""

import argparse
import re
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scipy.stats import spearmanr

from curation_core import Workspace

ROOT = Path(__file__).resolve().parents[1]


@dataclass(frozen=True)
class Sample:
    """A bundled sample: its file, how many are drawn, the columns to measure by, the one probes learn."""

    title: str
    file: str
    target_size: int
    columns: tuple[str, ...]
    learnt: str
    options: dict[str, str]


SAMPLES = (
    Sample("Fluent Emoji 3D", "emoji.zip", 500, ("group", "subgroup"), "group", {}),
    Sample("Blue Marble tiles", "blue_marble.zip", 300, ("surface", "land_cover"), "land_cover", {}),
    Sample("Glosses", "glosses.csv", 400, ("supersense",), "supersense", {"text_column": "text"}),
)
FREE = ("uncrowding", "vendi", "coverage")


def main() -> None:
    """Run both reports on every sample and print, or write, their tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--workspaces", type=Path, default=Path("workspaces"))
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--write", action="store_true")
    asked = parser.parse_args()
    text = "\n\n".join(part for sample in SAMPLES for part in _sections(sample, asked.workspaces, asked.seeds))
    if asked.write:
        path = ROOT / "benchmarks" / "README.md"
        marks = r"(<!-- advisor:begin -->\n).*(<!-- advisor:end -->)"
        path.write_text(re.sub(marks, lambda m: f"{m[1]}{text}\n{m[2]}", path.read_text(), flags=re.DOTALL))
    else:
        print(text)


def _sections(sample: Sample, workspaces: Path, seeds: int) -> list[str]:
    ws = _opened(sample, workspaces)
    began = time.perf_counter()
    reports = [ws.advise(target_size=sample.target_size, column=column, n_seeds=seeds) for column in sample.columns]
    seconds = (time.perf_counter() - began) / len(reports)
    used = ws.use(target_size=sample.target_size, column=sample.learnt, n_seeds=seeds)
    title = (
        f"**{sample.title}**: {sample.target_size} of {reports[0]['n_items']:,}, {seeds} seeds, mean ± standard "
        f"deviation; {seconds:.0f} s for {len(reports[0]['rows']) * seeds} draws."
    )
    said = [f"> {report['sentence']}" for report in reports]
    return [title, _settings(reports, sample.columns), *said, _ranks(reports, sample.columns), _use(used)]


def _opened(sample: Sample, workspaces: Path) -> Workspace:
    path = workspaces / Path(sample.file).stem
    if not (path / "workspace.toml").is_file():
        Workspace.create(path, ROOT / "sample_data" / sample.file, **sample.options)
    ws = Workspace.open(path)
    ws.embed()
    ws.configure(cluster={"expected_target": sample.target_size, "n_clusters": None, "resample_size": None})
    ws.cluster()
    return ws


def _settings(reports: list[dict[str, Any]], columns: tuple[str, ...]) -> str:
    heads = ["setting", "front", "uncrowding", "Vendi score", "coverage", *(f"{column} entropy" for column in columns)]
    lines = [f"| {' | '.join(heads)} |", "|" + "---|" * len(heads)]
    for rows in zip(*(report["rows"] for report in reports), strict=True):
        first = rows[0]
        cells = [_cell(first, name) for name in FREE] + [_cell(row, "entropy") for row in rows]
        lines.append(f"| {first['title']} | {'✓' if first['front'] else ''} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _cell(row: dict[str, Any], name: str) -> str:
    found = row["figures"][name]
    digits = 1 if name == "vendi" else 3
    return f"{found['mean']:.{digits}f} ± {found['spread']:.{digits}f}"


def _ranks(reports: list[dict[str, Any]], columns: tuple[str, ...]) -> str:
    """How alike figures without labels rank the trees to how labels do."""
    parts = []
    for report, column in zip(reports, columns, strict=True):
        trees = [row["figures"] for row in report["rows"] if row["kind"] == "tree"]
        labels = [one["entropy"]["mean"] for one in trees]
        rho = {name: spearmanr([one[name]["mean"] for one in trees], labels).statistic for name in FREE}
        parts.append(f"{column}: " + ", ".join(f"{name} {value:+.2f}" for name, value in rho.items()))
    return f"Rank correlation of trees with label entropy, {'; '.join(parts)}."


def _use(report: dict[str, Any]) -> str:
    lines = [
        f"Probes that learn {report['column']} from {report['size']} items, %, 95 % interval over seeds:",
        "",
        "| draw | probe | accuracy | balanced accuracy | worst class |",
        "|---|---|---|---|---|",
    ]
    for row in report["rows"]:
        cells = [_share(row, name, prefix) for name, prefix in (("mean", ""), ("balanced", "balanced_"))]
        worst = f"{_share(row, 'worst', 'worst_')} {row['worst_group']}"
        lines.append(f"| {row['draw']} | {row['probe']} | {' | '.join(cells)} | {worst} |")
    return "\n".join([*lines, "", f"> {report['sentence']}"])


def _share(row: dict[str, Any], name: str, prefix: str) -> str:
    return f"{100 * row[name]:.1f} ({100 * row[f'{prefix}low']:.1f}–{100 * row[f'{prefix}high']:.1f})"


if __name__ == "__main__":
    main()
