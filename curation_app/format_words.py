"""What each format of an export is for, and the lines of Python that load it."""

from collections.abc import Callable, Sequence

from curation_core.config import ManifestFormat

GROUPS: dict[str, dict[ManifestFormat, str]] = {
    "Tables": {
        "parquet": "typed and small",
        "csv": "for spreadsheets, no cell is a formula",
        "jsonl": "one object a line",
        "npy": "rows of the source as numbers",
        "txt": "a path a line",
        "lance": "for random access",
    },
    "For training": {
        "datasets": "Parquet shards for Hugging Face datasets",
        "imagefolder": "files with their metadata, by split",
        "webdataset": "tar shards",
        "wds-index": "which samples of your own shards",
        "weights": "a sampling weight for every item of the pool",
    },
    "For other tools": {
        "fiftyone": "samples with tags and fields",
        "lightly": "images by split for LightlyStudio",
        "coco": "images and your annotations, ids unchanged",
    },
}
_OF_IMAGES = ("imagefolder", "fiftyone", "lightly", "coco")
_LINES: dict[ManifestFormat, str] = {
    "parquet": "import pandas as pd\nmanifest = pd.read_parquet('{name}/manifest.parquet')",
    "csv": "import pandas as pd\nmanifest = pd.read_csv('{name}/manifest.csv')",
    "jsonl": "import duckdb\nmanifest = duckdb.sql(\"select * from read_json('{name}/manifest.jsonl')\").df()",
    "npy": "import numpy as np\nrows = np.load('{name}/manifest.npy')  # of your source, in the manifest's order",
    "txt": "from pathlib import Path\npaths = Path('{name}/manifest.txt').read_text(encoding='utf-8').splitlines()",
    "lance": "import lance\nmanifest = lance.dataset('{name}/manifest.lance').to_table()",
    "datasets": "from datasets import load_dataset\nparts = load_dataset('{name}/datasets')",
    "imagefolder": "from datasets import load_dataset\n"
    "parts = load_dataset('imagefolder', data_dir='{name}/imagefolder')",
    "webdataset": "import glob, webdataset as wds\n"
    "shards = sorted(glob.glob('{name}/webdataset/{split}-*.tar'))\n"
    "samples = wds.WebDataset(shards, shardshuffle=100).decode('pil')",
    "wds-index": "import pandas as pd\n"
    "keys = set(pd.read_csv('{name}/wds-index.csv')['key'])  # then: .select(lambda sample: sample['__key__'] in keys)",
    "weights": "import numpy as np, torch\n"
    "weights = np.load('{name}/weights.npy')  # by row of the pool, as weights.csv names them\n"
    "sampler = torch.utils.data.WeightedRandomSampler(weights, int(weights.sum()))",
    "fiftyone": "import fiftyone as fo\n"
    "kind = fo.types.LegacyFiftyOneDataset\n"
    "pictures = fo.Dataset.from_dir('{name}/fiftyone', kind{root})",
    "lightly": "import lightly_studio as ls\n"
    "pictures = ls.ImageDataset.create()\n"
    "pictures.add_samples_from_coco('{name}/lightly/{split}.json', {images}, split='{split}')",
    "coco": "from pycocotools.coco import COCO\nannotations = COCO('{name}/coco.json')",
}


def offered(modality: str, from_tars: bool) -> dict[str, dict[ManifestFormat, str]]:
    """The formats that items of a kind can have, by group."""
    fits: dict[str, Callable[[ManifestFormat], bool]] = {
        "image": lambda kind: kind != "wds-index" or from_tars,
        "text": lambda kind: kind not in (*_OF_IMAGES, "wds-index"),
        "vector": lambda kind: kind not in (*_OF_IMAGES, "wds-index", "webdataset"),
    }
    found = {name: {k: about for k, about in kinds.items() if fits[modality](k)} for name, kinds in GROUPS.items()}
    return {name: kinds for name, kinds in found.items() if kinds}


def load_lines(kind: ManifestFormat, name: str, splits: Sequence[str], has_files: bool) -> str:
    """Python that loads one format of an export, from beside its folder."""
    root = "" if has_files else ", rel_dir='where your pictures lie'"
    images = f"'{name}'" if has_files else "'where your pictures lie'"
    return _LINES[kind].format(name=name, split=splits[0] if splits else "train", root=root, images=images)
