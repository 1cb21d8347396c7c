"""Joins by region on the sphere: real exports and random regions, against all pairs compared one by one."""

import random
import sqlite3
from itertools import product

import pytest
from lsst.sphgeom import DISJOINT, Angle, Circle, ConvexPolygon, LonLat, UnitVector3d

from butler_core import Butler
from butler_core.errors import InvalidInputError, QueryError
from butler_rubin.geometry import SphereGeometry
from butler_rubin.samples import sample_export

SAMPLES = {
    "spatial": ["base", "spatial"],
    "ci_hsc": ["ci_hsc-subset", "ci_hsc-subset-skymap"],
    "rc2": ["hsc-rc2-subset-v0"],
}
ELEMENTS = ("visit_detector_region", "visit", "patch", "tract")


@pytest.fixture(scope="module", params=SAMPLES)
def real(request, tmp_path_factory):
    """A repository with the records of real exports."""
    root = tmp_path_factory.mktemp(request.param)
    Butler.make_repo(root, dimensions="rubin")
    with Butler(root, writeable=True) as butler:
        for name in SAMPLES[request.param]:
            butler.import_(sample_export(name), skip_files=True)
        yield butler


def regions(butler, element):
    return {record.data_id: record.region for record in butler.query_dimension_records(element)}


def pairs(butler, left, right):
    """Return the data IDs, as mappings, of all records of two elements whose regions overlap."""
    return {
        frozenset({**dict(one.required), **dict(other.required)}.items())
        for (one, a), (other, b) in product(regions(butler, left).items(), regions(butler, right).items())
        if a is not None and b is not None and not a.relate(b) & DISJOINT
    }


def found(query):
    rows = [frozenset(dict(data_id.required).items()) for data_id in query]
    assert len(set(rows)) == len(rows)
    assert query.count() == len(rows)
    return set(rows)


@pytest.mark.parametrize(
    ("dimensions", "left", "right"),
    [
        (["visit", "detector", "patch"], "visit_detector_region", "patch"),
        (["visit", "detector", "tract"], "visit_detector_region", "tract"),
        (["visit", "patch"], "visit", "patch"),
        (["visit", "tract"], "visit", "tract"),
    ],
)
def test_real_regions(real, dimensions, left, right):
    assert found(real.query_data_ids(dimensions)) == pairs(real, left, right)


@pytest.mark.parametrize("skypix", ["htm7", "htm9", "healpix5", "htm4"])
def test_pixels_of_real_regions(real, skypix):
    geometry = SphereGeometry()
    for element in ("visit", "tract"):
        want = {
            frozenset({**dict(data_id.required), skypix: pixel}.items())
            for data_id, region in regions(real, element).items()
            for begin, end in geometry.envelope(region, skypix)
            for pixel in range(begin, end)
            if not geometry.pixel(skypix, pixel).relate(region) & DISJOINT
        }
        assert want
        assert found(real.query_data_ids([element, skypix])) == want


# -- random regions, at the poles and where right ascension begins again


def _direction(source):
    ra = source.choice([0.0, 89.99, 180.0, 359.99]) + source.uniform(-1, 1)
    dec = source.choice([-89.5, -45.0, 0.0, 60.0, 89.5]) + source.uniform(-0.5, 0.5)
    return UnitVector3d(LonLat.fromDegrees(ra % 360, max(-90, min(90, dec))))


def _region(source):
    if source.random() < 0.1:
        return None
    centre = _direction(source)
    circle = Circle(centre, Angle.fromDegrees(source.choice([0.01, 0.3, 1.0])))
    if source.random() < 0.5:
        return circle
    corners = [
        UnitVector3d.orthogonalTo(centre).rotatedAround(centre, Angle.fromDegrees(90 * n)) for n in range(4)
    ]
    size = source.choice([0.01, 0.5])
    return ConvexPolygon([UnitVector3d(centre + side * (size / 57.3)) for side in corners])


@pytest.fixture(scope="module")
def sky_root(tmp_path_factory):
    """Where it lies."""
    return tmp_path_factory.mktemp("sky")


@pytest.fixture(scope="module")
def sky(sky_root):
    """A repository with random visits and tracts, a dataset of each visit, and some of pixels."""
    source = random.Random(5)
    Butler.make_repo(sky_root, dimensions="rubin")
    with Butler(sky_root, writeable=True, run="r") as butler:
        cam = {"instrument": "Cam"}
        butler.insert_dimension_data("instrument", [{"name": "Cam"}])
        butler.insert_dimension_data("skymap", [{"name": "sky", "hash": b"1"}])
        butler.insert_dimension_data("physical_filter", [cam | {"name": "r", "band": "r"}])
        butler.insert_dimension_data("day_obs", [cam | {"id": 20260101}])
        visit = cam | {"physical_filter": "r", "day_obs": 20260101}
        butler.insert_dimension_data(
            "visit", [visit | {"id": n, "name": f"v{n}", "region": _region(source)} for n in range(120)]
        )
        butler.insert_dimension_data(
            "tract", [{"skymap": "sky", "id": n, "region": _region(source)} for n in range(120)]
        )
        butler.register_dataset_type("image", ["visit"], "StructuredDataDict")
        butler.register_dataset_type("shard", ["htm9"], "StructuredDataDict")
        butler.put_many(
            [({}, ref) for ref in butler.make_refs("image", [cam | {"visit": n} for n in range(120)])]
        )
        geometry = SphereGeometry()
        tract = next(region for region in regions(butler, "tract").values() if region is not None)
        shards = [p for begin, end in geometry.envelope(tract, "htm9") for p in range(begin, end)]
        butler.put_many([({}, ref) for ref in butler.make_refs("shard", [{"htm9": p} for p in shards])])
        yield butler


