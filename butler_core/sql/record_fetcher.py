"""Dimension records by key: one statement for each element, however many keys are wanted."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias

from butler_core.errors import DataIdError
from butler_core.models.bulk import picker
from butler_core.models.data_id import DataCoordinate
from butler_core.models.names import DataIdValue, DimensionElementName
from butler_core.models.record import DimensionRecord
from butler_core.models.universe import DimensionGroup
from butler_core.sql.catalog import lost_generation
from butler_core.sql.database import Cursor
from butler_core.sql.record_plans import ElementReader, Key, ReadingPlan, Step, make_plan, make_reader
from butler_core.sql.schema.tables import Schema

_Found: TypeAlias = dict[DimensionElementName, dict[Key, tuple[Any, ...]]]
"""Values of records by element and key."""


class _RowRecords(Mapping[DimensionElementName, DimensionRecord | None]):
    """The records of one data ID, each made of the row that has them all when it is asked for."""

    __slots__ = ("_made", "_readers", "_row")

    def __init__(self, plan: ReadingPlan, row: Sequence[Any]) -> None:
        self._readers = plan.readers
        self._row = row
        self._made: dict[DimensionElementName, DimensionRecord | None] = {}

    def __getitem__(self, name: DimensionElementName) -> DimensionRecord | None:
        made = self._made
        if name not in made:
            reader = self._readers[name]
            part = () if reader is None else self._row[reader[1]]
            made[name] = reader[0].record(part) if reader is not None and part[0] is not None else None
        return made[name]

    def __iter__(self) -> Iterator[DimensionElementName]:
        return iter(self._readers)

    def __len__(self) -> int:
        return len(self._readers)


class _ListedRecords(Mapping[DimensionElementName, DimensionRecord | None]):
    """The records of one data ID, in the order of its group's elements: lighter than a dictionary of its own."""

    __slots__ = ("_places", "_records")

    def __init__(
        self, places: Mapping[DimensionElementName, int], records: tuple[DimensionRecord | None, ...]
    ) -> None:
        self._places = places
        self._records = records

    def __getitem__(self, name: DimensionElementName) -> DimensionRecord | None:
        return self._records[self._places[name]]

    def __iter__(self) -> Iterator[DimensionElementName]:
        return iter(self._places)

    def __len__(self) -> int:
        return len(self._places)


class GroupRecords(NamedTuple):
    """The dimension records behind the data IDs of one group, and what follows from them."""

    group: DimensionGroup
    values: Sequence[tuple[Any, ...]]
    """Full values, required and then implied ones, in the order of the rows asked for."""
    rows: Sequence[tuple[DimensionRecord | None, ...]]
    """For each row asked for: its records in the order of ``group.elements``, None where there is none."""

    def data_ids(self) -> list[DataCoordinate]:
        """Make expanded data IDs, in the order of the rows asked for; those of equal elements share their records."""
        group, make = self.group, DataCoordinate.from_full
        places = {name: place for place, name in enumerate(group.elements)}
        return [
            make(group, values, _ListedRecords(places, records))
            for values, records in zip(self.values, self.rows, strict=True)
        ]


