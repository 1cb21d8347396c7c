"""Journals that are damaged, foreign, of the future or forged: told and left alone, and never a reason to delete more."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import given, strategies as st

from butler_core import Butler
from butler_core.files.names import batch_token
from butler_core.models.dataset_ref import new_uuid
from butler_core.models.journal import JOURNAL_VERSION, Journal, JournalEntry
from butler_core.models.reports import RecoveryReport
from butler_core.testing.datastores.journals import new_journal
from butler_core.testing.universe import testing_universe
from butler_core.writer import identify_writer
from butler_posix._journal_file import encode_journal
from tests.butler.conftest import RUN, data_ids, populate

GONE = identify_writer().model_copy(update={"process_start": 1})
JOURNALS = ".butler/journals/u%2Ftest%2Ffirst"
DATASTORE = "d"


def journal_of(*artifacts: str, **fields: Any) -> Journal:
    entries = tuple(
        JournalEntry.model_construct(uuid=uuid4(), run=RUN, component=None, artifact=name, size_bytes=None)
        for name in artifacts
    )
    values = {"writer": GONE, "datastore_id": DATASTORE, "entries": entries, **fields}
    journal = new_journal()
    return Journal.model_construct(**{**dict(journal), **values})


def write(root: Path, journal: Journal) -> Path:
    path = root / JOURNALS / f"20260101T000000000000Z-{journal.batch_id.hex}-{uuid4().hex[:8]}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(encode_journal(journal))
    return path


class Place:
    """A repository whose datastore's root is its own, so that everything that may be lost lies in it."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.root = directory / "repo"

    def files(self) -> set[str]:
        """Return everything that is there, but for what SQLite keeps while it is open."""
        return {
            str(path.relative_to(self.directory))
            for path in self.directory.rglob("*")
            if not path.is_dir() and not path.name.endswith(("-wal", "-shm"))
        }

    def recover(self) -> RecoveryReport:
        with Butler(self.root, writeable=True) as butler:
            return butler.recover()


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make two datasets, a journal of either kind, what they let recovery delete, and what they do not."""
    place = Place(tmp_path_factory.mktemp("template"))
    config = {"datastore": {"type": "posix", "root": ".", "datastore_id": DATASTORE}}
    Butler.make_repo(place.root, config, testing_universe(), durability="process")
    with Butler(place.root, run=RUN) as butler:
        populate(butler)
        for n in (0, 1):
            butler.put({"n": n}, "summary", data_ids()[n])
    (place.directory / "outside").mkdir()
    (place.directory / "outside" / "file").write_text("not ours")
    (place.root / "link").symlink_to("../outside")
    batch_id = new_uuid()
    leftover, removed = f"u/x_{batch_token(batch_id)}.json", "u/removed.json"
    stored = sorted(str(path.relative_to(place.root)) for path in (place.root / "u/test").rglob("*.json"))
    assert len(stored) == 2
    for name in (leftover, removed, "u/bystander.json"):
        (place.root / name).write_text("{}")
    write(place.root, journal_of(leftover, batch_id=batch_id))
    write(place.root, journal_of(removed, stored[0], kind="remove"))
    return place.directory


@contextmanager
def copied(template: Path) -> Iterator[Place]:
    with TemporaryDirectory() as directory:
        shutil.copytree(template, directory, dirs_exist_ok=True, symlinks=True)
        yield Place(Path(directory))


def journals_in(place: Place) -> list[Path]:
    return sorted((place.root / JOURNALS).iterdir())


def test_what_whole_journals_let_recovery_delete(template: Path) -> None:
    with copied(template) as place:
        before = place.files()
        journals = {str(path.relative_to(place.directory)) for path in journals_in(place)}
        report = place.recover()
        assert (report.deleted, report.kept, len(report.finished)) == (2, 1, 2)
        gone = before - place.files() - journals
        assert {Path(name).parent.name for name in gone} == {"u"}
        assert len(gone) == 2


cuts = st.tuples(st.integers(0, 10_000), st.integers(0, 10_000)).map(sorted)
damages = st.one_of(
    st.tuples(st.just("delete"), cuts, st.just(b"")),
    st.tuples(st.just("replace"), cuts, st.binary(max_size=40)),
    st.tuples(st.just("insert"), cuts, st.binary(min_size=1, max_size=40)),
    st.tuples(st.just("repeat"), cuts, st.just(b"")),
    st.tuples(st.just("splice"), cuts, st.just(b"")),
    st.tuples(st.just("truncate"), cuts, st.just(b"")),
)


def damage(content: bytes, other: bytes, how: str, cut: list[int], data: bytes) -> bytes:
    """Change the bytes of a journal."""
    first, last = sorted(position % (len(content) + 1) for position in cut)
    return {
        "delete": content[:first] + content[last:],
        "replace": content[:first] + data + content[first + len(data) :],
        "insert": content[:first] + data + content[first:],
        "repeat": content[:last] + content[first:],
        "splice": content[:first] + other[last % (len(other) + 1) :],
        "truncate": content[:first],
    }[how]


@pytest.fixture(scope="module")
def deleted(template: Path) -> set[str]:
    """What recovery takes away, journals too, when nothing is damaged."""
    with copied(template) as place:
        before = place.files()
        place.recover()
        return before - place.files()


def is_whole(content: bytes, journals: list[bytes]) -> bool:
    """Whether it begins with a whole journal, and at most a renewal follows that was cut short."""
    first, end, rest = content.partition(b"\n")
    return first + end in journals and b"\n" not in rest


@given(which=st.integers(0, 1), changes=st.lists(damages, min_size=1, max_size=3))
def test_random_damage_never_deletes_more(
    template: Path, deleted: set[str], which: int, changes: list[tuple[str, list[int], bytes]]
) -> None:
    with copied(template) as place:
        before, files = place.files(), journals_in(place)
        contents = [path.read_bytes() for path in files]
        content = contents[which]
        for change in changes:
            content = damage(content, contents[1 - which], *change)
        files[which].write_bytes(content)
        report = place.recover()
        assert before - place.files() <= deleted
        assert len(report.left_alone) == (0 if is_whole(content, contents) else 1)
        if report.left_alone:
            assert files[which].read_bytes() == content


PARTS = """
. .. u test link outside file repo butler.yaml .butler journals staging registry.sqlite3 registry.sqlite3-wal bystander.json
http: file: C:\\x
"""
NAMES = """
/etc/passwd file:///etc/passwd s3://bucket/key link/file ../outside/file ./butler.yaml butler.yaml registry.sqlite3
.butler/journals .butler/../butler.yaml u/../butler.yaml link/../outside/file //outside/file ..\\outside u/bystander.json
"""
parts = st.sampled_from(["", "\0", "a\nb", "é" * 200, *PARTS.split()])
paths = st.one_of(
    st.lists(parts, min_size=1, max_size=5).map("/".join),
    st.text(max_size=20),
    st.sampled_from(NAMES.split()),
)


@given(
    kind=st.sampled_from(["write", "remove"]),
    names=st.lists(paths, min_size=1, max_size=3),
    token=st.booleans(),
)
def test_forged_paths_lead_nowhere(template: Path, kind: str, names: list[str], token: bool) -> None:
    """Whoever can write a journal can also write a checksum: the names in it are judged all the same."""
    batch_id = new_uuid()
    if token:
        names = [f"{name}{batch_token(batch_id)}" for name in names]
    with copied(template) as place:
        before = place.files()
        write(place.root, journal_of(*names, kind=kind, batch_id=batch_id))
        place.recover()
        lost = {name for name in before - place.files() if ".butler" not in name}
        # A removal may name any file in the root that no record names.
        allowed = {f"repo/{name}" for name in names} if kind == "remove" else set()
        deleted_anyway = {name for name in lost if Path(name).parent.name == "u" and "bystander" not in name}
        assert lost - deleted_anyway <= allowed - {"repo/butler.yaml", "repo/registry.sqlite3"}
        assert (place.directory / "outside" / "file").exists()
        with Butler(place.root, collections=RUN) as butler:
            assert [butler.get("summary", data_ids()[n]) for n in (0, 1)] == [{"n": 0}, {"n": 1}]


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("/etc/passwd", "no artifact"),
        ("../outside/file", "no artifact"),
        ("u/../../outside/file", "no artifact"),
        ("file:///etc/passwd", "no artifact"),
        ("u/a\0b", "no artifact"),
        (".butler/journals/x", "no artifact"),
        ("", "no artifact"),
    ],
)
def test_a_path_that_leaves_the_root_is_told(template: Path, name: str, problem: str) -> None:
    with copied(template) as place:
        forged = write(place.root, journal_of(name, kind="remove"))
        (left,) = place.recover().left_alone
        assert problem in left.problem
        assert forged.exists()


@pytest.mark.parametrize("name", ["link/file", "butler.yaml", "registry.sqlite3", "registry.sqlite3-wal"])
def test_what_is_no_artifact_of_ours_stays(template: Path, name: str) -> None:
    with copied(template) as place:
        write(place.root, journal_of(name, kind="remove"))
        assert place.recover().deleted == 2  # what the other journals name
        assert (place.directory / "outside" / "file").exists()
        assert (place.root / "butler.yaml").exists()
        assert (place.root / "registry.sqlite3").exists()


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"version": JOURNAL_VERSION + 1}, "reads up to"),
        ({"datastore_id": "another"}, "datastore 'another'"),
        ({"kind": "graph"}, "graph"),
        ({"kind": "write"}, "its batch cannot have written"),
        ({"kind": "else"}, "says what no journal says"),
        ({"batch_id": UUID(int=0), "kind": "write"}, "its batch cannot have written"),
    ],
)
def test_foreign_and_future_journals(template: Path, fields: dict[str, Any], problem: str) -> None:
    with copied(template) as place:
        forged = write(place.root, journal_of("u/bystander.json", **{"kind": "remove", **fields}))
        (left,) = place.recover().left_alone
        assert problem in left.problem
        assert forged.exists()
        assert (place.root / "u/bystander.json").exists()
        with Butler(place.root) as butler:
            assert [info.problem for info in butler.journals()] == [left.problem]


def test_a_journal_among_those_of_another_run(template: Path) -> None:
    with copied(template) as place:
        forged = write(place.root, journal_of("u/bystander.json", kind="remove"))
        elsewhere = forged.parent.with_name("elsewhere")
        elsewhere.mkdir()
        forged.rename(elsewhere / forged.name)
        (left,) = place.recover().left_alone
        assert "whose journals lie elsewhere" in left.problem
        assert (place.root / "u/bystander.json").exists()


def test_a_directory_that_cannot_be_listed_holds_up_no_other(
    template: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with copied(template) as place:
        closed = place.root / ".butler/journals/u%2Fclosed"
        closed.mkdir()
        real = os.listdir

        def listdir(path: str) -> list[str]:
            if Path(path) == closed:
                raise PermissionError(13, "Permission denied", path)
            return real(path)

        (place.root / "unknown_0123456789abcdef.json").write_text("{}")
        with monkeypatch.context() as patch, Butler(place.root, writeable=True) as butler:
            patch.setattr(os, "listdir", listdir)
            report = butler.recover()
            assert (len(report.finished), len(report.left_alone)) == (2, 1)
            assert str(closed) in report.left_alone[0].problem
            assert [str(closed) in info.problem for info in butler.journals()] == [True]
            # It might name anything: so nothing is set aside.
            assert not any(finding.repaired for finding in butler.verify(repair=True).findings)
        assert place.recover() == RecoveryReport()
