"""The model as text: steps, scenarios, guards and counterexamples."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Iterator

from butler_core.testing.protocol.explorer import Finding, explore
from butler_core.testing.protocol.graphs import Attempt, Transfer
from butler_core.testing.protocol.guards import describe
from butler_core.testing.protocol.leaving_out import LEFT_OUT, LeftOut
from butler_core.testing.protocol.recovering import Recover
from butler_core.testing.protocol.removing import Remove
from butler_core.testing.protocol.scenarios import SCENARIOS, Scenario
from butler_core.testing.protocol.verifying import Verify
from butler_core.testing.protocol.world import Program, Step
from butler_core.testing.protocol.writing import Write

PROGRAMS: tuple[type[Program], ...] = (Write, Remove, Recover, Verify, Attempt, Transfer)


def show_steps() -> Iterator[str]:
    """Yield what each operation does, from the docstrings of its steps."""
    for program in PROGRAMS:
        yield f"{program.__name__}: {_first_sentence(program)}"
        for name, step in _own_steps(program):
            yield f"    {name:15} {_first_sentence(step)}"
        yield ""


def _own_steps(program: type[Program]) -> Iterator[tuple[str, object]]:
    for kind in reversed(program.__mro__):
        for name, method in vars(kind).items():
            is_step = inspect.isfunction(method) and list(inspect.signature(method).parameters)[1:2] == [
                "view"
            ]
            if is_step and name != "moves" and not _first_sentence(method).endswith("as it should not be."):
                yield name, method


def _first_sentence(thing: object) -> str:
    return (inspect.getdoc(thing) or "").partition("\n")[0]


def show_scenario(name: str, scenario: Scenario, finding: Finding) -> str:
    """Return one line about a scenario that was explored."""
    ahead = " (design ahead of code)" if scenario.is_ahead else ""
    result = finding.problem or "every invariant holds"
    return f"{finding.states:8,} states  {name}: {scenario.says}{ahead}: {result}"


def show_left_out(left_out: LeftOut, finding: Finding) -> Iterator[str]:
    """Yield the lines about a guard that is left out: the shortest schedule that goes wrong."""
    number, says = describe(left_out.guard)
    yield f"Without guard {number}, {says} [{left_out.guard}]:"
    yield from show_schedule(finding.schedule)
    yield f"    {finding.problem}"


def show_schedule(schedule: Iterable[Step]) -> Iterator[str]:
    """Yield a schedule as a table, a line for each step."""
    schedule = list(schedule)
    process, call = (max((len(step[n]) for step in schedule), default=0) for n in (0, 1))
    for number, step in enumerate(schedule, 1):
        yield f"{number:4}  {step.process:{process}}  {step.call:{call}}  {step.result}".rstrip()


def show_scenarios(*, large: bool) -> Iterator[str]:
    """Yield a line for each scenario, as it is explored."""
    for name, scenario in SCENARIOS.items():
        if large or not scenario.is_large:
            yield show_scenario(name, scenario, explore(scenario.make(scenario.guards)))


def show_all_left_out() -> Iterator[str]:
    """Yield what goes wrong without each guard, as it is found."""
    for left_out in LEFT_OUT:
        yield from show_left_out(left_out, left_out.find())
        yield ""
