"""Random certifications and searches give the answers that plain Python gives."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

import pytest
from hypothesis import HealthCheck, given, note, settings, strategies as st

from butler_core.errors import AmbiguousLookupError
from butler_core.testing.context import make_context
from butler_core.testing.queries.calibration_world import (
    CALIBRATIONS,
    CAM,
    CHAINS,
    DAYS,
    DETECTORS,
    EXPOSURES,
    RUNS,
    Calibration,
    CalibrationWorld,
    Match,
    Span,
    Validity,
    day_of,
    filter_of,
    overlap,
    timespan_of,
)
from butler_core.testing.registries.bridge import PlainBridge
from butler_sqlite.config import SqliteRegistryConfig
from butler_sqlite.files import create_registry, open_registry

QUERIES = settings(
    deadline=None, max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
BOUNDS = st.none() | st.integers(-1, 55)
COLLECTIONS = st.lists(st.sampled_from([*RUNS, "tag", *CALIBRATIONS, *CHAINS]), min_size=1, max_size=3)
PAGES = st.sampled_from([1, 2, 100])


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CalibrationWorld]:
    """Make a registry without validities."""
    bridge, config = PlainBridge(), SqliteRegistryConfig()
    context = make_context(tmp_path_factory.mktemp("registry"), durability="process")
    create_registry(config, context, [bridge])
    registry = open_registry(config, context._replace(universe=None), [bridge])
    world = CalibrationWorld(registry, bridge)
    world.populate()
    yield world
    registry.close()


@st.composite
def certifications(draw: Any) -> Callable[[CalibrationWorld, str], list[Validity]]:
    """Draw validities that do not overlap within a collection and data ID."""
    drawn = draw(
        st.lists(
            st.tuples(st.sampled_from(CALIBRATIONS), st.integers(0, 100), BOUNDS, BOUNDS),
            min_size=1,
            max_size=12,
        )
    )

    def choose(world: CalibrationWorld, dataset_type: str) -> list[Validity]:
        datasets = [dataset for dataset in world.datasets if dataset.dataset_type == dataset_type]
        chosen: list[Validity] = []
        for collection, number, begin, end in drawn:
            each = Validity(collection, datasets[number % len(datasets)], (begin, end))
            if timespan_of(each.span).is_empty or any(
                other.collection == collection
                and other.dataset.values == each.dataset.values
                and overlap(other.span, each.span)
                for other in chosen
            ):
                continue
            chosen.append(each)
        return chosen

    return choose


def _values(dataset_type: str, exposure: int | None, detector: int) -> list[tuple[Any, ...]]:
    if dataset_type == "bias":
        return [(CAM, detector)]
    filters = ("g", "r") if exposure is None else (filter_of(exposure),)
    return [(CAM, name, detector) for name in filters]


class Expected(NamedTuple):
    """What a query finds: for each data ID and time the row of the answer, and the matches that make it."""

    groups: list[tuple[Any, list[Match]]]
    """Without those for which a condition does not hold."""

    @classmethod
    def of(cls, groups: Iterable[tuple[Any, list[Match]]], condition: str) -> Expected:
        """Leave out what a condition does not hold for."""
        return cls([(row, [each for each in found if CONDITIONS[condition](each)]) for row, found in groups])

    @property
    def datasets(self) -> set[Calibration]:
        """All datasets."""
        return {match.dataset for _, found in self.groups for match in found}

    @property
    def rows(self) -> set[Any]:
        """All rows for which anything was found."""
        return {row for row, found in self.groups if found}

    @property
    def ambiguous(self) -> list[set[str]]:
        """The datasets to choose from, where there are several."""
        several = [{str(match.dataset.uuid) for match in found} for _, found in self.groups]
        return [uuids for uuids in several if len(uuids) > 1]


def _refuses(ask: Callable[[], Any], expected: Expected) -> None:
    with pytest.raises(AmbiguousLookupError) as caught:
        ask()
    candidates = {each["uuid"] for each in caught.value.details["candidates"]}
    assert any(candidates >= uuids for uuids in expected.ambiguous)


def _finds(rows: list[Any], expected: set[Any]) -> None:
    assert len(rows) == len(set(rows))
    assert set(rows) == expected


CONDITIONS: dict[str, Callable[[Match], bool]] = {
    "": lambda match: True,
    "{type}.run = 'r2'": lambda match: match.dataset.run == "r2",
    "{type}.collection IN ('c1', 'r1')": lambda match: match.collection in ("c1", "r1"),
    "T'1970-01-01T00:00:12/tai' IN {type}.timespan": lambda match: overlap(match.span, (12, 13)),
    "{type}.timespan OVERLAPS (NULL, T'1970-01-01T00:00:08/tai')": lambda m: overlap(m.span, (None, 8)),
    "{type}.timespan.end IS NULL": lambda match: match.span[1] is None,
    "{type}.timespan.begin > T'1970-01-01T00:00:05/tai'": lambda m: m.span[0] is not None and m.span[0] > 5,
}


@QUERIES
@given(
    dataset_type=st.sampled_from(["bias", "flat"]),
    certified=certifications(),
    collections=COLLECTIONS,
    find_first=st.booleans(),
    exposures=st.sets(st.sampled_from(sorted(EXPOSURES)), min_size=1, max_size=4) | st.none(),
    condition=st.sampled_from(sorted(CONDITIONS)),
    order=st.sampled_from(
        ["", "{type}.timespan.begin", "-{type}.timespan.end", "-{type}.collection", "-detector"]
    ),
    page_size=PAGES,
)
def test_datasets(
    world: CalibrationWorld,
    dataset_type: str,
    certified: Any,
    collections: list[str],
    find_first: bool,
    exposures: set[int] | None,
    condition: str,
    order: str,
    page_size: int,
) -> None:
    """Of several exposures, of one, and without any time."""
    world.certify(*certified(world, dataset_type))
    note(str(world.validities))
    times: list[int | None] = [None] if exposures is None else [*sorted(exposures)]
    groups = [
        (
            None,
            world.matches(
                dataset_type,
                collections,
                values,
                None if exposure is None else EXPOSURES[exposure],
                find_first=find_first,
                has_time=exposure is not None,
            ),
        )
        for exposure in times
        for detector in DETECTORS
        for values in _values(dataset_type, exposure, detector)
    ]
    expected = Expected.of(groups, condition)
    data_id: dict[str, Any] = {"instrument": CAM}
    where = [condition.format(type=dataset_type)] if condition else []
    if exposures is not None and len(exposures) == 1:
        (data_id["exposure"],) = exposures
    elif exposures is not None:
        where.append(f"exposure IN ({', '.join(map(str, exposures))})")
    fields: dict[str, Any] = {
        "find_first": find_first, "where": " AND ".join(where), "data_id": data_id,
        "order_by": order.format(type=dataset_type) if order else (),
    }  # fmt: skip
    count = world.query(dataset_type, collections, answer="count", **fields)
    if find_first and expected.ambiguous:
        _refuses(lambda: world.find(dataset_type, collections, page_size=page_size, **fields), expected)
        _refuses(lambda: world.rows(count), expected)
    else:
        found = world.find(dataset_type, collections, page_size=page_size, **fields)
        _finds(found, expected.datasets)
        assert world.rows(count) == [(len(expected.datasets),)]
    some = world.query(dataset_type, collections, answer="any", **fields)
    assert world.rows(some) == [(bool(expected.datasets),)]


@QUERIES
@given(
    dataset_type=st.sampled_from(["bias", "flat"]),
    certified=certifications(),
    collections=COLLECTIONS,
    find_first=st.booleans(),
    element=st.sampled_from(["exposure", "day_obs"]),
    condition=st.sampled_from(sorted(CONDITIONS)),
    page_size=PAGES,
)
def test_data_ids(
    world: CalibrationWorld,
    dataset_type: str,
    certified: Any,
    collections: list[str],
    find_first: bool,
    element: str,
    condition: str,
    page_size: int,
) -> None:
    """A search that is joined: a mere constraint without a condition, else with its fields."""
    world.certify(*certified(world, dataset_type))
    note(str(world.validities))
    groups = [
        (
            (exposure, detector),
            world.matches(
                dataset_type,
                collections,
                values,
                span if element == "exposure" else DAYS[day_of(exposure)],
                find_first=find_first,
            ),
        )
        for exposure, span in EXPOSURES.items()
        for detector in DETECTORS
        for values in _values(dataset_type, exposure, detector)
    ]
    expected = Expected.of(groups, condition)
    query = world.query(
        dataset_type,
        collections,
        find_first=find_first,
        kind="data_ids",
        dimensions=("exposure", "detector"),
        search={"temporal_join": element},
        where=condition.format(type=dataset_type),
    )

    def found() -> list[Any]:
        names = world.universe.conform(("exposure", "detector")).required
        rows = [dict(zip(names, row, strict=False)) for row in world.rows(query, page_size)]
        return [(row["exposure"], row["detector"]) for row in rows]

    if find_first and condition and expected.ambiguous:
        _refuses(found, expected)
    else:
        _finds(found(), expected.rows)


@QUERIES
@given(
    dataset_type=st.sampled_from(["bias", "flat"]),
    certified=certifications(),
    collections=COLLECTIONS,
    time=st.none() | st.sampled_from(sorted(EXPOSURES)) | st.tuples(BOUNDS, BOUNDS),
    detector=st.sampled_from(DETECTORS),
    records=st.booleans(),
    find_first=st.booleans(),
)
def test_look_ups(
    world: CalibrationWorld,
    dataset_type: str,
    certified: Any,
    collections: list[str],
    time: int | Span | None,
    detector: int,
    records: bool,
    find_first: bool,
) -> None:
    """By full data ID at the time of an exposure, in a timespan, and without any time."""
    world.certify(*certified(world, dataset_type))
    note(str(world.validities))
    values = _values(dataset_type, None, detector)[0]
    search: dict[str, Any] = {}
    span: Span | None = None
    if isinstance(time, int):
        search, span = {"time_of": (("exposure", time), ("instrument", CAM))}, EXPOSURES[time]
    elif time is not None:
        search, span = {"timespan": timespan_of(time)}, time
    found = world.matches(
        dataset_type, collections, values, span, find_first=find_first, has_time=time is not None
    )
    expected = Expected([(values, found)])
    names = world.universe.conform(
        ("detector",) if dataset_type == "bias" else ("detector", "physical_filter")
    ).required

    fields: dict[str, Any] = {
        "find_first": find_first, "data_id": dict(zip(names, values, strict=True)), "search": search,
        "datastore_records": records,
    }  # fmt: skip
    if find_first and expected.ambiguous:
        _refuses(lambda: world.find(dataset_type, collections, **fields), expected)
    else:
        _finds(world.find(dataset_type, collections, **fields), expected.datasets)
