"""The butler: science data products by what they mean.  Start with `Butler`.

A public name is imported from its module when it is first used, so ``import butler_core`` costs next to nothing.
"""

from importlib import import_module

_NAMES_BY_MODULE: dict[str, tuple[str, ...]] = {
    "batching.helper": ("BatchHelper",),
    "butler": ("Butler",),
    "datastore_butler": ("DatastoreButler",),
    "expressions.columns": ("Expression", "columns"),
    "expressions.query": ("QueryDescription",),
    "limited_butler": ("DeferredDatasetHandle", "GetDeferredResult", "LimitedButler"),
    "models.batch": (
        "BatchResults",
        "Certification",
        "CertificationMerge",
        "ChainedCollectionEdit",
        "CollectionRegistration",
        "DatasetInsertionBatch",
        "DatasetRemovalBatch",
        "DatasetTypeRegistration",
        "Decertification",
        "DimensionDataInsertion",
        "DimensionDataSync",
        "Precondition",
        "RawBatch",
        "SetCollectionDocumentation",
        "TaggedCollectionEdit",
    ),
    "models.collection": (
        "CollectionInfo",
        "CollectionType",
        "SequenceEditMode",
        "SetEditMode",
        "SetInsertMode",
    ),
    "models.columns": ("ColumnInfo",),
    "models.config": ("RepositoryConfig",),
    "models.data_id": ("DataCoordinate",),
    "models.dataset_ref": ("DatasetIdMode", "DatasetRef"),
    "models.dataset_type": ("DatasetType",),
    "models.export": ("RawBatchExport",),
    "models.file_dataset": ("FileDataset",),
    "models.journal": ("WriterIdentity",),
    "models.overlap_policy": ("OverlapJoinPolicy",),
    "models.opaque": ("OpaqueTableBatch", "OpaqueTableKeyBatch"),
    "models.record": ("DimensionRecord",),
    "models.reports": (
        "JournalInfo",
        "RecoveryReport",
        "RepositoryInfo",
        "SetAside",
        "TransferReport",
        "VerificationFinding",
        "VerificationReport",
    ),
    "models.results": ("DatasetExistence", "GetResult", "SyncResult", "SyncStatus", "UriResult"),
    "models.storage_class": ("StorageClass",),
    "models.timespan": ("Timespan",),
    "models.universe": ("DimensionElement", "DimensionGroup", "DimensionUniverse"),
    "queries.base": ("QueryAdapter", "QueryBase"),
    "queries.chain": ("DatasetQueryChain",),
    "queries.collections": ("CollectionQuery", "DatasetTypeQuery"),
    "queries.data_ids": ("DataCoordinateQueryAdapter",),
    "queries.datasets": ("DatasetQueryAdapter",),
    "queries.query": ("Query",),
    "queries.records": ("DimensionRecordQueryAdapter",),
    "removal": ("RemovalHelper",),
    "version": ("__version__",),
}
"""Every public name, and the module that defines it; ``__init__.pyi`` tells type checkers the same."""

_MODULES = {name: module for module, names in _NAMES_BY_MODULE.items() for name in names}

__all__ = sorted(_MODULES)


def __getattr__(name: str) -> object:
    module = _MODULES.get(name)
    if module is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    # Models ask plugins by name; discovery is what answers them, so it comes first.
    import_module("butler_core.discovery")
    value = getattr(import_module(f"{__name__}.{module}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
