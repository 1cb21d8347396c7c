"""What all methods of a batch stand on: what was collected so far, and what it demands of the Registry."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from butler_core.errors import InvalidInputError
from butler_core.models.batch import BatchResults, Precondition, RawBatch
from butler_core.models.batch_checks import refuse_contradictions
from butler_core.models.collection import CollectionType
from butler_core.models.dataset_ref import DatasetRef
from butler_core.models.names import CollectionName
from butler_core.models.universe import DimensionUniverse
from butler_core.resolution import Resolver


class Collecting:
    """A batch in the making."""

    def __init__(self, butler: Any, universe: DimensionUniverse, resolver: Resolver) -> None:
        self.butler = butler
        """The butler that it belongs to."""
        self._universe = universe
        self._resolver = resolver
        self._raw = RawBatch()
        self._process = os.getpid()
        self._results: BatchResults | None = None

    @property
    def batch_id(self) -> UUID:
        """The batch's ID."""
        return self._raw.batch_id

    @property
    def raw(self) -> RawBatch:
        """A copy of what was collected."""
        return self._raw.model_copy(deep=True)

    @property
    def results(self) -> BatchResults:
        """What the batch found and did; `InvalidInputError` before it was applied."""
        if self._results is None:
            raise InvalidInputError(
                "The batch is not applied yet.", remedy="Ask after its context has ended."
            )
        return self._results

    def _refuse_child(self) -> None:
        """Refuse to apply what was begun before a fork: parent and child would write artifacts of one batch, under one name."""
        if self._process != os.getpid():
            raise InvalidInputError(
                f"The batch was begun by process {self._process}, and this child of it would apply it a second time.",
                remedy="End a child within the context by os._exit(), or begin a batch of its own there.",
            )

    def _check(self, **parts: Any) -> None:
        """Raise `ConflictError` if what is to be added contradicts what was collected."""
        refuse_contradictions(self._raw, RawBatch.model_construct(**parts))

    # -- preconditions

    def require_chain(self, chain_name: CollectionName, children: Sequence[CollectionName]) -> None:
        """Demand that a chain reads exactly these when the batch is applied; else that raises `PreconditionError`.

        Preconditions are looked at inside the transaction, before anything of the batch is applied: what somebody else changed
        since you looked is a conflict that you hear of, so that you can look again and retry.
        """
        if isinstance(children, str):
            raise InvalidInputError(
                f"Children are a sequence, not {children!r}.", remedy=f"Give [{children!r}]."
            )
        self._require(kind="chain", name=chain_name, children=tuple(children))

    def require_collection_absent(self, name: CollectionName) -> None:
        """Demand that there is no such collection: see `require_chain`."""
        self._require(kind="collection-absent", name=name)

    def require_collection_present(self, name: CollectionName, type: CollectionType | None = None) -> None:
        """Demand that there is such a collection, of this type if it is given: see `require_chain`."""
        self._require(kind="collection-present", name=name, type=type)

    def require_dataset_absent(self, dataset: DatasetRef | UUID) -> None:
        """Demand that no dataset has this UUID nor, given a ref, its type, data ID and run: see `require_chain`."""
        self._require(kind="dataset-absent", **_describe(dataset))

    def require_dataset_present(self, dataset: DatasetRef | UUID) -> None:
        """Demand that a dataset has this UUID and, given a ref, its type, data ID and run: see `require_chain`."""
        self._require(kind="dataset-present", **_describe(dataset))

    def _require(self, **parts: Any) -> None:
        self._raw.preconditions.append(Precondition(**parts))


def _describe(dataset: DatasetRef | UUID) -> dict[str, Any]:
    if isinstance(dataset, UUID):
        return {"uuid": dataset}
    parent = dataset.dataset_type.name.partition(".")[0]
    return {"uuid": dataset.uuid, "dataset": (parent, dataset.required_values, dataset.run)}
