"""What is no Unicode, as a name that a shell gave in another encoding, is refused wherever text is given."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from butler_core import Butler, CollectionType
from butler_core.errors import ButlerError, InvalidInputError
from butler_core.testing.universe import testing_universe
from tests.butler.conftest import data_ids

BAD = "u/\udcff"

GIVEN: dict[str, Callable[[Butler], object]] = {
    "run of a put": lambda butler: butler.put({}, "summary", data_ids()[0], run=BAD),
    "run of refs": lambda butler: butler.make_refs("summary", data_ids()[:1], run=BAD),
    "collection": lambda butler: butler.register_collection(BAD),
    "documentation": lambda butler: butler.register_collection("u/d", CollectionType.TAGGED, BAD),
    "later documentation": lambda butler: butler.set_collection_documentation("u/test/first", BAD),
    "dataset type": lambda butler: butler.register_dataset_type(BAD, ["instrument"], "Text"),
    "storage class": lambda butler: butler.register_dataset_type("x", ["instrument"], BAD),
    "dimension": lambda butler: butler.register_dataset_type("x", [BAD], "Text"),
    "record": lambda butler: butler.insert_dimension_data("instrument", [{"name": BAD}]),
    "data ID": lambda butler: butler.put({}, "summary", {**data_ids()[0], "instrument": BAD}),
    "data ID of a search": lambda butler: butler.get("summary", {**data_ids()[0], "instrument": BAD}),
}


@pytest.mark.parametrize("where", GIVEN)
def test_what_is_no_text_is_refused(butler: Butler, where: str) -> None:
    with pytest.raises(ButlerError) as caught:
        GIVEN[where](butler)
    assert isinstance(caught.value, ValueError)
    str(caught.value).encode("utf-8")  # so that it can be printed


def test_a_root_that_is_no_text_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError):
        Butler.make_repo(f"{tmp_path}/{BAD}", dimensions=testing_universe())
    assert list(tmp_path.iterdir()) == []


def test_a_template_that_is_no_text_is_refused(tmp_path: Path) -> None:
    config = {"datastore": {"type": "posix", "templates": {"summary": "{run}/\udcff"}}}
    with pytest.raises(ButlerError) as caught:
        Butler.make_repo(tmp_path / "repo", config, testing_universe())
    str(caught.value).encode("utf-8")
