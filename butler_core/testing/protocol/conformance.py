"""The conformance suite of the protocol: what a butler asks of its backends, and when, is a path of the model."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import pytest

from butler_core.butler import Butler
from butler_core.errors import ButlerError, DatasetExistsError
from butler_core.testing.protocol.fixtures import RUNS
from butler_core.testing.protocol.leaving_out import LEFT_OUT, LeftOut
from butler_core.testing.protocol.recorder import Recorder
from butler_core.testing.protocol.stepper import Stepper
from butler_core.testing.protocol.upkeep import UpkeepTests

Runs = dict[str, Callable[[], Any]]


class ProtocolConformance(UpkeepTests):
    """Subclass it in a test module, supply the fixture ``butler``, and inherit every test."""

    # -- one operation after the other

    def test_put(self, butler: Butler) -> None:
        with Recorder(butler) as recorder, recorder.process("put"):
            butler.put({"a": 1}, self.refs(butler, 1)[0])
        assert [event.call for event in recorder.events] == [
            "journals.create",
            "datastore.put_many",
            "registry.apply_batch",
            "journals.drop",
            "(returns)",
        ]
        self.check(butler, recorder)

    def test_put_many_in_two_runs(self, butler: Butler) -> None:
        refs = [*self.refs(butler, 1, 2), *self.refs(butler, 1, 2, run=RUNS[1])]
        refs[1:3] = refs[2], refs[1]
        with Recorder(butler) as recorder, recorder.process("put"):
            butler.put_many([({"a": 1}, ref) for ref in refs])
        assert [len(event.names) for event in recorder.events][:3] == [2, 2, 4]
        self.check(butler, recorder)

    @pytest.mark.parametrize("transfer", ["move", "copy", "direct"])
    def test_ingest(self, butler: Butler, transfer: Any) -> None:
        file = self.shared_file(butler)
        with Recorder(butler) as recorder, recorder.process("ingest"):
            butler.ingest(file, transfer=transfer)
        assert os.path.exists(file.path) == (transfer != "move")
        self.check(butler, recorder)

    def test_unstore(self, butler: Butler) -> None:
        refs = [*self.refs(butler, 1, 2), *self.refs(butler, 1, 2, run=RUNS[1])]
        butler.put_many([({"a": 1}, ref) for ref in refs])
        shared = butler.ingest(self.shared_file(butler).with_refs(self.refs(butler, 4, 5)))
        with Recorder(butler) as recorder:
            for n, some in enumerate((refs[:3], [*shared[:1], refs[3]], shared[1:])):
                with recorder.process(f"unstore {n}"):
                    butler.unstore(some)
        assert [e.result for e in recorder.events].count("all are referenced") == 0
        self.check(butler, recorder)

    def test_removal(self, butler: Butler) -> None:
        refs = [*self.refs(butler, 1, 2), *self.refs(butler, 1, 2, run=RUNS[1])]
        butler.put_many([({"a": 1}, ref) for ref in refs])
        shared = butler.ingest(self.shared_file(butler).with_refs(self.refs(butler, 4, 5)))
        with Recorder(butler) as recorder:
            with recorder.process("datasets"), butler.removal() as removal:
                removal.include_datasets([*refs[1:3], shared[0]])
            with recorder.process("collections"), butler.removal() as removal:
                removal.include_collections(RUNS)
        assert [event.call for event in recorder.events].count("registry.apply_batch") == 2
        self.check(butler, recorder)

    def test_a_put_that_fails(self, butler: Butler) -> None:
        refs = self.refs(butler, 1, 2)
        with Recorder(butler) as recorder:
            with pytest.raises(ButlerError), recorder.process("unwriteable"):
                butler.put_many([({"a": 1}, refs[0]), (object(), refs[1])])
            with recorder.process("put"):
                butler.put({"a": 1}, refs[0])
            with pytest.raises(DatasetExistsError), recorder.process("taken"):
                butler.put({"a": 1}, self.refs(butler, 1)[0])
        self.check(butler, recorder)

    def test_a_lost_answer(self, butler: Butler) -> None:
        (ref,) = self.refs(butler, 1)
        with Recorder(butler) as recorder, recorder.process("put"):
            recorder.lose_answer("put", arrives=True)
            butler.put({"a": 1}, ref)
        assert butler.get(ref) == {"a": 1}
        self.check(butler, recorder)

    def test_a_lost_answer_of_an_unstore(self, butler: Butler) -> None:
        ref = butler.put({"a": 1}, self.refs(butler, 1)[0])
        with Recorder(butler) as recorder, recorder.process("unstore"):
            recorder.lose_answer("unstore", arrives=True)
            butler.unstore([ref])
        self.check(butler, recorder)

    # -- stopped and led at the named steps

    @pytest.mark.parametrize(
        "call", ["journals.create", "datastore.put_many", "registry.apply_batch", "journals.drop"]
    )
    def test_recovery_of_what_was_left(self, butler: Butler, call: str) -> None:
        refs = [*self.refs(butler, 1), *self.refs(butler, 1, run=RUNS[1])]
        with Stepper(butler) as stepper:
            writer = stepper.start("put", lambda: butler.put_many([({}, ref) for ref in refs]))
            assert writer.go_to(call)
            writer.kill()
        with Recorder(butler) as recorder, recorder.process("recover"):
            butler.recover()
        self.check(butler, recorder)

    @pytest.mark.parametrize(
        "call", ["journals.create", "datastore.put_many", "registry.apply_batch", "journals.drop"]
    )
    def test_a_writer_that_sleeps_through_its_recovery(self, butler: Butler, call: str) -> None:
        (ref,) = self.refs(butler, 1)
        with Stepper(butler) as stepper:
            writer = stepper.start("put", lambda: butler.put({"a": 1}, ref))
            assert writer.go_to(call)
            with stepper.process("recover"):
                butler.recover()
            writer.go_to("(its end)")
        # It was stopped, and says so; or it was through, and keeps what it wrote.
        is_stopped = call in ("datastore.put_many", "registry.apply_batch")
        assert (writer.error is not None) == is_stopped
        assert bool(butler.exists(ref)) != is_stopped
        self.check(butler, stepper)

    @pytest.mark.parametrize(
        "call", ["registry.fence", "datastore.delete_artifacts", "journals.drop", "(its end)"]
    )
    def test_a_commit_that_lands_after_its_answer_was_lost(self, butler: Butler, call: str) -> None:
        (ref,) = self.refs(butler, 1)
        with Stepper(butler) as stepper:
            stepper.lose_answer("put", arrives=False)
            writer = stepper.start("put", lambda: butler.put({"a": 1}, ref))
            writer.go_to(call)
            stepper.deliver("put")
            writer.go_to("(its end)")
        is_stored = call == "registry.fence"
        assert bool(butler.exists(ref)) == is_stored
        assert (writer.error is None) == is_stored
        self.check(butler, stepper)

    def test_a_slow_deleter(self, butler: Butler) -> None:
        first, second = self.refs(butler, 1)[0], self.refs(butler, 1, run=RUNS[1])[0]
        stored = butler.put({"a": 1}, first)
        with Stepper(butler) as stepper:
            deleter = stepper.start("unstore", lambda: butler.unstore([stored]))
            assert deleter.go_to("datastore.delete_artifacts")
            with stepper.process("recover"):
                butler.recover()
            with stepper.process("put"):
                butler.put({"a": 2}, second)
            deleter.finish()
        assert butler.get(second) == {"a": 2}
        self.check(butler, stepper)

    @pytest.mark.parametrize(
        "call",
        [
            "journals.read",
            "registry.fence",
            "datastore.delete_artifacts",
            "registry.referenced",
            "datastore.stat_artifacts",
            "journals.drop",
        ],
    )
    def test_a_recovery_that_is_killed_and_another(self, butler: Butler, call: str) -> None:
        (ref,) = self.refs(butler, 1)
        with Stepper(butler) as stepper:
            writer = stepper.start("put", lambda: butler.put({"a": 1}, ref))
            assert writer.go_to("registry.apply_batch")
            killed = stepper.start("recover 1", butler.recover)
            assert killed.go_to(call)
            other = stepper.start("recover 2", butler.recover)
            assert other.go_to(call)
            killed.kill()
            writer.go_to("registry.fence")
            other.finish()
        # Whoever came first has decided: the commit, where no recovery had fenced yet.
        assert bool(butler.exists(ref)) == (call in ("journals.read", "registry.fence"))
        self.check(butler, stepper)

    def test_two_recoveries_step_by_step(self, butler: Butler) -> None:
        (ref,) = self.refs(butler, 1)
        with Stepper(butler) as stepper:
            writer = stepper.start("put", lambda: butler.put({"a": 1}, ref))
            assert writer.go_to("registry.apply_batch")
            both = [stepper.start(f"recover {n}", butler.recover) for n in (1, 2)]
            while not all(recovery.is_over for recovery in both):
                for operation in both:
                    if not operation.is_over:
                        operation.step()
            writer.go_to("(its end)")
        assert [operation.error for operation in both] == [None, None]
        self.check(butler, stepper)

    # -- along the schedules that go wrong without a guard

    @pytest.mark.parametrize(
        "left_out",
        [
            left_out
            for left_out in LEFT_OUT
            if left_out.scenario in ("one writer", "two writers", "two runs", "move", "shared file")
        ],
        ids=lambda left_out: f"{left_out.guard}-{left_out.scenario}",
    )
    def test_along_a_counterexample(self, butler: Butler, left_out: LeftOut) -> None:
        file = self.shared_file(butler)
        shared = (
            butler.ingest(file.with_refs(self.refs(butler, 4, 5))) if "shared" in left_out.scenario else []
        )
        put = self.refs(butler, 1)
        if left_out.scenario == "two runs":
            put += self.refs(butler, 1, run=RUNS[1])
        runs: Runs = {
            "put": lambda: butler.put_many([({}, ref) for ref in put]),
            "put 1": lambda: butler.put({}, self.refs(butler, 1)[0]),
            "put 2": lambda: butler.put({}, self.refs(butler, 1)[0]),
            "ingest": lambda: butler.ingest(file, transfer="move"),
            "unstore 1": lambda: butler.unstore(shared[:1]),
            "unstore 2": lambda: butler.unstore(shared[1:]),
        }
        runs |= dict.fromkeys(("recover", "recover 1", "recover 2"), butler.recover)
        with Stepper(butler) as stepper:
            schedule = left_out.find().schedule
            went = stepper.replay(schedule, runs)
        # What the guard prevents is at the end of it, and cannot be gone along.
        assert 2 * went >= len(schedule)
        self.check(butler, stepper)
