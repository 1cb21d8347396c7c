"""File systems that are not what a butler expects: not mounted, or with times that no calendar has."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from butler_core import Butler, DatasetRef
from butler_core.errors import ButlerError, UnavailableError
from tests.butler.conftest import RUN, data_ids
from tests.butler.test_datasets import ID


@pytest.fixture
def stored(butler: Butler) -> DatasetRef:
    """Store a dataset."""
    return butler.put({"a": 1}, "summary", ID)


def remove_all(butler: Butler) -> None:
    with butler.removal() as removal:
        removal.include_collections([RUN])


OPERATIONS: dict[str, Callable[[Butler], object]] = {
    "put": lambda butler: butler.put({"a": 2}, "summary", data_ids()[-1]),
    "remove": remove_all,
    "unstore": lambda butler: butler.unstore(list(butler.query_datasets("summary", RUN))),
    "journals": lambda butler: butler.journals(),
    "recover": lambda butler: butler.recover(),
    "verify": lambda butler: butler.verify(),
}


@pytest.mark.parametrize("opened", ["before", "after"])
@pytest.mark.parametrize("operation", OPERATIONS)
def test_a_place_to_mount_something_on_is_no_datastore(
    butler: Butler, root: Path, stored: DatasetRef, operation: str, opened: str
) -> None:
    """What was written there, or removed, would be out of step as soon as the file system is back."""
    (root / "data").rename(root / "elsewhere")
    (root / "data").mkdir()
    with Butler(root, run=RUN, writeable=True) as late:
        with pytest.raises(UnavailableError, match="no directory"):
            OPERATIONS[operation](butler if opened == "before" else late)
        with pytest.raises(ButlerError):
            late.get(stored)
    assert os.listdir(root / "data") == []
    (root / "data").rmdir()
    (root / "elsewhere").rename(root / "data")
    assert butler.get(stored) == {"a": 1}
    assert (butler.verify().checked, butler.verify().findings, butler.journals()) == (1, (), [])
    OPERATIONS[operation](butler)
