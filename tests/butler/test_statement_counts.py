"""How often the database is asked when datasets are found and read."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from butler_core import Butler
from tests.butler.conftest import RUN, data_ids
from tests.butler.statements import record_statements

_texts: list[str] = []


@pytest.fixture
def reader(butler: Butler, root: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Butler]:
    """Another butler of a filled repository, which has asked for everything once."""
    butler.put_many([({"n": n}, ref) for n, ref in enumerate(butler.make_refs("summary", data_ids()))])
    record_statements(monkeypatch, _texts)
    with Butler(root, collections=RUN) as reader:
        reader.get("summary", data_ids()[0])
        yield reader


def test_get_by_data_id_asks_once(reader: Butler) -> None:
    _texts.clear()
    assert reader.get("summary", data_ids()[1]) == {"n": 1}
    assert len(_texts) == 1, _texts


def test_get_by_ref_asks_once(reader: Butler) -> None:
    ref = reader.resolve_dataset("summary", data_ids()[2], expand=False)
    _texts.clear()
    assert reader.get(ref) == {"n": 2}
    assert len(_texts) == 1, _texts
    _texts.clear()
    assert reader.exists(ref)
    assert len(_texts) == 1, _texts


def test_get_by_expanded_ref_asks_nothing(reader: Butler) -> None:
    refs = list(reader.query_datasets("summary").expanded())
    _texts.clear()
    assert [reader.get(ref)["n"] for ref in refs[:3]] == [
        data_ids().index(dict(r.data_id.required)) for r in refs[:3]
    ]
    assert not _texts


def test_a_look_up_reads_no_datastore_records(reader: Butler) -> None:
    _texts.clear()
    reader.resolve_dataset("summary", data_ids()[2], expand=False)
    assert len(_texts) == 1, _texts
    assert "opaque" not in _texts[0]


def test_a_page_is_read_in_one_transaction(reader: Butler) -> None:
    """Begin, generation, rows, end."""
    query = reader.query_datasets("summary")
    list(query)
    _texts.clear()
    assert len(list(query)) == 24
    assert len(_texts) == 4, _texts


def test_an_expanded_page_asks_once_for_each_element_and_for_datastore_records(reader: Butler) -> None:
    """Begin, generation, rows, instrument, detector, exposure, filter, day, datastore records, end."""
    query = reader.query_datasets("summary").expanded()
    list(query)
    _texts.clear()
    assert len(list(query)) == 24
    assert len(_texts) == 10, _texts


def test_uuids_are_all_that_is_selected(reader: Butler) -> None:
    query = reader.query_datasets("summary").expanded().uuids()
    list(query)
    _texts.clear()
    assert len(list(query)) == 24
    assert len(_texts) == 4, _texts
    selected = _texts[2].partition("FROM")[0]
    assert "_uuid" in selected
    assert "," not in selected
