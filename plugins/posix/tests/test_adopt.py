"""Files that become artifacts: their checksums are of what was taken in, and cost no second reading."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from butler_core.files.checksums import checksum_of
from butler_core.files.store import AdoptMode
from butler_posix import _adopt
from butler_posix._adopt import adopt_file

CONTENT = b"some bytes" * 300_000


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "source"
    path.write_bytes(CONTENT)
    return path


@pytest.mark.parametrize("mode", ["copy", "move", "hardlink", "link", "symlink", "relsymlink"])
def test_the_checksum_is_that_of_the_content(source: Path, tmp_path: Path, mode: AdoptMode) -> None:
    target = tmp_path / "target"
    found = adopt_file(str(source), str(target), mode, str(target), "sha256")
    assert found == f"sha256:{hashlib.sha256(CONTENT).hexdigest()}" == checksum_of(str(target), "sha256")
    assert target.read_bytes() == CONTENT
    assert adopt_file(str(source), f"{target}2", mode, f"{target}2") is None


def test_what_is_copied_is_read_once(source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: str, algorithm: str) -> str:
        raise AssertionError(f"{path} was read again")

    monkeypatch.setattr(_adopt, "checksum_of", refuse)
    assert adopt_file(str(source), str(tmp_path / "target"), "copy", "", "sha256") is not None


def test_a_source_that_is_not_there_makes_nothing(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        adopt_file(str(tmp_path / "gone"), str(tmp_path / "target"), "copy", "", "sha256")
    assert not (tmp_path / "target").exists()
