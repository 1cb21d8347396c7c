"""Mistakes in exports: each is told with file and line, and with what would be right."""

import pytest

from butler_core.errors import CorruptError, InvalidInputError
from butler_rubin.reader import DafButlerYamlReader
from contrib.rubin.tests.exports import FLAT, REGION, A, B, datasets, visit


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("version: 1.0.2\ndata:\n  - {type: run,\n", "line 4, column 1: this is no YAML"),
        ("version: 1.0.2\ndata:\n\t- x", "line 3, column 1: this is no YAML"),
        (b"version: 1.0.2\ndata: [\xff\xfe]", "this is no YAML"),
        ("a: b: c", "line 1, column 5: this is no YAML"),
    ],
)
def test_what_is_no_yaml(read_text, text, problem):
    with pytest.raises(CorruptError, match=problem) as caught:
        read_text(text)
    assert "export.yaml" in str(caught.value)
    assert caught.value.remedy


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "line 1: there is no document"),
        ("[]", "line 1: the file is no mapping"),
        ("version: 1.0.2", "there is no 'data'"),
        ("version: 1.0.2\ndata: 3", "line 2: 'data' is no sequence"),
        ("data: []", "version of the export format is None"),
        ("version: 0\ndata: []\nuniverse_version: 5", "line 3: 'universe_version' comes after 'data'"),
        ("version: 0\nversion: 1\ndata: []", "line 2: the file has the key 'version'"),
        ("version: 0\n7: 1\ndata: []", "line 2: the file has the key 7"),
        ("version: 0\ndata: []\n---\nversion: 0\n", "a second document begins"),
        ("version: 0\nuniverse_version: eight\ndata: []", "line 3: the universe is 'daf_butler' 'eight'"),
        ("version: 0\ndata: &all []", "line 2: &all names a part of the file's frame"),
        ("version: 0\ndata:\n- 3", "line 3: an entry of 'data' is no mapping"),
        ("version: 0\ndata:\n- {type: run, name: *x}", r"line 3: \*x refers to nothing before it"),
        (
            "version: 0\ndata:\n- {type: run, name: a, name: b}",
            "line 3: an entry of 'data' has the key 'name'",
        ),
        (f"version: 0\ndata:\n- {{type: {'[' * 30}{']' * 30}}}", "nested more than 20 deep"),
    ],
)
def test_frames_that_are_wrong(read_text, text, problem):
    with pytest.raises(InvalidInputError, match=problem) as caught:
        read_text(text)
    assert caught.value.remedy


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        ("- {type: thing}", "line 5: there is no type of entry 'thing'"),
        ("- {element: visit}", "line 5: there is no type of entry None"),
        ("- {type: dimension, element: visti, records: []}", "line 5: 'visti' is no dimension element"),
        ("- {type: dimension, records: []}", "there is no 'element'"),
        ("- {type: dimension, element: visit}", "there is no 'records'"),
        ("- {type: dimension, element: visit, records: 7}", "'records' is 7"),
        ("- {type: dimension, element: band, records: [{name: r}]}", "line 5: Dimension 'band' has no table"),
        ("- {type: dimension, element: detector, records: [7]}", "a detector record is 7"),
        (
            "- type: dimension\n  element: detector\n  records:\n  - {instrument: H}",
            "line 8: detector.detector is missing",
        ),
        (
            "- type: dimension\n  element: detector\n  records:\n  - {id: 1, size: 3}",
            "line 8: detector has no column 'size'",
        ),
        (
            "- type: dimension\n  element: detector\n  records:\n  - {id: 1, id: 2}",
            "line 8: 'id' is given twice",
        ),
        ("- type: dimension\n  element: detector\n  records:\n  - {1: 2}", "line 8: the key 1 is no text"),
        (
            "- type: dimension\n  element: detector\n  records:\n  - {instrument: H, id: one}",
            "detector.detector cannot be 'one'",
        ),
        ("- {type: collection, name: c, collection_type: PILE}", "the collection type is 'PILE'"),
        ("- {type: collection, name: c, collection_type: CHAINED}", "there is no 'children'"),
        (
            "- {type: collection, name: c, collection_type: CHAINED, children: [{}]}",
            "chain 'c' has the child {}",
        ),
        ("- {type: collection, name: c, collection_type: RUN, doc: [1]}", r"'doc' is \[1\]"),
        (
            "- {type: run, name: c}\n- {type: collection, name: c, collection_type: TAGGED}",
            "line 6: collection 'c' is TAGGED here",
        ),
        ("- {type: run, name: null}", "'name' is None"),
        (
            "- {type: dataset_type, name: t, dimensions: [visti], storage_class: S}",
            "line 5: 'visti' is no dimension",
        ),
        (
            "- {type: dataset_type, name: t t, dimensions: [], storage_class: S}",
            "line 5: 't t' cannot name a dataset type",
        ),
        ("- {type: dataset_type, name: t, dimensions: []}", "there is no 'storage_class'"),
        (FLAT + "- {type: dataset_type, name: flat, dimensions: [], storage_class: S}", "line 7: .* before"),
        ("- {type: dataset, dataset_type: t, records: []}", "there is no 'run'"),
        (datasets("5"), "a dataset of flat is 5"),
        (
            datasets(f"{{data_id: {{}}, dataset_id: [!uuid {A}, !uuid {B}]}}"),
            "line 9: there are 2 dataset IDs for 1 data IDs",
        ),
        (datasets("{data_id: {instrument: H}}"), "there is no 'dataset_id'"),
        (datasets(f"{{data_id: [3], dataset_id: !uuid {A}}}"), "the data ID of a flat is 3"),
        (datasets("{data_id: {instrument: H}, dataset_id: abc}"), "'abc' is no dataset ID"),
        (datasets("{data_id: {instrument: H}, dataset_id: true}"), "True is no dataset ID"),
        (
            datasets(f"{{data_id: {{instrument: 5}}, dataset_id: !uuid {A}}}"),
            "line 9: The data ID has instrument=5",
        ),
        (
            datasets(f"{{data_id: {{instrumint: H}}, dataset_id: !uuid {A}}}"),
            "line 9: 'instrumint' is no dimension",
        ),
        (
            FLAT + datasets(f"{{data_id: {{instrument: H}}, dataset_id: !uuid {A}}}"),
            "line 11: The data ID lacks",
        ),
        (
            datasets(*(f"{{data_id: {{instrument: {i}}}, dataset_id: !uuid {A}}}" for i in "HJ")),
            "line 10: dataset .* is given twice",
        ),
        (
            datasets(*(f"{{data_id: {{instrument: {i}}}, dataset_id: 3}}" for i in "HJ")),
            "line 10: dataset 3 is given twice",
        ),
        (datasets(f"{{data_id: {{instrument: H}}, dataset_id: !uuid {A}, path: 3}}"), "'path' is 3"),
        (
            datasets(
                f"{{data_id: {{instrument: H}}, dataset_id: !uuid {A}, path: a, formatter: x}}",
                f"{{data_id: {{instrument: J}}, dataset_id: !uuid {B}, path: a, formatter: y}}",
            ),
            "line 10: file 'a' has formatter y here and x before",
        ),
        (
            "- {type: associations, collection: c, collection_type: RUN}",
            "Types are|the collection type is 'RUN'",
        ),
        (
            "- {type: associations, collection: c, collection_type: TAGGED, dataset_ids: [4]}",
            "line 5: there is no dataset 4",
        ),
        (
            "- {type: associations, collection: c, collection_type: TAGGED, dataset_ids: [x]}",
            "line 5: 'x' is no dataset ID",
        ),
        (
            "- {type: associations, collection: c, collection_type: CALIBRATION, validity_ranges: [3]}",
            "a validity range is 3",
        ),
        (
            "- {type: associations, collection: c, collection_type: CALIBRATION, validity_ranges: [{timespan: "
            "!lsst.daf.butler.Timespan EMPTY, dataset_ids: []}]}",
            "line 5: the validity is",
        ),
        (
            "- {type: run, name: !!python/object:os.system x}",
            "the tag !!python/object:os.system is none that exports have",
        ),
        (
            "- {type: run, name: !!python/object/apply:os.system [x]}",
            "the tag !!python/object/apply:os.system is none",
        ),
        ("- {type: run, name: !<lsst.sphgeom.Circle> x}", "is none that exports have"),
        ("- {type: run, name: !thing {a: 1}}", "the tag !thing is none that exports have"),
        ("- {type: run, <<: {name: x}}", "the tag !!merge is none"),
        ("- {type: run, name: !uuid 123}", "'123' is no value of !uuid"),
        ("- {type: run, name: !!int abc}", "'abc' is no value of !!int"),
        ("- {type: run, name: 2013-13-45}", "'2013-13-45' looks like a !!timestamp"),
        ("- {type: run, name: !!binary a}", "'a' is no value of !!binary"),
    ],
)
def test_entries_that_are_wrong(read, data, problem):
    with pytest.raises(InvalidInputError, match=problem) as caught:
        read(data)
    assert f"{caught.value.details['file']}, line {caught.value.details['line']}: " in str(caught.value)
    assert caught.value.details["file"].endswith("export.yaml")


