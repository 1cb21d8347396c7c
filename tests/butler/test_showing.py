"""Queries and results as a notebook shows them: in words, which ask nothing, and as tables, which ask for a page at most."""

from __future__ import annotations

from collections.abc import Iterator
from html.parser import HTMLParser
from typing import Any

import pytest

from butler_core import Butler, CollectionType
from butler_core.testing.universe import testing_universe
from tests.butler.conftest import INSTRUMENT, RUN, data_ids, populate

HOSTILE = "<script>alert('1')</script>&"
KINDS = ["rows", "datasets", "one type", "types", "data IDs", "records", "collections", "dataset types"]


@pytest.fixture(scope="module")
def butler(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Butler]:
    """Open a repository whose texts are markup, as far as names may be."""
    root = tmp_path_factory.mktemp("showing") / "repo"
    Butler.make_repo(root, dimensions=testing_universe(), durability="process")
    with Butler(root, run=RUN, instrument=INSTRUMENT) as butler:
        populate(butler)
        (record,) = butler.query_dimension_records("exposure", exposure=100)
        butler.sync_dimension_data(
            {**record.to_dict(), "target_name": HOSTILE}, update=True, element="exposure"
        )
        butler.put_many([({}, ref) for ref in butler.make_refs("summary", data_ids())])
        butler.register_dataset_type("log", ["exposure"], "StructuredDataDict")
        butler.put({}, "log", exposure=100)
        butler.register_collection("chain", CollectionType.CHAINED, doc=HOSTILE)
        yield butler


def make(butler: Butler, kind: str) -> Any:
    """Return results of one kind."""
    query = butler.query().join_datasets("summary")
    return {
        "rows": query.projected(columns=["exposure.target_name", "summary.uuid", "exposure.timespan"]),
        "datasets": butler.query_datasets("summary").by_dataset_type["summary"],
        "one type": butler.query_datasets("summary"),
        "types": butler.query_datasets(["summary", "log"]),
        "data IDs": query.data_ids(["exposure"]),
        "records": query.dimension_records("exposure"),
        "collections": butler.query_collections(),
        "dataset types": butler.query_dataset_types(),
    }[kind]


class _Cells(HTMLParser):
    """Reads the cells of a table; refuses any other element."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.rows: list[list[str]] = []
        self.note = ""
        self._place = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        assert tag in ("table", "tr", "th", "td", "p"), tag
        assert not attrs
        self._place = tag
        if tag == "tr":
            self.rows.append([])
        elif tag in ("th", "td"):
            self.rows[-1].append("")

    def handle_data(self, data: str) -> None:
        if self._place == "p":
            self.note += data
        else:
            self.rows[-1][-1] += data


@pytest.mark.parametrize("kind", KINDS)
def test_a_table_is_well_formed_and_shows_the_first_rows(butler: Butler, kind: str) -> None:
    results = make(butler, kind)
    table = _Cells(results._repr_html_())
    total = len(list(results))
    assert len({len(row) for row in table.rows}) == 1
    assert len(table.rows) == 1 + min(total, 20)
    assert ("there are more" in table.note) == (total > 20)


def test_values_are_escaped(butler: Butler) -> None:
    for results in (make(butler, "rows"), make(butler, "records"), make(butler, "collections")):
        text = results._repr_html_()
        assert "<script" not in text
        assert any(HOSTILE in row for row in _Cells(text).rows)
    record = next(iter(make(butler, "records").where("exposure = 100")))
    row = next(iter(make(butler, "rows").where("exposure = 100")))
    for thing in (record, row):
        assert "<script" not in thing._repr_html_()
        assert HOSTILE in [cell for cells in _Cells(thing._repr_html_()).rows for cell in cells]


def test_values_are_shown_as_people_read_them(butler: Butler) -> None:
    heads, first, *_ = _Cells(make(butler, "rows").sorted("exposure")._repr_html_()).rows
    shown = dict(zip(heads, first, strict=True))
    row = next(iter(make(butler, "rows").sorted("exposure")))
    assert shown["summary.uuid"] == str(row["summary.uuid"])
    assert shown["exposure.timespan"] == str(row["exposure.timespan"])
    assert shown["exposure"] == "100"
    empty = _Cells(make(butler, "datasets").where("detector = 99")._repr_html_())
    assert [empty.rows, empty.note] == [[["uuid", "run", "instrument", "detector", "exposure"]], "No rows."]
    assert len(_Cells(make(butler, "rows").run().sliced(3, 5)._repr_html_()).rows) == 3
    several = make(butler, "types").sliced(23, 25)
    assert [row[0] for row in _Cells(several._repr_html_()).rows[1:]] == [
        r.dataset_type.name for r in several
    ]


def test_no_more_is_asked_for_than_is_shown(butler: Butler, monkeypatch: pytest.MonkeyPatch) -> None:
    registry, asked = butler._registry, []
    execute = registry.execute

    def record(query: Any, **options: Any) -> Any:
        page = execute(query, **options)
        asked.append(len(page.rows))
        return page

    monkeypatch.setattr(registry, "execute", record)
    for kind in KINDS[:6]:
        asked.clear()
        make(butler, kind)._repr_html_()
        assert len(asked) == 1
        assert asked[0] <= 21


@pytest.mark.parametrize("kind", KINDS)
def test_words_ask_nothing(butler: Butler, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    results = make(butler, kind)
    monkeypatch.setattr(butler._registry, "execute", None)
    monkeypatch.setattr(butler._registry, "snapshot", None)
    assert repr(results).startswith(f"<{type(results).__name__}")


def test_words_say_what_is_asked(butler: Butler) -> None:
    results = butler.query_datasets("summary", [RUN, "chain"], where="detector > 1", exposure=100)
    shown = repr(results.sorted("-exposure.exposure_time").sliced(2, 5))
    assert shown == (
        "<DatasetQueryChain: <DatasetQueryAdapter of summary: summary in u/test/first, chain; "
        "where exposure = 100 AND detector > 1; sorted by -exposure.exposure_time; [2:5]>>"
    )
    assert repr(butler.query()) == "<Query>"
    assert repr(butler.query_data_ids(["detector"])) == "<DataCoordinateQueryAdapter of instrument, detector>"
    everywhere = butler.query().join_datasets("summary", ..., find_first=False).join_datasets("log", ())
    assert repr(everywhere) == "<Query: summary in *; log in no collection>"
    uploaded = (
        butler.query().join_external_data_ids(["exposure"], [{"exposure": 100}]).join_dimensions(["detector"])
    )
    assert "one of 1 given (instrument, exposure)" in repr(uploaded)
    assert repr(make(butler, "data IDs").run()).startswith(
        "<DataCoordinateQueryAdapter of instrument, exposure: 6 rows held"
    )
    assert repr(make(butler, "types").sliced(3)).endswith(", [3:]>")
