"""Who may not write where the file is: what they can do, and what they are told."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

from butler_core.errors import ForbiddenError
from butler_core.sql.registry import SqlRegistry
from butler_core.testing.context import make_context
from butler_core.testing.registries.bridge import PlainBridge
from butler_sqlite.config import SqliteRegistryConfig
from butler_sqlite.files import create_registry, open_registry

CONFIG = SqliteRegistryConfig()
NOBODY = 65534


@pytest.fixture
def place() -> Iterator[Path]:
    """A directory with a registry, which everybody may look into; pytest's own are closed to others."""
    path = Path(tempfile.mkdtemp(prefix="butler-rights-"))
    create_registry(CONFIG, make_context(path), [PlainBridge()])
    open_(path).close()  # so that all modules are imported, which others may not be allowed to read
    path.chmod(0o555)
    (path / "registry.sqlite3").chmod(0o444)
    yield path
    path.chmod(0o755)
    shutil.rmtree(path)


@pytest.fixture
def as_somebody_else() -> Callable[[], AbstractContextManager[None]]:
    """A context in which this process has no rights that modes do not give it."""

    @contextmanager
    def context() -> Iterator[None]:
        if os.geteuid() != 0:
            yield
            return
        os.setegid(NOBODY)
        os.seteuid(NOBODY)
        try:
            yield
        finally:
            os.seteuid(0)
            os.setegid(0)

    return context


def open_(path: Path, *, writeable: bool = True) -> SqlRegistry:
    registry = open_registry(CONFIG, make_context(path, writeable=writeable), [PlainBridge()])
    registry.snapshot()
    return registry


def test_reading_where_nothing_can_be_made_is_refused_with_a_way_out(place: Path, as_somebody_else) -> None:
    with (
        as_somebody_else(),
        pytest.raises(ForbiddenError, match=r"'registry\.sqlite3-shm' beside it") as caught,
    ):
        open_(place, writeable=False)
    assert str(place) in str(caught.value)
    assert "copy it" in caught.value.remedy
    assert "mounted read-only" in caught.value.remedy


def test_reading_beside_who_may_write(place: Path, as_somebody_else) -> None:
    if os.geteuid() != 0:
        pytest.skip("two users are needed")
    owner = open_(place)
    with as_somebody_else():
        reader = open_(place, writeable=False)
        assert reader.snapshot() is not None
        reader.close()
    owner.close()


@pytest.mark.parametrize("is_open_elsewhere", [False, True])
def test_who_may_only_read_cannot_open_it_for_writing(
    place: Path, as_somebody_else, is_open_elsewhere: bool
) -> None:
    """SQLite would open it all the same, and a recovery that finds no journal would then report success."""
    if is_open_elsewhere and os.geteuid() != 0:
        pytest.skip("two users are needed")
    owner = open_(place) if is_open_elsewhere else None
    with as_somebody_else(), pytest.raises(ForbiddenError, match="may only read it") as caught:
        open_(place)
    assert caught.value.code == "read-only"
    if owner is not None:
        owner.close()


def test_a_file_that_cannot_be_read_is_not_said_to_lack_others(place: Path, as_somebody_else) -> None:
    (place / "registry.sqlite3").chmod(0)
    with as_somebody_else(), pytest.raises(ForbiddenError, match="cannot be opened") as caught:
        open_(place, writeable=False)
    assert "readable" in caught.value.remedy
