"""Kill anywhere: each write dies at each system call that it makes, and what is left must be right after a recovery.

A backend's author inherits `KillAnywhere`, and says with `RepositorySuite.config` which backends make a repository.
"""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from butler_core.butler import Butler
from butler_core.errors import ButlerError
from butler_core.models.names import Durability
from butler_core.testing.repositories.invariants import (
    State,
    describe_state,
    find_unaccounted,
    find_violations,
)
from butler_core.testing.repositories.operations import OPERATIONS, Operation, prepare_repository
from butler_core.testing.repositories.small_repository import RUN
from butler_core.testing.repositories.system_calls import fork, record, run_killed, wait
from butler_core.testing.universe import testing_universe

Mutation = Callable[[], None]
"""Breaks the code, in a child: to show that a suite would find out."""


class RepositorySuite:
    """Base of suites that need whole repositories."""

    def config(self) -> Mapping[str, Any] | None:
        """Return ``registry`` and ``datastore`` sections for new repositories; None: the embedded defaults."""
        return None

    def make(self, root: Path, durability: Durability = "power-loss") -> None:
        """Make a repository."""
        Butler.make_repo(root, self.config(), testing_universe(), durability=durability)


def fast_directory() -> tempfile.TemporaryDirectory[str]:
    """Make a temporary directory, in memory if there is such a place: thousands of copies are made in it."""
    shared = "/dev/shm"
    return tempfile.TemporaryDirectory(prefix="butler-", dir=shared if os.access(shared, os.W_OK) else None)


class Stage:
    """A repository in which one operation can be run again and again, each time from the same state.

    Parameters
    ----------
    directory
        An empty one.
    make
        Makes a repository.
    operation
        What is to be run.
    """

    def __init__(self, directory: Path, make: Callable[[Path], None], operation: Operation) -> None:
        self.operation = operation
        self._template, self.work = directory / "template", directory / "work"
        self.repo, self.files = self.work / "repo", self.work / "files"
        self.files.mkdir(parents=True)
        make(self.repo)
        with Butler(self.repo, run=RUN) as butler:
            prepare_repository(butler, self.files)
            operation.prepare(butler, self.files)
        shutil.copytree(self.work, self._template, symlinks=True)
        # Children inherit it open and warm.  It never sees another state than the first.
        self._butler = Butler(self.repo, run=RUN, infer_defaults=False)
        self.before, self.sources = describe_state(self._butler), self._files()
        wait(
            fork(_do_nothing)
        )  # no process keeps a connection over a fork: none is open while states are put in place
        self.after: State = {}

    def close(self) -> None:
        """Close the butler that the children inherit."""
        self._butler.close()

    def reset(self) -> None:
        """Go back to the first state."""
        self.put(self._template)

    def put(self, state: Path) -> None:
        """Put a state in place, in the files that are there: the butler takes no other file for the one that it knows."""
        _restore(state, self.work, {})

    def act(self, butler: Butler) -> None:
        """Run the operation."""
        self.operation.act(butler, self.files)

    def prepared(self, mutation: Mutation | None = None) -> Callable[[], Butler]:
        """Return what gives a child its butler, after a mutation of the code."""

        def prepare() -> Butler:
            if mutation is not None:
                mutation()
            return self._butler

        return prepare

    def run_undisturbed(self) -> list[str]:
        """Run it once to its end, and remember what users see then; return what is wrong with that."""
        self.reset()
        code = wait(fork(partial(self.act, self._butler)))
        if code:
            raise AssertionError(f"{self.operation.name} failed with {code} although nothing disturbed it")
        with Butler(self.repo, collections=RUN, writeable=True) as butler:
            problems = find_unaccounted(butler) + find_violations(butler)
            self.after = describe_state(butler)
        return problems

    def check(self, *, finished: bool) -> list[str]:
        """Say what is wrong with the repository after the operation ended by itself, or was killed."""
        reading, writing = os.pipe()

        def look() -> None:
            problems = []
            try:
                done = finished or self.operation.settle(self._butler, self.files)
                problems += find_unaccounted(self._butler)
                problems += find_violations(self._butler)
                problems += self._compare(describe_state(self._butler), done)
                problems += self.operation.find_lost(self._butler)
            except ButlerError as error:
                problems.append(f"looking at it fails: {error}")
            with os.fdopen(writing, "w") as pipe:
                pipe.write("\0".join(problems))

        pid = fork(look)
        os.close(writing)
        with os.fdopen(reading) as pipe:
            text = pipe.read()
        code = wait(pid)
        return [*text.split("\0")] if text else [f"the check ended with {code}"] * (code != 0)

    def _compare(self, state: State, finished: bool) -> list[str]:
        wrong = _differences(state, self.after)
        if not finished and wrong:
            from_before = _differences(state, self.before)
            if self.operation.batches != 1:
                from_before = [key for key in from_before if key in wrong]
            wrong = min(wrong, from_before, key=len)
        problems = [f"{key} is {state.get(key, 'not there')!r}" for key in wrong]
        missing = set(self.sources) - set(self._files())
        if missing and not all(state.get(key) == value for key, value in self.after.items()):
            problems.append(f"the sources {sorted(missing)} are gone, and nothing was taken in")
        return problems

    def _files(self) -> dict[str, bytes]:
        return {path.name: path.read_bytes() for path in self.files.iterdir()}