def test_an_unknown_element_is_told_the_valid_ones(read):
    with pytest.raises(InvalidInputError) as caught:
        read("- {type: dimension, element: telescope, records: []}")
    assert "instrument, band, physical_filter" in caught.value.remedy


@pytest.mark.parametrize(
    ("columns", "problem"),
    [
        (
            {"region": "!<lsst.sphgeom.ConvexPolygon> {encoded: 70zz}"},
            "line 14: region '70zz' is no hexadecimal text",
        ),
        (
            {"region": "!<lsst.sphgeom.ConvexPolygon> {encoded: '7013'}"},
            "line 14: 2 bytes .* do not decode to a region",
        ),
        (
            {"region": "!<lsst.sphgeom.ConvexPolygon> {encoded: ''}"},
            "line 14: 0 bytes .* do not decode to a region",
        ),
        (
            {"region": f"!<lsst.sphgeom.ConvexPolygon> {{encoded: {REGION}}}"},
            "is a Circle, but tagged as ConvexPolygon",
        ),
        ({"region": "!<lsst.sphgeom.Circle> {hex: 70}"}, "has no 'encoded'"),
        ({"region": "here"}, "visit.region cannot be 'here'"),
        ({"region": "{encoded: 70}"}, "region"),
        ({"datetime_begin": "!butler_time/tai/iso yesterday"}, "line 14: 'yesterday' is no time in TAI"),
        (
            {"datetime_begin": "!butler_time/tai/iso '1066-10-14 09:00:00'"},
            "line 14: .* outside of what 64 bits hold",
        ),
        ({"datetime_begin": "1970-01-01 00:00:00"}, "line 14: .* is before 1972"),
        ({"datetime_begin": "soon"}, "begin 'soon' is of type str"),
        ({"timespan": "!lsst.daf.butler.Timespan FULL"}, "'FULL' is no value of !lsst.daf.butler.Timespan"),
        ({"timespan": "!lsst.daf.butler.Timespan {begin: null}"}, "has no 'end'"),
    ],
)
def test_regions_and_times_that_are_wrong(read, columns, problem):
    with pytest.raises(InvalidInputError, match=problem) as caught:
        read(visit(**columns))
    assert caught.value.details["line"] in (9, 14)
    assert caught.value.remedy


def test_what_was_read_before_a_mistake_was_handed_over(read, tmp_path, universe):
    path = tmp_path / "long.yaml"
    path.write_text("version: 0\nuniverse_version: 8\ndata:\n" + FLAT + visit() + "- {type: thing}\n")
    chunks = DafButlerYamlReader(1).read(str(path), universe)
    assert next(chunks).batch.dimension_insertions["visit"].records
    with pytest.raises(InvalidInputError, match="'thing'"):
        next(chunks)
