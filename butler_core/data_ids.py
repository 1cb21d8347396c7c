"""Data IDs by other keys than the primary ones: alternate keys and metadata are looked up, for a whole batch at once."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias

from butler_core.contracts.registry import Registry
from butler_core.errors import AmbiguousLookupError, DataIdError
from butler_core.expressions.literals import to_list_items, to_literal
from butler_core.expressions.query import QueryDescription
from butler_core.expressions.tree import Comparison, Condition, In, Name, conjunction
from butler_core.models.data_id import check_value
from butler_core.models.data_id_keys import (
    RecordKey,
    find_dimension,
    find_record_keys,
    is_plain,
    suggest_keys,
    unknown_key_error,
)
from butler_core.models.names import ColumnName, DataIdValue, DimensionName
from butler_core.models.overlap_policy import OverlapJoinPolicy
from butler_core.models.universe import DimensionElement, DimensionGroup, DimensionUniverse

_Values: TypeAlias = tuple[DataIdValue, ...]
_SHOWN = 10
"""How many candidates an error lists in words; its details have all."""
_MANY = 1000
"""So many floats are not asked for one by one: each is a parameter of the statement, of which a database takes only so many."""


class _Shape(NamedTuple):
    """What look-ups of one dimension have in common, so that one query answers them all."""

    scope: tuple[DimensionName, ...]
    """The other dimensions that its key is unique together with."""
    is_known: bool
    """Whether its value is given too, so that the columns only have to agree with it."""
    columns: tuple[ColumnName, ...]
    """Names, as conditions write them, of implied dimensions and columns whose values are given."""


class _Wanted(NamedTuple):
    """What one data ID says of the record of one dimension."""

    position: int
    """Of the data ID."""
    scope: _Values
    known: DataIdValue | None
    values: _Values
    """Of `_Shape.columns`."""

    @property
    def key(self) -> _Values:
        """What its record is found by."""
        return (*self.scope, *(self.values if self.known is None else (self.known,)))


class _Given(NamedTuple):
    """One data ID, taken apart."""

    plain: dict[DimensionName, Any]
    records: dict[DimensionName, dict[RecordKey, DataIdValue]]
    """By dimension, what is said of its record."""


class KeyLookups:
    """Makes data IDs plain: what other keys say is replaced by the values of dimensions that it means.

    Parameters
    ----------
    registry
        Asked for records.
    universe
        Of the dimensions.
    defaults
        Values for the dimensions that keys belong to, such as ``instrument``, where a data ID has none.
    """

    def __init__(
        self,
        registry: Registry,
        universe: DimensionUniverse,
        defaults: Mapping[DimensionName, DataIdValue],
    ) -> None:
        self._registry = registry
        self._universe = universe
        self._defaults = defaults

    def make_plain(
        self,
        data_ids: Iterable[Mapping[str, Any]],
        dimensions: DimensionGroup | None,
        *,
        beyond: bool = False,
    ) -> list[Mapping[str, Any]]:
        """Return data IDs with values of dimensions only, in order.

        It takes one query for each dimension that other keys name and each set of such keys, however many data IDs have
        them; none at all for data IDs that are plain.

        Parameters
        ----------
        data_ids
            What users gave.
        dimensions
            The dimensions wanted; None: any.
        beyond
            Whether keys may be of other dimensions too, which say when a calibration must be valid.

        Raises
        ------
        DataIdError
            If a key is unknown, or its value of another type; if there is no such record, or keys contradict each other.
        AmbiguousLookupError
            If a key is one of several dimensions, or several records fit: ``details["candidates"]`` has them.
        """
        result = list(data_ids)
        waiting: dict[int, _Given] = {}
        chosen: dict[tuple[str, ...], dict[str, DimensionName | RecordKey]] = {}
        for index, given in enumerate(result):
            if not is_plain(self._universe, given):
                # Rows of a table are alike: what their keys mean is found out once.
                alike = tuple(
                    f"{name}:{type(value).__name__}:{value is None}" for name, value in given.items()
                )
                if alike not in chosen:
                    chosen[alike] = self._choose(given, dimensions, beyond)
                waiting[index] = _take_apart(self._universe, given, chosen[alike])
        for name in self._universe.sort({n for given in waiting.values() for n in given.records}):
            self._look_up(self._universe.elements[name], waiting, dimensions)
        for index, apart in waiting.items():
            result[index] = apart.plain
        return result

    # -- what keys mean

    def _choose(
        self, given: Mapping[str, Any], dimensions: DimensionGroup | None, beyond: bool
    ) -> dict[str, DimensionName | RecordKey]:
        """Find out what each key means."""
        found: dict[str, DimensionName | RecordKey] = {}
        candidates: dict[str, list[RecordKey]] = {}
        for name, value in given.items():
            dimension = find_dimension(self._universe, name)
            is_value = dimension is not None and is_plain(self._universe, {dimension: value})
            columns = [] if is_value else find_record_keys(self._universe, name, value)
            if columns:
                candidates[name] = columns
            elif dimension is not None:
                found[name] = dimension
            else:
                names = None if dimensions is None or beyond else dimensions.names
                raise unknown_key_error(self._universe, name, names)
        fixed = {dimension for dimension in found.values() if isinstance(dimension, str)}
        for name, columns in candidates.items():
            found[name] = self._choose_column(name, columns, dimensions, beyond, fixed)
        return found

    def _choose_column(
        self,
        name: str,
        columns: Sequence[RecordKey],
        dimensions: DimensionGroup | None,
        beyond: bool,
        fixed: set[DimensionName],
    ) -> RecordKey:
        fitting = list(columns)
        if dimensions is not None:
            fitting = (
                [key for key in columns if key.dimension in dimensions.required]
                or [key for key in columns if key.dimension in dimensions]
                or (_finest(self._universe, columns) if beyond else [])
            )
        if not fitting:
            assert dimensions is not None  # without, all columns fit
            owners = " or ".join(dict.fromkeys(key.dimension for key in columns))
            raise DataIdError(
                f"The data ID has {name!r}, which is a key of {owners}; the dimensions wanted do not include that.",
                remedy=suggest_keys(self._universe, name, dimensions.names),
                extra=[name],
            )
        # A dimension whose value is given needs no other key; one whose value is not given does.
        fitting = [key for key in fitting if key.dimension not in fixed] or fitting
        if len(fitting) > 1:
            names = [key.name for key in fitting]
            raise AmbiguousLookupError(
                f"{name!r} may mean {' or '.join(names)}.",
                remedy=f"Write one of: {', '.join(names)}.",
                candidates=names,
            )
        return fitting[0]

    # -- what records say

    def _look_up(
        self, element: DimensionElement, waiting: Mapping[int, _Given], dimensions: DimensionGroup | None
    ) -> None:
        """Find the records of one dimension that data IDs mean, and note their keys in these."""
        # What a calibration has for itself does not say of which exposure it is.
        implied = [name for name in element.implied if dimensions is None or name not in dimensions.required]
        alike: dict[_Shape, list[_Wanted]] = defaultdict(list)
        for index, given in waiting.items():
            if element.name in given.records:
                shape, wanted = self._describe(element, implied, index, given)
                alike[shape].append(wanted)
        for shape, all_wanted in alike.items():
            rows = self._fetch(element, shape, all_wanted)
            width = len(shape.scope)
            for wanted in all_wanted:
                fitting = rows.get(wanted.key, [])
                if shape.is_known:
                    _refuse_contradiction(element, shape, wanted, fitting)
                else:
                    _refuse_none_or_many(element, shape, wanted, fitting)
                plain = waiting[wanted.position].plain
                for name in implied:  # it agrees with the record, and so says nothing more
                    plain.pop(name, None)
                plain[element.name] = fitting[0][width]

    def _describe(
        self, element: DimensionElement, implied: Sequence[DimensionName], index: int, given: _Given
    ) -> tuple[_Shape, _Wanted]:
        """Say what a data ID knows of a record, and of those dimensions that it implies."""
        plain, keys = given.plain, given.records[element.name]
        scope = tuple(name for name in element.required if name != element.name)
        known = {name: plain.get(name, self._defaults.get(name)) for name in scope}
        if missing := [name for name, value in known.items() if value is None]:
            shown = ", ".join(f"{key.name}={value!r}" for key, value in keys.items())
            raise DataIdError(
                f"The data ID lacks {', '.join(missing)}, within which {shown} has a meaning.",
                remedy=f"Add a value for {' and '.join(missing)}.",
                missing=missing,
            )
        # An alternate key says it all; of what others say, a default may be a part: seq_num on the default day_obs.
        is_enough = any(key.column in element.alternate_keys for key in keys)
        values: dict[ColumnName, DataIdValue] = {}
        for name in implied:
            value = plain.get(name, None if is_enough else self._defaults.get(name))
            if value is not None:
                values[name] = check_value(self._universe, name, value)
        values.update((key.name, value) for key, value in sorted(keys.items()))
        own = plain.get(element.name)
        checked = tuple(check_value(self._universe, name, value) for name, value in known.items())
        shape = _Shape(scope, own is not None, tuple(values))
        own = None if own is None else check_value(self._universe, element.name, own)
        return shape, _Wanted(index, checked, own, tuple(values.values()))

    def _fetch(
        self, element: DimensionElement, shape: _Shape, all_wanted: Sequence[_Wanted]
    ) -> Mapping[_Values, list[_Values]]:
        """Ask for the records that fit; by scope and own value, or by scope and what is said of them.

        Each value by itself is one that is wanted; there may be combinations that nobody wants.
        """
        names = (*shape.scope, *((element.name,) if shape.is_known else shape.columns))
        keys = [wanted.key for wanted in all_wanted]
        query = QueryDescription(
            kind="rows",
            dimensions=self._universe.conform(element.required).names,
            columns=(*shape.scope, element.name, *shape.columns),
            unique=False,
            overlap_policy=OverlapJoinPolicy.CARTESIAN,
            where=_is_one_of(names, keys),
        )
        columns = [query.columns.index(name) for name in names]
        found: dict[_Values, list[_Values]] = defaultdict(list)
        page = None
        while page is None or page.next_page is not None:
            page = self._registry.execute(query, page=None if page is None else page.next_page)
            for row in page.rows:
                found[tuple([row[column] for column in columns])].append(row)
        return found


def _finest(universe: DimensionUniverse, columns: Sequence[RecordKey]) -> list[RecordKey]:
    """Return the column of the finest dimension with a timespan, as which a calibration's time is taken."""
    for members in universe.topology["temporal"].values():
        for member in members:
            for key in columns:
                if key.dimension == member:
                    return [key]
    return list(columns)