def _differences(one: State, other: State) -> list[str]:
    missing = object()
    return sorted(
        key for key in one.keys() | other.keys() if one.get(key, missing) != other.get(key, missing)
    )


@contextmanager
def stage(make: Callable[[Path], None], operation: Operation) -> Iterator[Stage]:
    """Set a stage in a directory in memory, and clear it away."""
    with fast_directory() as directory:
        made = Stage(Path(directory), make, operation)
        try:
            yield made
        finally:
            made.close()


def kill_everywhere(
    stage: Stage, mutation: Mutation | None = None, *, stop_at: int | None = None
) -> tuple[int, list[str]]:
    """Kill an operation at every call; return how many calls it makes, and what was wrong after which.

    Parameters
    ----------
    stage
        Where.
    mutation
        Of the code that is killed.
    stop_at
        Look no further after so many problems.
    """
    problems = stage.run_undisturbed()
    stage.reset()
    recording = record(stage.act, stage.prepared(mutation))
    if recording.exit_code:
        problems.append(f"it ended with {recording.exit_code} although nothing killed it")
    problems += [f"when nothing killed it, {problem}" for problem in stage.check(finished=True)]
    for name, count in sorted(recording.names().items()):
        for number in range(1, count + 1):
            if stop_at is not None and len(problems) >= stop_at:
                return recording.names().total(), problems
            stage.reset()
            code = run_killed(stage.act, stage.prepared(mutation), name, number)
            found = stage.check(finished=code == 0)
            if code not in (0, -signal.SIGKILL):
                found.append(f"it ended with {code}")
            problems += [f"killed at {name} number {number}, {problem}" for problem in found]
    return recording.names().total(), problems


class KillAnywhere(RepositorySuite):
    """Inherit it to have all writes of a repository of your backends killed at all their system calls; needs ``strace``."""

    @pytest.mark.crash
    @pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.name)
    def test_killed_at_every_system_call(
        self, operation: Operation, record_property: Callable[[str, object], None]
    ) -> None:
        with stage(self.make, operation) as made:
            calls, problems = kill_everywhere(made)
        record_property("largest_k", calls)
        print(f"{operation.name}: killed at each of {calls} calls")
        assert problems == []


def _do_nothing() -> None: ...


def _restore(state: Path, work: Path, written: dict[int, Path]) -> None:
    """Make one directory like another; files of both keep their identity, unless something else shares it."""
    wanted = {entry.name: Path(entry.path) for entry in os.scandir(state)}
    for entry in list(os.scandir(work)):
        if not _may_stay(entry, wanted.get(entry.name)):
            (shutil.rmtree if entry.is_dir(follow_symlinks=False) else os.unlink)(entry.path)
    for name, source in wanted.items():
        target, inode = work / name, source.lstat().st_ino
        if source.is_symlink():
            target.symlink_to(os.readlink(source))
        elif source.is_dir():
            target.mkdir(exist_ok=True)
            _restore(source, target, written)
        elif inode in written:
            target.unlink(missing_ok=True)
            os.link(written[inode], target)
        else:
            shutil.copy2(source, target)
            written[inode] = target


def _may_stay(entry: os.DirEntry[str], source: Path | None) -> bool:
    """Return whether something may be written over: a directory, or a file that has no other name."""
    if source is None or source.is_symlink() or entry.is_symlink():
        return False
    if entry.is_dir():
        return source.is_dir()
    return source.is_file() and entry.stat().st_nlink == 1
