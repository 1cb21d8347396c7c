"""Readable names for the built-in types that stand for something of the domain."""

import os
from collections.abc import Callable, Iterable, Mapping
from types import EllipsisType
from typing import Any, Literal, TypeAlias

from butler_core.tai import TimeScale as TimeScale

CollectionName: TypeAlias = str
CollectionDocumentation: TypeAlias = str
CollectionPattern: TypeAlias = str | Iterable[str] | EllipsisType | None
"""A name, a glob or several of them; ``...`` is all, None the butler's defaults, ``()`` none."""

DatasetTypeName: TypeAlias = str
StorageClassName: TypeAlias = str
FormatterName: TypeAlias = str
GetParameter: TypeAlias = str
Parameters: TypeAlias = Mapping[GetParameter, Any]
"""What a formatter is told when it reads, such as the part that is wanted."""
InMemoryDataset: TypeAlias = Any

DimensionName: TypeAlias = str
DimensionElementName: TypeAlias = str
DataIdValue: TypeAlias = int | str
ColumnName: TypeAlias = str
"""``visit.exposure_time``, ``flat.uuid``, or bare where it is unique."""
Region: TypeAlias = Any
"""Whatever the repository's geometry plugin decodes to."""

Uri: TypeAlias = str
UriExpression: TypeAlias = str | os.PathLike[str]
"""A URI or a path, as users write it."""
ArtifactName: TypeAlias = str
"""A normalised path relative to the datastore's root."""
DatastoreId: TypeAlias = str
"""Fixed when the repository is made; neither a position nor a URL."""
OpaqueTableName: TypeAlias = str
OpaqueTableValues: TypeAlias = Any
"""One dataset's row, or its rows by component: built-ins or pydantic, without the UUID; the plain URI is always kept.
Arrays are tuples, so that what comes back from JSON is equal."""
JournalPathMap: TypeAlias = Mapping[DatastoreId, Mapping[CollectionName, Uri]]
"""Where to journal, by datastore and RUN; signed where needed."""

TransferMode: TypeAlias = Literal[
    "auto", "copy", "move", "link", "hardlink", "symlink", "relsymlink", "direct", "none"
]
"""How files get into a datastore.  ``direct``: they stay where they are and are not ours."""
Durability: TypeAlias = Literal["power-loss", "process"]
"""What a finished write survives."""
ChecksumAlgorithm: TypeAlias = Literal["sha256", "blake3"]
"""What checksums can be computed with."""
SignAction: TypeAlias = Literal["get", "put", "delete"]
Progress: TypeAlias = Callable[[str, int, int | None], None]
"""Told the operation, what is done, and the total if known; may be called from any thread."""
ArrowTable: TypeAlias = Any
"""A ``pyarrow.Table`` (pyarrow is optional)."""
ArrowReader: TypeAlias = Any
"""A ``pyarrow.RecordBatchReader`` (pyarrow is optional)."""
