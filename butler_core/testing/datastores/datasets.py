"""Refs for tests, in the testing universe: expanded, but for datastore records."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

from butler_core.contracts.datastore import Datastore
from butler_core.models.data_id import DataCoordinate
from butler_core.models.dataset_ref import DatasetRef, new_uuids
from butler_core.models.dataset_type import DatasetType
from butler_core.models.file_dataset import FileDataset
from butler_core.models.journal import JOURNAL_VERSION, Journal, JournalEntry
from butler_core.models.names import (
    ArtifactName,
    CollectionName,
    DataIdValue,
    DatasetTypeName,
    StorageClassName,
)
from butler_core.models.record import record_shape
from butler_core.models.storage_class import StorageClass
from butler_core.testing.context import core_storage_classes
from butler_core.testing.universe import testing_universe
from butler_core.writer import identify_writer

INSTRUMENT = "Cam/1 é"
"""An instrument whose name no file system should see as it is."""


def make_refs(
    count: int,
    storage_class: StorageClass | StorageClassName = "StructuredDataDict",
    *,
    run: CollectionName = "u/test/run",
    name: DatasetTypeName = "summary",
    first: int = 0,
) -> list[DatasetRef]:
    """Make refs of one dataset type with dimensions instrument, detector and exposure, for successive exposures.

    Parameters
    ----------
    count
        How many.
    storage_class
        A storage class, or the name of one of the core's.
    run
        Their RUN.
    name
        The dataset type's name.
    first
        The first exposure.
    """
    universe = testing_universe()
    if isinstance(storage_class, str):
        storage_class = core_storage_classes()[storage_class]
    dataset_type = DatasetType(name, universe.conform(["exposure", "detector"]), storage_class)
    uuids = new_uuids(count)
    return [
        DatasetRef(uuid, dataset_type, _data_id(dataset_type, first + index), run)
        for index, uuid in enumerate(uuids)
    ]


def _data_id(dataset_type: DatasetType, exposure: int) -> DataCoordinate:
    group = dataset_type.dimensions
    values: dict[str, DataIdValue] = {
        "instrument": INSTRUMENT,
        "detector": 16,
        "exposure": exposure,
        "physical_filter": "r~2",
        "band": "r",
        "day_obs": 20261123,
    }
    extra: dict[str, dict[str, Any]] = {
        "exposure": {"obs_id": f"obs {exposure}", "exposure_time": 30.5},
        "detector": {"full_name": "1_16"},
    }
    records: dict[str, Any] = {}
    for name in group.elements:
        element = group.universe.elements[name]
        if element.has_table:
            keys = {key: values[key] for key in (*element.required, *element.implied)}
            records[name] = record_shape(group.universe, name).make({**keys, **extra.get(name, {})})
        else:
            records[name] = None
    ordered = tuple([values[key] for key in (*group.required, *group.implied)])
    return DataCoordinate.from_full(group, ordered, records)


def make_journal(
    datastore: Datastore, refs: Sequence[DatasetRef], batch_id: UUID, *, kind: Any = "write"
) -> Journal:
    """Return the journal of a batch that makes, or takes away, the artifacts that records on refs name."""
    entries = []
    for ref in refs:
        for name, values in (ref.datastore_records or {}).items():
            entries += [
                JournalEntry(
                    uuid=ref.uuid,
                    run=ref.run,
                    component=row["component"] or None,
                    artifact=row[datastore.bridge.tables[name].artifact_column or ""],
                    size_bytes=row["size_bytes"],
                )
                for row in datastore.bridge.opaque_values_to_raw(name, {ref.uuid: values})
            ]
    return Journal(
        version=JOURNAL_VERSION,
        batch_id=batch_id,
        datastore_id=datastore.bridge.datastore_id,
        kind=kind,
        writer=identify_writer(),
        begun=datetime.now(UTC),
        entries=tuple(entries),
    )


def begin(
    datastore: Datastore, refs: Sequence[DatasetRef], batch_id: UUID, files: Iterable[FileDataset] = ()
) -> tuple[list[DatasetRef], list[str]]:
    """Do what comes before artifacts are made: predict records, and write a journal for each RUN.

    Returns the refs with predicted records, and the journals' names.
    """
    predicted = datastore.bridge.make_opaque_values(refs, batch_id=batch_id, files=files).attach_to(refs)
    runs = dict.fromkeys(ref.run for ref in refs)
    paths = datastore.bridge.journal_paths(runs)
    names = []
    for run in runs:
        journal = make_journal(datastore, [ref for ref in predicted if ref.run == run], batch_id)
        names.append(datastore.journals.create(paths[run], journal))
    return predicted, names


def put(
    datastore: Datastore, objects: Sequence[Any], refs: Sequence[DatasetRef], batch_id: UUID
) -> list[DatasetRef]:
    """Write objects as a butler would, journal and all, but for the Registry; return the refs with their records."""
    predicted, journals = begin(datastore, refs, batch_id)
    records = datastore.put_many(zip(objects, predicted, strict=True), batch_id=batch_id)
    for name in journals:
        datastore.journals.drop(name)
    return records.attach_to(predicted)


def bring_back(datastore: Datastore, ref: DatasetRef, artifacts: Iterable[ArtifactName]) -> set[ArtifactName]:
    """Bring back what was set aside as a butler would, under the journal of a batch."""
    batch_id = uuid4()
    journal = make_journal(datastore, [ref], batch_id, kind="remove")
    name = datastore.journals.create(datastore.bridge.journal_paths([ref.run])[ref.run], journal)
    try:
        return datastore.bring_back(artifacts, batch_id=batch_id)
    finally:
        datastore.journals.drop(name)
