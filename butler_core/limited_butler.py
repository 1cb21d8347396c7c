"""What a running task needs of a butler: reading and writing datasets whose refs are expanded."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from types import TracebackType
from typing import NamedTuple, Self

from butler_core.contracts.datastore import GetRequest
from butler_core.errors import InvalidInputError
from butler_core.models.dataset_ref import DatasetRef
from butler_core.models.dataset_type import StorageClassLike
from butler_core.models.names import InMemoryDataset, Parameters, Uri
from butler_core.models.results import DatasetExistence, GetResult, UriResult
from butler_core.models.universe import DimensionUniverse


class DeferredDatasetHandle:
    """A dataset that is read later.  Picklable with an expanded ref, if its butler is."""

    def __init__(
        self,
        butler: LimitedButler,
        ref: DatasetRef,
        parameters: Parameters | None = None,
        storage_class: StorageClassLike | None = None,
    ) -> None:
        self._butler = butler
        self.ref = ref
        """The dataset."""
        self._parameters = dict(parameters or {})
        self._storage_class = storage_class

    def get(
        self,
        *,
        component: str | None = None,
        parameters: Parameters | None = None,
        storage_class: StorageClassLike | None = None,
    ) -> InMemoryDataset:
        """Read; parameters given here are added to, and win over, those of the handle."""
        ref = self.ref if component is None else self.ref.make_component(component)
        return self._butler.get(
            ref,
            parameters={**self._parameters, **(parameters or {})} or None,
            storage_class=storage_class
            if storage_class is not None or component is not None
            else self._storage_class,
        )

    def __repr__(self) -> str:
        return f"DeferredDatasetHandle({self.ref!r})"


class GetDeferredResult(NamedTuple):
    """One handle of many."""

    index: int  # type: ignore[assignment]
    """Position in the input."""
    ref: DatasetRef
    parameters: Parameters | None
    handle: DeferredDatasetHandle


class LimitedButler(ABC):
    """What a running task needs.

    Refs must be expanded: they carry dimension records and datastore records.  A scalar method is its ``_many`` form with
    one element.
    """

    dimensions: DimensionUniverse
    """The universe of all data IDs."""
    is_writeable: bool

    @abstractmethod
    def put_many(self, arg: Iterable[tuple[InMemoryDataset, DatasetRef]], /) -> list[DatasetRef]:
        """Store all or none, as one batch; return refs with their datastore records, in input order.

        Raises
        ------
        InvalidInputError
            For a UUID given twice, before anything is written.
        DatasetExistsError
            If a UUID, or a data ID in its RUN, is taken.
        """

    @abstractmethod
    def predict_put_many(self, refs: Iterable[DatasetRef]) -> list[DatasetRef]:
        """Return the refs with the datastore records that `put_many` would give them; nothing is written."""

    @abstractmethod
    def get_many(self, arg: Iterable[GetRequest], /) -> Iterator[GetResult]:
        """Read many, in any order: pair by ``index``.

        A dataset may be asked for several times; one that cannot be read raises when its turn comes.
        """

    @abstractmethod
    def get_many_uris(self, refs: Iterable[DatasetRef], *, signed: bool = False) -> Iterator[UriResult]:
        """Return all URIs, in any order: several per index for a disassembled dataset, none for what has no URI."""

    @abstractmethod
    def exists_many(
        self, refs: Iterable[DatasetRef], *, check_artifact: bool = False
    ) -> list[DatasetExistence]:
        """Say where each dataset stands, in input order; records are trusted unless ``check_artifact``."""

    @abstractmethod
    def unstore(self, refs: Iterable[DatasetRef]) -> None:
        """Drop bytes and datastore records, keep the registration.

        What is not stored is skipped; a file that several datasets share goes with the last of them.
        """

    @abstractmethod
    def close(self) -> None:
        """Release connections; may be called again.  Any other use afterwards raises `InvalidInputError`."""

    # -- scalars

    def put(self, obj: InMemoryDataset, ref: DatasetRef) -> DatasetRef:
        """Store a new dataset; return its ref with datastore records.  `DatasetExistsError` if its place is taken."""
        (stored,) = self.put_many([(obj, ref)])
        return stored

    def get(
        self,
        ref: DatasetRef,
        *,
        parameters: Parameters | None = None,
        storage_class: StorageClassLike | None = None,
    ) -> InMemoryDataset:
        """Read a dataset, converted to ``storage_class`` if given.

        Raises
        ------
        DatasetNotStoredError
            If its bytes were dropped on purpose.
        CorruptError
            If they are gone or damaged.
        """
        if storage_class is not None:
            ref = ref.with_storage_class(storage_class)
        (result,) = self.get_many([(ref, parameters)])
        return result.dataset

    def get_deferred(
        self,
        ref: DatasetRef,
        *,
        parameters: Parameters | None = None,
        storage_class: StorageClassLike | None = None,
    ) -> DeferredDatasetHandle:
        """Return a handle that reads later; nothing is opened now."""
        return DeferredDatasetHandle(self, ref, parameters, storage_class)

    def get_many_deferred(self, arg: Iterable[GetRequest], /) -> Iterator[GetDeferredResult]:
        """Return handles for many, in any order: pair by ``index``."""
        for index, (ref, parameters) in enumerate(arg):
            yield GetDeferredResult(index, ref, parameters, DeferredDatasetHandle(self, ref, parameters))

    def get_uri(self, ref: DatasetRef, *, signed: bool = False) -> Uri:
        """Return the one URI of a stored dataset; `InvalidInputError` if it has none, or several (components)."""
        uris = [result.uri for result in self.get_many_uris([ref], signed=signed)]
        if len(uris) != 1:
            raise InvalidInputError(
                f"{ref} has {len(uris) or 'no'} URIs, not one.",
                remedy="Use get_many_uris(): it returns those of all components."
                if uris
                else "It is not stored in a file.",
            )
        return uris[0]

    def exists(self, ref: DatasetRef, *, check_artifact: bool = False) -> DatasetExistence:
        """Say where a dataset stands; records are trusted unless ``check_artifact``."""
        (existence,) = self.exists_many([ref], check_artifact=check_artifact)
        return existence

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None, /
    ) -> None:
        self.close()
