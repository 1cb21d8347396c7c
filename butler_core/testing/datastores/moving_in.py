"""The part of the datastores' conformance suite about files that are moved in, and are not what they were when that ends."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from uuid import uuid4

import pytest

from butler_core.contracts.datastore import Datastore, Received
from butler_core.errors import ConflictError
from butler_core.models.file_dataset import FileDataset
from butler_core.testing.datastores.datasets import begin, make_refs


class MovingInTests:
    """What must hold so that no byte is lost that nobody took in."""

    @pytest.fixture
    def sources(self, datastore: Datastore, tmp_path: Path) -> list[Path]:
        """Files to move in."""
        if not datastore.abilities.has_artifacts:
            pytest.skip("has no artifacts")
        paths = [tmp_path / f"source{n}" for n in range(3)]
        for path in paths:
            path.write_bytes(b"content")
        return paths

    @pytest.mark.parametrize("change", ["replace", "grow", "rewrite"])
    def test_a_source_that_has_changed_stays(
        self, datastore: Datastore, sources: list[Path], change: str
    ) -> None:
        received = _move_in(datastore, sources)
        now = _CHANGES[change](sources[1])
        with pytest.raises(ConflictError, match=sources[1].name):
            received.remove_sources()
        assert [path.exists() for path in sources] == [False, True, False]
        assert sources[1].read_bytes() == now

    def test_a_source_that_has_gone_is_no_reason_to_stop(
        self, datastore: Datastore, sources: list[Path]
    ) -> None:
        received = _move_in(datastore, sources)
        sources[0].unlink()
        received.remove_sources()
        assert [path.exists() for path in sources] == [False, False, False]


def _move_in(datastore: Datastore, sources: list[Path]) -> Received:
    refs, batch_id = make_refs(len(sources), "Bytes"), uuid4()
    files = [FileDataset(str(path), [ref], "bytes") for path, ref in zip(sources, refs, strict=True)]
    predicted, journals = begin(datastore, refs, batch_id, files)
    ready = [file.with_refs([ref]) for file, ref in zip(files, predicted, strict=True)]
    received = datastore.receive({None: ready}, batch_id=batch_id, transfer="move")
    for name in journals:
        datastore.journals.drop(name)
    return received


def _replace(path: Path) -> bytes:
    """Let another file of the same length take the name, as an instrument does that writes each night's under one."""
    other = path.with_name("other")
    other.write_bytes(b"CONTENT")
    os.replace(other, path)
    return b"CONTENT"


def _grow(path: Path) -> bytes:
    with path.open("ab") as stream:
        stream.write(b" and more")
    return b"content and more"


def _rewrite(path: Path) -> bytes:
    path.write_bytes(b"CONTENT")
    os.utime(path, ns=(1, 1))
    return b"CONTENT"


_CHANGES: dict[str, Callable[[Path], bytes]] = {"replace": _replace, "grow": _grow, "rewrite": _rewrite}
