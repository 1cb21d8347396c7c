"""Tables of Arrow: the types of columns are those of their values, whatever their names, and whether or not there are rows."""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa
import pytest

from butler_core import Butler, CollectionType, Query, Timespan
from butler_core.testing.universe import testing_universe
from tests.butler.conftest import INSTRUMENT, RUN, data_ids, populate

SPAN = pa.struct([("begin", pa.int64()), ("end", pa.int64())])
TYPES = {
    "exposure.exposure_time": pa.float64(),
    "exposure_time": pa.float64(),
    "exposure.id": pa.int64(),
    "exposure.timespan": SPAN,
    "exposure.timespan.begin": pa.int64(),
    "is_science": pa.bool_(),
    "exposure.target_name": pa.string(),
    "visit_detector_region.region": pa.binary(),
    "summary.uuid": pa.binary(16),
    "summary.ingest_date": pa.int64(),
    "summary.size_bytes": pa.int64(),
    "bias.uuid": pa.binary(16),
    "bias.timespan": SPAN,
    "bias.timespan.end": pa.int64(),
    "formatter": pa.string(),
}
"""By what a column may be called; most are not in `available_columns`, or are by another name."""


@pytest.fixture(scope="module")
def butler(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Butler]:
    """Open a repository with summaries, and biases that are certified."""
    root = tmp_path_factory.mktemp("tables") / "repo"
    Butler.make_repo(root, dimensions=testing_universe(), durability="process")
    with Butler(root, run=RUN, instrument=INSTRUMENT) as butler:
        populate(butler)
        butler.put_many([({}, ref) for ref in butler.make_refs("summary", data_ids()[:6])])
        butler.register_dataset_type("bias", ["detector"], "StructuredDataDict", is_calibration=True)
        biases = butler.make_refs("bias", [{"detector": 0}, {"detector": 1}])
        butler.put_many([({}, ref) for ref in biases])
        butler.register_collection("calib", CollectionType.CALIBRATION)
        butler.certify("calib", biases, Timespan(None, 200_000))
        yield butler


def ask(butler: Butler, name: str) -> Query:
    """Ask for one column."""
    query = butler.query()
    if name.startswith("bias"):
        query = query.join_datasets("bias", "calib", find_first=False)
    if name.startswith(("summary", "formatter")):
        query = query.join_datasets("summary")
    return query.join_dimensions(["exposure", "detector"]).projected(columns=[name])


@pytest.mark.parametrize("name", TYPES)
def test_a_column_has_the_type_of_its_values(butler: Butler, name: str) -> None:
    query = ask(butler, name)
    variants = {
        "rows": query,
        "empty": query.where("detector = 77"),
        "slice": query.sliced(0, 0),
        "snapshot": query.run(),
        "slice of a snapshot": query.run().sliced(0, 0),
        "behind a snapshot": query.run().sliced(1000),
        "slice made whole": query.run().sliced(1000).run(),
    }
    for what, variant in variants.items():
        table = variant.to_arrow()
        assert table.schema.field(name).type == TYPES[name], what
        assert table.schema == query.to_arrow().schema, what
        assert table.num_rows == len(list(variant)), what


def test_records_of_datastores_have_their_types_where_nothing_is_searched(butler: Butler) -> None:
    found = butler.query().join_datasets("summary").with_datastore_record_columns()
    nowhere = butler.query().join_datasets("summary", ()).with_datastore_record_columns()
    assert nowhere.to_arrow().schema == found.to_arrow().schema
    assert found.to_arrow().schema.field("summary.size_bytes").type == pa.int64()
    assert nowhere.to_arrow().num_rows == 0
