"""Compiled checks of records say of every value what checking it by itself says."""

from __future__ import annotations

import math
from uuid import UUID

import pytest

from butler_core.errors import InvalidInputError
from butler_core.models.columns import COLUMN_TYPES, ColumnInfo, convert
from butler_core.models.record_maker import make_maker
from butler_core.models.timespan import Timespan

VALUES = [
    None, 0, -(2**63), 2**63 - 1, 2**63, -(2**63) - 1, True, False, 1.5, math.nan, math.inf, "", "text", "é", "a\0b",
    "\ud800", "00ff", b"\x00", Timespan(1, 2), Timespan.empty(), (1, 2), [None, 5], UUID(int=1), str(UUID(int=1)), object(),
]  # fmt: skip


def _outcome(call, *arguments):
    try:
        value = call(*arguments)
    except InvalidInputError as error:
        return str(error)
    return type(value), value


@pytest.mark.parametrize("nullable", [True, False])
@pytest.mark.parametrize("type_", sorted(COLUMN_TYPES))
def test_each_value_becomes_what_converting_it_gives(type_, nullable):
    column = ColumnInfo("it", type_, nullable=nullable)
    make = make_maker([column], [0], lambda position, value: convert(column, value, "here", None))
    for value in VALUES:
        assert _outcome(lambda given: make((given,))[0], value) == _outcome(
            convert, column, value, "here", None
        )


def test_values_are_put_in_the_order_of_the_columns():
    columns = [ColumnInfo(name, "int", nullable=name != "a") for name in "abcd"]
    asked = []

    def note(position, value):
        asked.append((position, value))
        return 0

    assert make_maker(columns, [2, 0], note)((7, 8)) == (8, None, 7, None)
    assert asked == []
    assert make_maker(columns, [3], note)((9,)) == (0, None, None, 9)
    assert asked == [(0, None)]
    assert make_maker(columns, [], note)(()) == (0, None, None, None)