class RecordFetcher:
    """Reads dimension records.

    Parameters
    ----------
    schema
        Where they are.
    """

    def __init__(self, schema: Schema) -> None:
        self._schema = schema
        self._readers: dict[DimensionElementName, ElementReader] = {}
        self._plans: dict[DimensionGroup, ReadingPlan] = {}

    def fetch(
        self, cursor: Cursor, element: DimensionElementName, keys: Collection[Key]
    ) -> dict[Key, DimensionRecord]:
        """Read the records of an element that has a table, by distinct keys; absent ones are left out."""
        reader = self._get_reader(element)
        shape = reader.table.shape
        return {
            key: DimensionRecord(shape, values) for key, values in _read_values(cursor, reader, keys).items()
        }

    def fetch_group(
        self, cursor: Cursor, group: DimensionGroup, rows: Sequence[tuple[DataIdValue, ...]]
    ) -> GroupRecords:
        """Read everything behind data IDs of a group.

        Parameters
        ----------
        cursor
            Of the transaction to read in.
        group
            Of the data IDs.
        rows
            Their required values.

        Raises
        ------
        DataIdError
            If a dimension that has a table has no record for a value, or two records imply different values.
        """
        plan = self._get_plan(group)
        if len(rows) == 1:
            return _gather_one(plan, rows[0], plan.one.first(cursor, rows[0]))
        return _fetch_many(cursor, group, plan, rows)

    def fetch_values(
        self, cursor: Cursor, group: DimensionGroup, rows: Sequence[tuple[DataIdValue, ...]]
    ) -> dict[DimensionElementName, list[tuple[Any, ...]]]:
        """Read the records behind data IDs of a group: their values, each record's once, by element that has a table.

        The parameters are those of `fetch_group`, and so are the errors.
        """
        found = _fetch_found(cursor, group, self._get_plan(group), rows)
        return {name: list(records.values()) for name, records in found.items()}

    def expand(
        self, cursor: Cursor, group: DimensionGroup, data_ids: Sequence[DataCoordinate]
    ) -> list[DataCoordinate]:
        """Return data IDs of one group with records and implied values, in order.

        Raises `DataIdError` as `fetch_group` does, or if a data ID has other implied values than its records.
        """
        expanded = self.fetch_group(
            cursor, group, [data_id.required_values for data_id in data_ids]
        ).data_ids()
        if group.implied:
            for given, found in zip(data_ids, expanded, strict=True):
                if given.is_full:
                    _refuse_other_values(given, found)
        return expanded

    def expand_one(self, data_id: DataCoordinate) -> tuple[DataCoordinate, int]:
        """Return a data ID with records and implied values, and the registry's generation: all in one statement.

        Raises as `expand` does.
        """
        plan, values = self._get_plan(data_id.dimensions), data_id.required_values
        row = plan.one.ask(self._schema.database, values)
        if row is None:
            raise lost_generation(self._schema.database)
        found = DataCoordinate.from_full(plan.group, _complete(plan, values, row), _RowRecords(plan, row))
        if data_id.is_full:
            _refuse_other_values(data_id, found)
        return found, row[-1]

    def _get_reader(self, element: DimensionElementName) -> ElementReader:
        reader = self._readers.get(element)
        if reader is None:
            reader = self._readers[element] = make_reader(self._schema, self._schema.elements[element])
        return reader

    def _get_plan(self, group: DimensionGroup) -> ReadingPlan:
        plan = self._plans.get(group)
        if plan is None:
            plan = self._plans[group] = make_plan(self._schema, group, self._get_reader)
        return plan


def _read_values(cursor: Cursor, reader: ElementReader, keys: Collection[Key]) -> dict[Key, tuple[Any, ...]]:
    if not keys:
        return {}
    if len(keys) == 1:
        (key,) = keys
        rows = reader.one.all(cursor, key)
    else:
        rows = reader.many.all(cursor, reader.rows.bind(list(keys)))
    length = reader.table.shape.key_length
    return {values[:length]: values for values in reader.table.values(rows)}


def _complete(plan: ReadingPlan, values: Key, row: Sequence[Any]) -> Key:
    """Return full values: those required, and those that the records in a row imply; refuse what contradicts or is missing."""
    known: list[Any] = [*values, *plan.blanks]
    for step in plan.steps:
        if row[step.columns.start] is None:
            _refuse_missing(step, step.pick(known))
            continue
        for _, source, target in step.implied:
            value = row[source]
            if known[target] is None:
                known[target] = value
            elif value is not None and value != known[target]:
                raise _disagreement(plan.group, step, step.pick(known), target, known[target], value)
    return tuple(known)


def _gather_one(plan: ReadingPlan, values: Key, row: Sequence[Any]) -> GroupRecords:
    full, records = _complete(plan, values, row), _RowRecords(plan, row)
    return GroupRecords(plan.group, (full,), (tuple(records.values()),))


def _fetch_many(
    cursor: Cursor, group: DimensionGroup, plan: ReadingPlan, rows: Sequence[tuple[DataIdValue, ...]]
) -> GroupRecords:
    found = _fetch_found(cursor, group, plan, rows)
    known, keys = _follow(None, group, plan, tuple(range(len(group.required))), rows, found)
    nothing: Sequence[Any] = (None,) * len(rows)
    columns: list[Sequence[DimensionRecord | None]] = [nothing] * len(group.elements)
    for step in plan.steps:
        shape = step.reader.table.shape
        records = {key: DimensionRecord(shape, values) for key, values in found[step.name].items()}
        columns[step.place] = list(map(records.get, keys[step.name]))
    if not group.elements:
        return GroupRecords(group, list(rows), [()] * len(rows))  # of pixels, or of nothing at all
    return GroupRecords(group, list(zip(*known, strict=True)), list(zip(*columns, strict=True)))


