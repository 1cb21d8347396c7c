"""The reader of lsst-daf-butler's exports, on small texts, one for each feature; mistakes are next door."""

import textwrap
from uuid import UUID

import pytest
import yaml
from lsst.sphgeom import ConvexPolygon, LonLat, UnitVector3d

from butler_core import DimensionUniverse
from butler_core.errors import CorruptError, IncompatibleError, InvalidInputError, NotFoundError
from butler_core.models.batch import Certification, ChainedCollectionEdit, TaggedCollectionEdit
from butler_core.models.collection import CollectionType, SequenceEditMode, SetEditMode
from butler_core.models.dataset_ref import deterministic_uuid
from butler_core.models.timespan import Timespan
from butler_rubin import yaml_stream
from butler_rubin.reader import DafButlerYamlReader
from contrib.rubin.tests.exports import FLAT, NOON, ONE, REGION, A, B, datasets, only, records, visit

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


def test_a_null_of_an_unknown_column_is_no_loss(read):
    assert "seeing" not in records(read(visit(seeing="null")), "visit")[0]
    with pytest.raises(InvalidInputError, match="visit has no column 'seeing'"):
        read(visit(seeing="0.7"))


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
