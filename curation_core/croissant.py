"""Croissant 1.1 of an export: its files with their sums, its rows with typed fields, its splits, where it comes from.

Specification: docs.mlcommons.org/croissant/docs/croissant-spec-1.1.html; the responsible-AI fields and, for tiles, the
geographic ones are in `croissant_rai` and `croissant_geo`. Where a person has said nothing, nothing stands.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from curation_core.artifacts import file_hash
from curation_core.card_blocks import clean, counted
from curation_core.card_config import CardConfig
from curation_core.card_facts import CardFacts
from curation_core.card_process import steps, title_of
from curation_core.croissant_fields import record_sets
from curation_core.croissant_geo import geo_fields
from curation_core.croissant_rai import rai_fields
from curation_core.manifest import ExportContents

V_1_1 = "http://mlcommons.org/croissant/1.1"
RAI_1_0 = "http://mlcommons.org/croissant/RAI/1.0"
GEO_1_0 = "http://mlcommons.org/croissant/geo/1.0"
_TERMS = (
    "annotation arrayShape citeAs column containedIn equivalentProperty excludes extract field fileProperty fileObject "
    "fileSet format includes isArray isLiveDataset jsonPath key md5 parentField path readLines recordSet references "
    "regex repeated replace samplingRate sdVersion separator source subField transform unArchive value"
)
_FORMATS = {
    ".parquet": "application/x-parquet",
    ".csv": "text/csv",
    ".jsonl": "application/jsonlines",
    ".json": "application/json",
    ".npy": "application/octet-stream",
    ".txt": "text/plain",
    ".tar": "application/x-tar",
}
_ABOUT = {
    "manifest": "One row per drawn item.",
    "rejected": "Every item that was not drawn, and every file that could not be read, with the reason.",
    "tree": "Every cluster of every level: parent, items, capacity, quota, decision.",
    "decisions": "What people decided, event by event.",
    "run": "Every setting, version and key that the export hangs on.",
    "not_copied": "Files that could not be copied, with the reason.",
}


def croissant(
    folder: Path,
    contents: ExportContents,
    facts: CardFacts,
    config: CardConfig,
    *,
    run: Mapping[str, Any],
    files: Mapping[str, int],
    sums: Mapping[str, str],
) -> dict[str, Any]:
    """The description as JSON-LD. files: names at the top of the folder with sizes, folders ending in a slash."""
    geo = geo_fields(contents, facts, config)
    conforms = [V_1_1, RAI_1_0, *([GEO_1_0] if geo else [])]
    said = {
        "description": config.description or _description(facts),
        "license": config.license,
        "url": config.url,
        "citeAs": config.citation,
        "datePublished": config.published,
        "creator": {"@type": f"sc:{config.creator_type}", "name": config.creator} if config.creator else None,
    }
    return {
        "@context": context(is_geo=bool(geo)),
        "@type": "sc:Dataset",
        "conformsTo": conforms,
        "name": title_of(facts, config),
        **{key: value for key, value in said.items() if value},
        "version": config.version,
        **rai_fields(facts, config),
        **geo,
        **_provenance(facts),
        "distribution": [_resource(folder, file, size, sums) for file, size in files.items()],
        "recordSet": record_sets(folder, contents, run, files, facts),
    }


def context(*, is_geo: bool) -> dict[str, Any]:
    """The vocabulary of Croissant 1.1, with PROV for where things come from."""
    found: dict[str, Any] = {
        "@language": "en",
        "@vocab": "https://schema.org/",
        "sc": "https://schema.org/",
        "cr": "http://mlcommons.org/croissant/",
        "rai": "http://mlcommons.org/croissant/RAI/",
        "dct": "http://purl.org/dc/terms/",
        "prov": "http://www.w3.org/ns/prov#",
        "conformsTo": "dct:conformsTo",
        "data": {"@id": "cr:data", "@type": "@json"},
        "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
        "examples": {"@id": "cr:examples", "@type": "@json"},
        "name": {"@container": "@language"},
        "description": {"@container": "@language"},
        **{term: f"cr:{term}" for term in _TERMS.split()},
    }
    return {**found, "geocr": "http://mlcommons.org/croissant/geo/"} if is_geo else found


def _description(facts: CardFacts) -> str:
    return (
        f"{counted(facts.n_drawn, facts.noun)} out of {facts.n_tree:,}, drawn so that frequent kinds do not crowd out "
        "rare ones."
    )


def _resource(folder: Path, file: str, size: int, sums: Mapping[str, str]) -> dict[str, Any]:
    if file.endswith("/"):
        about = "The drawn items' own files." if file == "files/" else "Further files of the export."
        return {
            "@type": "cr:FileSet",
            "@id": file,
            "name": file.rstrip("/"),
            "description": about,
            "encodingFormat": "application/octet-stream",
            "includes": f"{file}**",
        }
    path = Path(file)
    return {
        "@type": "cr:FileObject",
        "@id": file,
        "name": file,
        "description": _ABOUT.get(path.stem, "Part of the export."),
        "contentUrl": file,
        "contentSize": f"{size} B",
        "encodingFormat": _FORMATS.get(path.suffix, "application/octet-stream"),
        "sha256": sums.get(file) or file_hash(folder / file),
    }


def _provenance(facts: CardFacts) -> dict[str, Any]:
    """What it was derived from and by which activities, in PROV's words; no times, an export holds no clock."""
    source, made = facts.provenance.get("source", {}), facts.provenance.get("steps", {})
    ids = {"Embed": "embed", "Prepare": "prepare", "Cluster": "cluster"}
    activities = []
    for step, said in steps(facts):
        key = made.get(ids.get(step, ""), {}).get("key")
        named = {"@id": f"urn:curation:{ids[step]}:{key}"} if key else {}
        activities.append({**named, "@type": "prov:Activity", "prov:label": f"{step}: {said}"})
    version = facts.provenance.get("packages", {}).get("curation-studio", "")
    return {
        "prov:wasDerivedFrom": {
            "@id": f"urn:curation:source:{source.get('digest', 'unknown')}",
            "@type": "prov:Entity",
            "prov:label": clean(source.get("source", "unknown")),
        },
        "prov:wasGeneratedBy": activities,
        "prov:wasAttributedTo": {"@type": "prov:SoftwareAgent", "prov:label": f"curation-studio {version}".strip()},
    }
