"""Collections in a batch: registering them, and editing chains, tags and validity."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from butler_core.aliases import DatasetTypeLike
from butler_core.arguments import listed_refs
from butler_core.batching.collecting import Collecting
from butler_core.errors import DefinitionConflictError, InvalidInputError
from butler_core.models.batch import (
    Certification,
    CertificationMerge,
    ChainedCollectionEdit,
    CollectionEdit,
    CollectionRegistration,
    Decertification,
    SetCollectionDocumentation,
    TaggedCollectionEdit,
)
from butler_core.models.checking import read_member, read_name, read_names
from butler_core.models.collection import CollectionType, SequenceEditMode, SetEditMode
from butler_core.models.columns import check_text
from butler_core.models.data_id import DataId
from butler_core.models.dataset_ref import DatasetRef
from butler_core.models.names import CollectionDocumentation, CollectionName
from butler_core.models.timespan import Timespan


class Collections(Collecting):
    """Methods that concern collections."""

    def register_collection(
        self,
        name: CollectionName,
        type: CollectionType = CollectionType.RUN,
        doc: CollectionDocumentation = "",
    ) -> None:
        """Register a collection; again with the same type is fine, with another a `DefinitionConflictError`."""
        check_collection_name(name)
        read_member(CollectionType, type, "type")
        check_text(doc, "A collection's documentation")
        earlier = self._raw.collection_registrations.get(name)
        if earlier is not None and earlier.type is not type:
            raise DefinitionConflictError(
                f"Collection {name!r} is registered as {earlier.type.value} in this batch already, not {type.value}.",
                remedy="Choose one type.",
            )
        added = {name: CollectionRegistration(name=name, type=type, doc=doc)}
        self._check(collection_registrations=added)
        self._raw.collection_registrations.update(added)

    def edit_collection_chain(
        self,
        chain_name: CollectionName,
        children: Sequence[CollectionName | int],
        mode: SequenceEditMode,
        *,
        flatten: bool = False,
    ) -> None:
        """Change a chain's children.

        Positions, counted from 0, only with REMOVE.  ``flatten`` puts children of chains in their place.  A cycle is refused.
        """
        if isinstance(children, str):
            raise InvalidInputError(
                f"Children are a sequence, not {children!r}.", remedy=f"Give [{children!r}]."
            )
        read_member(SequenceEditMode, mode, "mode")
        given = tuple(children)
        read_names([chain_name, *(child for child in given if not isinstance(child, int))], "a collection")
        if mode is not SequenceEditMode.REMOVE and any(isinstance(child, int) for child in given):
            raise InvalidInputError("Positions can only be removed.", remedy="Give names of collections.")
        self._edit(ChainedCollectionEdit(chain=chain_name, children=given, mode=mode, flatten=flatten))

    def set_collection_documentation(self, name: CollectionName, doc: CollectionDocumentation) -> None:
        """Replace a collection's documentation."""
        read_name(name, "a collection")
        check_text(doc, "A collection's documentation")
        self._edit(SetCollectionDocumentation(name=name, doc=doc))

    def edit_associations(
        self, collection: CollectionName, refs: Iterable[DatasetRef], mode: SetEditMode
    ) -> None:
        """Change the membership of a TAGGED collection; it holds at most one dataset per type and data ID.

        Parameters
        ----------
        collection
            The TAGGED collection.
        refs
            Datasets.
        mode
            What becomes of them: see `SetEditMode`.
        """
        read_name(collection, "a collection")
        read_member(SetEditMode, mode, "mode")
        datasets = frozenset(ref.uuid for ref in listed_refs(refs))
        self._edit(TaggedCollectionEdit(collection=collection, datasets=datasets, mode=mode))

    def certify(self, collection: CollectionName, refs: Iterable[DatasetRef], timespan: Timespan) -> None:
        """Add validity to a CALIBRATION collection.

        When the batch is applied that is a `ConflictError` if it overlaps the validity of another dataset of the same type and
        data ID.
        """
        read_name(collection, "a collection")
        datasets = frozenset(ref.uuid for ref in listed_refs(refs))
        self._edit(
            Certification(collection=collection, datasets=datasets, timespan=_bounds(timespan, "certify"))
        )

    def decertify(
        self,
        collection: CollectionName,
        dataset_type: DatasetTypeLike,
        timespan: Timespan | None = None,
        *,
        data_ids: Iterable[DataId] | None = None,
    ) -> None:
        """Take validity away from a CALIBRATION collection, trimming and splitting what reaches beyond ``timespan``.

        Parameters
        ----------
        collection
            The CALIBRATION collection.
        dataset_type
            Whose datasets lose validity.
        timespan
            When; None is all time.
        data_ids
            Only for these data IDs; None is all.
        """
        read_name(collection, "a collection")
        given, found = self._resolver.data_ids_of(dataset_type, () if data_ids is None else data_ids)
        values = None if data_ids is None else tuple(data_id.required_values for data_id in found)
        bounds = (None, None) if timespan is None else _bounds(timespan, "decertify")
        self._edit(
            Decertification(collection=collection, dataset_type=given.name, timespan=bounds, data_ids=values)
        )

    def merge_certifications(self, output: CollectionName, inputs: Sequence[CollectionName]) -> None:
        """Fill the CALIBRATION collection ``output`` from others.

        Where validities overlap, what ``output`` has already wins, and then the earlier input.
        """
        if isinstance(inputs, str):
            raise InvalidInputError(f"Inputs are a sequence, not {inputs!r}.", remedy=f"Give [{inputs!r}].")
        given = tuple(inputs)
        read_names([output, *given], "a collection")
        self._edit(CertificationMerge(output=output, inputs=given))

    def _edit(self, edit: CollectionEdit) -> None:
        self._check(collection_edits=[edit])
        self._raw.collection_edits.append(edit)


def _bounds(timespan: Timespan, verb: str) -> tuple[int | None, int | None]:
    if not isinstance(timespan, Timespan):
        raise InvalidInputError(
            f"{timespan!r} is no time to {verb} in.",
            remedy="Give a Timespan: Timespan(None, None) is all time.",
        )
    if timespan.is_empty:
        raise InvalidInputError(
            f"There is no time to {verb} in: the timespan is empty.",
            remedy="Give one that ends after it begins.",
        )
    return timespan.begin, timespan.end


def check_collection_name(name: CollectionName) -> None:
    """Refuse names that would be taken for a pattern, or that no path and no command line can hold."""
    read_name(name, "a collection")
    problem = ""
    if not name:
        problem = "is no name"
    elif len(name) > 255:
        problem = f"has {len(name)} characters, and 255 is the most"
    elif any(c in name for c in "*?[],") or any(c.isspace() or not c.isprintable() for c in name):
        problem = "has a character that patterns, lists or paths need for themselves"
    elif any(part in ("", ".", "..") for part in name.split("/")):
        problem = "has an empty part, '.' or '..' between slashes"
    if problem:
        raise InvalidInputError(
            f"Collection name {name!r} {problem}.",
            remedy="Use names such as 'u/me/first', without blanks and '*?[],'.",
        )
    check_text(name, "A collection's name")
