"""The parts of the benchmarks work, on a few datasets: nobody notices otherwise when the code that they measure changes."""

from __future__ import annotations

import ast
import io
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.benchmarks import (
    aims,
    harness,
    queries_limit,
    queries_ours,
    scale,
    side_limit,
    side_ours,
    startup,
    workload,
)
from tests.benchmarks.results import Results, Setting

_DIVISOR = 250
_SIDES: dict[tuple[str, str], Callable[[harness.Setting], harness.Side]] = {
    ("basics", "ours"): side_ours.Ours,
    ("basics", "limit"): side_limit.Limit,
    ("queries", "ours"): queries_ours.OurQueries,
    ("queries", "limit"): queries_limit.LimitQueries,
}


@pytest.mark.parametrize(("suite", "side"), _SIDES)
def test_a_side_does_the_work_and_counts_it(
    suite: str, side: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("lsst.sphgeom")
    pytest.importorskip("pyarrow")
    n = workload.SIZES[suite] // _DIVISOR
    operations = workload.operations(suite, _DIVISOR)
    place, files = tmp_path / "place", tmp_path / "files"
    place.mkdir()
    workload.write_files(files, n)
    request = {
        "place": str(place),
        "files": str(files),
        "durability": "process",
        "n": n,
        "tasks": [(op.name, op.n, op.repeats) for op in operations],
    }
    monkeypatch.setattr("sys.stdin", io.StringIO(json.dumps(request)))
    harness.serve(_SIDES[suite, side])
    answer = json.loads(capsys.readouterr().out)
    assert {key: len(values) for key, values in answer["seconds"].items()} == {
        op.key: op.repeats for op in operations
    }


def test_pages_and_memory_are_measured_in_processes_of_their_own(tmp_path: Path) -> None:
    measured = scale.measure(Path(sys.executable), tmp_path, 400)
    assert set(measured) == {"first_page@400", "last_page@400", "memory@400"}
    assert all(value > 0 for value in measured.values())
    assert 10 < measured["memory@400"] < 500


@pytest.mark.parametrize("suite", workload.SUITES)
def test_the_peer_has_each_operation_but_those_that_are_said_to_be_alone(suite: str) -> None:
    # It is not installed here, so its side can only be read.
    names: set[str] = set()
    for module in {"side_peer", f"{workload.MODULES[suite]}_peer"}:
        tree = ast.parse(Path(__file__).with_name(f"{module}.py").read_text())
        names |= {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
    assert {op.name for op in workload.SUITES[suite] if op.name not in names} == {
        op.name for op in workload.SUITES[suite] if op.alone
    }


def test_each_aim_is_for_something_that_is_measured() -> None:
    measured = {(op.name, op.n) for suite in workload.SUITES.values() for op in suite}
    measured |= {(op.name, op.n) for op in (*startup.OPERATIONS, *scale.OPERATIONS)}
    for aim in aims.AIMS:
        assert any(name == aim.operation and aim.n in (n, None) for name, n in measured), aim


@pytest.mark.parametrize(
    ("kind", "bound", "expected"),
    [
        (aims.Kind.PEER, 4, True),
        (aims.Kind.PEER, 4.1, False),
        (aims.Kind.LIMIT, 2, True),
        (aims.Kind.LIMIT, 1.9, False),
        (aims.Kind.RATE, 50, True),
        (aims.Kind.RATE, 51, False),
        (aims.Kind.SECONDS, 2, True),
        (aims.Kind.SECONDS, 1.9, False),
        (aims.Kind.MEMORY, 2, True),
        (aims.Kind.MEMORY, 1.9, False),
    ],
)
def test_an_aim_is_judged_by_the_medians(kind: aims.Kind, bound: float, expected: bool) -> None:
    measured = aims.Aim("query", kind, bound).measure(aims.Cell(100, peer=8.0, ours=2.0, limit=1.0))
    assert measured is not None
    assert aims.Aim("query", kind, bound).is_met(measured) is expected


def test_rows_have_medians_of_rounds_and_the_aims_of_their_size() -> None:
    setting, results = Setting("tmpfs", "process"), Results()
    (query,) = (op for op in workload.SUITES["queries"] if op.name == "query")
    rounds: dict[str, list[list[float]]] = {"ours": [[1.0, 3.0, 2.0], [4.0], [5.0]], "limit": [[2.0], [2.0]]}
    for side, values in rounds.items():
        for number, seconds in enumerate(values):
            results.add(setting, side, number, {query.key: seconds})
    results.add(Setting("tmpfs", ""), "peer", 0, {query.key: [40.0]})
    (row,) = results.rows(setting, [query])
    assert row.cell == aims.Cell(100_000, peer=40.0, ours=4.0, limit=2.0)
    assert row.limit_range == (1.0, 2.0)
    judged: dict[Any, bool | None] = {(v.aim.kind, v.aim.bound): v.is_met for v in row.verdicts}
    assert judged == {(aims.Kind.PEER, 7): True, (aims.Kind.LIMIT, 2): True}
