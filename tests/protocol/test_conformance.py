"""What our butler does is a path of the model; and if it did something else, that would be found out."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from butler_core import Butler, FileDataset, recovery, transactions
from butler_core.errors import ButlerError, UnavailableError
from butler_core.testing.protocol.conformance import ProtocolConformance
from butler_core.testing.protocol.fixtures import KIND, populate
from butler_core.testing.protocol.paths import find_deviation
from butler_core.testing.protocol.recorder import Recorder
from butler_core.testing.protocol.stepper import Stepper
from butler_core.testing.universe import testing_universe
from butler_core.transactions import Transactions
from butler_core.writer import WriterState

Patch = pytest.MonkeyPatch


def open_new(root: Path) -> Iterator[Butler]:
    Butler.make_repo(root, dimensions=testing_universe(), durability="process")
    with Butler(root, run="protocol/a") as butler:
        yield butler


class TestProtocol(ProtocolConformance):
    @pytest.fixture
    def butler(self, tmp_path: Path) -> Iterator[Butler]:
        yield from open_new(tmp_path / "repo")


# -- mutations of the code, each of which is found out


@pytest.fixture
def butler(tmp_path: Path, monkeypatch: Patch) -> Iterator[Butler]:
    monkeypatch.setattr(recovery, "find_writer_state", lambda writer: WriterState.UNKNOWN)
    monkeypatch.setattr(recovery, "PATIENCE", timedelta(0))
    for butler in open_new(tmp_path / "repo"):
        populate(butler)
        yield butler


def put(butler: Butler) -> None:
    data_ids = [{"instrument": "Cam", "detector": n} for n in (1, 2)]
    butler.put_many([({}, ref) for ref in butler.make_refs(KIND, data_ids)])


def drop_the_journal_before_the_commit(butler: Butler, patch: Patch) -> None:
    real = Transactions._commit

    def commit(self: Any, batch: Any, made: Any = (), journals: Any = ()) -> Any:
        self._drop(journals)
        return real(self, batch, made, journals)

    patch.setattr(Transactions, "_commit", commit)


def journal_all_but_one(butler: Butler, patch: Patch) -> None:
    real = Transactions._open_journals
    patch.setattr(
        Transactions,
        "_open_journals",
        lambda self, batch, kind, entries, paths: real(self, batch, kind, entries[:-1], paths),
    )


def drop_no_journal(butler: Butler, patch: Patch) -> None:
    patch.setattr(Transactions, "_drop", lambda *_: None)


@pytest.mark.parametrize(
    ("mutate", "where"),
    [
        (drop_the_journal_before_the_commit, "put  journals.drop"),
        (journal_all_but_one, "put records protocol/a"),
        (drop_no_journal, "put  (returns)"),
    ],
)
def test_a_mutation_of_a_put(
    butler: Butler, monkeypatch: Patch, mutate: Callable[[Butler, Patch], None], where: str
) -> None:
    mutate(butler, monkeypatch)
    with Recorder(butler) as recorder, recorder.process("put"):
        put(butler)
    assert where in find_deviation(recorder)


def test_a_failure_that_leaves_what_it_made(butler: Butler, monkeypatch: Patch) -> None:
    monkeypatch.setattr(
        Transactions, "_undo", lambda self, batch, made, journals, error: self._drop(journals)
    )
    put(butler)
    with Recorder(butler) as recorder, pytest.raises(ButlerError), recorder.process("taken"):
        put(butler)
    deviation = find_deviation(recorder)
    assert "taken  journals.drop" in deviation
    assert "taken datastore.delete_artifacts: deletes" in deviation


def test_a_lost_answer_that_is_not_fenced(butler: Butler, monkeypatch: Patch) -> None:
    def ask(self: Any, batch: Any, error: Any) -> Any:
        return self._registry.outcomes([batch.batch_id])[batch.batch_id]

    monkeypatch.setattr(Transactions, "_find_outcome", ask)
    with Recorder(butler) as recorder:
        recorder.lose_answer("put", arrives=False)
        with pytest.raises(ButlerError), recorder.process("put"):
            put(butler)
    assert "put registry.fence: fenced" in find_deviation(recorder)


def test_a_file_that_goes_with_the_first_of_its_datasets(
    butler: Butler, monkeypatch: Patch, tmp_path: Path
) -> None:
    def delete(registry: Any, datastore: Any, batch: Any, entries: Any) -> None:
        datastore.delete_artifacts([(entry.artifact, None) for entry in entries], batch_id=batch.batch_id)

    (tmp_path / "file").write_text("{}")
    data_ids = [{"instrument": "Cam", "detector": n} for n in (1, 2)]
    refs = butler.ingest(FileDataset(os.fspath(tmp_path / "file"), butler.make_refs(KIND, data_ids)))
    monkeypatch.setattr(transactions, "delete_unreferenced", delete)
    with Recorder(butler) as recorder, recorder.process("unstore"):
        butler.unstore(refs[:1])
    assert "unstore registry.referenced: all are referenced" in find_deviation(recorder)


def sleep_through_a_recovery(butler: Butler, call: str) -> Stepper:
    with Stepper(butler) as stepper:
        writer = stepper.start("put", lambda: put(butler))
        assert writer.go_to(call)
        with stepper.process("recover"):
            butler.recover()
        writer.go_to("(its end)")
    return stepper


def test_a_recovery_that_does_not_fence(butler: Butler, monkeypatch: Patch) -> None:
    monkeypatch.setattr(butler._registry, "fence", butler._registry.outcomes)
    deviation = find_deviation(sleep_through_a_recovery(butler, "registry.apply_batch"))
    assert "recover registry.fence: put is fenced" in deviation


def test_a_store_that_does_not_bar(butler: Butler, monkeypatch: Patch) -> None:
    staging = butler._datastore._store._staging  # type: ignore[attr-defined]
    for method in ("bar", "finish"):
        monkeypatch.setattr(staging, method, lambda batch: None)
    deviation = find_deviation(sleep_through_a_recovery(butler, "datastore.put_many"))
    assert "put datastore.put_many: barred" in deviation


def test_a_registry_that_forgets_what_is_referenced(butler: Butler, monkeypatch: Patch) -> None:
    monkeypatch.setattr(butler._registry, "referenced", lambda datastore, artifacts: set())
    deviation = find_deviation(sleep_through_a_recovery(butler, "journals.drop"))
    assert "recover registry.referenced: all are referenced" in deviation


def test_a_writer_that_nothing_bars_keeps_its_journal(butler: Butler, monkeypatch: Patch) -> None:
    """A request that it gave up may yet make an artifact: the model's guard ``own_requests``."""
    datastore = butler._datastore
    abilities = datastore.abilities.model_copy(update={"bars_writers": False})
    monkeypatch.setattr(datastore, "abilities", abilities)
    monkeypatch.setattr(recovery, "find_writer_state", lambda writer: WriterState.ALIVE)
    monkeypatch.setattr(datastore, "put_many", lambda arg, *, batch_id: fail())
    with Recorder(butler) as recorder:
        with pytest.raises(UnavailableError, match="timed out"), recorder.process("put"):
            put(butler)
        (name,) = datastore.journals.list()
        datastore.journals.renew(name, requests_until=datetime.now(UTC) + timedelta(hours=1))
        with recorder.process("recover"):
            assert len(butler.recover().waiting) == 1
    assert list(datastore.journals.list()) == [name]
    datastore.journals.renew(name, requests_until=datetime.now(UTC) - timedelta(seconds=1))
    assert len(butler.recover().finished) == 1
    assert list(datastore.journals.list()) == []
    assert find_deviation(recorder, can_bar=False) == ""


def fail() -> None:
    raise UnavailableError("The request timed out.", remedy="Wait.")
