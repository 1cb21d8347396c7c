"""Puts the world into a repository, through the doors that users have."""

from __future__ import annotations

from pathlib import Path

from butler_core import Butler, CollectionType
from butler_core.models.batch import (
    Certification,
    ChainedCollectionEdit,
    CollectionRegistration,
    DatasetTypeRegistration,
    DimensionDataInsertion,
    RawBatch,
    TaggedCollectionEdit,
)
from butler_core.models.collection import SequenceEditMode, SetEditMode
from butler_core.models.record import record_shape
from tests.differential.world import (
    CALIBRATION_COLLECTIONS,
    CALIBRATIONS,
    CHAINS,
    DATASET_TYPES,
    EXPORTED_RUNS,
    MADE_UP,
    ODD_RECORDS,
    RUNS,
    TAGGED,
    World,
    export_paths,
)


def load(world: World, root: Path) -> Butler:
    """Make a repository with all that a world has, and open it."""
    Butler.make_repo(root, dimensions="rubin", durability="process")
    butler = Butler(root, writeable=True)
    for path in export_paths():
        butler.import_(str(path), skip_files=True)
    # Datasets whose UUIDs and places are ours to choose: users would put or ingest them.
    butler._registry.apply_batch(_definitions(butler))
    butler._registry.apply_batch(_contents(world, butler))
    butler._cache.refresh()
    return butler


def _definitions(butler: Butler) -> RawBatch:
    batch = RawBatch()
    for element, record in ODD_RECORDS:
        insertion = batch.dimension_insertions.setdefault(element, DimensionDataInsertion(element=element))
        insertion.insert_records([record_shape(butler.dimensions, element).make(record)])
    for name in MADE_UP:
        batch.dataset_type_registrations[name] = DatasetTypeRegistration(
            name=name,
            dimensions=butler.dimensions.conform(DATASET_TYPES[name]).names,
            storage_class_name="StructuredDataDict",
            is_calibration=name in CALIBRATIONS,
        )
    types = dict.fromkeys(RUNS, CollectionType.RUN) | dict.fromkeys(CHAINS, CollectionType.CHAINED)
    types |= dict.fromkeys(TAGGED, CollectionType.TAGGED)
    types |= dict.fromkeys(CALIBRATION_COLLECTIONS, CollectionType.CALIBRATION)
    for name, type_ in types.items():
        batch.collection_registrations[name] = CollectionRegistration(name=name, type=type_)
    for chain, children in CHAINS.items():
        edit = ChainedCollectionEdit(chain=chain, children=children, mode=SequenceEditMode.ASSIGN)
        batch.collection_edits.append(edit)
    return batch


def _contents(world: World, butler: Butler) -> RawBatch:
    batch = RawBatch()
    orders = {name: butler.dimensions.conform(names).required for name, names in DATASET_TYPES.items()}
    for dataset in world.datasets:
        if dataset.run not in EXPORTED_RUNS:
            runs = batch.dataset_insertions.datasets.setdefault(dataset.dataset_type, {})
            values = dict(dataset.data_id)
            row = tuple(values[name] for name in orders[dataset.dataset_type])
            runs.setdefault(dataset.run, {})[dataset.uuid] = row
    for tag in TAGGED:
        uuids = frozenset(dataset.uuid for dataset in world.members[tag])
        edit = TaggedCollectionEdit(collection=tag, datasets=uuids, mode=SetEditMode.INSERT_OR_FAIL)
        batch.collection_edits.append(edit)
    for collection, certified in world.certifications.items():
        for dataset, timespan in certified:
            certification = Certification(
                collection=collection, datasets=frozenset({dataset.uuid}), timespan=timespan
            )
            batch.collection_edits.append(certification)
    return batch
