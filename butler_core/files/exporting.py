"""Files on their way out: which artifacts refs stand for, and how they get into a directory."""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import blake2b
from pathlib import PurePosixPath
from typing import cast

from butler_core.errors import InvalidInputError
from butler_core.files.local import uri_to_path
from butler_core.files.names import check_artifact, is_absolute, quote_part, shorten
from butler_core.files.reading import find_records
from butler_core.files.records import FileRecord
from butler_core.files.store import AdoptMode, ArtifactStore
from butler_core.models.dataset_ref import DatasetRef
from butler_core.models.file_dataset import FileDataset
from butler_core.models.names import ArtifactName, OpaqueTableName, TransferMode, Uri

EXTERNAL = "external"
"""The directory, in an export, of files that were outside the datastore."""


def gather_files(refs: Iterable[DatasetRef], table: OpaqueTableName) -> dict[ArtifactName, FileDataset]:
    """Return what artifacts hold which datasets: refs of components where one was taken apart.

    What is not stored is left out.
    """
    held: dict[ArtifactName, list[DatasetRef]] = {}
    formatters: dict[ArtifactName, str] = {}
    for ref in refs:
        for record in find_records(ref, table):
            held.setdefault(record.artifact, []).append(part_of(ref, record))
            formatters[record.artifact] = record.formatter
    return {artifact: FileDataset(artifact, parts, formatters[artifact]) for artifact, parts in held.items()}


def part_of(ref: DatasetRef, record: FileRecord) -> DatasetRef:
    """Return the ref of what one record holds: the dataset, or a component of it."""
    if not record.component or ref.dataset_type.component is not None:
        return ref
    return ref.make_component(record.component)


def transfer_files(
    store: ArtifactStore, files: dict[ArtifactName, FileDataset], directory: Uri, transfer: TransferMode
) -> list[FileDataset]:
    """Bring artifacts into a directory; return the same files, with paths relative to it.

    Raises
    ------
    InvalidInputError
        If ``transfer`` would take the artifacts away.
    ConflictError
        If a path is taken.
    """
    if transfer in ("move", "direct", "none"):
        raise InvalidInputError(
            f"An export cannot {transfer!r} files into a directory.",
            remedy='Use "copy", "hardlink", "link", "symlink" or "relsymlink"; "direct" needs no directory.',
        )
    mode = cast("AdoptMode", "copy" if transfer == "auto" else transfer)
    base = uri_to_path(directory)
    moved = []
    for artifact, file in files.items():
        path = _path_in_export(artifact)
        store.fetch(artifact, f"{base}/{path}", mode)
        moved.append(FileDataset(path, file.refs, file.formatter))
    return moved


def _path_in_export(artifact: ArtifactName) -> str:
    if not is_absolute(artifact):
        return check_artifact(artifact)
    # Files of one name may come from several places.
    digest = blake2b(artifact.encode("utf-8", "surrogateescape"), digest_size=8).hexdigest()
    return f"{EXTERNAL}/{digest}_{shorten(quote_part(PurePosixPath(uri_to_path(artifact)).name), 200)}"
