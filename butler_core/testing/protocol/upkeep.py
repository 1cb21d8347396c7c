"""The part of the protocol's conformance suite about upkeep: recoveries and verifications are paths of the model too."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from butler_core import recovery
from butler_core.butler import Butler
from butler_core.models.dataset_ref import DatasetRef
from butler_core.testing.protocol.fixtures import ProtocolFixtures
from butler_core.testing.protocol.recorder import Recorder
from butler_core.testing.protocol.stepper import Stepper
from butler_core.transactions import journal_entries
from butler_core.verification import mending, verifier

LOOKS = ("journals.list", "journals.read", "registry.referenced", "datastore.stat_artifacts")


class UpkeepTests(ProtocolFixtures):
    """What must hold so that the model speaks of them as well."""

    def leave_a_journal(self, butler: Butler, before: str) -> DatasetRef:
        """Let a writer die before a call; return what it would have stored."""
        (ref,) = self.refs(butler, 1)
        with Stepper(butler) as stepper:
            writer = stepper.start("put", lambda: butler.put({"a": 1}, ref))
            assert writer.go_to(before)
            writer.kill()
        return ref

    @pytest.mark.parametrize("before", ["registry.apply_batch", "journals.drop"])
    def test_a_recovery_that_only_says_what_it_would_do(self, butler: Butler, before: str) -> None:
        self.leave_a_journal(butler, before)
        with Recorder(butler) as recorder:
            with recorder.process("dry run"):
                butler.recover(dry_run=True)
            assert not {event.call for event in recorder.events} - {*LOOKS, "(returns)"}
            with recorder.process("recover"):
                butler.recover()
        self.check(butler, recorder)

    def test_what_is_forgotten(self, butler: Butler, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(recovery, "OUTCOMES_KEPT", timedelta(0))
        with Recorder(butler) as recorder:
            with recorder.process("put"):
                butler.put({"a": 1}, self.refs(butler, 1)[0])
            with recorder.process("recover"):
                butler.recover()
        assert ("registry.forget_outcomes", ("put",)) in [(e.call, e.names) for e in recorder.events]
        self.check(butler, recorder)

    def verify(self, butler: Butler, recorder: Recorder, name: str) -> None:
        """Verify and repair: recoveries and what comes back are recorded as processes of their own."""
        count = itertools.count(1)

        def apart(function: Callable[..., Any]) -> Callable[..., Any]:
            def run(*args: Any, **kwargs: Any) -> Any:
                with recorder.process(f"{name}, part {next(count)}"):
                    return function(*args, **kwargs)

            return run

        with pytest.MonkeyPatch.context() as patch, recorder.process(name):
            for module in (verifier, mending):
                patch.setattr(module, "recover", apart(recovery.recover))
            patch.setattr(butler._transactions, "bring_back", apart(butler._transactions.bring_back))
            butler.verify(repair=True)

    @pytest.mark.parametrize("before", ["registry.apply_batch", "journals.drop"])
    def test_a_verification_that_finds_a_journal(self, butler: Butler, before: str) -> None:
        self.leave_a_journal(butler, before)
        with Recorder(butler) as recorder:
            self.verify(butler, recorder, "verify")
        assert "registry.fence" in [event.call for event in recorder.events]
        self.check(butler, recorder)

    def test_a_verification_that_sets_aside(self, butler: Butler) -> None:
        butler.put({"a": 1}, self.refs(butler, 2)[0])
        self.leave_a_journal(butler, "registry.apply_batch")
        for name in list(butler._datastore.journals.list()):
            butler._datastore.journals.drop(name)
        with Recorder(butler) as recorder:
            self.verify(butler, recorder, "verify")
        assert [len(e.names) for e in recorder.events if e.call == "datastore.set_aside"] == [1]
        self.check(butler, recorder)

    def test_a_verification_that_brings_back(self, butler: Butler) -> None:
        ref = butler.put({"a": 1}, self.refs(butler, 1)[0])
        (stat,) = butler._datastore.stat_artifacts(None)
        butler._datastore.set_aside([(stat.artifact, None)])
        with Recorder(butler) as recorder:
            self.verify(butler, recorder, "verify")
        assert [len(e.names) for e in recorder.events if e.call == "datastore.bring_back"] == [1]
        assert butler.get(ref) == {"a": 1}
        self.check(butler, recorder)

    @pytest.mark.parametrize("call", ["datastore.bring_back", "registry.referenced", "journals.drop"])
    def test_a_removal_of_what_comes_back(self, butler: Butler, call: str) -> None:
        """It is barred by a recovery, and its dataset is gone when it wakes: nothing may come back then."""
        ref = butler.put({"a": 1}, self.refs(butler, 1)[0])
        (stat,) = butler._datastore.stat_artifacts(None)
        butler._datastore.set_aside([(stat.artifact, None)])
        entries = journal_entries(
            butler._datastore, butler.query_datasets(ref.dataset_type, ref.run).expanded()
        )
        with Stepper(butler) as stepper:
            returning = stepper.start("verify", lambda: butler._transactions.bring_back(entries))
            assert returning.go_to(call)
            with stepper.process("recover"):
                butler.recover()
            with stepper.process("unstore"):
                butler.unstore([ref])
            returning.go_to("(its end)")
        assert list(butler._datastore.stat_artifacts(None)) == []
        self.check(butler, stepper)
