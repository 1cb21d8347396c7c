"""Each public method of queries says in its docstring how many statements it takes, and takes so many, whatever it finds."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from butler_core import (
    Butler,
    CollectionType,
    DataCoordinateQueryAdapter,
    DatasetQueryAdapter,
    DatasetQueryChain,
    DimensionRecordQueryAdapter,
    Query,
)
from butler_core.butler_methods.finding import Finding
from butler_core.testing.universe import testing_universe
from tests.butler.conftest import INSTRUMENT, RUN, data_ids, populate
from tests.butler.statements import record_statements

SIZES = (1, 9, 24)
_CLASSES = (
    Query,
    DatasetQueryAdapter,
    DatasetQueryChain,
    DataCoordinateQueryAdapter,
    DimensionRecordQueryAdapter,
)
_texts: list[str] = []


@pytest.fixture(scope="module")
def butlers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[int, Butler]]:
    """Open repositories with so many datasets each."""
    opened = {}
    with pytest.MonkeyPatch.context() as monkeypatch:
        record_statements(monkeypatch, _texts)
        for size in SIZES:
            root = tmp_path_factory.mktemp("statements") / "repo"
            Butler.make_repo(root, dimensions=testing_universe(), durability="process")
            butler = opened[size] = Butler(root, run=RUN, instrument=INSTRUMENT)
            populate(butler)
            butler.register_collection("chain", CollectionType.CHAINED)
            butler.put_many([({}, ref) for ref in butler.make_refs("summary", data_ids()[:size])])
        yield opened
        for butler in opened.values():
            butler.close()


def _query(butler: Butler) -> Query:
    return butler.query().join_datasets("summary")


_RESULTS: dict[type, Callable[[Butler], Any]] = {
    Query: _query,
    DatasetQueryAdapter: lambda b: b.query_datasets("summary").by_dataset_type["summary"],
    DatasetQueryChain: lambda b: b.query_datasets("summary"),
    DataCoordinateQueryAdapter: lambda b: _query(b).data_ids(),
    DimensionRecordQueryAdapter: lambda b: _query(b).dimension_records("exposure"),
}
_OF_RESULTS: dict[str, Callable[[Any], Any]] = {
    "__iter__": lambda r: list(r),
    "any": lambda r: r.any(),
    "count": lambda r: r.count(),
    "expanded": lambda r: r.expanded(),
    "explain": lambda r: r.explain(),
    "explain_no_results": lambda r: r.explain_no_results(),
    "run": lambda r: r.run(),
    "sliced": lambda r: r.sliced(1, 2),
    "sorted": lambda r: r.sorted("exposure"),
    "to_arrow": lambda r: r.to_arrow(),
    "to_arrow_reader": lambda r: r.to_arrow_reader().read_all(),
    "uuids": lambda r: r.uuids(),
    "where": lambda r: r.where("detector > 0"),
}
_OF_QUERIES: dict[str, Callable[[Query], Any]] = {
    "available_columns": lambda q: q.available_columns(),
    "collections": lambda q: q.collections(),
    "data_ids": lambda q: q.data_ids(),
    "dataset_types": lambda q: q.dataset_types(),
    "datasets": lambda q: q.datasets("summary"),
    "dimension_records": lambda q: q.dimension_records("exposure"),
    "join_datasets": lambda q: q.join_datasets("summary"),
    "join_dimensions": lambda q: q.join_dimensions(["exposure"]),
    "join_external_data_ids": lambda q: q.join_external_data_ids(["detector"], data_ids_of_detectors()),
    "join_external_uuids": lambda q: q.join_external_uuids("summary", []),
    "materialized": lambda q: q.materialized(),
    "projected": lambda q: q.projected(["detector"]),
    "with_datastore_record_columns": lambda q: q.with_datastore_record_columns(),
    "with_dimension_record_columns": lambda q: q.with_dimension_record_columns(),
}
_OF_BUTLERS: dict[str, Callable[[Butler], Any]] = {
    "expand_data_id": lambda b: b.expand_data_id(data_ids()[0]),
    "get_collection_chain": lambda b: b.get_collection_chain("chain"),
    "get_collection_documentation": lambda b: b.get_collection_documentation(RUN),
    "get_dataset": lambda b: b.get_dataset(_uuid(b)),
    "get_dataset_type": lambda b: b.get_dataset_type("summary"),
    "query": lambda b: b.query(),
    "query_collections": lambda b: b.query_collections(),
    "query_data_ids": lambda b: b.query_data_ids(["detector"]),
    "query_dataset_types": lambda b: b.query_dataset_types(),
    "query_datasets": lambda b: b.query_datasets("summary", where="detector > 0"),
    "query_dimension_records": lambda b: b.query_dimension_records("detector"),
    "resolve_dataset": lambda b: b.resolve_dataset("summary", data_ids()[0], expand=False),
}
_STATED = re.compile(r"Statements: (none|\d+)\b")
_uuids: dict[int, Any] = {}


def _uuid(butler: Butler) -> Any:
    if id(butler) not in _uuids:
        _uuids[id(butler)] = next(iter(butler.query_datasets("summary"))).uuid
    return _uuids[id(butler)]


def data_ids_of_detectors() -> list[dict[str, int]]:
    """Return data IDs of detectors alone."""
    return [{"detector": 0}, {"detector": 1}]


def _public(cls: type) -> list[str]:
    """Return the methods that users call."""
    return [
        name
        for name, value in inspect.getmembers(cls, inspect.isfunction)
        if name == "__iter__" or not name.startswith("_")
    ]


def _stated(cls: type, name: str) -> int:
    """Return what a docstring says, be it that of a base."""
    for base in cls.__mro__:
        found = _STATED.search(getattr(base.__dict__.get(name), "__doc__", None) or "")
        if found:
            return 0 if found[1] == "none" else int(found[1])
    raise AssertionError(f"The docstring of {cls.__name__}.{name} states no number of statements.")


def _measure(call: Callable[[], Any]) -> int:
    call()  # what is asked once is known then
    _texts.clear()
    call()
    return len(_texts)


@pytest.mark.parametrize(
    ("cls", "name"),
    [(cls, name) for cls in _CLASSES for name in _public(cls)],
    ids=lambda v: getattr(v, "__name__", v),
)
def test_results_take_as_many_statements_as_they_say(
    butlers: dict[int, Butler], cls: type, name: str
) -> None:
    calls = {**_OF_RESULTS, **(_OF_QUERIES if cls is Query else {})}
    results = {size: _RESULTS[cls](butler) for size, butler in butlers.items()}
    measured = {size: _measure(lambda found=found: calls[name](found)) for size, found in results.items()}  # type: ignore[misc]
    assert set(measured.values()) == {_stated(cls, name)}, measured


@pytest.mark.parametrize("name", [n for n in _public(Finding) if n in vars(Finding)])
def test_a_butler_takes_as_many_statements_as_it_says(butlers: dict[int, Butler], name: str) -> None:
    measured = {size: _measure(lambda b=butler: _OF_BUTLERS[name](b)) for size, butler in butlers.items()}  # type: ignore[misc]
    assert set(measured.values()) == {_stated(Finding, name)}, measured


def test_the_number_that_an_expanded_page_takes_is_that_of_elements(butlers: dict[int, Butler]) -> None:
    elements = len([e for e in butlers[1].get_dataset_type("summary").dimensions.elements if e != "band"])
    for butler in butlers.values():
        assert _measure(lambda b=butler: list(b.query_datasets("summary").expanded())) == 4 + elements + 1  # type: ignore[misc]
        resolved = _measure(lambda b=butler: b.resolve_dataset("summary", data_ids()[0]))  # type: ignore[misc]
        assert resolved == 4 + elements


def test_further_collections_take_one_more_each(butlers: dict[int, Butler]) -> None:
    butler = butlers[9]
    butler.register_collection("other")
    butler.put_many([({}, ref) for ref in butler.make_refs("summary", data_ids()[:2], run="other")])
    results = butler.query_datasets("summary", ["other", RUN], find_first=False)
    assert _measure(results.count) == _measure(lambda: list(results)) == 5
