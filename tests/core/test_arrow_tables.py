"""Tables of Arrow hold just the values of the rows, missing ones too, however their columns are made."""

from __future__ import annotations

from typing import Any

import pytest

from butler_core.models.dataset_ref import new_uuid
from butler_core.models.timespan import Timespan
from butler_core.queries.arrow import Column, make_reader

pa = pytest.importorskip("pyarrow")
_UUIDS = [new_uuid() for _ in range(3)]
_BYTES = [uuid.bytes for uuid in _UUIDS]


@pytest.mark.parametrize(
    ("type_", "values", "expected"),
    [
        ("int", [1, -(2**63), 2**63 - 1], None),
        ("int", [1, None, 3], None),
        ("int", [None, None], None),
        ("time", [5, 6], None),
        ("time", [None, 6], None),
        ("float", [1.5, 2, None], None),
        ("string", ["same", "same", "same"], None),
        ("string", ["first", "other", "first"], None),
        ("string", [None, "b", None], None),
        ("string", [None, None], None),
        ("string", ["", "å"], None),
        ("bool", [1, 0, None], [True, False, None]),
        ("bytes", [b"", b"a", None], None),
        ("region", [b"r", None], None),
        ("uuid", _BYTES, None),
        ("uuid", [_BYTES[0], None, _BYTES[2]], None),
        ("uuid", [None, _BYTES[0]], None),
        ("uuid", _UUIDS, _BYTES),
        ("uuid", [None, _UUIDS[0]], [None, _BYTES[0]]),
        ("timespan", [Timespan(1, 2), None], [{"begin": 1, "end": 2}, None]),
    ],
)
def test_a_column_has_the_values(type_: str, values: list[Any], expected: list[Any] | None) -> None:
    columns = [Column("number", "int"), Column("value", type_)]
    pages = [list(enumerate(values)), [], [(7, values[0])]]
    table = make_reader(columns, pages).read_all()
    table.validate(full=True)
    wanted = values if expected is None else expected
    assert table.column("value").to_pylist() == [*wanted, wanted[0]]
    assert table.column("number").to_pylist() == [*range(len(values)), 7]
    assert table.schema == make_reader(columns, []).schema


def test_what_does_not_fit_its_column_is_an_error_and_no_other_value() -> None:
    for type_, value in (("int", 2**63), ("int", "1"), ("uuid", b"short"), ("string", 7)):
        with pytest.raises((pa.ArrowException, OverflowError, TypeError)):
            make_reader([Column("value", type_)], [[(value,), (value,)]]).read_all()
