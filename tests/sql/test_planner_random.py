"""Random queries give the answers that plain Python gives."""

from __future__ import annotations

from base64 import urlsafe_b64encode
from collections.abc import Sequence
from typing import Any

from hypothesis import HealthCheck, given, note, settings, strategies as st

from butler_core.errors import InvalidInputError
from butler_core.expressions.query import DatasetSearch
from butler_core.testing.queries.world import ALT, CAM, RECORDS, Dataset, QueryWorld
from tests.sql.random_conditions import Row, Written, conditions, numbers

settings.register_profile(
    "queries", deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
QUERIES = settings(settings.get_profile("queries"), max_examples=150)

STRINGS = ["instrument", "physical_filter", "band", "detector.full_name", "detector.purpose", "visit.name"]
INTS = ["detector", "visit", "instrument.detector_max", "day_obs"]
FLOATS = ["visit.exposure_time"]
SAMPLES = ["Cam", "g", "r", "Cam-G", "S0", "s0", "v1", "V1", "v%2", "é*", "", "SCIENCE", "r1", "r2", "tag"]

WHERE = {
    "ints": INTS, "floats": FLOATS, "bools": ["detector.is_science"],
    "timespans": ["visit.timespan", "day_obs.timespan"], "samples": SAMPLES,
}  # fmt: skip
DATASET_CONDITIONS = conditions(strings=[*STRINGS, "run", "calexp.collection"], **WHERE)
DATA_ID_CONDITIONS = conditions(strings=STRINGS, **WHERE)
ORDER = st.lists(
    st.tuples(
        numbers(INTS + FLOATS)
        | st.sampled_from([*STRINGS, "detector.is_science"]).map(lambda n: Written(n, lambda row: row[n])),
        st.booleans(),
    ),
    max_size=3,
)
COLLECTIONS = st.lists(st.sampled_from(["r1", "r2", "r3", "tag", "inner", "outer", "nothing"]), max_size=3)


def record(element: str, **key: Any) -> dict[str, Any]:
    return next(row for row in RECORDS[element] if all(row.get(name) == value for name, value in key.items()))


def _spans(element: str, row: dict[str, Any]) -> Row:
    span = row.get("timespan")
    empty = span is not None and None not in span and span[0] >= span[1]
    begin, end = (None, None) if span is None or empty else span
    return {f"{element}.timespan": span, f"{element}.timespan.begin": begin, f"{element}.timespan.end": end}


def env(instrument: str, visit: int, detector: int) -> dict[str, Any]:
    v = record("visit", instrument=instrument, id=visit)
    d = record("detector", instrument=instrument, id=detector)
    day = record("day_obs", instrument=instrument, id=v["day_obs"])
    return {
        "instrument": instrument, "visit": visit, "detector": detector, "day_obs": v["day_obs"],
        "physical_filter": v["physical_filter"],
        "band": record("physical_filter", instrument=instrument, name=v["physical_filter"])["band"],
        "instrument.detector_max": record("instrument", name=instrument)["detector_max"],
        "visit.name": v["name"], "visit.exposure_time": v["exposure_time"],
        "detector.full_name": d["full_name"], "detector.purpose": d["purpose"],
        "detector.is_science": d["is_science"], **_spans("visit", v), **_spans("day_obs", day),
    }  # fmt: skip


def dataset_env(world: QueryWorld, dataset: Dataset, collections: list[str]) -> dict[str, Any]:
    instrument, detector, visit = dataset.values
    first = next(name for name in world.flatten(collections) if dataset in world.members(name))
    return {**env(instrument, visit, detector), "run": dataset.run, "calexp.collection": first}


def in_order(rows: Sequence[tuple[Any, Row]], order: list[tuple[Written, bool]], tie: Any) -> list[Any]:
    rows = sorted(rows, key=lambda pair: tie(pair[0]))
    for written, descending in reversed(order):
        present = [pair for pair in rows if written.value(pair[1]) is not None]
        missing = [pair for pair in rows if written.value(pair[1]) is None]
        present.sort(key=lambda pair, w=written: w.value(pair[1]), reverse=descending)  # type: ignore[misc]
        rows = present + missing
    return [item for item, _ in rows]


def order_texts(order: list[tuple[Written, bool]]) -> list[str]:
    return [
        f"-({written.text})"
        if descending
        else f"+({written.text})"
        if written.text[0] == "-"
        else written.text
        for written, descending in order
    ]


@QUERIES
@given(
    collections=COLLECTIONS,
    find_first=st.booleans(),
    where=st.none() | DATASET_CONDITIONS,
    instrument=st.sampled_from([CAM, ALT]),
    order=ORDER,
    offset=st.integers(0, 4),
    limit=st.none() | st.integers(0, 8),
    page_size=st.integers(1, 5) | st.just(100),
)
def test_datasets(
    world: QueryWorld,
    collections: list[str],
    find_first: bool,
    where: Written | None,
    instrument: str,
    order: list[tuple[Written, bool]],
    offset: int,
    limit: int | None,
    page_size: int,
) -> None:
    text = "" if where is None else where.text
    note(f"where {text!r} order {order_texts(order)}")
    expected = [
        (dataset, dataset_env(world, dataset, collections))
        for dataset in world.search("calexp", collections, find_first=find_first)
        if dataset.values[0] == instrument
    ]
    if where is not None:
        expected = [pair for pair in expected if where.value(pair[1]) is True]
    wanted = in_order(expected, order, lambda dataset: dataset.uuid)
    fields: dict[str, Any] = {
        "find_first": find_first, "where": text, "data_id": {"instrument": instrument},
    }  # fmt: skip
    stop = None if limit is None else offset + limit
    fields |= {"order_by": order_texts(order), "offset": offset, "limit": limit}
    found = world.find("calexp", collections, page_size=page_size, **fields)
    if order:
        assert found == wanted[offset:stop]
    else:
        assert len(found) == len(set(found)) == len(wanted[offset:stop])
        assert set(found) <= set(wanted)
    query = world.datasets_query("calexp", collections, answer="count", **fields)
    assert world.rows(query) == [(len(wanted[offset:stop]),)]
    query = world.datasets_query("calexp", collections, answer="any", **fields)
    assert world.rows(query) == [(bool(wanted[offset:stop]),)]


DATA_IDS = [
    (v["instrument"], d["id"], v["id"])
    for v in RECORDS["visit"]
    for d in RECORDS["detector"]
    if d["instrument"] == v["instrument"]
]


@QUERIES
@given(
    dimensions=st.sampled_from(
        [("visit", "detector"), ("visit",), ("detector",), ("physical_filter", "detector")]
    ),
    where=DATA_ID_CONDITIONS,
    instrument=st.sampled_from([CAM, ALT]),
    search=st.none() | st.tuples(COLLECTIONS, st.booleans()),
    page_size=st.integers(1, 5) | st.just(100),
)
def test_data_ids(
    world: QueryWorld,
    dimensions: tuple[str, ...],
    where: Written,
    instrument: str,
    search: tuple[list[str], bool] | None,
    page_size: int,
) -> None:
    note(f"where {where.text!r}")
    # What the condition mentions is joined too: with visit and detector in it, every row has both.
    text = f"({where.text}) AND visit > 0 AND detector >= 0"
    rows = [env(*values[:1], values[2], values[1]) for values in DATA_IDS if values[0] == instrument]
    rows = [row for row in rows if where.value(row) is True]
    searches: tuple[DatasetSearch, ...] = ()
    if search is not None:
        collections, find_first = search
        searches = (
            DatasetSearch(dataset_type="calexp", collections=tuple(collections), find_first=find_first),
        )
        there = {dataset.values for dataset in world.search("calexp", collections)}
        rows = [row for row in rows if (row["instrument"], row["detector"], row["visit"]) in there]
    group = world.universe.conform(dimensions)
    names = group.required + group.implied
    wanted = sorted(
        {tuple(row[name] for name in names) for row in rows}, key=lambda t: t[: len(group.required)]
    )
    query = world.query(
        kind="data_ids",
        dimensions=group.names,
        where=text,
        data_id={"instrument": instrument},
        searches=searches,
    )
    assert world.rows(query, page_size) == wanted
    count = query.model_copy(update={"answer": "count"})
    assert world.rows(count) == [(len(wanted),)]


@QUERIES
@given(
    garbage=st.text(max_size=20) | st.binary(max_size=20).map(lambda data: urlsafe_b64encode(data).decode())
)
def test_garbage_names_no_page(world: QueryWorld, garbage: str) -> None:
    query = world.datasets_query("calexp", "r1", order_by=("visit",))
    try:
        world.registry.execute(query, page=garbage)
    except InvalidInputError:
        return
    raise AssertionError(f"{garbage!r} passed for a page")
