"""Checking what a batch demands, inside its transaction and before anything else."""

from __future__ import annotations

from butler_core.errors import InvalidInputError, NotFoundError, PreconditionError
from butler_core.models.batch import Precondition
from butler_core.sql.lookups.dataset_finder import DatasetFinder
from butler_core.sql.writing.memberships import MembershipTables
from butler_core.sql.writing.transaction import Transaction


class PreconditionChecker:
    """Checks preconditions.

    Parameters
    ----------
    memberships
        Statements for the tables of members.
    finder
        Finds datasets.
    """

    def __init__(self, memberships: MembershipTables, finder: DatasetFinder) -> None:
        self._memberships = memberships
        self._finder = finder

    def check(self, transaction: Transaction, precondition: Precondition) -> None:
        """Raise `PreconditionError` unless a precondition holds."""
        kind = precondition.kind
        if kind == "chain":
            self._check_chain(transaction, precondition)
        elif kind in ("collection-absent", "collection-present"):
            self._check_collection(transaction, precondition)
        else:
            self._check_dataset(transaction, precondition)

    def _check_chain(self, transaction: Transaction, precondition: Precondition) -> None:
        catalog, wanted = transaction.catalog, precondition.children or ()
        chain = catalog.collections.get(_name(precondition))
        children = None if chain is None or chain.children is None else chain.children
        names = (
            None if children is None else tuple(catalog.collections_by_id[child].name for child in children)
        )
        if names != wanted:
            there = "no chain" if names is None else f"the children {list(names)}"
            raise PreconditionError(
                f"Chain {precondition.name!r} was to have the children {list(wanted)}, but there is {there}.",
                remedy="Read the chain again and decide anew.",
                name=precondition.name,
                children=names,
            )

    def _check_collection(self, transaction: Transaction, precondition: Precondition) -> None:
        found = transaction.catalog.collections.get(_name(precondition))
        if precondition.kind == "collection-absent":
            holds = found is None
        else:
            holds = found is not None and precondition.type in (None, found.type)
        if not holds:
            there = "there is none" if found is None else f"it is there as {found.type.value.upper()}"
            raise PreconditionError(
                f"Collection {precondition.name!r} was to be {_wish(precondition)}, but {there}.",
                remedy="Read again and decide anew.",
                name=precondition.name,
            )

    def _check_dataset(self, transaction: Transaction, precondition: Precondition) -> None:
        by_uuid = by_place = None
        if precondition.uuid is not None:
            by_uuid = bool(self._finder.find(transaction.cursor, [precondition.uuid.bytes]))
        if precondition.dataset is not None:
            by_place = self._is_taken(transaction, precondition)
        facts = [fact for fact in (by_uuid, by_place) if fact is not None]
        if not facts:
            raise InvalidInputError(
                f"A precondition {precondition.kind!r} names no dataset.",
                remedy="Give a UUID, or type, data ID and run.",
            )
        holds = all(facts) if precondition.kind == "dataset-present" else not any(facts)
        if not holds:
            what = precondition.uuid or precondition.dataset
            raise PreconditionError(
                f"Dataset {what} was to be {_wish(precondition)}, but is {'present' if any(facts) else 'absent'}.",
                remedy="Read again and decide anew.",
                uuid=precondition.uuid,
            )

    def _is_taken(self, transaction: Transaction, precondition: Precondition) -> bool:
        assert precondition.dataset is not None  # the caller has looked
        type_name, data_id, run = precondition.dataset
        try:
            registered = transaction.catalog.get_dataset_type(type_name)
            collection = transaction.catalog.get_collection(run)
        except NotFoundError:
            return False
        tables = self._memberships.get(registered)
        found = tables.find_taken(transaction.cursor, registered.id, collection.id, [data_id])
        if precondition.uuid is None or precondition.kind == "dataset-absent":
            return bool(found)
        return any(tables.database.make_uuid(uuid) == precondition.uuid for _, uuid in found)


def _name(precondition: Precondition) -> str:
    if precondition.name is None:
        raise InvalidInputError(
            f"A precondition {precondition.kind!r} names no collection.", remedy="Give its name."
        )
    return precondition.name


def _wish(precondition: Precondition) -> str:
    wish = precondition.kind.partition("-")[2]
    return f"{wish} as {precondition.type.value.upper()}" if precondition.type else wish
