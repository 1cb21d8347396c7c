"""The reader of lsst-daf-butler's exports, on small texts: one for each feature, and one for each mistake."""

import textwrap
from typing import Any
from uuid import UUID

import pytest
import yaml
from lsst.sphgeom import Angle, Circle, ConvexPolygon, LonLat, UnitVector3d

from butler_core import DimensionUniverse
from butler_core.errors import CorruptError, IncompatibleError, InvalidInputError, NotFoundError
from butler_core.models.batch import Certification, ChainedCollectionEdit, TaggedCollectionEdit
from butler_core.models.collection import CollectionType, SequenceEditMode, SetEditMode
from butler_core.models.dataset_ref import deterministic_uuid
from butler_core.models.timespan import Timespan
from butler_rubin import yaml_stream
from butler_rubin.reader import DafButlerYamlReader

A = "e15ab039-bc8b-4135-87c5-90902a7c0b22"
B = "51352db4-a47a-447c-b12d-a50b206b17cd"
REGION = Circle(UnitVector3d(LonLat.fromDegrees(10, 20)), Angle.fromDegrees(1)).encode().hex()
NOON = 1_371_470_400_000_000_000  # 2013-06-17T12:00:00 TAI


@pytest.fixture(scope="module")
def universe():
    return DimensionUniverse.load("rubin")


@pytest.fixture
def read_text(tmp_path, universe):
    """Read a whole file."""

    def read_text(text, into=universe, rows=10_000):
        path = tmp_path / "export.yaml"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return list(DafButlerYamlReader(rows).read(str(path), into))

    return read_text


@pytest.fixture
def read(read_text, universe):
    """Read the entries of ``data``, in a file with a header of four lines."""

    def read(
        data, *, version="1.0.2", universe_version=8, namespace="daf_butler", into=universe, rows=10_000
    ):
        header = [f"version: {version}"]
        if universe_version is not None:
            header += [f"universe_version: {universe_version}", f"universe_namespace: {namespace}"]
        return read_text("\n".join([*header, "data:", textwrap.dedent(data)]), into, rows)

    return read


def only(chunks) -> Any:
    (chunk,) = chunks
    return chunk.batch


def records(chunks, element):
    return list(only(chunks).dimension_insertions[element].records.values())


def visit(**columns):
    values = {
        "instrument": "HSC",
        "id": 1,
        "name": "one",
        "physical_filter": "R",
        "day_obs": 20130617,
        **columns,
    }
    lines = "\n".join(f"            {name}: {value}" for name, value in values.items())
    return f"- type: dimension\n  element: visit\n  records:\n          -\n{lines}\n"


# -- what is an export


@pytest.mark.parametrize(
    ("header", "is_export"),
    [
        (b"description: Butler Data Repository Export\nversion: 0\n", True),
        (b"# By hand.\n#\ndescription: 'Butler Data Repository Export'\n", True),
        (b"version: 1.0.2\nuniverse_version: 7\nuniverse_namespace: daf_butler\ndata:\n", True),
        (b"universe_namespace: other\n", False),
        (b"# description: Butler Data Repository Export\n", False),
        (b"version: 1\ndata: []\n", False),
        (b"", False),
        (b"PK\x03\x04", False),
    ],
)
def test_it_knows_its_own_by_the_header(header, is_export):
    for name in ("export.yaml", "whatever"):
        assert DafButlerYamlReader().matches(name, header) is is_export


@pytest.mark.parametrize("version", ["0", "1.0", "1.0.0", "1.0.2", "'1.0.2'", "1.0.7", "0.9"])
def test_formats_that_can_be_read(read, version):
    assert records(read(visit(), version=version), "visit")[0]["visit"] == 1


@pytest.mark.parametrize("version", ["1.1.0", "2.0.0", "2"])
def test_formats_that_are_newer(read, version):
    with pytest.raises(IncompatibleError, match=f"line .*format {version} is newer") as caught:
        read(visit(), version=version)
    assert "upgrade butler-rubin" in caught.value.remedy


