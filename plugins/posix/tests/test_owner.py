"""A datastore's directory is its own."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from butler_core import Butler
from butler_core.errors import ConfigurationError
from butler_core.testing.universe import testing_universe


def make(root: Path, shared: Path) -> None:
    config = {"datastore": {"type": "posix", "root": str(shared)}}
    Butler.make_repo(root, config, testing_universe())


def test_a_second_repository_is_not_made_in_the_first_ones_directory(tmp_path: Path) -> None:
    make(tmp_path / "one", tmp_path / "shared")
    before = sorted(os.listdir(tmp_path / "shared/.butler/staging"))
    with pytest.raises(ConfigurationError, match="shared has the files of datastore 'posix_"):
        make(tmp_path / "two", tmp_path / "shared")
    assert not (tmp_path / "two/butler.yaml").exists()
    assert sorted(os.listdir(tmp_path / "shared/.butler/staging")) == before
    with Butler(tmp_path / "one", writeable=True) as butler:
        assert butler.verify().findings == ()


def test_no_other_is_opened_in_it(tmp_path: Path) -> None:
    make(tmp_path / "one", tmp_path / "shared")
    make(tmp_path / "two", tmp_path / "other")
    owner = (tmp_path / "shared/.butler/owner").read_text()
    (tmp_path / "other/.butler/owner").write_text(owner)
    with pytest.raises(ConfigurationError, match="garbage") as caught:
        Butler(tmp_path / "two")
    assert "other/.butler/owner" in str(caught.value.__notes__)
    (tmp_path / "other/.butler/owner").unlink()  # as the remedy says; older ones have none
    Butler(tmp_path / "two").close()
