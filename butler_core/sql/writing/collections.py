"""Registering, editing and removing collections."""

from __future__ import annotations

from collections.abc import Iterable, Set

import sqlalchemy as sa

from butler_core.errors import (
    ConflictError,
    DefinitionConflictError,
    InUseError,
    InvalidInputError,
)
from butler_core.models.batch import ChainedCollectionEdit, CollectionRegistration, SetCollectionDocumentation
from butler_core.models.collection import CollectionType, SequenceEditMode
from butler_core.models.names import CollectionName
from butler_core.sql.catalog import Catalog, Collection
from butler_core.sql.context import SqlContext
from butler_core.sql.statement import Statement
from butler_core.sql.writing.memberships import MembershipTables
from butler_core.sql.writing.summaries import SummaryWriter
from butler_core.sql.writing.transaction import Transaction


class CollectionWriter:
    """Writes collections.

    Parameters
    ----------
    context
        The registry's parts.
    summaries
        Of collections.
    memberships
        Statements for the tables of their members.
    """

    def __init__(self, context: SqlContext, summaries: SummaryWriter, memberships: MembershipTables) -> None:
        self._summaries = summaries
        self._memberships = memberships
        database, schema = context.database, context.schema
        table, chain = schema.collection, schema.collection_chain
        one = sa.bindparam("one", type_=table.c.id.type)
        columns = ["name", "type", "doc", "changed"]
        self._insert = Statement(
            database, sa.insert(table).values({name: sa.bindparam(name) for name in columns}), columns
        )
        self._set_doc = Statement(
            database,
            sa.update(table)
            .where(table.c.id == one)
            .values(doc=sa.bindparam("text"), changed=sa.bindparam("now")),
            ["text", "now", "one"],
        )
        self._touch = Statement(
            database,
            sa.update(table).where(table.c.id == one).values(changed=sa.bindparam("now")),
            ["now", "one"],
        )
        self._delete = Statement(database, sa.delete(table).where(table.c.id == one), ["one"])
        self._unlink = Statement(database, sa.delete(chain).where(chain.c.parent == one), ["one"])
        self._link = Statement(database, sa.insert(chain), ["parent", "position", "child"])

    # -- registering

    def register_all(self, transaction: Transaction, registrations: Iterable[CollectionRegistration]) -> None:
        """Register collections; what is registered already is passed over, but gets its documentation if it has none.

        Raises `DefinitionConflictError` if one is registered with another type.
        """
        for registration in registrations:
            self._register(transaction, registration)
        transaction.refresh()

    def _register(self, transaction: Transaction, registration: CollectionRegistration) -> None:
        name, doc = registration.name, registration.doc
        known = transaction.catalog.collections.get(name)
        if known is None:
            if not name:
                raise InvalidInputError(
                    "A collection needs a name.", remedy="Give one, such as 'u/me/first'."
                )
            row = (name, registration.type.value, doc, transaction.mark_change())
            self._insert.execute(transaction.cursor, row)
        elif known.type is not registration.type:
            raise DefinitionConflictError(
                f"Collection {name!r} is registered already as {known.type.value}, not {registration.type.value}.",
                remedy="Use it as it is, or choose another name.",
                name=name,
            )
        elif doc and not known.doc:
            self._set_doc.execute(transaction.cursor, (doc, transaction.mark_change(), known.id))

    # -- editing

    def set_documentation(self, transaction: Transaction, edit: SetCollectionDocumentation) -> None:
        """Replace a collection's documentation."""
        known = transaction.catalog.get_collection(edit.name)
        if known.doc != edit.doc:
            self._set_doc.execute(transaction.cursor, (edit.doc, transaction.mark_change(), known.id))
            transaction.refresh()

    def edit_chain(self, transaction: Transaction, edit: ChainedCollectionEdit) -> None:
        """Change the children of a chain.

        Raises `InvalidInputError` if it is no chain or a position is out of range, `ConflictError` if a cycle would arise.
        """
        catalog = transaction.catalog
        chain = get_collection(catalog, edit.chain, CollectionType.CHAINED)
        old = chain.children or ()
        new = _edit_children(catalog, chain, edit)
        if new == old:
            return
        _refuse_cycle(catalog, chain, new)
        self._unlink.execute(transaction.cursor, (chain.id,))
        self._link.execute_many(
            transaction.cursor, [(chain.id, position, child) for position, child in enumerate(new)]
        )
        self._touch.execute(transaction.cursor, (transaction.mark_change(), chain.id))
        transaction.refresh()

    # -- removing

    def remove_members(self, transaction: Transaction, names: Set[CollectionName]) -> None:
        """Take all members out of those TAGGED and CALIBRATION collections that `remove_all` will remove."""
        for name in sorted(names):
            collection = transaction.catalog.get_collection(name)
            if collection.type in (CollectionType.TAGGED, CollectionType.CALIBRATION):
                self._memberships.remove_members(transaction, collection)

    def remove_all(self, transaction: Transaction, names: Set[CollectionName]) -> None:
        """Remove collections, after `remove_members` of the same.

        Raises `InUseError` if a chain that stays has one as a child, or a RUN has datasets.
        """
        catalog = transaction.catalog
        doomed = [catalog.get_collection(name) for name in sorted(names)]
        for collection in doomed:
            chains = _chains_that_stay(catalog, collection, names)
            if chains:
                raise InUseError(
                    f"Collection {collection.name!r} is in {', '.join(map(repr, chains))}.",
                    remedy="Remove it from these chains first, or remove them too.",
                    name=collection.name,
                    chains=chains,
                )
            type_name = self._memberships.find_type_of_members(transaction, collection)
            if type_name is not None:
                raise InUseError(
                    f"{collection.type.value.upper()} {collection.name!r} still has datasets of type {type_name!r}.",
                    remedy="Remove its datasets first, or with it: butler.removal().",
                    name=collection.name,
                )
        for collection in doomed:
            self._unlink.execute(transaction.cursor, (collection.id,))
        for collection in doomed:
            self._summaries.forget_collection(transaction, collection.id)
            self._delete.execute(transaction.cursor, (collection.id,))
        if doomed:
            transaction.mark_removal()
            transaction.refresh()


