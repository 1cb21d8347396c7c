"""Definitions that change, or never came to be, while others work with them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from butler_core import Butler, CollectionType, SequenceEditMode, Timespan
from butler_core.errors import CollectionNotFoundError, ConflictError, DataIdError
from butler_core.testing.repositories.invariants import find_violations
from tests.butler.conftest import INSTRUMENT, RUN


def test_a_dataset_type_that_is_redefined_during_a_put(root: Path, butler: Butler) -> None:
    """Its values would be taken for those of other dimensions."""
    detector = {"instrument": INSTRUMENT, "id": 100, "full_name": "as the exposure"}
    butler.insert_dimension_data("detector", [detector])
    with Butler(root, writeable=True) as other:
        butler.register_dataset_type("note", ["instrument", "detector"], "StructuredDataDict")
        write = butler._datastore.put_many

        def redefine_and_write(*args: Any, **kwargs: Any) -> Any:
            other.register_dataset_type(
                "note", ["instrument", "exposure"], "StructuredDataDict", False, update=True
            )
            return write(*args, **kwargs)

        butler._datastore.put_many = redefine_and_write  # type: ignore[method-assign]
        with pytest.raises(ConflictError, match="redefined"):
            butler.put({"a": 1}, "note", {"instrument": INSTRUMENT, "detector": 100})
        assert list(other.query_datasets("note", RUN)) == []
        assert find_violations(other) == []


def register_in_vain(butler: Butler) -> None:
    """Register a dataset type in a batch that fails when it is applied."""
    with butler.batched() as batch:
        batch.register_dataset_type("failed", ["instrument"], "StructuredDataDict")
        batch.edit_collection_chain("no chain", [RUN], SequenceEditMode.ASSIGN)


def test_a_registration_that_was_rolled_back_leaves_nothing_behind(root: Path, butler: Butler) -> None:
    """The number of its group of dimensions is given to the next one."""
    with Butler(root, writeable=True) as other:
        with pytest.raises(CollectionNotFoundError):
            register_in_vain(butler)
        other.register_dataset_type("good", ["instrument", "physical_filter"], "StructuredDataDict")
        for each, run in ((butler, RUN), (other, "u/test/second")):
            each.register_collection(run)
            data_id = next(iter(butler.query_data_ids(["instrument", "physical_filter"])))
            ref = each.put({"a": 1}, "good", dict(data_id), run=run)
            assert butler.get(ref) == other.get(ref) == {"a": 1}
            assert list(butler.query_datasets("good", run)) == [ref]


def test_a_dataset_type_that_is_registered_again_is_found(butler: Butler) -> None:
    """What was compiled for the first one of this name is not used for the second."""
    data_id: dict[str, int | str] = {"instrument": INSTRUMENT, "detector": 1}
    for n in range(2):
        butler.register_dataset_type("note", ["instrument", "detector"], "StructuredDataDict")
        ref = butler.put({"n": n}, "note", data_id)
        assert butler.get("note", data_id) == {"n": n}
        assert list(butler.query_datasets("note", RUN)) == [ref]
        with butler.removal() as removal:
            removal.include_datasets([ref])
        butler.remove_dataset_type("note")


DETECTOR: dict[str, int | str] = {"instrument": INSTRUMENT, "detector": 1}
EXPOSURE: dict[str, int | str] = {"instrument": INSTRUMENT, "exposure": 101}


@pytest.mark.parametrize("who", ["itself", "another"])
@pytest.mark.parametrize(
    "look",
    [
        lambda butler, data_id: butler.put({"a": 1}, "note", data_id, run="u/test/second"),
        lambda butler, data_id: butler.make_refs("note", iter([data_id])),
        lambda butler, data_id: butler.get("note", data_id),
        lambda butler, data_id: butler.exists("note", data_id),
        lambda butler, data_id: butler.resolve_dataset("note", data_id),
    ],
    ids=["put", "make_refs", "get", "exists", "resolve_dataset"],
)
def test_a_data_id_is_checked_against_the_definition_that_holds(
    root: Path, butler: Butler, who: str, look: Callable[[Butler, dict[str, int | str]], object]
) -> None:
    """What a butler saw of a dataset type may be out of date, and nothing is a mistake by that alone."""
    butler.register_collection("u/test/second")
    butler.register_dataset_type("note", ["instrument", "detector"], "StructuredDataDict")
    assert butler.get_dataset_type("note").dimensions.required == ("instrument", "detector")
    with Butler(root, run=RUN) as other:
        first = butler if who == "itself" else other
        first.register_dataset_type("note", ["instrument", "exposure"], "StructuredDataDict", update=True)
        other.put({"a": 1}, "note", EXPOSURE)
    look(butler, EXPOSURE)
    with pytest.raises(DataIdError, match="detector"):
        look(butler, DETECTOR)


def test_what_is_decertified_is_named_by_the_definition_that_holds(root: Path, butler: Butler) -> None:
    butler.register_collection("calib", CollectionType.CALIBRATION)
    butler.register_dataset_type("bias", ["instrument", "detector"], "StructuredDataDict", True)
    assert butler.get_dataset_type("bias").dimensions.required == ("instrument", "detector")
    with Butler(root, run=RUN) as other:
        dimensions = ["instrument", "exposure"]
        other.register_dataset_type("bias", dimensions, "StructuredDataDict", True, update=True)
        ref = other.put({"a": 1}, "bias", EXPOSURE)
        other.certify("calib", [ref], Timespan(None, None))
        assert list(other.query_datasets("bias", "calib", find_first=False)) == [ref]
    butler.decertify("calib", "bias", Timespan(None, None), data_ids=iter([EXPOSURE]))
    assert list(butler.query_datasets("bias", "calib", find_first=False)) == []
