"""Functions made for one list of columns that check the values of a record and put them in order.

Ten thousand records of twenty columns are two hundred thousand values; nearly all of them are in the right form already.  So
the tests are written out, one expression for each column, and compiled once: a value costs a comparison and no call.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

from butler_core.models.columns import ColumnInfo
from butler_core.models.timespan import Timespan

MakeValues: TypeAlias = Callable[[Sequence[Any]], tuple[Any, ...]]

# What holds for a value that is in the form used inside already, by type of column; others always need a closer look.
_READY = {
    "int": "{v}.__class__ is int and -0x8000000000000000 <= {v} <= 0x7FFFFFFFFFFFFFFF",
    "float": "{v}.__class__ is float and {v} == {v}",
    "string": "{v}.__class__ is str and {v}.isascii() and '\\0' not in {v}",
    "bool": "{v} is True or {v} is False",
    "timespan": "{v}.__class__ is Timespan",
}
_READY["time"] = _READY["int"]


def make_maker(
    columns: Sequence[ColumnInfo],
    positions: Sequence[int],
    convert: Callable[[int, Any], Any],
) -> MakeValues:
    """Return a function from values as given to the values of a record.

    Parameters
    ----------
    columns
        The record's columns.
    positions
        For each value given, the position of its column; columns without one get None.
    convert
        Called with a column's position and a value that is not in the form used inside; returns it in that form, or raises.
    """
    # Only numbers of positions and the expressions above go into the text: nothing that a universe or a user names.
    lines = ["def make(given):"]
    if positions:
        lines.append(f"    {', '.join(f'v{position}' for position in positions)}, = given")
    for position, column in enumerate(columns):
        name = f"v{position}"
        if position not in positions:
            if not column.nullable:
                lines.append(f"    {name} = convert({position}, None)")
            continue
        fine = [f"{name} is None"] if column.nullable else []
        if column.type in _READY:
            fine.append(_READY[column.type].format(v=name))
        condition = f"if not ({' or '.join(fine)}): " if fine else ""
        lines.append(f"    {condition}{name} = convert({position}, {name})")
    present = [
        f"v{position}" if position in positions or not column.nullable else "None"
        for position, column in enumerate(columns)
    ]
    lines.append(f"    return ({', '.join(present)},)")
    namespace: dict[str, Any] = {"convert": convert, "Timespan": Timespan}
    exec("\n".join(lines), namespace)
    make: MakeValues = namespace["make"]
    return make
