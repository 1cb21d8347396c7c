"""When a calibration must be valid that is looked up: what a data ID says beyond which calibration it is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from butler_core.contracts.registry import Registry
from butler_core.errors import DataIdError
from butler_core.expressions.query import QueryDescription
from butler_core.models.data_id import check_value
from butler_core.models.names import DataIdValue, DimensionName
from butler_core.models.timespan import Timespan
from butler_core.models.universe import DimensionElement, DimensionGroup


class LookupTime(NamedTuple):
    """What a data ID says about a calibration and its time."""

    data_id: Mapping[DimensionName, DataIdValue]
    """The values for the calibration's own dimensions, and those that belong nowhere."""
    element: DimensionElement | None = None
    """The finest element with a timespan of which the data ID names a record; None if of none but its own dimensions."""
    time_of: tuple[tuple[DimensionName, DataIdValue], ...] = ()
    """The key of that record."""
    implies: frozenset[DimensionName] = frozenset()
    """Required values of the calibration that are missing, and follow from that record."""


def split_data_id(
    dimensions: DimensionGroup,
    given: Mapping[DimensionName, DataIdValue],
    defaults: Mapping[DimensionName, DataIdValue],
) -> LookupTime:
    """Tell the values of a calibration's dimensions from those that say when it must be valid.

    Parameters
    ----------
    dimensions
        The calibration's.
    given
        What the user gave; it may have more dimensions than the calibration, for the time only.
    defaults
        Values for required dimensions that were not given.

    Raises
    ------
    DataIdError
        If a value is of the wrong type.
    """
    universe = dimensions.universe
    more = given.keys() - set(dimensions.names)
    element = _find_element(dimensions, more, given.keys() | defaults.keys())
    if element is None:
        return LookupTime(given)
    values = {**defaults, **given}
    time_of = tuple([(name, check_value(universe, name, values[name])) for name in element.required])
    spoken_for = universe.conform({*element.required, *element.implied})
    own = {name: value for name, value in given.items() if name in dimensions or name not in spoken_for}
    missing = {name for name in dimensions.required if values.get(name) is None}
    return LookupTime(own, element, time_of, frozenset(missing & set(spoken_for.implied)))


def _find_element(dimensions: DimensionGroup, more: Any, known: Any) -> DimensionElement | None:
    """Return the finest temporal element that dimensions beyond the calibration's own name a record of."""
    universe = dimensions.universe
    for members in universe.topology["temporal"].values():
        for name in members:
            element = universe.elements[name]
            if known >= set(element.required) and more & set(element.required):
                return element
    return None


def refuse_unknown_time(registry: Registry, time: LookupTime) -> None:
    """Raise `DataIdError` if no calibration can be valid at a record's time, for want of the record or its timespan."""
    if time.element is None:
        return
    shown = ", ".join(f"{name}={value!r}" for name, value in time.time_of)
    name = time.element.name
    page = registry.execute(
        QueryDescription(
            kind="records",
            dimensions=time.element.required,
            element=name,
            data_id=time.time_of,
        )
    )
    if not page.rows:
        raise DataIdError(
            f"There is no {name} with {shown}, whose time the dataset must be valid at.",
            remedy=f"Check the data ID, insert the record, or give timespan= instead of the {name}.",
            time=dict(time.time_of),
        )
    timespan: Timespan | None = page.rows[0][page.columns.index("timespan")]
    if timespan is None or timespan.is_empty:
        raise DataIdError(
            f"The {name} with {shown} has {'no' if timespan is None else 'an empty'} timespan, so no calibration is valid "
            "at its time.",
            remedy="Give timespan=, or mend the record.",
            time=dict(time.time_of),
        )