def test_random_regions(sky):
    want = pairs(sky, "visit", "tract")
    assert len(want) > 100
    assert found(sky.query_data_ids(["visit", "tract"])) == want


def test_datasets_of_a_tract(sky):
    want = pairs(sky, "visit", "tract")
    for tract in range(0, 120, 10):
        query = sky.query_datasets("image", collections="r", skymap="sky", tract=tract)
        visits = {dict(ref.data_id.required)["visit"] for ref in query}
        assert visits == {dict(pair)["visit"] for pair in want if ("tract", tract) in pair}


def test_shards_of_a_tract(sky):
    geometry = SphereGeometry()
    for data_id, region in list(regions(sky, "tract").items())[:20]:
        query = sky.query_datasets("shard", data_id=dict(data_id.required), collections="r")
        pixels = {dict(ref.data_id.required)["htm9"] for ref in query}
        there = {dict(ref.data_id.required)["htm9"] for ref in sky.query_datasets("shard", collections="r")}
        assert pixels == {
            p for p in there if region is not None and not geometry.pixel("htm9", p).relate(region) & DISJOINT
        }


@pytest.mark.parametrize(
    "shape", ["POINT(0, 0)", "CIRCLE(0, 89, 2)", "BOX(0, 60, 1, 1)", "POLYGON(0, -46, 2, -46, 1, -44)"]
)
@pytest.mark.parametrize("negated", [False, True])
def test_shapes(sky, shape, negated):
    geometry = SphereGeometry()
    name, _, numbers = shape.partition("(")
    region = geometry.construct(name, [float(n) for n in numbers[:-1].split(",")])
    where = f"visit.region OVERLAPS {shape}"
    for condition, bind in ((where, None), ("visit.region OVERLAPS :here", {"here": region})):
        rows = sky.query_data_ids(["visit"]).where(f"NOT ({condition})" if negated else condition, bind=bind)
        assert {dict(row.required)["visit"] for row in rows} == {
            dict(data_id.required)["visit"]
            for data_id, other in regions(sky, "visit").items()
            if other is not None and (not other.relate(region) & DISJOINT) != negated
        }


@pytest.mark.parametrize("wrong", ["CIRCLE(0, 0, -1)", "POINT(0, 91)", "POLYGON(0, 0, 1, 1, 1, 0, 0, 1)"])
def test_a_shape_that_is_none_is_shown_in_its_place(sky, wrong):
    where = f"visit.region OVERLAPS POINT(1, 1) OR\n visit.region OVERLAPS {wrong}"
    for _ in range(2):  # the second time the statement is there already
        with pytest.raises(QueryError) as caught:
            list(sky.query_data_ids(["visit"], where=where))
        assert caught.value.details["position"] == where.index(wrong)


def test_a_region_may_not_need_millions_of_pixels(sky):
    """Nothing is wrong with a visit of the whole sky, but its fine pixels are too many."""
    row = {"instrument": "Cam", "id": 999, "name": "all", "physical_filter": "r", "day_obs": 20260101}
    row["region"] = Circle(UnitVector3d.Z(), Angle.fromDegrees(180))
    sky.insert_dimension_data("visit", [row])
    assert sky.query_data_ids(["visit", "htm4"]).where(instrument="Cam", visit=999).count() == 8 * 4**4
    with pytest.raises(InvalidInputError, match="pixels of htm12"):
        list(sky.query_data_ids(["visit", "htm12"]).where(instrument="Cam", visit=999))


# -- statements


_texts: list[str] = []


class _Cursor(sqlite3.Cursor):
    def execute(self, text, values=()):
        _texts.append(text)
        return super().execute(text, values)


class _Connection(sqlite3.Connection):
    def cursor(self, *args):
        return super().cursor(_Cursor)


def test_a_page_is_one_statement_whatever_is_joined(sky, sky_root, monkeypatch):
    """Begin, generation, rows, end: as for any other query."""
    connect = sqlite3.connect
    monkeypatch.setattr(
        sqlite3, "connect", lambda *args, **kwargs: connect(*args, factory=_Connection, **kwargs)
    )
    with Butler(sky_root, collections="r") as butler:
        for query in (
            butler.query_data_ids(["visit", "tract"]),
            butler.query_data_ids(["visit", "htm9"]).where(instrument="Cam", visit=1),
            butler.query_data_ids(["visit"]).where("NOT (visit.region OVERLAPS POINT(0, 0))"),
        ):
            list(query)
            _texts.clear()
            list(query)
            assert len(_texts) == 4, _texts


def test_a_sync_returns_the_region_that_was(tmp_path):
    Butler.make_repo(tmp_path, dimensions="rubin", durability="process")
    with Butler(tmp_path, writeable=True) as butler:
        tract = {"skymap": "sky", "id": 1}
        first, second = (Circle(UnitVector3d.Z(), Angle.fromDegrees(size)) for size in (1, 2))
        butler.insert_dimension_data("skymap", [{"name": "sky", "hash": b"1"}])
        butler.insert_dimension_data("tract", [tract | {"region": first}])
        result = butler.sync_dimension_data(tract | {"region": second}, True, element="tract")
        assert result.old_values == {"region": first}
        result = butler.sync_dimension_data({"name": "sky", "hash": b"2"}, True, element="skymap")
        assert result.old_values == {"hash": b"1"}
