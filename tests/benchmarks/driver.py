"""Lets the sides take turns, each in a fresh process with a fresh repository, and collects what they measured."""

from __future__ import annotations

import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from tests.benchmarks.workload import Operation, write_files

PEER, OURS, LIMIT = "peer", "ours", "limit"
PROCESS, POWER_LOSS = "process", "power-loss"
TMPFS, DISK = "tmpfs", "disk"
SHARED_MEMORY = Path("/dev/shm")


class Work(NamedTuple):
    """What is measured."""

    operations: tuple[Operation, ...]
    n: int
    """How many data IDs queries find."""
    rounds: int
    commands: bool
    """Whether whole processes are timed too."""


class Turn(NamedTuple):
    """One side at one setting."""

    side: str
    durability: str
    """What its measurements are kept under; the peer has no such setting."""


class Place(NamedTuple):
    """A directory on one kind of file system."""

    name: str
    path: Path


TURNS = (
    Turn(PEER, ""),
    Turn(OURS, PROCESS),
    Turn(LIMIT, PROCESS),
    Turn(OURS, POWER_LOSS),
    Turn(LIMIT, POWER_LOSS),
)


class Results:
    """Everything that was measured: seconds, of every run of every round."""

    def __init__(self, work: Work) -> None:
        self.work = work
        self.places: list[str] = []
        self.versions: dict[str, str] = {}
        self.load = [os.getloadavg()[0]]
        self._seconds: defaultdict[tuple[str, Turn, str], list[float]] = defaultdict(list)

    def add(self, place: str, turn: Turn, key: str, seconds: Iterable[float]) -> None:
        """Add measurements of an operation, by its key."""
        self._seconds[place, turn, key].extend(seconds)

    def median(self, place: str, side: str, durability: str, key: str) -> float | None:
        """Return the median, if there is any measurement."""
        turn = Turn(side, "" if side == PEER else durability)
        seconds = self._seconds.get((place, turn, key))
        return median(seconds) if seconds else None

    def as_json(self) -> dict[str, Any]:
        """Return all of it as built-ins."""
        return {
            "machine": machine(),
            "load": self.load,
            "rounds": self.work.rounds,
            "versions": self.versions,
            "seconds": [
                {
                    "place": place,
                    "side": turn.side,
                    "durability": turn.durability,
                    "operation": key,
                    "runs": runs,
                }
                for (place, turn, key), runs in self._seconds.items()
            ],
        }


class _Runner:
    """Starts the processes."""

    def __init__(self, project: Path, peer: str | None, results: Results) -> None:
        self._project = project
        # Not resolved: a virtual environment's interpreter is a link, and is told by its path.
        self._pythons = {OURS: sys.executable, LIMIT: sys.executable}
        if peer is not None:
            self._pythons[PEER] = os.path.abspath(peer)
        self.turns = [turn for turn in TURNS if turn.side in self._pythons]
        self._results = results
        self._environment = {**os.environ, "PYTHONPATH": str(project)}
        # Modules compiled anew in every process would count as the time that their import takes.
        self._environment.pop("PYTHONDONTWRITEBYTECODE", None)

    def do(self, turn: Turn, place: Place, first_round: bool) -> None:
        """Let one side do its operations in a fresh repository."""
        work = self._results.work
        tasks = [(op.name, op.n, op.repeats) for op in work.operations if _is_due(op, turn, first_round)]
        if not tasks:
            return
        with _fresh_directory(place.path) as directory:
            request = {
                "place": str(directory),
                "files": str(place.path / "files"),
                "durability": turn.durability,
                "n": work.n,
                "tasks": tasks,
            }
            os.sync()  # what the one before left to be written is not this one's burden
            answer = self._ask(turn, request)
        self._results.versions.update(answer["versions"])
        for key, seconds in answer["seconds"].items():
            self._results.add(place.name, turn, key, seconds)

    def _ask(self, turn: Turn, request: dict[str, Any]) -> dict[str, Any]:
        done = subprocess.run(
            [self._pythons[turn.side], "-m", f"tests.benchmarks.side_{turn.side}"],
            cwd=self._project,
            env=self._environment,
            input=json.dumps(request),
            capture_output=True,
            text=True,
        )
        if done.returncode:
            raise SystemExit(f"error: {turn.side} failed:\n{done.stderr.strip()}")
        answer: dict[str, Any] = json.loads(done.stdout)
        return answer

    def time_commands(self, *, warming_up: bool) -> None:
        """Time whole processes, once on each side; the first time compiles, reads from the disk and does not count."""
        for side, python in self._pythons.items():
            for name, command in _commands(side, python).items():
                begun = time.perf_counter()
                subprocess.run(command, env=self._environment, stdout=subprocess.DEVNULL, check=True)
                seconds = time.perf_counter() - begun
                if not warming_up:
                    self._results.add("", Turn(side, ""), name, [seconds])


COMMANDS = {"import": "import the package", "help": "butler --help"}


def _commands(side: str, python: str) -> dict[str, list[str]]:
    if side == LIMIT:
        return {name: [python, "-c", ""] for name in COMMANDS}
    module = "butler_core" if side == OURS else "lsst.daf.butler"
    return {
        "import": [python, "-c", f"import {module}"],
        "help": [str(Path(python).parent / "butler"), "--help"],
    }


def _is_due(op: Operation, turn: Turn, first_round: bool) -> bool:
    if turn.side == PEER:
        return first_round or not op.slow
    return op.writes or turn.durability == PROCESS  # durability makes no difference to what reads


def run(work: Work, *, project: Path, peer: str | None, disk: Path | None) -> Results:
    """Measure; the order of the sides is turned round from round to round."""
    results = Results(work)
    runner = _Runner(project, peer, results)
    with ExitStack() as stack:
        places = [stack.enter_context(_place(name, path)) for name, path in _file_systems(disk or project)]
        results.places = [place.name for place in places]
        todo = len(places) * len(runner.turns) * work.rounds
        advance = stack.enter_context(_progress(todo))
        for place in places:
            write_files(place.path / "files", work.n)
        for k in range(work.rounds):
            for place in places:
                for turn in runner.turns[:: -1 if k % 2 else 1]:
                    advance(f"round {k + 1}, {place.name}: {turn.side} {turn.durability}")
                    runner.do(turn, place, k == 0)
        if work.commands:
            for k in range(1 + max(5, work.rounds)):
                runner.time_commands(warming_up=k == 0)
    results.load.append(os.getloadavg()[0])
    return results


def _file_systems(disk: Path) -> Iterator[tuple[str, Path]]:
    if os.access(SHARED_MEMORY, os.W_OK):
        yield TMPFS, SHARED_MEMORY
    yield DISK, disk


@contextmanager
def _progress(todo: int) -> Iterator[Callable[[str], None]]:
    """Show on standard error what is under way."""
    columns = BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TextColumn("{task.description}")
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=todo, completed=-1)
        yield lambda text: bar.update(task, advance=1, description=text)


@contextmanager
def _place(name: str, path: Path) -> Iterator[Place]:
    with _fresh_directory(path) as directory:
        yield Place(name, directory)


@contextmanager
def _fresh_directory(parent: Path) -> Iterator[Path]:
    directory = Path(tempfile.mkdtemp(prefix=".bench-", dir=parent))
    try:
        yield directory
    finally:
        shutil.rmtree(directory)


def machine() -> str:
    """Say what this ran on."""
    return f"{os.cpu_count()} processors, Python {platform.python_version()}, {platform.system()} {platform.release()}"
