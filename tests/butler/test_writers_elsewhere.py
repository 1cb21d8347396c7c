"""Of a writer on another host nobody here can tell whether it lives: it has an hour, and is stopped without harm after that."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from butler_core import Butler, transactions
from butler_core.errors import ButlerError
from butler_core.models.journal import WriterIdentity
from butler_core.testing.protocol.stepper import Stepper
from butler_core.testing.repositories.invariants import find_violations
from butler_core.writer import WriterState, find_writer_state, identify_writer
from tests.butler.conftest import RUN, data_ids

SLEEPS = ["datastore.put_many", "registry.apply_batch", "journals.drop"]


@pytest.fixture
def writer(butler: Butler, monkeypatch: pytest.MonkeyPatch) -> WriterIdentity:
    """Let all that writes do so as if it were elsewhere."""
    elsewhere = identify_writer().model_copy(update={"host": "elsewhere"})
    monkeypatch.setattr(transactions, "identify_writer", lambda: elsewhere)
    assert find_writer_state(elsewhere) is WriterState.UNKNOWN
    return elsewhere


def begin_ago(monkeypatch: pytest.MonkeyPatch, age: timedelta) -> None:
    """Let what begins now seem to have begun long ago."""

    class Then(datetime):
        @classmethod
        def now(cls, tz: object = None) -> datetime:  # type: ignore[override]
            return datetime.now(UTC) - age

    monkeypatch.setattr(transactions, "datetime", Then)


@pytest.mark.parametrize("call", SLEEPS)
def test_who_sleeps_for_less_than_an_hour_is_waited_for(
    butler: Butler, writer: WriterIdentity, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    begin_ago(monkeypatch, timedelta(minutes=59))
    with Stepper(butler) as stepper:
        sleeper = stepper.start("put", lambda: butler.put({"a": 1}, "summary", data_ids()[0]))
        assert sleeper.go_to(call)
        report = butler.recover()
        assert [len(report.waiting), len(report.finished)] == [1, 0]
        ref = sleeper.finish()
    assert butler.get(ref) == {"a": 1}


@pytest.mark.parametrize("call", SLEEPS)
def test_who_sleeps_for_longer_is_stopped_and_says_so(
    butler: Butler, root: Path, writer: WriterIdentity, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    begin_ago(monkeypatch, timedelta(minutes=61))
    (ref,) = butler.make_refs("summary", data_ids()[:1], run=RUN)
    with Stepper(butler) as stepper:
        sleeper = stepper.start("put", lambda: butler.put({"a": 1}, ref))
        assert sleeper.go_to(call)
        assert len(butler.recover().finished) == 1
        sleeper.go_to("(its end)")
    if call == "journals.drop":  # it had committed: that stays
        assert butler.get(ref) == {"a": 1}
    else:
        assert isinstance(sleeper.error, ButlerError)
        assert sleeper.error.code == "batch-fenced"
        assert butler.get(butler.put({"a": 2}, ref)) == {"a": 2}
    assert find_violations(butler) == []
    assert butler.journals() == []