def _fetch_found(
    cursor: Cursor, group: DimensionGroup, plan: ReadingPlan, rows: Sequence[tuple[DataIdValue, ...]]
) -> _Found:
    """Read the records behind data IDs, element by element, with one statement for each.

    Thousands of data IDs have few exposures, detectors, ... behind them, so what follows from some of the required values
    is looked up once for each distinct combination of these.
    """
    found: _Found = {step.name: {} for step in plan.steps}
    for roots in plan.projections:
        _follow(cursor, group, plan, roots, list(dict.fromkeys(map(picker(roots), rows))), found)
    return found


def _follow(
    cursor: Cursor | None,
    group: DimensionGroup,
    plan: ReadingPlan,
    roots: tuple[int, ...],
    rows: Sequence[Key],
    found: _Found,
) -> tuple[list[Sequence[Any]], dict[DimensionElementName, list[Key]]]:
    """Find out what follows from some of the required values.

    Returned are the full values, column by column, None where they are not known; and the keys of the records, by element.

    Parameters
    ----------
    cursor
        Adds to ``found`` what follows from these values, and from no fewer; None: all is there.
    group
        Of the data IDs.
    plan
        Of the group.
    roots
        Positions of the values.
    rows
        The values.
    found
        What was read so far.
    """
    nothing: Sequence[Any] = (None,) * len(rows)
    known: list[Sequence[Any]] = [nothing] * len(group.positions)
    for root, given in zip(roots, zip(*rows, strict=True), strict=False):
        known[root] = given
    keys_of: dict[DimensionElementName, list[Key]] = {}
    for step in plan.steps:
        if not set(roots).issuperset(step.roots):
            continue
        keys = keys_of[step.name] = list(zip(*[known[source] for source in step.sources], strict=True))
        records = found[step.name]
        if cursor is not None and step.roots == roots:
            distinct = [key for key in dict.fromkeys(keys) if None not in key]
            records.update(_read_values(cursor, step.reader, distinct))
            if len(records) < len(distinct):
                _refuse_missing(step, next(key for key in distinct if key not in records))
        for source, _, target in step.implied:
            values = {key: record[source] for key, record in records.items()}
            column = list(map(values.get, keys))
            before = known[target]
            known[target] = (
                column if before is nothing else _merged(group, step, keys, target, before, column)
            )
    return known, keys_of


def _merged(
    group: DimensionGroup,
    step: Step,
    keys: Sequence[Key],
    target: int,
    before: Sequence[Any],
    column: list[Any],
) -> Sequence[Any]:
    """Unite what two elements imply for one dimension; refuse what contradicts."""
    if before == column:
        return before
    for old, new, key in zip(before, column, keys, strict=True):
        if old is not None and new is not None and old != new:
            raise _disagreement(group, step, key, target, old, new)
    return [new if old is None else old for old, new in zip(before, column, strict=True)]


def _refuse_other_values(given: DataCoordinate, found: DataCoordinate) -> None:
    """Refuse a full data ID whose implied values are not those of its records."""
    if given.values() != found.values():
        name = next(name for name in given.dimensions.implied if given[name] != found[name])
        raise DataIdError(
            f"Data ID {given} has {name}={given[name]!r}, but its records say {name}={found[name]!r}.",
            remedy=f"Leave {name} out, or correct it.",
            name=name,
        )


def _refuse_missing(step: Step, key: Key) -> None:
    """Refuse a key without a record, except of a join table, which need not have one, and what no value is known for."""
    element = step.reader.table.element
    if not element.is_dimension or None in key:
        return
    scope = ", ".join(
        f"{name}={value!r}" for name, value in zip(element.required, key, strict=True) if name != element.name
    )
    raise DataIdError(
        f"There is no {element.name} {key[-1]!r}{f' of {scope}' if scope else ''}.",
        remedy=f"Check the value, or insert its record first: butler.insert_dimension_data({element.name!r}, ...).",
        dimension=element.name,
        value=key[-1],
        key=dict(zip(element.required, key, strict=True)),
    )


def _disagreement(
    group: DimensionGroup, step: Step, key: Key, target: int, old: Any, new: Any
) -> DataIdError:
    element, dimension = step.reader.table.element, (group.required + group.implied)[target]
    shown = ", ".join(f"{name}={value!r}" for name, value in zip(element.required, key, strict=True))
    return DataIdError(
        f"{element.name} {{{shown}}} implies {dimension}={new!r}, but another part of the data ID says {old!r}.",
        remedy="Give values that belong together.",
        dimension=dimension,
    )
