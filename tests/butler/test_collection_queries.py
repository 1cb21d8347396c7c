"""Finding collections and dataset types: exact where summaries are not, and by few statements however many there are."""

from __future__ import annotations

from pathlib import Path

import pytest

from butler_core import Butler, CollectionType, SequenceEditMode, StorageClass
from butler_core.errors import CollectionNotFoundError, DatasetTypeNotFoundError
from tests.butler.conftest import INSTRUMENT
from tests.butler.statements import record_statements

GROUPS = (["detector"], ["exposure"], ["exposure", "detector"], ["instrument"])
"""Dimensions of dataset types, in turn."""
VALUES: dict[str, int | str] = {"instrument": INSTRUMENT, "detector": 0, "exposure": 100}


def fill(butler: Butler, runs: int, types: int) -> list[str]:
    """Let each RUN have had a dataset of each type, of which the odd RUNs have none any more; return the RUNs."""
    names = [f"run/{number:03}" for number in range(runs)]
    refs = []
    for name in names:
        butler.register_collection(name)
    for number in range(types):
        butler.register_dataset_type(f"t{number}", GROUPS[number % len(GROUPS)], "StructuredDataDict")
        data_id = {name: VALUES[name] for name in butler.get_dataset_type(f"t{number}").dimensions.required}
        refs += [ref for name in names for ref in butler.make_refs(f"t{number}", [data_id], run=name)]
    butler.put_many([({}, ref) for ref in refs])
    with butler.removal() as removal:
        removal.include_datasets([ref for ref in refs if int(ref.run[-3:]) % 2])
    for chain, children in (("all", names), ("odd", names[1::2])):
        butler.register_collection(chain, CollectionType.CHAINED)
        butler.edit_collection_chain(chain, children, SequenceEditMode.ASSIGN)
    return names


def test_only_collections_that_have_datasets_are_listed(butler: Butler) -> None:
    """The summary of a RUN still lists what was removed from it."""
    names = fill(butler, 4, 3)
    assert sorted(butler.query_collections("run/*", having_datasets="t0", exact=False)) == names
    assert sorted(butler.query_collections("run/*", having_datasets="t0")) == names[::2]
    assert set(butler.query_collections(having_datasets=["t0", "t2"])) == {*names[::2], "all"}
    assert set(butler.query_collections(having_datasets="t0", exact=False)) == {*names, "all", "odd"}
    assert list(butler.query_collections("all", flatten_chains=True, having_datasets="t1")) == names[::2]
    assert list(butler.query_collections("odd", flatten_chains=True, having_datasets="t1")) == []
    chains = butler.query_collections(types=CollectionType.CHAINED, having_datasets="t1")
    assert list(chains) == ["all"]
    assert list(butler.query_collections(having_datasets="t0", types=CollectionType.TAGGED)) == []


def test_only_some_of_the_types_are_there(butler: Butler) -> None:
    names = fill(butler, 2, 3)
    with butler.removal() as removal:
        removal.include_datasets(butler.query_datasets("t2", names[0]))
    assert set(butler.query_collections(having_datasets=["t0", "t1"])) == {names[0], "all"}
    assert list(butler.query_collections(having_datasets=["t0", "t2"])) == []
    assert list(butler.query_dataset_types(collections="all")) == ["t0", "t1"]
    assert list(butler.query_dataset_types(collections="all", exact=False)) == ["t0", "t1", "t2"]
    assert list(butler.query_dataset_types(collections="odd")) == []
    assert list(butler.query_dataset_types("t[12]", dimensions=["exposure"], collections=names)) == ["t1"]
    assert list(butler.query_dataset_types(collections=())) == []
    assert list(butler.query_dataset_types(collections="no/such/*")) == []


def test_a_component_is_there_where_its_parent_is(butler: Butler, monkeypatch: pytest.MonkeyPatch) -> None:
    names = fill(butler, 2, 1)
    ours = StorageClass("StructuredDataDict", "builtins:dict", components={"keys": "StructuredDataDict"})
    monkeypatch.setattr("butler_core.models.lookup.storage_class", lambda name: ours)
    component = "t0.keys"
    assert list(butler.query_collections("run/*", having_datasets=component)) == [names[0]]
    assert list(butler.query_dataset_types(component, collections=names)) == [component]
    assert list(butler.query_dataset_types(component, collections="odd")) == []


def test_unknown_names_are_errors(butler: Butler) -> None:
    fill(butler, 2, 1)
    with pytest.raises(DatasetTypeNotFoundError, match="'t9'"):
        butler.query_collections(having_datasets=["t0", "t9"])
    with pytest.raises(CollectionNotFoundError, match="'run/9'"):
        butler.query_dataset_types(collections=["run/000", "run/9"])


@pytest.mark.parametrize(("runs", "types"), [(2, 1), (30, 8)])
def test_the_number_of_statements_does_not_depend_on_that_of_collections_or_types(
    butler: Butler, root: Path, monkeypatch: pytest.MonkeyPatch, runs: int, types: int
) -> None:
    """As the docstrings say it: begin, generation, end; begin, generation, one for all groups, end."""
    names = fill(butler, runs, types)
    texts: list[str] = []
    record_statements(monkeypatch, texts)
    with Butler(root) as reader:
        reader.query_collections()

        def count(ask: object) -> int:
            assert callable(ask)
            texts.clear()
            ask()
            return len(texts)

        every = [f"t{number}" for number in range(types)]
        assert count(lambda: reader.query_collections("run/*", types=CollectionType.RUN)) == 3
        assert count(lambda: reader.query_collections(having_datasets=every)) == 7
        assert count(lambda: reader.query_collections(having_datasets=every, exact=False)) == 3
        assert count(lambda: reader.query_collections("all", having_datasets="t0", flatten_chains=True)) == 7
        assert count(lambda: reader.query_dataset_types()) == 3
        assert count(lambda: reader.query_dataset_types(collections=names)) == 7
        assert count(lambda: reader.query_dataset_types(collections="odd", exact=False)) == 3


def test_many_groups_of_dimensions_are_asked_about_in_parts(
    butler: Butler, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("butler_core.sql.lookups.holdings._GROUPS_AT_ONCE", 3)
    names = fill(butler, 2, 4)
    assert list(butler.query_dataset_types(collections=names)) == ["t0", "t1", "t2", "t3"]
    assert list(butler.query_collections("run/*", having_datasets=["t0", "t3"])) == [names[0]]
