"""What a page costs does not depend on how many rows come before or after: counted in steps of SQLite's machine."""

from __future__ import annotations

import sqlite3
from typing import Any

import pytest

from butler_core.expressions.query import QueryDescription
from butler_core.sql.statement import Statement
from tests.benchmarks import survey, workload
from tests.benchmarks.harness import Setting
from tests.benchmarks.queries_ours import OurQueries

N = 4000
_PAGE = 200
_STEPS = 50


@pytest.fixture(scope="module")
def side(tmp_path_factory: pytest.TempPathFactory) -> OurQueries:
    """Make a repository of the benchmarks."""
    place = tmp_path_factory.mktemp("pages")
    side = OurQueries(Setting(place, place, "process", N))
    side.fill(N, N)
    side.query_calibrations(N)
    side.query_overlaps(N)
    return side


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Count the steps of each statement that returns rows, in fifties."""
    counts: list[int] = []
    run = Statement.all

    def count() -> None:
        counts[-1] += 1

    def counted(self: Statement, cursor: Any, values: tuple[Any, ...] = ()) -> list[Any]:
        connection: sqlite3.Connection = cursor.connection
        counts.append(0)
        connection.set_progress_handler(count, _STEPS)
        try:
            return run(self, cursor, values)
        finally:
            connection.set_progress_handler(None, 0)

    monkeypatch.setattr(Statement, "all", counted)
    return counts


def _datasets(side: OurQueries) -> QueryDescription:
    query = side.butler.query().join_datasets(workload.DATASET_TYPE, workload.ALL)
    described = query.where(instrument=workload.INSTRUMENT).description
    return described.model_copy(
        update={"kind": "datasets", "dataset_type": workload.DATASET_TYPE, "columns": ()}
    )


def _biases(side: OurQueries) -> QueryDescription:
    query = side.butler.query().join_dimensions(["exposure", "detector"])
    query = query.join_datasets(survey.BIAS, survey.CALIBRATIONS)
    return query.where(survey.exposures_where(N), instrument=workload.INSTRUMENT).description


def _biases_by_condition(side: OurQueries) -> QueryDescription:
    query = side.butler.query().join_dimensions(["exposure", "detector"])
    query = query.join_datasets(survey.BIAS, survey.CALIBRATIONS)
    return query.where(f"instrument = '{workload.INSTRUMENT}' AND {survey.exposures_where(N)}").description


def _pairs(side: OurQueries) -> QueryDescription:
    query = side.butler.query().join_dimensions(["visit", "detector", "patch"])
    return query.where(instrument=workload.INSTRUMENT, skymap=survey.SKYMAP).description


@pytest.mark.parametrize("describe", [_datasets, _biases, _biases_by_condition, _pairs])
def test_pages_together_cost_little_more_than_all_rows_at_once(
    side: OurQueries, steps: list[int], describe: Any
) -> None:
    description, registry = describe(side), side.butler._registry
    whole = registry.execute(description, page_size=N)
    assert len(whole.rows) == (
        N // survey.PATCHES_PER_DETECTOR * survey.PATCHES_PER_DETECTOR if describe is _pairs else N
    )
    at_once = sum(steps)
    costs: list[int] = []
    rows, page = 0, None
    while page is not None or not costs:
        del steps[:]
        found = registry.execute(description, page=page, page_size=_PAGE)
        rows, page = rows + len(found.rows), found.next_page
        costs.append(sum(steps))
    assert rows == len(whole.rows)
    assert len(costs) == -(-rows // _PAGE)
    # The first page may have to look at everything, to find an order.
    assert sum(costs[1:]) < 2 * at_once, (at_once, costs)
    *_, last_whole, _rest = costs
    assert last_whole < 1.5 * costs[1], costs
