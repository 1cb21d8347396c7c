"""What edits make of arguments that are none: refused in words, and nothing is changed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from butler_core import Butler, CollectionType, SequenceEditMode, SetEditMode, Timespan
from butler_core.errors import InvalidInputError
from tests.butler.conftest import RUN, data_ids

ALWAYS = Timespan(None, None)
NO_REFS: list[Any] = [None, 7, "ref", b"ref", ["ref"], [None]]


@pytest.fixture
def collections(butler: Butler) -> Butler:
    """One collection of each kind, and a dataset in RUN."""
    for name in ("tagged", "chained", "calibration"):
        butler.register_collection(name, CollectionType(name))
    butler.put({}, "summary", data_ids()[0])
    return butler


def check(butler: Butler, act: Callable[[], Any], match: str) -> None:
    before = butler._registry.snapshot()
    with pytest.raises(InvalidInputError, match=match):
        act()
    assert butler._registry.snapshot() == before


@pytest.mark.parametrize("refs", NO_REFS, ids=repr)
def test_refs_that_are_none(collections: Butler, refs: Any) -> None:
    butler = collections
    match = "is no list of refs|is no DatasetRef"
    check(butler, lambda: butler.edit_associations("tagged", refs, SetEditMode.INSERT_OR_FAIL), match)
    check(butler, lambda: butler.certify("calibration", refs, ALWAYS), match)
    check(butler, lambda: butler.unstore(refs), match)
    check(butler, lambda: butler.exists_many(refs), match)
    check(butler, lambda: butler.predict_put_many(refs), match)
    check(butler, lambda: list(butler.get_many_uris(refs)), match)


def test_one_ref_is_no_list(collections: Butler) -> None:
    (ref,) = collections.query_datasets("summary")
    with pytest.raises(InvalidInputError, match=r"\[ref\]"):
        collections.unstore(ref)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", [None, 7, b"name", ["name"]], ids=repr)
def test_names_that_are_none(collections: Butler, name: Any) -> None:
    butler = collections
    match = "is no name of a collection"
    check(butler, lambda: butler.register_collection(name), match)
    check(butler, lambda: butler.set_collection_documentation(name, "doc"), match)
    check(butler, lambda: butler.edit_associations(name, [], SetEditMode.DISCARD), match)
    check(butler, lambda: butler.certify(name, [], ALWAYS), match)
    check(butler, lambda: butler.merge_certifications("calibration", [name]), match)
    check(butler, lambda: butler.merge_certifications(name, []), match)
    check(butler, lambda: butler.edit_collection_chain(name, [RUN], SequenceEditMode.ASSIGN), match)


@pytest.mark.parametrize("given", [None, "CHAINED", "remove", 7, SetEditMode], ids=repr)
def test_choices_that_are_none(collections: Butler, given: Any) -> None:
    butler = collections
    check(butler, lambda: butler.register_collection("new", given), "CollectionType.CHAINED")
    check(butler, lambda: butler.edit_collection_chain("chained", [RUN], given), "SequenceEditMode.REMOVE")
    check(butler, lambda: butler.edit_associations("tagged", [], given), "SetEditMode.DISCARD")


@pytest.mark.parametrize("doc", [None, 7, b"doc"], ids=repr)
def test_documentation_that_is_none(collections: Butler, doc: Any) -> None:
    butler = collections
    check(butler, lambda: butler.register_collection("new", doc=doc), "documentation cannot be")
    check(butler, lambda: butler.set_collection_documentation("tagged", doc), "documentation cannot be")
