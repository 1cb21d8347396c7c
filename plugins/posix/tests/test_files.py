"""What only a directory does: links, staging, syncs, and what a file system may answer."""

from __future__ import annotations

import errno
import os
import shutil
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from butler_core.contracts.datastore import Datastore
from butler_core.errors import (
    BatchFencedError,
    ButlerError,
    ConfigurationError,
    ConflictError,
    CorruptError,
    DatasetExistsError,
    ForbiddenError,
    InvalidInputError,
    NotFoundError,
    UnavailableError,
)
from butler_core.models.dataset_ref import DatasetRef
from butler_core.models.file_dataset import FileDataset
from butler_core.testing.context import make_context
from butler_core.testing.datastores.datasets import begin, make_refs, put
from butler_posix import _io, _syncfs, plugin
from butler_posix._config import PosixDatastoreConfig

Open = Callable[..., Datastore]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "repo" / "data"


@pytest.fixture
def steps() -> Iterator[list[tuple[str, str]]]:
    """Record every change that is made to the file system."""
    made: list[tuple[str, str]] = []
    _io.step = lambda name, path: made.append((name, path))
    yield made
    _io.step = None


def fail(name: str, number: int, *, match: str = "") -> Callable[[str, str], None]:
    """Return a step that fails with an error number."""

    def step(made: str, path: str) -> None:
        if made == name and match in path:
            raise OSError(number, os.strerror(number), path)

    return step


def artifact_of(ref: DatasetRef) -> str:
    assert ref.datastore_records is not None
    artifact: str = ref.datastore_records["file_testing"][0].artifact
    return artifact


def everything_in(path: Path) -> set[str]:
    return {
        str(found.relative_to(path))
        for found in path.rglob("*")
        if not found.is_dir() and found.name != "owner"  # that stays as it was made
    }


# -- making and opening


@pytest.mark.parametrize("durability", ["process", "power-loss"])
def test_it_is_made_where_its_configuration_says(tmp_path: Path, durability: Any) -> None:
    (backend,) = plugin.butler_datastores()
    for number, given in enumerate(
        ["data", "a/b/c", str(tmp_path / "elsewhere"), (tmp_path / "é #").as_uri()]
    ):
        config = PosixDatastoreConfig(datastore_id="x", root=given)
        context = make_context(tmp_path / f"repo{number}", durability=durability)
        backend.create(config, context)
        backend.create(config, context)
        assert list(backend.open(config, context).stat_artifacts(None)) == []
    for place in ("repo0/data", "repo1/a/b/c", "elsewhere", "é #"):
        assert everything_in(tmp_path / place) == set()
        assert (tmp_path / place / ".butler" / "journals").is_dir()


def test_opening_one_that_is_not_there_is_refused(tmp_path: Path) -> None:
    (backend,) = plugin.butler_datastores()
    with pytest.raises(NotFoundError, match="repo/data"):
        backend.open(PosixDatastoreConfig(), make_context(tmp_path / "repo"))
    assert not (tmp_path / "repo").exists()
    (journals,) = plugin.butler_journals()
    with pytest.raises(NotFoundError, match="repo/data"):
        journals.open(journals.config_model(), make_context(tmp_path / "repo"))  # type: ignore[misc]


@pytest.mark.parametrize(
    ("number", "error"),
    [(errno.EACCES, ForbiddenError), (errno.EROFS, ForbiddenError), (errno.ENOSPC, UnavailableError)],
)
def test_a_root_that_cannot_be_written_is_named(
    tmp_path: Path, number: int, error: type[ButlerError]
) -> None:
    (backend,) = plugin.butler_datastores()
    for name in ("mkdir", "create"):
        _io.step = fail(name, number)
        try:
            with pytest.raises(error, match="repo/data"):
                backend.create(PosixDatastoreConfig(), make_context(tmp_path / "repo"))
        finally:
            _io.step = None


def test_a_file_is_no_root(tmp_path: Path) -> None:
    (tmp_path / "data").write_bytes(b"")
    (backend,) = plugin.butler_datastores()
    with pytest.raises(ButlerError, match="data"):
        backend.create(PosixDatastoreConfig(), make_context(tmp_path))


