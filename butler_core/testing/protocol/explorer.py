"""Explores a scenario to the end: every interleaving, every kill, every answer that is lost or comes late."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from butler_core.testing.protocol.guards import ALL
from butler_core.testing.protocol.recovering import Recover
from butler_core.testing.protocol.world import (
    Process,
    Program,
    State,
    Step,
    Stores,
    View,
    find_violation,
)


class Finding(NamedTuple):
    """What an exploration came to."""

    states: int
    """How many were visited."""
    problem: str = ""
    """The invariant that is broken, and how; empty if none is."""
    schedule: tuple[Step, ...] = ()
    """The shortest way there."""

    @property
    def kind(self) -> str:
        """``LOST``, ``ORPHAN``, ``FALSE SUCCESS``, ``FALSE FAILURE``, ``NOT CLEAN`` or nothing."""
        return self.problem.partition(":")[0]


class System:
    """Programs beside one another.

    Parameters
    ----------
    programs
        Which processes there are.
    stores
        What is there when they begin.
    """

    def __init__(self, programs: Sequence[Program], stores: Stores) -> None:
        self.programs = tuple(programs)
        self.initial = State(stores, tuple(Process(p.start, p.memory) for p in programs))
        self._names = tuple(program.name for program in programs)
        self._by_name = dict(zip(self._names, self.programs, strict=True))
        self._attempts = frozenset(program.name for program in programs if program.is_attempt)
        self._problems: dict[Stores, str] = {}
        self._ends: dict[tuple[Stores, frozenset[str]], str] = {}

    last_recovery: type[Recover] = Recover
    """What runs when all is still."""

    def view(self, state: State) -> View:
        """Return what a program may look at."""
        named = tuple(zip(self.programs, state.processes, strict=True))
        over = frozenset(program.name for program, process in named if process.is_over)
        idle = frozenset(program.name for program, process in named if process.at == program.start)
        return View(state.stores, over, idle, self._attempts)

    def steps(self, state: State) -> Iterator[tuple[Step, State]]:
        """Yield what may happen next in a state, with the state after it."""
        stores, processes = state
        for request in sorted(stores.requests):
            result, after = self._by_name[request.process].arrives(stores, request)
            yield Step(request.process, request.call, result), State(after, processes)
            lost = stores.take(requests=[request])
            yield Step(request.process, request.call, "never arrives"), State(lost, processes)
        view = self.view(state)
        for index, (program, process) in enumerate(zip(self.programs, processes, strict=True)):
            if process.is_over:
                continue
            before, behind = processes[:index], processes[index + 1 :]
            for move in program.moves(view, process):
                after_it = (*before, Process(move.at, move.memory), *behind)
                yield Step(program.name, move.call, move.result), State(move.stores, after_it)
            if process.at != program.start:
                killed = (*before, Process(program.killed), *behind)
                yield Step(program.name, "(killed)", ""), State(stores, killed)

    def find_problem(self, state: State) -> str:
        """Say which invariant a state breaks; an empty text if none."""
        stores, processes = state
        problem = self._problems.get(stores)
        if problem is None:
            problem = self._problems[stores] = find_violation(stores)
        for program, process in zip(self.programs, processes, strict=True):
            problem = problem or program.find_false_answer(stores, process)
        if (
            problem
            or stores.requests
            or not all(self._is_quiet(*pair) for pair in zip(self.programs, processes, strict=True))
        ):
            return problem
        return self._find_rest(state)

    @staticmethod
    def _is_quiet(program: Program, process: Process) -> bool:
        return process.is_over or process.at == program.start

    def _find_rest(self, state: State) -> str:
        """Let a recovery run when all is still: then nothing may be left that is not recorded."""
        key = (state.stores, self.view(state).over)
        problem = self._ends.get(key)
        if problem is None:
            problem = self._ends[key] = self._recover(state)
        return problem

    def _recover(self, state: State) -> str:
        guards = getattr(self.programs[0], "guards", ALL)
        stores, everything = state.stores, frozenset(self._names)
        for journal in (
            sorted(stores.journals) * 2
        ):  # what is left to another journal goes when that is decided
            if journal in stores.journals:
                stores = self._run(self.last_recovery("last", guards, only=journal), stores, everything)
        problem = find_violation(stores)
        left = sorted(journal for journal in stores.journals if journal.writer in self._by_name)
        if problem or not left:
            return problem
        return f"NOT CLEAN: the journal of {left[0].writer} is left when all is over and recovered"

    def _run(self, program: Program, stores: Stores, over: frozenset[str]) -> Stores:
        process = Process(program.start, program.memory)
        while not process.is_over:
            # The first move is that of a recovery which knows that the writer is gone.
            move = next(program.moves(View(stores, over, frozenset(), self._attempts), process))
            stores, process = move.stores, Process(move.at, move.memory)
        return stores


def explore(system: System, limit: int = 1_000_000) -> Finding:
    """Visit every state that can be reached, nearest first, until one breaks an invariant."""
    came_from: dict[State, tuple[State, Step] | None] = {system.initial: None}
    known: dict[Any, Any] = {}  # most states differ in one part only: equal parts are kept once
    queue = deque([system.initial])
    visited = 0
    while queue:
        state = queue.popleft()
        visited += 1
        problem = system.find_problem(state)
        if problem:
            return Finding(visited, problem, _schedule(came_from, state))
        if visited >= limit:
            raise RecursionError(f"There are more than {limit} states: make the scenario smaller.")
        for step, after in system.steps(state):
            if after not in came_from:
                stores, processes = after
                processes = tuple([known.setdefault(process, process) for process in processes])
                after = State(known.setdefault(stores, stores), known.setdefault(processes, processes))
                came_from[after] = (state, known.setdefault(step, step))
                queue.append(after)
    return Finding(visited)


def _schedule(came_from: dict[State, tuple[State, Step] | None], state: State) -> tuple[Step, ...]:
    steps = []
    while (arrow := came_from[state]) is not None:
        state, step = arrow
        steps.append(step)
    return tuple(reversed(steps))