@pytest.mark.parametrize("version", ["null", "one", "true", "1.x", "[1]"])
def test_formats_that_make_no_sense(read, version):
    with pytest.raises(InvalidInputError, match="version of the export format"):
        read(visit(), version=version)


def test_a_file_uri(tmp_path, universe):
    path = tmp_path / "an export.yaml"
    path.write_text("version: 0\ndata: []\n")
    assert list(DafButlerYamlReader().read(path.as_uri(), universe)) == []


def test_files_that_cannot_be_opened(tmp_path, universe):
    for path, error in (
        (tmp_path / "none.yaml", NotFoundError),
        (tmp_path, InvalidInputError),
        ("s3://bucket/export.yaml", InvalidInputError),
    ):
        with pytest.raises(error):
            list(DafButlerYamlReader().read(str(path), universe))


# -- universes


def test_the_newest_universe_is_too_new(read):
    with pytest.raises(IncompatibleError, match="version 9 is later than this reader knows"):
        read(visit(), universe_version=9)


def test_another_universe(read):
    with pytest.raises(IncompatibleError, match="universe theirs 8, the repository of daf_butler 8"):
        read(visit(), namespace="theirs")


def test_a_repository_of_another_universe(read, universe):
    other = DimensionUniverse.load(
        {"namespace": "other", "version": 1, "elements": {"x": {"key": {"name": "id", "type": "int"}}}}
    )
    with pytest.raises(IncompatibleError, match="the repository of other 1"):
        read(visit(), into=other)


def test_the_repositorys_own_universe_needs_no_conversion(read):
    mine = {
        "extends": "rubin",
        "namespace": "mine",
        "version": 3,
        "elements": {"extra": {"key": {"name": "id", "type": "int"}}},
    }
    universe = DimensionUniverse.load(mine)
    data = "- {type: dimension, element: extra, records: [{id: 3}]}"
    assert records(read(data, namespace="mine", universe_version=3, into=universe), "extra") == [{"extra": 3}]


def test_an_overlay_takes_exports_of_rubins_universe(read):
    universe = DimensionUniverse.load(
        {"extends": "rubin", "namespace": "mine", "version": 1, "drop": ["ssp_balanced_index"]}
    )
    assert (
        records(read(visit(visit_system=0), universe_version=1, into=universe), "visit")[0]["day_obs"]
        == 20130617
    )


def test_an_older_repository_takes_what_it_can_keep(read):
    six = DimensionUniverse.load("rubin", 6)
    exposure = """
        - type: dimension
          element: exposure
          records:
          - {{instrument: HSC, id: 1, obs_id: a, physical_filter: R, group: g, day_obs: 20130617, can_see_sky: {}}}
    """
    (record,) = records(read(exposure.format("null"), universe_version=7, into=six), "exposure")
    assert "can_see_sky" not in record
    with pytest.raises(IncompatibleError, match=r"export\.yaml, line 9: Exposure 1 has can_see_sky"):
        read(exposure.format("true"), universe_version=7, into=six)


# -- dimension records


def test_a_record(read):
    (record,) = records(
        read(
            visit(
                exposure_time="30",
                region=f"!<lsst.sphgeom.Circle> {{encoded: {REGION}}}",
                datetime_begin="!butler_time/tai/iso '2013-06-17 12:00:00.000000000'",
                datetime_end="!butler_time/tai/iso '2013-06-17 12:00:30.000000001'",
            )
        ),
        "visit",
    )
    assert record["instrument"] == "HSC"
    assert record["visit"] == 1
    assert record["exposure_time"] == 30.0
    assert record["region"] == REGION
    assert record["timespan"] == [NOON, NOON + 30_000_000_001]
    assert record["azimuth"] is None