def test_a_file_system_without_hard_links_is_refused(tmp_path: Path) -> None:
    (backend,) = plugin.butler_datastores()
    _io.step = fail("link", errno.EPERM)
    try:
        with pytest.raises(ConfigurationError, match="hard links"):
            backend.create(PosixDatastoreConfig(), make_context(tmp_path))
    finally:
        _io.step = None
    assert everything_in(tmp_path) == set()


def test_templates_are_checked_when_it_is_made(tmp_path: Path) -> None:
    (backend,) = plugin.butler_datastores()
    config = PosixDatastoreConfig(templates={"default": "{nonsense}"})
    with pytest.raises(ConfigurationError, match="nonsense"):
        backend.create(config, make_context(tmp_path / "repo"))
    assert not (tmp_path / "repo").exists()


def test_journals_can_be_opened_alone(open_posix: Open, tmp_path: Path) -> None:
    datastore = open_posix()
    _, (name,) = begin(datastore, make_refs(1), uuid4())
    (backend,) = plugin.butler_journals()
    assert backend.config_model is not None
    journals = backend.open(backend.config_model(datastore_id="testing"), make_context(tmp_path / "repo"))
    assert list(journals.list()) == [name]
    assert journals.read(name) == datastore.journals.read(name)


# -- writing


def test_a_put_takes_few_steps_and_leaves_nothing_aside(
    datastore: Datastore, root: Path, steps: list[tuple[str, str]]
) -> None:
    put(datastore, [{}], make_refs(1), uuid4())
    steps.clear()
    (ref,) = put(datastore, [{}], make_refs(1, first=1), uuid4())
    journal = ["mkdir", "create", "write", "rename"]
    assert [name for name, _ in steps] == [*journal, "create", "write", "link", "unlink", "rmdir", "unlink"]
    assert everything_in(root / ".butler") == set()
    assert os.listdir(root / ".butler" / "staging") == []
    assert (root / artifact_of(ref)).stat().st_nlink == 1


def test_an_artifact_appears_whole(datastore: Datastore, root: Path) -> None:
    predicted, _ = begin(datastore, make_refs(2), batch_id := uuid4())
    seen: list[int] = []

    def look(name: str, path: str) -> None:
        seen.extend(found.stat().st_size for found in root.rglob("summary_*"))

    _io.step = look
    try:
        datastore.put_many([({"a": "x" * 1000}, ref) for ref in predicted], batch_id=batch_id)
    finally:
        _io.step = None
    assert seen
    assert set(seen) == {1008}


def test_everything_is_durable_before_put_returns(open_posix: Open, steps: list[tuple[str, str]]) -> None:
    datastore = open_posix(durability="power-loss")
    for first, count in enumerate((1, 1, 3, 40)):
        steps.clear()
        put(datastore, [{}] * count, make_refs(count, first=100 * first), uuid4())
        assert_durable(steps)


def assert_durable(steps: list[tuple[str, str]]) -> None:
    """Check that content was synced before its name was linked or renamed, and the names' directories after that."""
    everything = [index for index, (name, _) in enumerate(steps) if name == "syncfs"]
    synced: dict[str, list[int]] = {}
    for index, (name, path) in enumerate(steps):
        if name == "fsync":
            synced.setdefault(path.rstrip("/"), []).append(index)
    # The journal is published by the one rename, then everything else by links.
    rename = next(index for index, (name, _) in enumerate(steps) if name == "rename")
    first_link = next(index for index, (name, _) in enumerate(steps) if name == "link")
    for index, (name, path) in enumerate(steps):
        if name == "create":
            published = rename if path.endswith(".json") and index < rename else first_link
            assert any(index < done < published for done in [*synced.get(path, []), *everything]), path
        if name in ("link", "rename") or (name == "mkdir" and "/staging/" not in path):
            done_after = [*synced.get(os.path.dirname(path), []), *everything]
            assert any(index < done for done in done_after), f"{name} {path}"


