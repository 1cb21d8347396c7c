"""Making and opening the file: where it may lie, and what is said when it cannot be used."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from pydantic import ValidationError

from butler_core.errors import (
    ButlerError,
    ConflictError,
    CorruptError,
    ForbiddenError,
    IncompatibleError,
    InvalidInputError,
    NotFoundError,
)
from butler_core.testing.context import make_context
from butler_core.testing.registries.bridge import PlainBridge
from butler_core.testing.registries.world import RegistryWorld
from butler_sqlite import places
from butler_sqlite.config import SqliteRegistryConfig
from butler_sqlite.files import create_registry, find_path, open_registry

CONFIG = SqliteRegistryConfig()


def test_the_file_is_in_wal_mode_with_checked_types(world: RegistryWorld, tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "registry.sqlite3") as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        tables = dict(
            connection.execute("SELECT name, sql FROM sqlite_schema WHERE type = 'table' AND sql NOT NULL")
        )
    connection.close()
    assert all("STRICT" in sql for name, sql in tables.items() if name != "sqlite_sequence"), tables


@pytest.mark.parametrize(("durability", "level"), [("power-loss", 2), ("process", 1)])
def test_durability_sets_what_is_synced(open_again, durability: str, level: int) -> None:
    with open_again(durability=durability)._context.database.read() as cursor:
        assert cursor.execute("PRAGMA synchronous").fetchone() == (level,)
        assert cursor.execute("PRAGMA foreign_keys").fetchone() == (1,)


def test_nothing_else_is_left_beside_the_file(tmp_path: Path) -> None:
    create_registry(CONFIG, make_context(tmp_path), [PlainBridge()])
    assert [path.name for path in tmp_path.iterdir()] == ["registry.sqlite3"]


def test_a_registry_is_made_once(open_again, tmp_path: Path) -> None:
    open_again()
    before = (tmp_path / "registry.sqlite3").read_bytes()
    with pytest.raises(ConflictError, match=r"registry\.sqlite3"):
        create_registry(CONFIG, make_context(tmp_path), [PlainBridge()])
    assert (tmp_path / "registry.sqlite3").read_bytes() == before


@pytest.mark.parametrize(
    ("path", "root", "expected"),
    [
        ("registry.sqlite3", "/repo", "/repo/registry.sqlite3"),
        ("a/b.db", "file:///re%20po", "/re po/a/b.db"),
        ("/elsewhere/b.db", "https://host/repo", "/elsewhere/b.db"),
    ],
)
def test_paths_count_from_the_root(path: str, root: str, expected: str) -> None:
    assert find_path(SqliteRegistryConfig(path=path), root) == Path(expected)


def test_a_relative_path_needs_a_root_on_this_machine() -> None:
    with pytest.raises(InvalidInputError, match="https://host"):
        find_path(CONFIG, "https://host/repo")


@pytest.mark.parametrize("values", [{"path": ""}, {"file": "x"}, {"type": "postgres"}])
def test_wrong_configurations_are_refused(values: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        SqliteRegistryConfig.model_validate(values)


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no directory")
    with pytest.raises(ForbiddenError, match=r"file/registry\.sqlite3") as caught:
        create_registry(CONFIG, make_context(tmp_path / "file"), [PlainBridge()])
    assert "directory" in caught.value.remedy


def test_a_missing_file_is_named_and_not_made(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match=r"registry\.sqlite3"):
        open_registry(CONFIG, make_context(tmp_path), [PlainBridge()])
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("content", [b"", b"no database at all, but long enough to be one" * 100])
def test_what_is_no_registry_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "registry.sqlite3").write_bytes(content)
    with pytest.raises(CorruptError, match=r"registry\.sqlite3"):
        open_registry(CONFIG, make_context(tmp_path), [PlainBridge()])


def test_a_newer_schema_is_refused(world: RegistryWorld, open_again, tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "registry.sqlite3") as connection:
        connection.execute("UPDATE meta SET value = '999' WHERE key = 'version:registry'")
    connection.close()
    with pytest.raises(IncompatibleError, match="999") as caught:
        open_again()
    assert "Upgrade" in caught.value.remedy


def test_datastores_that_it_was_not_made_with_are_refused(world: RegistryWorld, tmp_path: Path) -> None:
    with pytest.raises(IncompatibleError, match="plain_other"):
        open_registry(CONFIG, make_context(tmp_path), [PlainBridge("other")])


def test_reading_only(world: RegistryWorld, open_again) -> None:
    reader = RegistryWorld(open_again(writeable=False), world.bridge)
    (ref,) = world.put(world.ref())
    assert reader.exists(ref)
    assert not reader.registry.info().is_writeable
    with pytest.raises(ForbiddenError) as caught:
        reader.register("another")
    assert caught.value.code == "read-only"
    with pytest.raises(ForbiddenError):
        reader.registry.fence([])


MOUNTS = r"""proc /proc proc rw 0 0
/dev/sda1 / ext4 rw 0 0
host:/export /net nfs4 rw 0 0
/dev/sdb1 /net/local ext4 rw 0 0
//server/share /with\040blank cifs rw 0 0
user@host: /home/x/mnt fuse.sshfs rw 0 0
overmounted /net/local/again lustre rw 0 0
"""


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/data/r.db", "ext4"),
        ("/net/r.db", "nfs4"),
        ("/network/r.db", "ext4"),
        ("/net/local/r.db", "ext4"),
        ("/net/local/again/deeper/r.db", "lustre"),
        ("/with blank/r.db", "cifs"),
        ("/home/x/mnt/r.db", "fuse.sshfs"),
    ],
)
def test_file_systems_are_told_apart(tmp_path: Path, path: str, kind: str) -> None:
    mounts = tmp_path / "mounts"
    mounts.write_text(MOUNTS)
    assert places.find_file_system(Path(path), mounts) == kind


def test_a_system_that_does_not_tell_is_trusted(tmp_path: Path) -> None:
    assert places.find_file_system(tmp_path, tmp_path / "absent") is None


@pytest.mark.parametrize("kind", ["nfs4", "cifs", "fuse.sshfs", "lustre"])
def test_network_file_systems_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    monkeypatch.setattr(places, "find_file_system", lambda path: kind)
    for call in (create_registry, open_registry):
        with pytest.raises(ButlerError, match=kind) as caught:
            call(CONFIG, make_context(tmp_path), [PlainBridge()])
        assert "local disk" in caught.value.remedy
    assert not list(tmp_path.iterdir())