@pytest.mark.parametrize(
    ("begin", "end", "timespan"),
    [
        (
            "2013-06-17 11:59:25",
            "2013-06-17 11:59:26.5",
            [NOON, NOON + 1_500_000_000],
        ),  # YAML's own times are UTC
        ("2013-06-17T13:59:25+02:00", "null", [NOON, None]),
        ("null", "!butler_time/tai/iso '2013-06-17 12:00:00'", [None, NOON]),
        ("null", "null", [None, None]),
        (
            "!butler_time/tai/iso 2013-06-17",
            "!butler_time/tai/iso 2013-06-17",
            [NOON - 43200 * 10**9, NOON - 43200 * 10**9 + 1],
        ),
    ],
)
def test_pairs_of_times(read, begin, end, timespan):
    (record,) = records(read(visit(datetime_begin=begin, datetime_end=end)), "visit")
    assert record["timespan"] == timespan


@pytest.mark.parametrize(
    ("text", "timespan"),
    [
        (
            "!lsst.daf.butler.Timespan {begin: null, end: !butler_time/tai/iso '2013-06-17 12:00:00'}",
            [None, NOON],
        ),
        ("!<lsst.daf.butler.Timespan> {begin: 2013-06-17 11:59:25, end: null}", [NOON, None]),
        ("!lsst.daf.butler.Timespan EMPTY", [0, 0]),
        ("null", None),
    ],
)
def test_timespans(read, text, timespan):
    assert records(read(visit(timespan=text)), "visit")[0]["timespan"] == timespan


def test_binary_values_and_nulls(read):
    (record,) = records(
        read(
            "- {type: dimension, element: skymap, records: [{name: rings, hash: !!binary 4p/p8Q==, tract_max: null}]}"
        ),
        "skymap",
    )
    assert record["hash"] == "e29fe9f1"
    assert record["tract_max"] is None


def test_a_record_given_twice(read):
    data = visit() + visit()
    assert len(records(read(data), "visit")) == 1
    with pytest.raises(InvalidInputError, match=r"line \d+: visit .* is given twice, with different values"):
        read(visit() + visit(name="other"))


def test_elements_come_in_the_universes_order(read, universe):
    data = """
        - {type: dimension, element: visit_definition, records: [{instrument: H, exposure: 1, visit: 1}]}
        - {type: dimension, element: detector, records: [{instrument: H, id: 1, full_name: a}]}
        - {type: dimension, element: instrument, records: [{name: H}]}
    """
    assert list(only(read(data)).dimension_insertions) == ["instrument", "detector", "visit_definition"]


def test_records_of_universe_0(read):
    data = visit(
        visit_system=2, seeing="0.7", datetime_begin="2014-11-18 12:56:47.112", day_obs="null"
    ) + textwrap.dedent(
        """
        - type: dimension
          element: exposure
          records:
          - {instrument: HSC, id: 7, obs_id: seven, physical_filter: R, group_name: g7, group_id: 7, day_obs: 20130618}
        - type: dimension
          element: visit_definition
          records:
          - {instrument: HSC, exposure: 7, visit_system: 2, visit: 1}
        """
    )
    chunks = read(data, version="0", universe_version=None)
    assert records(chunks, "visit")[0]["day_obs"] == 20141118
    assert records(chunks, "exposure")[0]["group"] == "g7"
    assert records(chunks, "group") == [{"instrument": "HSC", "group": "g7"}]
    assert [(r["day_obs"], r["timespan"]) for r in records(chunks, "day_obs")] == [
        (20141118, None),
        (20130618, None),
    ]
    assert records(chunks, "visit_definition") == [{"instrument": "HSC", "exposure": 7, "visit": 1}]
    assert records(chunks, "visit_system_membership") == [
        {"instrument": "HSC", "visit": 1, "visit_system": 2}
    ]


def test_a_fuller_record_wins_over_an_implied_one(read):
    night = """
        - type: dimension
          element: day_obs
          records: [{instrument: HSC, id: 20130617, datetime_begin: null, datetime_end: null}]
    """
    for data in (visit() + textwrap.dedent(night), textwrap.dedent(night) + visit()):
        assert records(read(data, universe_version=5), "day_obs")[0]["timespan"] == [None, None]


