"""The core's formatters, by the conformance suite, and what each of them alone does."""

from __future__ import annotations

import datetime
from collections import OrderedDict
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import given, strategies as st

from butler_core.contracts.formatter import Formatter
from butler_core.errors import InvalidInputError
from butler_core.testing.context import core_formatters, core_storage_classes
from butler_core.testing.datastores.datasets import make_refs
from butler_core.testing.datastores.formatters import FormatterConformance, MemorySink, MemorySource

PLAIN: tuple[tuple[str, Any], ...] = (
    ("StructuredDataDict", {}),
    ("StructuredDataDict", {"b": 1, "a": {"c": [1.5, -0.0, 1e300, None, True, "é😀\n"]}}),
    ("StructuredDataList", []),
    ("StructuredDataList", [[], {}, "", 0]),
    ("int", -(2**63)),
)


class TestJson(FormatterConformance):
    examples = PLAIN
    refused = (
        ("StructuredDataDict", {"x": float("nan")}),
        ("StructuredDataList", [[{"x": [None, float("inf")]}]]),
        ("StructuredDataDict", {1: "a key that is no text"}),
        ("StructuredDataDict", {"big": 2**64}),
        ("StructuredDataDict", {"surrogate": "\ud800"}),
        ("StructuredDataDict", {"date": datetime.date(2026, 1, 1)}),
        ("StructuredDataDict", {"set": {1}}),
    )
    damaged = tuple(("StructuredDataDict", data) for data in (b"", b"{", b"\xff", b"NaN", b"{} {}"))

    @pytest.fixture
    def formatter(self) -> Formatter:
        return core_formatters()["json"]


class TestYaml(FormatterConformance):
    examples = (*PLAIN, ("StructuredDataDict", {"day": datetime.date(2026, 1, 1), "bytes": b"\0\xff", 3: 4}))
    refused = (("StructuredDataDict", {"an": object()}), ("StructuredDataDict", {"a": uuid4()}))
    damaged = tuple(
        ("StructuredDataDict", data)
        for data in (b"a: [", b"\xff\xff", b"!!python/object:os.system {}", b"a: b: c", b"--- 1\n--- 2")
    )

    @pytest.fixture
    def formatter(self) -> Formatter:
        return core_formatters()["yaml"]


class TestText(FormatterConformance):
    examples = tuple(("Text", text) for text in ("", "a\r\nb\n", "\ufeffé😀\0"))
    refused = (("Text", "\ud800"),)
    damaged = (("Text", b"\xff\xfe"),)

    @pytest.fixture
    def formatter(self) -> Formatter:
        return core_formatters()["text"]


class TestBytes(FormatterConformance):
    examples = tuple(("Bytes", data) for data in (b"", bytes(range(256)) * 1000))

    @pytest.fixture
    def formatter(self) -> Formatter:
        return core_formatters()["bytes"]


def dump(name: str, obj: Any) -> bytes:
    sink = MemorySink()
    core_formatters()[name].write(obj, sink, make_refs(1)[0], write_parameters={})
    assert sink.data is not None
    return sink.data


def test_keys_keep_their_order() -> None:
    obj = OrderedDict([("b", 1), ("a", 2)])
    assert dump("json", obj) == b'{"b":1,"a":2}'
    assert dump("yaml", dict(obj)) == b"b: 1\na: 2\n"


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats() | st.text(),
        lambda children: st.lists(children) | st.dictionaries(st.text(), children),
    )
)
def test_json_comes_back_or_is_refused(obj: Any) -> None:
    try:
        data = dump("json", obj)
    except InvalidInputError:
        assert any(word in repr(obj) for word in ("nan", "inf", "\\ud"))
        return
    assert core_formatters()["json"].read(MemorySource(data), make_refs(1)[0]) == obj


def test_other_types_become_those_of_storage_classes() -> None:
    classes = core_storage_classes()
    assert classes["StructuredDataList"].coerce((1, 2)) == [1, 2]
    assert classes["Bytes"].coerce(bytearray(b"x")) == b"x"
    assert type(classes["Bytes"].coerce(memoryview(b"x"))) is bytes
    with pytest.raises(InvalidInputError):
        classes["StructuredDataDict"].coerce([1])


def test_each_storage_class_has_one_formatter() -> None:
    offered = [
        name for formatter in core_formatters().values() for name in formatter.abilities.storage_classes
    ]
    assert sorted(offered) == sorted(core_storage_classes())
