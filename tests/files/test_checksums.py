"""Checksums are computed while bytes are written, compared while they are read, and tell what is wrong."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from butler_core.errors import CorruptError, IncompatibleError, PluginError
from butler_core.files import checksums
from butler_core.files.checksums import HashingWriter, checksum_of, checksum_of_bytes, find_hash
from butler_core.files.local import LocalSource
from butler_core.testing.context import make_context
from butler_core.testing.datastores.datasets import make_refs, put
from tests.files.memory import open_memory

# Of the word "content", written down once: other versions of a library must not give others.
KNOWN = {
    "sha256": "sha256:ed7002b439e9ac845f22357d822bac1444730fbdb6016d3ec9432297b9ec9f73",
    "blake3": "blake3:3fba5250be9ac259c56e7250c526bc83bacb4be825f2799d3d59e5b4878dd74e",
}


@pytest.mark.parametrize("algorithm", KNOWN)
def test_checksums_are_those_of_everybody(tmp_path: Path, algorithm: str) -> None:
    (tmp_path / "file").write_bytes(b"content")
    assert checksum_of(str(tmp_path / "file"), algorithm) == KNOWN[algorithm]
    assert checksum_of_bytes(b"content", algorithm) == KNOWN[algorithm]


def _in_one(writer: HashingWriter) -> None:
    writer.write(b"content")


def _in_pieces(writer: HashingWriter) -> None:
    for byte in b"content":
        writer.write(bytes([byte]))
    writer.seek(7)
    writer.flush()


def _in_views(writer: HashingWriter) -> None:
    writer.writelines([memoryview(b"con"), bytearray(b"tent")])


def _backwards(writer: HashingWriter) -> None:
    writer.write(b"xxxtent")
    writer.seek(0)
    writer.write(b"con")


def _too_long(writer: HashingWriter) -> None:
    writer.write(b"content and more")
    writer.truncate(7)


def _past_it(writer: HashingWriter) -> None:
    writer.write(b"con")
    writer.flush()
    with open(writer.fileno(), "wb", closefd=False) as raw:
        raw.write(b"tent")


@pytest.mark.parametrize("algorithm", KNOWN)
@pytest.mark.parametrize(
    ("write", "is_sequential"),
    [
        (_in_one, True),
        (_in_pieces, True),
        (_in_views, True),
        (_backwards, False),
        (_too_long, False),
        (_past_it, False),
    ],
)
def test_what_is_written_from_front_to_back_is_not_read_again(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    algorithm: str,
    write: Callable[[HashingWriter], None],
    is_sequential: bool,
) -> None:
    path = str(tmp_path / "file")
    with HashingWriter(path, algorithm) as writer:
        write(writer)
    again: list[str] = []
    real = checksums.checksum_of

    def read_again(path: str, algorithm: str) -> str:
        again.append("read")
        return real(path, algorithm)

    monkeypatch.setattr(checksums, "checksum_of", read_again)
    assert writer.checksum() == KNOWN[algorithm]
    assert again == ([] if is_sequential else ["read"])


@pytest.mark.parametrize("algorithm", KNOWN)
@pytest.mark.parametrize("size", [7, None])
def test_a_source_compares_whatever_way_it_is_read(tmp_path: Path, algorithm: str, size: int | None) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"content")

    def source() -> LocalSource:
        return LocalSource(str(path), "artifact", size, None, KNOWN[algorithm])

    def read_path(source: LocalSource) -> bytes:
        with source.local_path() as found:
            return Path(found).read_bytes()

    def read_stream(source: LocalSource) -> bytes:
        with source.open() as stream:
            return stream.read()

    reads: list[Callable[[LocalSource], bytes]] = [
        lambda source: source.read(),
        read_stream,
        read_path,
        lambda source: source.read_range(0, 7),
    ]
    assert [read(source()) for read in reads] == [b"content"] * 4
    path.write_bytes(b"cOntent")
    for read in reads:
        with pytest.raises(CorruptError, match="artifact") as caught:
            read(source())
        assert caught.value.details["expected"] == KNOWN[algorithm]
        assert hashlib.sha256(b"cOntent").hexdigest() in str(caught.value) or algorithm == "blake3"
        assert "Restore" in caught.value.remedy


@pytest.mark.parametrize("check", [True, False])
def test_reading_compares_if_it_is_asked_to(check: bool) -> None:
    datastore = open_memory(make_context("/nowhere"), checksum="sha256", check_on_read=check)
    (ref,) = put(datastore, ["content"], make_refs(1, "Text"), uuid4())
    assert next(datastore.get_many([(ref, None)])).dataset == "content"
    store: Any = datastore._store
    (name,) = store.artifacts
    store.artifacts[name] = b"cOntent"
    if check:
        with pytest.raises(CorruptError):
            next(datastore.get_many([(ref, None)]))
    else:
        assert next(datastore.get_many([(ref, None)])).dataset == "cOntent"


def test_without_its_library_blake3_is_refused_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "blake3", None)
    with pytest.raises(PluginError, match="BLAKE3") as caught:
        open_memory(make_context("/nowhere"), checksum="blake3")
    assert "pip install" in caught.value.remedy


def test_an_unknown_algorithm_is_named() -> None:
    with pytest.raises(IncompatibleError, match="md5"):
        find_hash("md5")