# -- collections and dataset types


def test_collections(read):
    batch = only(
        read(
            """
            - {type: collection, collection_type: CHAINED, name: all, doc: Everything., children: [HSC/raw, best]}
            - {type: collection, collection_type: RUN, name: HSC/raw, host: null, timespan_begin: null, timespan_end: null}
            - {type: collection, collection_type: TAGGED, name: best}
            - {type: collection, collection_type: CALIBRATION, name: HSC/calib, doc: null}
            - {type: run, name: old}
            """
        )
    )
    assert {name: c.type for name, c in batch.collection_registrations.items()} == {
        "all": CollectionType.CHAINED,
        "HSC/raw": CollectionType.RUN,
        "best": CollectionType.TAGGED,
        "HSC/calib": CollectionType.CALIBRATION,
        "old": CollectionType.RUN,
    }
    assert batch.collection_registrations["all"].doc == "Everything."
    assert batch.collection_registrations["HSC/calib"].doc == ""
    assert batch.collection_edits == [
        ChainedCollectionEdit(chain="all", children=("HSC/raw", "best"), mode=SequenceEditMode.ASSIGN)
    ]


def test_old_restrictions_of_chains_are_dropped_with_a_warning(read):
    with pytest.warns(UserWarning, match="chain 'all' searches 'b' for some dataset types only"):
        batch = only(
            read("- {type: collection, collection_type: CHAINED, name: all, children: [a, [b, [flat]]]}")
        )
    assert batch.collection_edits[0].children == ("a", "b")


def test_dataset_types(read, universe):
    batch = only(
        read(
            """
            - {type: dataset_type, name: flat, dimensions: [instrument, detector, physical_filter],
               storage_class: Exposure, is_calibration: true}
            - {type: dataset_type, name: camera, dimensions: [], storage_class: Camera}
            - {type: dataset_type, name: camera, dimensions: [], storage_class: Camera, is_calibration: false}
            """
        )
    )
    flat = batch.dataset_type_registrations["flat"]
    assert flat.dimensions == ("instrument", "band", "physical_filter", "detector")
    assert flat.storage_class_name == "Exposure"
    assert flat.is_calibration
    assert not batch.dataset_type_registrations["camera"].is_calibration


def test_dataset_types_of_universe_1_lose_their_visit_system(read):
    data = "- {type: dataset_type, name: t, dimensions: [instrument, visit, visit_system], storage_class: S}"
    dimensions = only(read(data, universe_version=1)).dataset_type_registrations["t"].dimensions
    assert "visit_system" not in dimensions
    assert "day_obs" in dimensions


# -- datasets

FLAT = """
- {type: dataset_type, name: flat, dimensions: [instrument, detector, physical_filter], storage_class: Exposure}
"""


ONE = f"{{dataset_id: !uuid {A}, data_id: {{instrument: H, detector: 1, physical_filter: R}}, path: a}}"


def datasets(*lines, name="flat"):
    return f"- type: dataset\n  dataset_type: {name}\n  run: r\n  records:\n" + "\n".join(
        f"  - {line}" for line in lines
    )


def test_datasets_with_a_file_each(read):
    data = FLAT + datasets(
        f"{{dataset_id: [!uuid '{A}'], data_id: [{{instrument: H, detector: 1, physical_filter: R}}], path: a.fits}}",
        f"{{dataset_id: !uuid {B}, data_id: {{instrument: H, detector: 2, physical_filter: R, band: r}}, path: b.fits, "
        "formatter: lsst.obs.base.formatters.fitsExposure.FitsExposureFormatter}",
    )
    (chunk,) = read(data)
    assert set(chunk.batch.dataset_insertions) == {
        (UUID(A), "flat", ("H", "R", 1), "r"),
        (UUID(B), "flat", ("H", "R", 2), "r"),
    }
    assert chunk.files == {
        "a.fits": (None, frozenset({UUID(A)})),
        "b.fits": ("lsst.obs.base.formatters.fitsExposure.FitsExposureFormatter", frozenset({UUID(B)})),
    }
    assert chunk.datastore_config is None


