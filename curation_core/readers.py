"""Opening a source for reading: the reader that fits what it holds."""

import contextlib
from collections.abc import Iterator

from curation_core.config import IngestConfig
from curation_core.image_reader import ImageReader
from curation_core.matrices import open_matrix
from curation_core.metadata import image_metadata
from curation_core.origins import Origin, open_origin
from curation_core.row_readers import TextReader, VectorReader
from curation_core.shards import Reader
from curation_core.tables import open_table


@contextlib.contextmanager
def open_reader(origin: Origin, config: IngestConfig) -> Iterator[Reader]:
    """Open a source for reading; raises IngestError or ConfigError when it cannot be read as configured."""
    if origin.modality == "image":
        with open_origin(origin, config) as media:
            yield ImageReader(media, image_metadata(media, config))
    elif origin.modality == "text":
        yield TextReader(open_table(origin.path), config)
    else:
        yield VectorReader(open_matrix(origin.path, config.vector_column), config)
