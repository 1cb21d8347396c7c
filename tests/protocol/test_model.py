"""The model of the journal protocol: it holds, and does not without any one of its guards."""

from __future__ import annotations

from itertools import permutations

import pytest

from butler_core.testing.protocol.explorer import System, explore
from butler_core.testing.protocol.guards import ALL, NAMES, Guards
from butler_core.testing.protocol.leaving_out import LEFT_OUT, LeftOut
from butler_core.testing.protocol.recovering import Recover
from butler_core.testing.protocol.scenarios import SCENARIOS, D, put
from butler_core.testing.protocol.verifying import ORDER, Verify
from butler_core.testing.protocol.world import Stores

SIZES = range(50, 100_000)
"""Fewer states: some process cannot do what it should.  More: too slow for every run of the tests."""


@pytest.mark.parametrize("name", [name for name, scenario in SCENARIOS.items() if not scenario.is_large])
def test_holds(name: str) -> None:
    scenario = SCENARIOS[name]
    finding = explore(scenario.make(scenario.guards))
    assert finding.problem == "", finding.schedule
    assert finding.states in SIZES


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name, scenario in SCENARIOS.items() if scenario.is_large])
def test_large_holds(name: str) -> None:
    scenario = SCENARIOS[name]
    finding = explore(scenario.make(scenario.guards), limit=3_000_000)
    assert finding.problem == "", finding.schedule


@pytest.mark.parametrize("left_out", LEFT_OUT, ids=lambda left_out: f"{left_out.guard}-{left_out.scenario}")
def test_without_a_guard(left_out: LeftOut) -> None:
    finding = left_out.find()
    assert finding.kind == left_out.kind, finding
    assert 1 <= len(finding.schedule) <= 20


def test_each_guard_is_left_out_once() -> None:
    assert {left_out.guard for left_out in LEFT_OUT} == set(NAMES)


@pytest.mark.parametrize("order", list(permutations(ORDER)), ids="-".join)
def test_only_one_reading_order_is_safe(order: tuple[str, ...]) -> None:
    guards = ALL.without("reading_order")
    system = System([put("put", guards, D), Verify("verify", guards, order)], Stores())
    assert explore(system).kind == ("" if order == ORDER else "LOST")


@pytest.mark.parametrize("guards", [ALL.without("fence", "self_fence"), ALL.without("self_fence")])
def test_a_wrong_answer_is_found(guards: Guards) -> None:
    # With no recovery beside it nothing is lost but the answer.
    system = System([put("put", guards, D)], Stores())
    assert explore(system).kind in ("LOST", "FALSE FAILURE")


def test_a_shortest_schedule_is_a_path() -> None:
    left_out = LEFT_OUT[0]
    system, finding = left_out.make(), left_out.find()
    state = system.initial
    for step in finding.schedule:
        state = dict(system.steps(state))[step]
    assert system.find_problem(state) == finding.problem


def test_a_journal_that_is_never_dropped_is_found() -> None:
    class Lazy(Recover):
        def _after_delete(self, final: bool) -> str:
            return "leave"

    system = System([put("put", ALL, D)], Stores())
    system.last_recovery = Lazy
    assert explore(system).kind == "NOT CLEAN"