def test_one_file_of_several_datasets(read):
    data = FLAT + datasets(
        f"{{dataset_id: [!uuid {A}, '{B}'], data_id: [{{instrument: H, detector: 1, physical_filter: R}}, "
        "{instrument: H, detector: 2, physical_filter: R}], path: s3://bucket/both.fits}"
    )
    (chunk,) = read(data)
    assert chunk.files == {"s3://bucket/both.fits": (None, frozenset({UUID(A), UUID(B)}))}


def test_datasets_without_a_file(read):
    data = FLAT + datasets(
        f"{{dataset_id: !uuid {A}, data_id: {{instrument: H, detector: 1, physical_filter: R}}, path: null}}"
    )
    assert read(data)[0].files == {}


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        ("lsst.daf.butler.formatters.json.JsonFormatter", "json"),
        ("lsst.daf.butler.formatters.jsonFormatter.JsonFormatter", "json"),
        ("lsst.daf.butler.formatters.yaml.YamlFormatter", "yaml"),
        (
            "lsst.daf.butler.formatters.pickle.PickleFormatter",
            "lsst.daf.butler.formatters.pickle.PickleFormatter",
        ),
    ],
)
def test_formatters(read, theirs, ours):
    data = FLAT + datasets(
        f"{{dataset_id: !uuid {A}, data_id: {{instrument: H, detector: 1, physical_filter: R}}, path: a, formatter: {theirs}}}"
    )
    assert read(data)[0].files["a"][0] == ours


def test_a_dataset_type_that_only_the_repository_knows(read):
    data = datasets(
        f"{{dataset_id: !uuid {A}, data_id: {{instrument: H, detector: 1}}, path: a}}", name="bias"
    )
    assert list(only(read(data)).dataset_insertions) == [(UUID(A), "bias", ("H", 1), "r")]


def test_numbers_become_uuids_that_stay_the_same(read):
    data = (
        FLAT
        + datasets("{dataset_id: 17, data_id: {instrument: H, detector: 1, physical_filter: R}, path: a}")
        + textwrap.dedent(
            """
        - {type: associations, collection: tag, collection_type: TAGGED, dataset_ids: [17]}
        """
        )
    )
    batch = only(read(data))
    expected = deterministic_uuid("flat", {"instrument": "H", "detector": 1, "physical_filter": "R"}, "r")
    assert [uuid for uuid, *_ in batch.dataset_insertions] == [expected]
    assert batch.collection_edits[0].datasets == {expected}
    other_run = data.replace("run: r", "run: s")
    assert [uuid for uuid, *_ in only(read(other_run)).dataset_insertions] != [expected]


def test_data_ids_of_universe_1_lose_their_visit_system(read):
    data = datasets(
        f"{{dataset_id: !uuid {A}, data_id: {{instrument: H, visit: 1, visit_system: 0}}, path: a}}", name="t"
    )
    assert list(only(read(data, universe_version=1)).dataset_insertions) == [(UUID(A), "t", ("H", 1), "r")]


def test_memberships_and_validity(read):
    batch = only(
        read(
            f"""
            - {{type: associations, collection: tag, collection_type: TAGGED, dataset_ids: [!uuid {A}, !uuid {B}]}}
            - type: associations
              collection: calib
              collection_type: CALIBRATION
              validity_ranges:
              - timespan: !lsst.daf.butler.Timespan
                  begin: !butler_time/tai/iso '2013-06-17 12:00:00.000000000'
                  end: null
                dataset_ids: [!uuid {A}]
              - {{begin: null, end: !butler_time/tai/iso '2013-06-17 12:00:00.000000000', dataset_ids: [!uuid {B}]}}
            """
        )
    )
    assert batch.collection_edits == [
        TaggedCollectionEdit(
            collection="tag", datasets=frozenset({UUID(A), UUID(B)}), mode=SetEditMode.INSERT_OR_REPLACE
        ),
        Certification(collection="calib", datasets=frozenset({UUID(A)}), timespan=(NOON, None)),
        Certification(collection="calib", datasets=frozenset({UUID(B)}), timespan=(None, NOON)),
    ]


