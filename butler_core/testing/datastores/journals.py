"""The conformance suite of journal stores: what every one of them must do, looked at behind its back."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from butler_core.contracts.journal import JournalStore
from butler_core.errors import CorruptError, IncompatibleError, NotFoundError
from butler_core.models.journal import JOURNAL_VERSION, Journal, JournalEntry
from butler_core.models.names import CollectionName, Uri
from butler_core.writer import identify_writer


def new_journal(run: CollectionName = "u/test/run", count: int = 2, **fields: Any) -> Journal:
    """Return a journal of a new batch that names some artifacts of one RUN."""
    batch_id = fields.pop("batch_id", None) or uuid4()
    values: dict[str, Any] = {
        "version": JOURNAL_VERSION,
        "batch_id": batch_id,
        "datastore_id": "testing",
        "kind": "write",
        "writer": identify_writer(),
        "begun": datetime.now(UTC),
        "entries": tuple(
            JournalEntry(uuid=uuid4(), run=run, component=None, artifact=f"dir/{n}.json", size_bytes=None)
            for n in range(count)
        ),
    }
    return Journal(**{**values, **fields})


class JournalConformance:
    """Subclass it in a test module, supply the fixture ``journals`` and the methods that follow, and inherit every test."""

    @pytest.fixture
    def journals(self) -> JournalStore:
        """Return a new, empty journal store.  Overridden."""
        raise NotImplementedError

    def location(self, run: CollectionName) -> Uri:
        """Return where the bridge of the datastore says that a RUN's journals go.  Overridden."""
        raise NotImplementedError

    def peek(self, name: str) -> bytes | None:
        """Read what is stored of a journal, behind the store's back; None if it is not there.  Overridden."""
        raise NotImplementedError

    def poke(self, name: str, content: bytes) -> None:
        """Write over what is stored of a journal, behind the store's back.  Overridden."""
        raise NotImplementedError

    def create(self, journals: JournalStore, journal: Journal) -> str:
        """Write a journal where it belongs."""
        return journals.create(self.location(journal.entries[0].run), journal)

    @pytest.mark.parametrize("kind", ["write", "remove", "graph"])
    def test_what_is_written_is_read(self, journals: JournalStore, kind: str) -> None:
        journal = new_journal("é/../%2F 😀", 3, kind=kind)
        name = self.create(journals, journal)
        assert journals.read(name) == journal
        assert list(journals.list()) == [name]
        assert self.peek(name)

    def test_many_entries(self, journals: JournalStore) -> None:
        journal = new_journal(count=10_000)
        assert journals.read(self.create(journals, journal)) == journal

    def test_all_are_listed_oldest_first(self, journals: JournalStore) -> None:
        assert list(journals.list()) == []
        names = [self.create(journals, new_journal(f"run/{n % 3}")) for n in range(10)]
        assert list(journals.list()) == names
        assert all(name[:8].isdigit() for name in names)

    def test_journals_of_one_batch(self, journals: JournalStore) -> None:
        batch_id = uuid4()
        names = [self.create(journals, new_journal(run, batch_id=batch_id)) for run in ("a", "b", "a/b")]
        assert [journals.read(name).batch_id for name in names] == [batch_id] * 3
        for left in (2, 1, 0):
            journals.drop(names[left])
            assert list(journals.list()) == names[:left]

    def test_a_dropped_journal_is_gone(self, journals: JournalStore) -> None:
        first, second = [self.create(journals, new_journal()) for _ in range(2)]
        for _ in range(2):
            journals.drop(first)
            assert list(journals.list()) == [second]
        with pytest.raises(NotFoundError):
            journals.read(first)
        with pytest.raises(NotFoundError):
            journals.renew(first)
        assert list(journals.list()) == [second]

    @pytest.mark.parametrize("name", ["nothing", "../../x", "", "a@../b", "20260101T000000000000Z-x@y"])
    def test_what_never_was_is_not_found(self, journals: JournalStore, name: str) -> None:
        with pytest.raises(NotFoundError):
            journals.read(name)

    @pytest.mark.parametrize(
        "damage",
        [
            lambda content: b"",
            lambda content: content[: len(content) // 2],
            lambda content: content[:-1],
            lambda content: content[:-30],
            lambda content: content.replace(b"dir/0", b"dir/1"),
            lambda content: content.replace(b'"write"', b'"other"'),
            lambda content: b"\0" * len(content),
            lambda content: b'{"version":1,"journal":{},"checksum":"blake2b:00"}\n',
        ],
        ids=["empty", "half", "end", "tail", "changed", "kind", "zeros", "forged"],
    )
    def test_a_damaged_journal_is_told(
        self, journals: JournalStore, damage: Callable[[bytes], bytes]
    ) -> None:
        name = self.create(journals, new_journal())
        content = self.peek(name)
        assert content is not None
        self.poke(name, damage(content))
        with pytest.raises(CorruptError):
            journals.read(name)
        assert list(journals.list()) == [name]

    def test_a_newer_journal_is_told(self, journals: JournalStore) -> None:
        name = self.create(journals, new_journal(version=JOURNAL_VERSION + 1))
        with pytest.raises(IncompatibleError):
            journals.read(name)
        assert list(journals.list()) == [name]

    def test_entries_of_another_run_are_told(self, journals: JournalStore) -> None:
        name = journals.create(self.location("one"), new_journal("another"))
        with pytest.raises(CorruptError, match="another"):
            journals.read(name)

    @pytest.mark.parametrize(
        "artifact",
        [
            *("../up", "/etc/passwd", "a/../../b", "./a", "a//b", "a/", "", "."),
            *(".butler/journals/x", "file:///x", "s3://bucket/x", "a\0b", "a\\..\\b", "x" * 2000),
        ],
    )
    def test_entries_outside_the_root_are_told(self, journals: JournalStore, artifact: str) -> None:
        entry = JournalEntry(uuid=uuid4(), run="run", component=None, artifact=artifact, size_bytes=None)
        name = self.create(journals, new_journal(entries=(entry,)))
        with pytest.raises(CorruptError):
            journals.read(name)

    def test_renewals_are_read(self, journals: JournalStore) -> None:
        journal = new_journal()
        name = self.create(journals, journal)
        until = datetime.now(UTC)
        for n in range(2):
            later = until + timedelta(seconds=n)
            journals.renew(name, requests_until=later, uploads=[f"upload-{n}"])
            expected = journal.model_copy(update={"requests_until": later, "uploads": (f"upload-{n}",)})
            assert journals.read(name) == expected
        assert list(journals.list()) == [name]

    def test_writers_at_once(self, journals: JournalStore) -> None:
        names: list[str] = []
        start = threading.Barrier(20)

        def write() -> None:
            start.wait()
            names.append(self.create(journals, new_journal()))

        threads = [threading.Thread(target=write) for _ in range(20)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(set(names)) == 20
        assert sorted(journals.list()) == sorted(names)

    def test_listing_beside_writers_leaves_none_out(self, journals: JournalStore) -> None:
        steady = [self.create(journals, new_journal(f"run/{n % 2}")) for n in range(5)]
        stop = threading.Event()

        def write() -> None:
            while not stop.is_set():
                journals.drop(self.create(journals, new_journal(f"run/{threading.get_ident() % 5}")))

        threads = [threading.Thread(target=write) for _ in range(4)]
        for thread in threads:
            thread.start()
        try:
            for _ in range(50):
                names = list(journals.list())
                assert [name for name in names if name in steady] == steady
                for name in names:
                    with suppress(NotFoundError):
                        journals.read(name)  # whole, if it is there
        finally:
            stop.set()
            for thread in threads:
                thread.join()
        assert list(journals.list()) == steady

    def test_the_first_completion_wins(self, journals: JournalStore) -> None:
        batch_id = uuid4()
        start, won = threading.Barrier(20), []

        def publish(n: int) -> None:
            start.wait()
            if journals.publish(batch_id, "task/é..", b"%d" % n):
                won.append(n)

        threads = [threading.Thread(target=publish, args=(n,)) for n in range(20)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(won) == 1
        assert list(journals.published(batch_id)) == [("task/é..", b"%d" % won[0])]

    def test_completions_belong_to_their_batch(self, journals: JournalStore) -> None:
        first, second = uuid4(), uuid4()
        assert journals.publish(first, "a", b"")
        assert journals.publish(first, "b", b"\x00 anything \n")
        assert journals.publish(second, "a", b"2")
        assert not journals.publish(second, "a", b"3")
        assert sorted(journals.published(first)) == [("a", b""), ("b", b"\x00 anything \n")]
        assert list(journals.published(second)) == [("a", b"2")]
        assert list(journals.published(uuid4())) == []
        assert list(journals.list()) == []
