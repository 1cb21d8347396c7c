"""Data IDs made whole with records that come in the same batch, of which the Registry cannot know yet."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from butler_core.contracts.registry import Registry
from butler_core.errors import DataIdError
from butler_core.expansion import make_expander
from butler_core.expressions.query import QueryDescription
from butler_core.models.data_id import DataCoordinate
from butler_core.models.names import DataIdValue, DimensionElementName
from butler_core.models.record import DimensionRecord, RecordShape, record_shape
from butler_core.models.universe import DimensionGroup

Key = tuple[DataIdValue, ...]


class RecordsInBatch:
    """The dimension records of a batch, by element and key; of two for one key the later counts."""

    def __init__(self) -> None:
        self._records: dict[DimensionElementName, dict[Key, DimensionRecord]] = {}

    def add(self, records: Iterable[DimensionRecord]) -> None:
        """Add records of one batch."""
        for record in records:
            self._records.setdefault(record.element.name, {})[record.key] = record

    def concerns(self, group: DimensionGroup) -> bool:
        """Whether data IDs of a group may name one of the records."""
        return not self._records.keys().isdisjoint(group.lookup_order)

    def get(self, element: DimensionElementName, key: Key) -> DimensionRecord | None:
        """Return a record, or None."""
        return self._records.get(element, {}).get(key)


class BatchExpander:
    """Expands data IDs of one dimension group.

    Parameters
    ----------
    registry
        Has the records that are there already, which count before those of the batch.
    batch
        The batch's.
    group
        The dimensions.
    """

    def __init__(self, registry: Registry, batch: RecordsInBatch, group: DimensionGroup) -> None:
        self._registry = registry
        self._batch = batch
        self._group = group
        self._shapes = [
            record_shape(group.universe, name)
            for name in group.lookup_order
            if group.universe.elements[name].has_table
        ]
        self._found: dict[DimensionElementName, dict[Key, DimensionRecord | None]] = {
            shape.element.name: {} for shape in self._shapes
        }

    def expand(self, data_ids: Iterable[DataCoordinate]) -> list[DataCoordinate]:
        """Return expanded data IDs, in order.

        Raises `DataIdError` if one names a value without a record here or there, or values that contradict each other.
        """
        values = [data_id.required_values for data_id in data_ids]
        for each in values:
            self._look_up(dict(zip(self._group.required, each, strict=True)))
        rows = {
            name: [record.values for record in found.values() if record is not None]
            for name, found in self._found.items()
        }
        return list(map(make_expander(self._group, rows), values))

    def _look_up(self, known: dict[str, Any]) -> None:
        for shape in self._shapes:
            element = shape.element
            key = tuple([known.get(name) for name in element.required])
            if None in key:
                continue
            record = self._get(shape, key)  # type: ignore[arg-type]  # no value of it is None
            if record is None:
                if element.is_dimension:
                    raise _missing(shape, key)
                continue
            for name in element.implied:
                value = record[name]
                if value is not None and known.setdefault(name, value) != value:
                    raise DataIdError(
                        f"{record.data_id} implies {name}={value!r}, but another part of the data ID says {known[name]!r}.",
                        remedy="Give values that belong together.",
                        dimension=name,
                    )

    def _get(self, shape: RecordShape, key: Key) -> DimensionRecord | None:
        name = shape.element.name
        found = self._found[name]
        if key not in found:
            found[key] = self._read(shape, key) or self._batch.get(name, key)
        return found[key]

    def _read(self, shape: RecordShape, key: Key) -> DimensionRecord | None:
        page = self._registry.execute(
            QueryDescription(
                kind="records",
                dimensions=shape.dimensions.names,
                element=shape.element.name,
                data_id=tuple(zip(shape.element.required, key, strict=True)),
            )
        )
        return DimensionRecord(shape, page.rows[0]) if page.rows else None


def _missing(shape: RecordShape, key: tuple[Any, ...]) -> DataIdError:
    named: Mapping[str, Any] = dict(zip(shape.element.required, key, strict=True))
    shown = ", ".join(f"{name}={value!r}" for name, value in named.items())
    return DataIdError(
        f"There is no {shape.element.name} {{{shown}}}, neither in the Registry nor in this batch.",
        remedy=f"Check the value, or insert its record in the same batch: insert_dimension_data({shape.element.name!r}, ...).",
        dimension=shape.element.name,
        key=named,
    )