def get_collection(catalog: Catalog, name: CollectionName, wanted: CollectionType) -> Collection:
    """Return a collection of one type; `CollectionNotFoundError`, or `InvalidInputError` if it is of another type."""
    collection = catalog.get_collection(name)
    if collection.type is not wanted:
        raise InvalidInputError(
            f"Collection {name!r} is {collection.type.value.upper()}, not {wanted.value.upper()}.",
            remedy=f"Name a collection of type {wanted.value.upper()}.",
            name=name,
        )
    return collection


def _edit_children(catalog: Catalog, chain: Collection, edit: ChainedCollectionEdit) -> tuple[int, ...]:
    old = chain.children or ()
    if edit.mode is SequenceEditMode.REMOVE:
        return _without(catalog, chain, edit)
    names = [name for name in edit.children if isinstance(name, str)]
    if len(names) < len(edit.children):
        raise InvalidInputError(
            "Positions can only be removed from a chain.", remedy="Give names of collections."
        )
    # The chain itself may have been registered a moment ago, and would be no child to suggest.
    named = [catalog.get_collection(name, besides=chain.name) for name in names]
    given = catalog.flatten(names) if edit.flatten else named
    ids = tuple(dict.fromkeys(collection.id for collection in given))
    rest = tuple(child for child in old if child not in ids)
    match edit.mode:
        case SequenceEditMode.ASSIGN:
            return ids
        case SequenceEditMode.EXTEND:
            return rest + ids
        case SequenceEditMode.PREPEND:
            return ids + rest


def _without(catalog: Catalog, chain: Collection, edit: ChainedCollectionEdit) -> tuple[int, ...]:
    old = chain.children or ()
    positions = {position for position in edit.children if isinstance(position, int)}
    for position in positions:
        if not 0 <= position < len(old):
            raise InvalidInputError(
                f"Chain {chain.name!r} has {len(old)} children, so none at position {position}.",
                remedy="Positions count from 0.",
            )
    known = [name for name in edit.children if isinstance(name, str) and name in catalog.collections]
    if edit.flatten:
        doomed = {collection.id for collection in catalog.flatten(known)}
    else:
        doomed = {catalog.collections[name].id for name in known}
    return tuple(
        child for position, child in enumerate(old) if position not in positions and child not in doomed
    )


def _refuse_cycle(catalog: Catalog, chain: Collection, children: Iterable[int]) -> None:
    todo: list[tuple[int, tuple[CollectionName, ...]]] = [(child, (chain.name,)) for child in children]
    seen: set[int] = set()
    while todo:
        child, path = todo.pop()
        collection = catalog.collections_by_id[child]
        path = (*path, collection.name)
        if child == chain.id:
            raise ConflictError(
                f"Chain {chain.name!r} would hold itself: {' > '.join(path)}.",
                remedy="Leave out the child that leads back.",
                cycle=path,
            )
        if child not in seen:
            seen.add(child)
            todo += [(grandchild, path) for grandchild in collection.children or ()]


def _chains_that_stay(
    catalog: Catalog, child: Collection, doomed: Set[CollectionName]
) -> list[CollectionName]:
    return sorted(
        collection.name
        for collection in catalog.collections.values()
        if collection.children and child.id in collection.children and collection.name not in doomed
    )