def _take_apart(
    universe: DimensionUniverse, given: Mapping[str, Any], chosen: Mapping[str, DimensionName | RecordKey]
) -> _Given:
    """Sort values by what their keys mean; refuse two for one thing that differ."""
    result = _Given({}, {})
    for name, value in given.items():
        meaning = chosen[name]
        known: Any
        if isinstance(meaning, RecordKey):
            value = meaning.convert(value)
            known = result.records.setdefault(meaning.dimension, {}).setdefault(meaning, value)
        elif value is None:
            continue  # as good as not given
        else:
            value = check_value(universe, meaning, value)
            known = result.plain.setdefault(meaning, value)
        if known != value:
            what = meaning.name if isinstance(meaning, RecordKey) else meaning
            raise DataIdError(
                f"The data ID gives {what} twice, as {known!r} and as {value!r}.",
                remedy="Give it once.",
                name=what,
            )
    return result


def _is_one_of(names: Sequence[ColumnName], keys: Sequence[_Values]) -> Condition:
    """Describe records of which each value by itself is one of some keys'."""
    parts: list[Condition] = []
    for name, column in zip(names, zip(*keys, strict=True), strict=True):
        values, operand = set(column), Name(name=name)
        if len(values) == 1:
            parts.append(Comparison(op="=", left=operand, right=to_literal(column[0], name)))
        elif len(values) < _MANY or not isinstance(next(iter(values)), float):
            parts.append(In(operand=operand, values=to_list_items(values, name)))
    return conjunction(parts)


