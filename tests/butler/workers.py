"""What other processes do with a butler; a module of its own, since they import it by name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from butler_core import Butler, DatasetRef, SequenceEditMode
from tests.butler.conftest import data_ids


def put_and_get(butler: Butler, number: int) -> object:
    """Put one dataset and read it."""
    butler.put({"n": number}, "summary", data_ids()[number])
    return butler.get("summary", data_ids()[number])


def put_and_close(butler: Butler, number: int, answers: Any) -> None:
    """Put one dataset, say what was read, and close."""
    with butler:
        answers.put(put_and_get(butler, number))


def get(butler: Butler, ref: DatasetRef) -> object:
    """Read one dataset."""
    return butler.get(ref)


def fail(butler: Butler) -> object:
    """Ask for what is not there."""
    return butler.get("summary", exposure=1)


def edit_chain(root: Path, chain: str, name: str, times: int) -> None:
    """Put a collection to a chain's front and take it out again, some times; leave it in."""
    with Butler(root, writeable=True) as butler:
        for number in range(times):
            if number:
                butler.edit_collection_chain(chain, [name], SequenceEditMode.REMOVE)
            butler.edit_collection_chain(chain, [name], SequenceEditMode.PREPEND)
