"""Chains: what each mode does, and edits by many processes at once, of which none gets lost."""

from __future__ import annotations

import multiprocessing
from pathlib import Path

import pytest

from butler_core import Butler, CollectionType, SequenceEditMode
from butler_core.errors import ConflictError, InvalidInputError, NotFoundError
from tests.butler.workers import edit_chain

WRITERS, EDITS = 10, 20


@pytest.fixture
def chain(butler: Butler) -> Butler:
    """A butler with RUNs a to d and the chains ``inner`` (b, c) and ``chain``, which is empty."""
    with butler.batched() as batch:
        for name in "abcd":
            batch.register_collection(name)
        for name in ("inner", "chain"):
            batch.register_collection(name, CollectionType.CHAINED)
        batch.edit_collection_chain("inner", ["b", "c"], SequenceEditMode.ASSIGN)
    return butler


def test_processes_edit_one_chain_and_none_loses_an_edit(chain: Butler, root: Path) -> None:
    """Each puts its own RUN to the front, takes it out again, and so on; in the end all are there."""
    names = [f"run/{number}" for number in range(WRITERS)]
    with chain.batched() as batch:
        for name in names:
            batch.register_collection(name)
    context = multiprocessing.get_context("spawn")
    writers = [context.Process(target=edit_chain, args=(root, "chain", name, EDITS)) for name in names]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(120)
    assert [writer.exitcode for writer in writers] == [0] * WRITERS
    assert sorted(chain.get_collection_chain("chain")) == sorted(names)


@pytest.mark.parametrize(
    ("mode", "children", "flatten", "expected"),
    [
        (SequenceEditMode.ASSIGN, ["c", "a", "c"], False, ["c", "a"]),
        (SequenceEditMode.PREPEND, ["inner", "d"], False, ["inner", "d", "a", "b"]),
        (SequenceEditMode.PREPEND, ["inner", "d"], True, ["b", "c", "d", "a"]),
        (SequenceEditMode.EXTEND, ["a", "d"], False, ["b", "a", "d"]),
        (SequenceEditMode.EXTEND, ["inner"], True, ["a", "d", "b", "c"]),
        (SequenceEditMode.REMOVE, ["d", "nowhere", 1], False, ["a"]),
        (SequenceEditMode.REMOVE, ["inner"], False, ["a", "b", "d"]),
        (SequenceEditMode.REMOVE, ["inner"], True, ["a", "d"]),
        (SequenceEditMode.REMOVE, [0, 2], False, ["b"]),
    ],
)
def test_modes(
    chain: Butler, mode: SequenceEditMode, children: list[str | int], flatten: bool, expected: list[str]
) -> None:
    chain.edit_collection_chain("chain", ["a", "b", "d"], SequenceEditMode.ASSIGN)
    chain.edit_collection_chain("chain", children, mode, flatten=flatten)
    assert list(chain.get_collection_chain("chain")) == expected


@pytest.mark.parametrize(
    ("name", "children", "mode", "error", "match"),
    [
        ("inner", ["chain"], SequenceEditMode.EXTEND, ConflictError, "inner > chain > inner"),
        ("chain", ["chain"], SequenceEditMode.ASSIGN, ConflictError, "chain > chain"),
        ("chain", [1], SequenceEditMode.REMOVE, InvalidInputError, "1 children, so none at position 1"),
        ("chain", [0], SequenceEditMode.EXTEND, InvalidInputError, "only be removed"),
        ("chain", "a", SequenceEditMode.EXTEND, InvalidInputError, "sequence"),
        ("a", ["b"], SequenceEditMode.ASSIGN, InvalidInputError, "RUN, not CHAINED"),
        ("chain", ["e"], SequenceEditMode.EXTEND, NotFoundError, "'e'"),
    ],
)
def test_what_is_refused_changes_nothing(
    chain: Butler,
    name: str,
    children: list[str | int],
    mode: SequenceEditMode,
    error: type[Exception],
    match: str,
) -> None:
    chain.edit_collection_chain("chain", ["inner"], SequenceEditMode.ASSIGN)
    with pytest.raises(error, match=match):
        chain.edit_collection_chain(name, children, mode)
    assert list(chain.get_collection_chain("chain")) == ["inner"]
    assert list(chain.get_collection_chain("inner")) == ["b", "c"]
