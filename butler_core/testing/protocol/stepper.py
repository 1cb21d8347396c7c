"""Runs real operations in threads, one call at a time, in an order that a test or the model says."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from types import TracebackType
from typing import Any, Self

from butler_core.testing.protocol.recorder import WATCHED, Recorder
from butler_core.testing.protocol.world import Step

_SECONDS = 60.0
"""A thread that stands still for longer will never go on."""


class Killed(BaseException):
    """Raised in place of every call of an operation that is killed: nothing that it does has an effect any more."""


class Operation:
    """One operation in a thread of its own, which stands before a call.  Made by `Stepper.start`."""

    def __init__(self, recorder: Recorder, name: str, run: Callable[[], Any]) -> None:
        self.name = name
        self.before = ""
        """The call that it stands before; empty while it runs and when it is over."""
        self.error: BaseException | None = None
        self.result: Any = None
        self._recorder = recorder
        self._run = run
        self._is_killed = False
        self._stands, self._goes = threading.Semaphore(0), threading.Semaphore(0)
        self._thread = threading.Thread(target=self._main, name=name, daemon=True)

    def begin(self) -> None:
        """Let it run until it stands before its first call."""
        self._thread.start()
        self._wait()

    def _main(self) -> None:
        try:
            with self._recorder.process(self.name):
                self.result = self._run()
        except BaseException as error:
            self.error = error
        self.before = ""
        self._stands.release()

    def stand(self, call: str) -> None:
        """Wait before a call; run in the operation's thread."""
        if not self._is_killed:
            self.before = call
            self._stands.release()
            self._goes.acquire()
            self.before = ""
        if self._is_killed:
            raise Killed

    def _wait(self) -> None:
        if not self._stands.acquire(timeout=_SECONDS):
            raise TimeoutError(f"{self.name} has made no call for {_SECONDS:.0f} s.")

    @property
    def is_over(self) -> bool:
        """Whether it has ended."""
        return not self.before

    def step(self) -> None:
        """Let it make the call that it stands before, and run until the next."""
        self._goes.release()
        self._wait()

    def go_to(self, call: str) -> bool:
        """Let it run until it stands before a call; False if it ends without it."""
        while not self.is_over and self.before != call:
            self.step()
        return not self.is_over

    def go_through(self, call: str) -> bool:
        """Let it run until it has made a call; False if it ends without it."""
        if not self.go_to(call):
            return False
        self.step()
        return True

    def finish(self) -> Any:
        """Let it run to its end; return what it returned, or raise what it raised."""
        self.go_to("(its end)")
        self._thread.join(_SECONDS)
        if self.error is not None:
            raise self.error
        return self.result

    def kill(self) -> None:
        """Let nothing that it does have an effect any more."""
        if self.is_over:
            return
        self._recorder.note_killed(self.name)
        self._is_killed = True
        self.step()


class Stepper(Recorder):
    """A recorder under which operations run one call at a time; the context ends when all of them have."""

    def __enter__(self) -> Self:
        self._operations: dict[str, Operation] = {}
        self.before = self._stand
        return super().__enter__()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for operation in self._operations.values():
            operation.kill()
        super().__exit__(kind, error, trace)

    def _stand(self, process: str, call: str) -> None:
        if process in self._operations:
            self._operations[process].stand(call)

    def start(self, name: str, run: Callable[[], Any]) -> Operation:
        """Start an operation; it stands before its first call."""
        operation = self._operations[name] = Operation(self, name, run)
        operation.begin()
        return operation

    def replay(self, schedule: Iterable[Step], runs: dict[str, Callable[[], Any]]) -> int:
        """Lead operations along a schedule of the model, then let them end; return how many of its steps they went along.

        Where the code does not do what the schedule says, since a guard prevents it, the operation makes the calls that
        it makes instead.
        """
        schedule, went = list(schedule), 0
        for index, step in enumerate(schedule):
            if step.process not in self._operations:
                self.start(step.process, runs[step.process])
            operation = self._operations[step.process]
            if step.result.startswith("arrives late"):
                went += self._deliver(step.process)
            elif step.call == "(killed)":
                operation.kill()
            elif step.call not in WATCHED:
                continue
            elif index and schedule[index - 1][:2] == step[:2]:
                went += 1  # one call that does several things
            else:
                if step.result == "no answer":
                    self.lose_answer(step.process, arrives=False)
                went += operation.go_through(self._name(operation, step.call))
        for operation in self._operations.values():
            operation.go_to("(its end)")
        return went

    def _deliver(self, process: str) -> bool:
        if process not in self._late:
            return False
        self.deliver(process)
        return True

    @staticmethod
    def _name(operation: Operation, call: str) -> str:
        return "datastore.receive" if call == "datastore.put_many" and operation.name == "ingest" else call