def test_directories_that_somebody_else_made_are_synced_too(
    open_posix: Open, root: Path, steps: list[tuple[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("butler_posix._directories.find_syncfs", lambda path: None)
    open_posix(durability="process")
    (root / "u" / "new" / "summary").mkdir(parents=True)
    datastore = open_posix(durability="power-loss")
    put(datastore, [{}], make_refs(1, run="u/new"), uuid4())
    synced = {os.path.normpath(path) for name, path in steps if name == "fsync"}
    assert {
        str(root),
        str(root / "u"),
        str(root / "u" / "new"),
        str(root / "u" / "new" / "summary"),
    } <= synced
    steps.clear()
    put(datastore, [{}], make_refs(1, run="u/new", first=1), uuid4())
    assert len([path for name, path in steps if name == "fsync"]) == 4


def test_many_files_take_few_syncs(open_posix: Open, root: Path, steps: list[tuple[str, str]]) -> None:
    if _syncfs.find_syncfs(str(root.parent.parent)) is None:
        pytest.skip("this file system is not known to sync as a whole")
    datastore = open_posix(durability="power-loss")
    steps.clear()
    put(datastore, [{}] * 200, make_refs(200), uuid4())
    assert len([name for name, _ in steps if name in ("fsync", "syncfs")]) < 20


def test_where_not_all_can_be_synced_each_is(
    open_posix: Open, root: Path, steps: list[tuple[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    for answer in (None, lambda descriptor: -1):
        monkeypatch.setattr("butler_posix._directories.find_syncfs", lambda path, answer=answer: answer)
        datastore = open_posix(durability="power-loss")
        steps.clear()
        put(datastore, [{}] * 20, make_refs(20), uuid4())
        synced = [path for name, path in steps if name == "fsync" and "/staging/" in path]
        assert len(synced) == 21


def test_a_file_system_that_cannot_sync_directories_is_served(open_posix: Open, root: Path) -> None:
    datastore = open_posix(durability="power-loss")

    def step(name: str, path: str) -> None:
        if name == "fsync" and os.path.isdir(path):
            raise OSError(errno.EINVAL, "not for directories")

    _io.step = step
    try:
        put(datastore, [{}], make_refs(1), uuid4())
    finally:
        _io.step = None


def test_deletions_are_durable(open_posix: Open, root: Path, steps: list[tuple[str, str]]) -> None:
    datastore = open_posix(durability="power-loss")
    refs = put(datastore, [{}] * 3, make_refs(3), uuid4())
    steps.clear()
    datastore.delete_artifacts([(artifact_of(ref), None) for ref in refs], batch_id=uuid4())
    directory = os.path.dirname(root / artifact_of(refs[0]))
    assert [name for name, _ in steps] == ["unlink", "unlink", "unlink", "fsync"]
    assert steps[-1][1] == directory


def test_nothing_is_synced_where_nobody_asked(datastore: Datastore, steps: list[tuple[str, str]]) -> None:
    put(datastore, [{}] * 20, make_refs(20), uuid4())
    assert not [name for name, _ in steps if "sync" in name]


@pytest.mark.parametrize(
    ("call", "answer"),
    [
        ("link", OSError(errno.EIO, "lost")),
        ("mkdir", FileExistsError()),
        ("rename", FileNotFoundError()),
        ("unlink", FileNotFoundError()),
        ("rmdir", FileNotFoundError()),
    ],
)
def test_a_lost_answer_is_found_out(
    datastore: Datastore, root: Path, monkeypatch: pytest.MonkeyPatch, call: str, answer: OSError
) -> None:
    real = getattr(os, call)

    def do_it_and_lose_the_answer(*args: Any, **kwargs: Any) -> None:
        real(*args, **kwargs)
        raise answer

    monkeypatch.setattr(os, call, do_it_and_lose_the_answer)
    (ref,) = put(datastore, [{"a": 1}], make_refs(1), uuid4())
    assert next(datastore.get_many([(ref, None)])).dataset == {"a": 1}
    if call == "link":
        assert datastore.journals.publish(uuid4(), "key", b"")
    datastore.delete_artifacts([(artifact_of(ref), None)], batch_id=uuid4())
    assert list(datastore.journals.list()) == []
    monkeypatch.undo()
    assert everything_in(root) - {p for p in everything_in(root) if "completions" in p} == set()


def test_a_link_that_failed_is_no_success(datastore: Datastore, root: Path) -> None:
    predicted, _ = begin(datastore, make_refs(1), batch_id := uuid4())
    _io.step = fail("link", errno.EIO)
    try:
        with pytest.raises(UnavailableError, match="link into place"):
            datastore.put_many([({}, predicted[0])], batch_id=batch_id)
    finally:
        _io.step = None


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EACCES, errno.EIO])
@pytest.mark.parametrize("durability", ["process", "power-loss"])
def test_every_failure_is_told_and_leaves_nothing(
    open_posix: Open, root: Path, number: int, durability: Any
) -> None:
    datastore = open_posix(durability=durability)
    for broken in range(1000):
        left, batch_id = broken, uuid4()

        def step(name: str, path: str) -> None:
            nonlocal left
            left -= 1
            if left == -1:
                raise OSError(number, os.strerror(number), path)

        _io.step = step
        try:
            put(datastore, [{"n": 1}, {"n": 2}], make_refs(2, run=f"run{broken}"), batch_id)
        except ButlerError as error:
            told = str(error)
        else:
            assert left >= 0, "nobody noticed"
            break
        finally:
            _io.step = None
        undo(datastore, root, batch_id)
        assert os.strerror(number) in told
        assert everything_in(root) == set(), f"after step {broken}"
    assert broken > 10


def undo(datastore: Datastore, root: Path, batch_id: Any) -> None:
    """Do what a butler does for a batch that failed."""
    artifacts = [str(path.relative_to(root)) for path in root.rglob("summary_*")]
    datastore.delete_artifacts([(artifact, None) for artifact in artifacts], batch_id=batch_id)
    for name in datastore.journals.list():
        datastore.journals.drop(name)
    assert os.listdir(root / ".butler" / "staging") == []


def test_directories_that_vanish_are_made_again(datastore: Datastore, root: Path) -> None:
    for run in ("u/test/run", "u/test/other"):
        put(datastore, [{}], make_refs(1, run=run), uuid4())
        shutil.rmtree(root / "u")
        shutil.rmtree(root / ".butler" / "journals")
        shutil.rmtree(root / ".butler" / "staging")
    put(datastore, [{}], make_refs(1), uuid4())


# -- fences


def test_nothing_is_made_for_a_batch_without_a_journal(datastore: Datastore, root: Path) -> None:
    refs, batch_id = make_refs(1), uuid4()
    refs = datastore.bridge.make_opaque_values(refs, batch_id=batch_id).attach_to(refs)
    with pytest.raises(BatchFencedError):
        datastore.put_many([({}, refs[0])], batch_id=batch_id)
    assert everything_in(root) == set()


def test_nothing_is_made_for_a_batch_that_is_over(datastore: Datastore, root: Path) -> None:
    predicted, (name,) = begin(datastore, make_refs(1), batch_id := uuid4())
    datastore.journals.drop(name)
    with pytest.raises(BatchFencedError):
        datastore.put_many([({}, predicted[0])], batch_id=batch_id)
    assert everything_in(root) == set()


def test_a_batch_barred_by_its_own_process_cannot_journal_again(datastore: Datastore, root: Path) -> None:
    begin(datastore, make_refs(1), batch_id := uuid4())
    datastore.delete_artifacts([], batch_id=batch_id)
    with pytest.raises(BatchFencedError):
        begin(datastore, make_refs(1, run="other"), batch_id)
    assert os.listdir(root / ".butler" / "staging") == []


@pytest.mark.parametrize("step", range(8))
def test_a_writer_fenced_by_another_process_makes_nothing(open_posix: Open, root: Path, step: int) -> None:
    mine, other = open_posix(), open_posix()
    predicted, _ = begin(mine, make_refs(2), batch_id := uuid4())
    left = step
    linked = []

    def fence(name: str, path: str) -> None:
        nonlocal left
        left -= 1
        if left == -1:
            _io.step = None
            other.delete_artifacts([], batch_id=batch_id)
            linked.append(everything_in(root) - {f".butler/{p}" for p in everything_in(root / ".butler")})

    _io.step = fence
    try:
        with pytest.raises(BatchFencedError):
            mine.put_many([({"n": n}, ref) for n, ref in enumerate(predicted)], batch_id=batch_id)
    except pytest.fail.Exception:
        # Only where everything had been linked before; then it is there when recovery looks.
        assert len(linked[0]) == 2
    finally:
        _io.step = None
    made = everything_in(root) - {f".butler/{p}" for p in everything_in(root / ".butler")}
    assert made == linked[0]
    with pytest.raises(BatchFencedError):
        begin(mine, predicted, batch_id)


def test_files_are_not_taken_in_behind_a_fence(open_posix: Open, root: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"x")
    for transfer in ("copy", "move", "link", "hardlink", "symlink", "relsymlink"):
        mine, other = open_posix(), open_posix()
        files = [FileDataset(str(tmp_path / "file"), refs := make_refs(1, "Bytes"), "bytes")]
        predicted, (name,) = begin(mine, refs, batch_id := uuid4(), files)
        other.delete_artifacts([], batch_id=batch_id)
        with pytest.raises(BatchFencedError):
            mine.receive(
                {None: [FileDataset(str(tmp_path / "file"), predicted, "bytes")]},
                batch_id=batch_id,
                transfer=transfer,
            )
        mine.journals.drop(name)
        assert everything_in(root) == set()


def test_a_fence_waits_for_a_writer_who_goes_on_writing(
    datastore: Datastore, root: Path, open_posix: Open
) -> None:
    _, _ = begin(datastore, make_refs(1), batch_id := uuid4())
    (directory,) = (root / ".butler" / "staging").iterdir()
    left = 5

    def write_more(name: str, path: str) -> None:
        nonlocal left
        if name == "rmdir" and left:
            left -= 1
            (directory / str(left)).write_bytes(b"")

    _io.step = write_more
    try:
        open_posix().delete_artifacts([], batch_id=batch_id)
    finally:
        _io.step = None
    assert not directory.exists()


# -- looking, and what is no artifact


def test_what_belongs_to_the_repository_is_no_artifact(tmp_path: Path) -> None:
    (backend,) = plugin.butler_datastores()
    config, context = PosixDatastoreConfig(datastore_id="testing", root="."), make_context(tmp_path)
    backend.create(config, context)
    for name in ("butler.yaml", "registry.sqlite3", "registry.sqlite3-wal", "mine.json"):
        (tmp_path / name).write_bytes(b"")
    assert [found.artifact for found in backend.open(config, context).stat_artifacts(None)] == ["mine.json"]


def test_links_are_described_by_what_they_point_to(datastore: Datastore, root: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"12345")
    (root / "link").symlink_to(tmp_path / "file")
    (root / "dangling").symlink_to(tmp_path / "nothing")
    found = {entry.artifact: entry.size_bytes for entry in datastore.stat_artifacts(None, checksums="sha256")}
    assert found == {"link": 5, "dangling": 0}
    for entry in datastore.stat_artifacts(None):
        datastore.delete_artifacts([(entry.artifact, entry.identity)], batch_id=uuid4())
    assert list(datastore.stat_artifacts(None)) == []
    assert (tmp_path / "file").exists()


def test_links_that_lead_out_are_not_followed(datastore: Datastore, root: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "file").write_bytes(b"12345")
    (root / "out").symlink_to(outside)
    assert [entry.artifact for entry in datastore.stat_artifacts(None)] == ["out"]
    assert list(datastore.stat_artifacts(["out/file"])) == []
    datastore.delete_artifacts([("out/file", None)], batch_id=uuid4())
    assert (outside / "file").exists()
    (ref,) = put(datastore, [b"x"], make_refs(1, "Bytes"), uuid4())
    assert ref.datastore_records is not None
    (record,) = ref.datastore_records["file_testing"]
    away = ref.with_datastore_records({"file_testing": (record._replace(artifact="out/file", size_bytes=5),)})
    with pytest.raises(CorruptError, match="symbolic link"):
        list(datastore.get_many([(away, None)]))
    with pytest.raises(CorruptError, match="symbolic link"):
        put(datastore, [{}], make_refs(1, run="out"), uuid4())
    assert os.listdir(outside) == ["file"]


def test_a_directory_that_becomes_a_link_is_not_followed_on_deletion(
    datastore: Datastore, root: Path, tmp_path: Path
) -> None:
    (ref,) = put(datastore, [{}], make_refs(1), uuid4())
    assert next(datastore.get_many([(ref, None)])).dataset == {}
    (root / "u").rename(tmp_path / "u")
    (root / "u").symlink_to(tmp_path / "u")
    datastore.delete_artifacts([(artifact_of(ref), None)], batch_id=uuid4())
    assert (tmp_path / artifact_of(ref)).exists()


def test_a_root_behind_a_link_is_a_root(tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    (tmp_path / "repo").mkdir()
    (tmp_path / "repo" / "data").symlink_to(tmp_path / "disk")
    (backend,) = plugin.butler_datastores()
    config, context = PosixDatastoreConfig(datastore_id="testing"), make_context(tmp_path / "repo")
    backend.create(config, context)
    datastore = backend.open(config, context)
    (ref,) = put(datastore, [{}], make_refs(1), uuid4())
    assert next(datastore.get_many([(ref, None)])).dataset == {}
    assert (tmp_path / "disk" / artifact_of(ref)).exists()
    for path in (tmp_path / "disk" / artifact_of(ref), tmp_path / "repo" / "data" / artifact_of(ref)):
        with pytest.raises(InvalidInputError, match="belongs to the repository"):
            datastore.receive({None: [FileDataset(path, make_refs(1))]}, batch_id=uuid4(), transfer="direct")


@pytest.mark.parametrize(("first", "second"), [(1, 2), (200, 100)])
def test_a_changed_length_is_told(datastore: Datastore, root: Path, first: int, second: int) -> None:
    (ref,) = put(datastore, [b"x" * first], make_refs(1, "Bytes"), uuid4())
    (root / artifact_of(ref)).write_bytes(b"x" * second)
    with pytest.raises(CorruptError, match=f"{second} bytes, but {first}"):
        list(datastore.get_many([(ref, None)]))


# -- taking in


def test_how_files_are_taken_in(open_posix: Open, root: Path, tmp_path: Path) -> None:
    datastore = open_posix()
    for transfer in ("copy", "move", "hardlink", "link", "symlink", "relsymlink"):
        source = tmp_path / f"{transfer}.dat"
        source.write_bytes(transfer.encode())
        files = [FileDataset(str(source), refs := make_refs(1, "Bytes", name=transfer), "bytes")]
        predicted, _ = begin(datastore, refs, batch_id := uuid4(), files)
        ready: dict[str | None, list[FileDataset]] = {None: [FileDataset(str(source), predicted, "bytes")]}
        datastore.receive(ready, batch_id=batch_id, transfer=transfer)
        made = root / artifact_of(predicted[0])
        assert made.read_bytes() == transfer.encode()
        assert made.is_symlink() is transfer.endswith("symlink")
        if transfer.endswith("symlink"):
            assert os.path.isabs(os.readlink(made)) is (transfer == "symlink")
        else:
            assert made.samefile(source) is (transfer in ("move", "hardlink", "link"))


def test_a_link_is_taken_in_as_what_it_points_to(open_posix: Open, root: Path, tmp_path: Path) -> None:
    datastore = open_posix()
    (tmp_path / "file").write_bytes(b"content")
    link = tmp_path / "link"
    for transfer in ("copy", "hardlink", "relsymlink", "move"):
        link.unlink(missing_ok=True)
        link.symlink_to("file")
        files = [FileDataset(str(link), refs := make_refs(1, "Bytes", name=transfer), "bytes")]
        predicted, _ = begin(datastore, refs, batch_id := uuid4(), files)
        received = datastore.receive(
            {None: [FileDataset(str(link), predicted, "bytes")]}, batch_id=batch_id, transfer=transfer
        )
        received.remove_sources()
        made = root / artifact_of(predicted[0])
        assert made.read_bytes() == b"content"
        if transfer != "relsymlink":
            assert stat.S_ISREG(made.lstat().st_mode)
    assert not link.is_symlink()
    assert (tmp_path / "file").exists()


def test_another_file_system_gets_what_it_can(open_posix: Open, root: Path, tmp_path: Path) -> None:
    datastore = open_posix()
    (tmp_path / "file").write_bytes(b"content")

    def across(name: str, path: str) -> None:
        if name == "link" and "/staging/" in path:
            raise OSError(errno.EXDEV, "cross-device link")

    for transfer, linked in (("move", False), ("link", True), ("hardlink", None)):
        files = [FileDataset(str(tmp_path / "file"), refs := make_refs(1, "Bytes", name=transfer), "bytes")]
        predicted, _ = begin(datastore, refs, batch_id := uuid4(), files)
        ready: dict[str | None, list[FileDataset]] = {
            None: [FileDataset(str(tmp_path / "file"), predicted, "bytes")]
        }
        _io.step = across
        try:
            if linked is None:
                with pytest.raises(InvalidInputError, match="another file system"):
                    datastore.receive(ready, batch_id=batch_id, transfer=transfer)  # type: ignore[arg-type]
                continue
            datastore.receive(ready, batch_id=batch_id, transfer=transfer)  # type: ignore[arg-type]
        finally:
            _io.step = None
        assert (root / artifact_of(predicted[0])).is_symlink() is linked


@pytest.mark.parametrize("kind", ["fifo", "socket"])
def test_only_regular_files_are_taken_in(datastore: Datastore, tmp_path: Path, kind: str) -> None:
    path = tmp_path / "special"
    os.mkfifo(path) if kind == "fifo" else os.mknod(path, stat.S_IFSOCK | 0o600)
    with pytest.raises(InvalidInputError, match="no regular file"):
        datastore.receive({None: [FileDataset(path, make_refs(1))]}, batch_id=uuid4(), transfer="direct")


def test_an_export_replaces_nothing(datastore: Datastore, tmp_path: Path) -> None:
    refs = put(datastore, [b"1", b"2"], make_refs(2, "Bytes"), uuid4())
    for transfer in ("copy", "hardlink", "symlink", "relsymlink", "link"):
        out = tmp_path / "out" / transfer
        _, by_root = datastore.export(refs, transfer=transfer, directory=out.as_uri())
        (files,) = by_root.values()
        assert {(out / file.path).read_bytes() for file in files} == {b"1", b"2"}
        with pytest.raises(ConflictError, match="exists already"):
            datastore.export(refs, transfer=transfer, directory=str(out))
    for bad in ("move", "direct"):
        directory = str(tmp_path) if bad == "move" else None
        if bad == "move":
            with pytest.raises(InvalidInputError):
                datastore.export(refs, transfer="move", directory=directory)
    with pytest.raises(InvalidInputError, match="somewhere"):
        datastore.export(refs, transfer="copy")


def test_files_outside_are_exported_under_names_of_their_own(datastore: Datastore, tmp_path: Path) -> None:
    refs = []
    for place in ("a", "b"):
        (tmp_path / place).mkdir()
        (tmp_path / place / "same é.dat").write_bytes(place.encode())
        new = make_refs(1, "Bytes", name=place)
        file = FileDataset(str(tmp_path / place / "same é.dat"), new, "bytes")
        files: dict[str | None, list[FileDataset]] = {None: [file]}
        refs += datastore.receive(files, batch_id=uuid4(), transfer="direct").records.attach_to(new)
    _, by_root = datastore.export(refs, transfer="copy", directory=str(tmp_path / "out"))
    (exported,) = by_root.values()
    assert [(tmp_path / "out" / file.path).read_bytes() for file in exported] == [b"a", b"b"]
    _, by_root = datastore.export(refs, transfer=None)
    assert list(by_root) == [None]


def test_a_taken_artifact_is_told_by_name(datastore: Datastore, root: Path) -> None:
    predicted, _ = begin(datastore, make_refs(1), batch_id := uuid4())
    path = root / artifact_of(predicted[0])
    path.parent.mkdir(parents=True)
    path.symlink_to("nowhere")
    with pytest.raises(DatasetExistsError, match="summary_"):
        datastore.put_many([({}, predicted[0])], batch_id=batch_id)
    assert path.is_symlink()
