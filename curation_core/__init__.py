"""Turn a large uncurated pile into a balanced dataset: hierarchical k-means with resampling, and balanced sampling.

Importing this package loads numpy, pyarrow and pydantic at most; models, faiss and umap are loaded by the step that
needs them.
"""

from curation_core.advice import advise
from curation_core.catalog import Catalog
from curation_core.cluster import cluster
from curation_core.config import (
    ClusterConfig,
    DuplicatesConfig,
    EmbedConfig,
    ExportConfig,
    FacesConfig,
    IngestConfig,
    ProjectConfig,
    QualityConfig,
    SampleConfig,
)
from curation_core.embed import Embeddings
from curation_core.errors import CurationError
from curation_core.grouping import NearDuplicates
from curation_core.hierarchy import Hierarchy, Level
from curation_core.kmeans import kmeans
from curation_core.metrics import balance
from curation_core.neighbors import near_duplicates
from curation_core.projection import project
from curation_core.sampling import SamplingPlan, sample
from curation_core.verification import verify
from curation_core.water_filling import water_fill
from curation_core.workspace import Workspace

__all__ = [
    "Catalog",
    "ClusterConfig",
    "CurationError",
    "DuplicatesConfig",
    "EmbedConfig",
    "Embeddings",
    "ExportConfig",
    "FacesConfig",
    "Hierarchy",
    "IngestConfig",
    "Level",
    "NearDuplicates",
    "ProjectConfig",
    "QualityConfig",
    "SampleConfig",
    "SamplingPlan",
    "Workspace",
    "advise",
    "balance",
    "cluster",
    "kmeans",
    "near_duplicates",
    "project",
    "sample",
    "verify",
    "water_fill",
]
