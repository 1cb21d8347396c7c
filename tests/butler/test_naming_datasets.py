"""How a call says which dataset it means: by a ref, first or by name, or by dataset type and data ID; never by both."""

from __future__ import annotations

from typing import Any

import pytest

from butler_core import Butler, DatasetExistence, DatasetRef
from butler_core.errors import InvalidInputError
from tests.butler.conftest import INSTRUMENT

ID: dict[str, int | str] = {"instrument": INSTRUMENT, "exposure": 100, "detector": 2}


@pytest.fixture
def ref(butler: Butler) -> DatasetRef:
    (made,) = butler.make_refs("summary", [ID])
    return butler.put({"a": 1}, ref=made)


def test_a_ref_may_be_named(butler: Butler, ref: DatasetRef) -> None:
    assert butler.get(ref=ref) == butler.get(ref) == {"a": 1}
    assert butler.get_deferred(ref=ref).get() == {"a": 1}
    assert butler.get_uri(ref=ref) == butler.get_uri(ref)
    assert butler.exists(ref=ref) is DatasetExistence.STORED


def test_a_dataset_type_may_be_named(butler: Butler, ref: DatasetRef) -> None:
    assert butler.get(dataset_type="summary", data_id=ID) == {"a": 1}
    assert butler.exists(dataset_type=ref.dataset_type, data_id=ID) is DatasetExistence.STORED


@pytest.mark.parametrize("method", ["get", "get_deferred", "get_uri", "exists"])
@pytest.mark.parametrize("more", [{"data_id": ID}, {"collections": "u/test/first"}, {"detector": 2}])
def test_what_a_ref_says_already_is_refused(
    butler: Butler, ref: DatasetRef, method: str, more: dict[str, Any]
) -> None:
    with pytest.raises(InvalidInputError, match="says which dataset it is"):
        getattr(butler, method)(ref, **more)


@pytest.mark.parametrize("more", [{"run": "u/test/first"}, {"storage_class": "StructuredDataDict"}, ID])
def test_a_ref_says_where_and_as_what_it_is_put(
    butler: Butler, ref: DatasetRef, more: dict[str, Any]
) -> None:
    with pytest.raises(InvalidInputError, match="says which dataset it is"):
        butler.put({"a": 2}, ref, **more)


def test_both_or_neither_is_refused(butler: Butler, ref: DatasetRef) -> None:
    call: Any = butler.get
    with pytest.raises(InvalidInputError, match="gives both"):
        call("summary", ref=ref)
    with pytest.raises(InvalidInputError, match="gives neither"):
        call(**ID)
