"""Checks that what was recorded is a path of the model."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from butler_core.testing.protocol.bringing_back import BringBack
from butler_core.testing.protocol.explorer import System
from butler_core.testing.protocol.guards import ALL
from butler_core.testing.protocol.printing import show_schedule
from butler_core.testing.protocol.recorder import Event, Recorder
from butler_core.testing.protocol.recovering import Recover
from butler_core.testing.protocol.removing import Remove
from butler_core.testing.protocol.verifying import Verify
from butler_core.testing.protocol.world import ENDS, Artifact, Program, Record, State, Step
from butler_core.testing.protocol.writing import Write

_EACH = frozenset({"makes", "deletes", "sets aside", "brings back", "forgets"})
"""What a call does to one artifact after the other, in an order that nobody sees."""
_ANSWERS = {"(returns)": ("stored", "ended"), "(raises)": ENDS}
"""Where a process may stand when its operation is over."""


class _Earlier(Program):
    """A writer that ended before the recording began, and left a journal."""

    start = "gone"

    def __init__(self, name: str) -> None:
        self.name = name


def find_deviation(recorder: Recorder, *, can_bar: bool = True) -> str:
    """Say where a recording leaves the model; an empty text if it is a path of it.

    Parameters
    ----------
    recorder
        What was recorded.
    can_bar
        Whether the datastore says that it bars writers.
    """
    if problem := _find_unjournaled(recorder):
        return problem
    system = make_system(recorder, can_bar=can_bar)
    states = {system.initial}
    by_name = {program.name: program for program in system.programs}
    for number, event in enumerate(recorder.events):
        if event.call == ("journals.read" if isinstance(by_name[event.process], Verify) else "journals.list"):
            continue  # who verifies obeys no journal, who recovers lists nothing else
        after = _follow(system, _settle(system, states), event)
        if not after:
            done = "\n".join(show_schedule(map(_step, recorder.events[: number + 1])))
            allowed = {
                f"{step.process} {step.call}: {step.result}"
                for state in _settle(system, states)
                for step, _ in system.steps(state)
                if step.process == event.process
            }
            return (
                f"The last of these is no step of the model:\n{done}\nThere, the model allows:\n"
                + "\n".join(sorted(allowed) or ["nothing"])
            )
        states = after
    problems = [system.find_problem(state) for state in _settle(system, states)]
    return "" if "" in problems else problems[0]


def make_system(recorder: Recorder, *, can_bar: bool = True) -> System:
    """Return the model's processes for those that were recorded."""
    names = dict.fromkeys(event.process for event in recorder.events)
    programs = [_make_program(recorder, name, can_bar) for name in names]
    earlier = dict.fromkeys(journal.writer for journal in recorder.stores.journals)
    stores = recorder.stores.add(sources=recorder.moves)
    return System([*programs, *map(_Earlier, earlier)], stores)


def _make_program(recorder: Recorder, name: str, can_bar: bool) -> Program:
    calls = [event.call for event in recorder.events if event.process == name]
    if "registry.expand_existing_dataset_refs" in calls:
        return Remove(name, ALL, _in_order(recorder, name))
    if "datastore.bring_back" in calls:
        return BringBack(name, ALL, list(_expected(recorder, name)))
    if calls[0] == "datastore.stat_artifacts":
        return Verify(name, ALL)
    if "journals.read" in calls or not {"journals.create", "registry.apply_batch"} & set(calls):
        forgets = "registry.forget_outcomes" in calls
        return Recover(
            name,
            ALL,
            journals=calls.count("journals.read") or 1,
            can_bar=can_bar,
            dry_run="registry.fence" not in calls and not forgets,
            forgets=forgets,
        )
    is_move = name in recorder.moves
    return Write(name, ALL, _expected(recorder, name), move=is_move, has_requests=not can_bar)


def _expected(recorder: Recorder, name: str) -> Iterator[Record]:
    """Yield what a write may record: something of each artifact that it has journaled."""
    for journal in recorder.journals.get(name, ()):
        for artifact in journal.names:
            recorded = [r.dataset for r in recorder.records.get(name, ()) if r.artifact.name == artifact]
            for dataset in recorded or [f"what is in {artifact}"]:
                yield Record(dataset, Artifact(artifact, name), journal.run)


def _in_order(recorder: Recorder, name: str) -> list[str]:
    """Return the datasets of a removal in the order of its journals."""
    journaled = [artifact for journal in recorder.journals.get(name, ()) for artifact in journal.names]
    read = [record for record in recorder.records.get(name, ()) if record.artifact.name in journaled]
    return [record.dataset for record in sorted(read, key=lambda r: journaled.index(r.artifact.name))]


def _find_unjournaled(recorder: Recorder) -> str:
    for name in recorder.journals:
        named = {artifact for journal in recorder.journals[name] for artifact in journal.names}
        for record in recorder.records.get(name, ()):
            if record.artifact.name not in named:
                return f"{name} records {record.artifact.name}, which no journal of it names."
    return ""


def _settle(system: System, states: Iterable[State]) -> set[State]:
    """Add the states that are reached without a call that anybody could record."""
    found, todo = set(states), list(states)
    while todo:
        for step, after in system.steps(todo.pop()):
            is_hidden = step.call.startswith("(") or step.result == "never arrives"
            if is_hidden and step.call != "(killed)" and after not in found:
                found.add(after)
                todo.append(after)
    return found


def _follow(system: System, states: set[State], event: Event) -> set[State]:
    """Return where the model may be after an event."""
    if event.call in _ANSWERS:
        index = [program.name for program in system.programs].index(event.process)
        start = system.programs[index].start
        return {state for state in states if state.processes[index].at in {start, *_ANSWERS[event.call]}}
    if event.call == "(killed)":  # what has not begun, or was about to answer, is as it was
        names = [program.name for program in system.programs]
        index = names.index(event.process)
        still = {
            s
            for s in states
            if s.processes[index].is_over or s.processes[index].at == system.programs[index].start
        }
    else:
        still = set()
    if event.result not in _EACH:
        return still | {after for state in states for step, after in system.steps(state) if _is(step, event)}
    left = {(state, frozenset(event.names)) for state in states}
    for _ in event.names:
        left = {
            (after, names - {name})
            for state, names in left
            for step, after in system.steps(state)
            for name in names
            if step == Step(event.process, event.call, f"{event.result} {name}")
        }
    return {state for state, _ in left}


def _is(step: Step, event: Event) -> bool:
    if (step.process, step.call) != (event.process, event.call):
        return False
    if event.result.endswith("refused"):
        return step.result.startswith(event.result)
    if not event.names:
        return step.result == event.result
    said, names = step.result[: len(event.result)], step.result[len(event.result) + 1 :]
    return said == event.result and set(names.split(", ")) == set(event.names)


def _step(event: Event) -> Step:
    return Step(event.process, event.call, " ".join((event.result, ", ".join(event.names))).rstrip())