# -- chunks


def test_long_files_come_in_chunks(read):
    chain = "- {type: collection, collection_type: CHAINED, name: all, children: [r]}\n"
    tag = f"\n- {{type: associations, collection: tag, collection_type: TAGGED, dataset_ids: [!uuid {UUID(int=0)}]}}\n"
    line = "{{dataset_id: !uuid {}, data_id: {{instrument: H, detector: {}, physical_filter: R}}, path: f{}}}"
    many = datasets(*(line.format(UUID(int=i), i, i) for i in range(1200)))
    chunks = read(chain + FLAT + "- {type: run, name: r}\n" + many + tag, rows=500)
    assert [len(chunk.batch.dataset_insertions) for chunk in chunks] == [500, 500, 200]
    assert [len(chunk.files) for chunk in chunks] == [500, 500, 200]
    assert len({chunk.batch.batch_id for chunk in chunks}) == 3
    assert list(chunks[0].batch.dataset_type_registrations) == ["flat"]
    # What concerns datasets of several chunks comes once all of them are there.
    assert [len(chunk.batch.collection_edits) for chunk in chunks] == [0, 0, 2]


def test_a_chunk_can_be_sent_as_json(read):
    (chunk,) = read(FLAT + datasets(ONE) + "\n" + visit())
    assert type(chunk).model_validate_json(chunk.model_dump_json()) == chunk


def test_an_entry_may_have_its_keys_in_any_order(read):
    data = """
        - records: [{instrument: H, id: 1, full_name: a}]
          element: detector
          type: dimension
    """
    assert records(read(data), "detector")[0]["detector"] == 1


def test_an_empty_export(read_text):
    assert read_text("version: 1.0.2\ndata: []\n") == []


@pytest.mark.parametrize("loader", [yaml.SafeLoader, getattr(yaml, "CSafeLoader", yaml.SafeLoader)])
def test_either_of_the_parsers_will_do(read, monkeypatch, loader):
    monkeypatch.setattr(yaml_stream, "_Loader", loader)
    assert records(read(visit(name="'1'")), "visit")[0]["name"] == "1"
    with pytest.raises(CorruptError, match=r"line [56], column \d+: this is no YAML"):
        read("- {type: [")


def test_values_may_be_repeated_by_name(read):
    data = f"""
        - {{type: associations, collection: a, collection_type: TAGGED, dataset_ids: &ids [!uuid {A}, &b !uuid {B}]}}
        - {{type: associations, collection: b, collection_type: TAGGED, dataset_ids: *ids}}
        - {{type: associations, collection: c, collection_type: TAGGED, dataset_ids: [*b]}}
    """
    assert [len(edit.datasets) for edit in only(read(data)).collection_edits] == [2, 2, 1]


# -- mistakes: each is told with file and line


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


def test_timespans_of_an_instant():
    assert yaml_stream.make_timespan(5, 5) == Timespan(5, 6)
    assert yaml_stream.make_timespan(6, 5).is_empty


def test_polygons_and_all_other_regions_are_known_by_tag(read):
    polygon = ConvexPolygon(
        [UnitVector3d(LonLat.fromDegrees(*corner)) for corner in ((0, 0), (1, 0), (0, 1))]
    )
    text = polygon.encode().hex()
    for tag in ("ConvexPolygon", "Region"):
        (record,) = records(read(visit(region=f"!<lsst.sphgeom.{tag}> {{encoded: {text}}}")), "visit")
        assert record["region"] == text