def _shown(names: Iterable[str], values: Iterable[Any]) -> str:
    return ", ".join(f"{name}={value!r}" for name, value in zip(names, values, strict=True))


def _refuse_none_or_many(
    element: DimensionElement, shape: _Shape, wanted: _Wanted, rows: Sequence[_Values]
) -> None:
    if len(rows) == 1:
        return
    said = _shown((*shape.scope, *shape.columns), (*wanted.scope, *wanted.values))
    if not rows:
        raise DataIdError(
            f"There is no {element.name} with {said}.",
            remedy=f"butler.query_dimension_records({element.name!r}, ...) shows what there is.",
            name=element.name,
            given=dict(zip((*shape.scope, *shape.columns), (*wanted.scope, *wanted.values), strict=True)),
        )
    values = sorted(row[len(shape.scope)] for row in rows)
    more = f", and {len(values) - _SHOWN} more" if len(values) > _SHOWN else ""
    raise AmbiguousLookupError(
        f"There are {len(values)} records of {element.name} with {said}: "
        f"{', '.join(repr(value) for value in values[:_SHOWN])}{more}.",
        remedy=f"Give {element.name}, or more of what its record says.",
        candidates=[
            {**dict(zip(shape.scope, wanted.scope, strict=True)), element.name: value} for value in values
        ],
    )


def _refuse_contradiction(
    element: DimensionElement, shape: _Shape, wanted: _Wanted, rows: Sequence[_Values]
) -> None:
    key = _shown((*shape.scope, element.name), (*wanted.scope, wanted.known))
    if not rows:
        raise DataIdError(
            f"There is no {element.name} with {key}.",
            remedy=f"Check the value, or insert its record first: butler.insert_dimension_data({element.name!r}, ...).",
            name=element.name,
        )
    known = rows[0][len(shape.scope) + 1 :]
    for name, value, there in zip(shape.columns, wanted.values, known, strict=True):
        if value != there:
            raise DataIdError(
                f"The data ID has {name}={value!r}, but the {element.name} with {key} has {name}={there!r}.",
                remedy=f"Leave out {name} or {element.name}, or correct one of them.",
                name=name,
                value=value,
                known=there,
            )
