"""Regions on the sphere: bytes, pixels that cover them, relations, and regions made from numbers."""

import itertools
import math
import random
import struct

import pytest
from hypothesis import given, strategies as st
from lsst.sphgeom import (
    Angle,
    Box,
    Circle,
    ConvexPolygon,
    Ellipse,
    HealpixPixelization,
    IntersectionRegion,
    LonLat,
    Region,
    UnionRegion,
    UnitVector3d,
)

from butler_core.contracts.geometry import RegionRelation
from butler_core.errors import InvalidInputError
from butler_rubin.geometry import SphereGeometry
from butler_rubin.pixels import pixelization

DISJOINT, OVERLAPS = RegionRelation.DISJOINT, RegionRelation.OVERLAPS
CONTAINS, WITHIN = OVERLAPS | RegionRelation.CONTAINS, OVERLAPS | RegionRelation.WITHIN
EQUAL = CONTAINS | WITHIN

geometry = SphereGeometry()


def vector(ra, dec):
    return UnitVector3d(LonLat.fromDegrees(ra, dec))


def polygon(*corners):
    return geometry.construct("POLYGON", [number for corner in corners for number in corner])


def box(ra, dec, width, height):
    return geometry.construct("BOX", [ra, dec, width, height])


def circle(ra, dec, radius):
    return geometry.construct("CIRCLE", [ra, dec, radius])


def point(ra, dec):
    return geometry.construct("POINT", [ra, dec])


def ellipse(ra, dec, semi_major, semi_minor, angle=0.0):
    degrees = map(Angle.fromDegrees, (semi_major, semi_minor, angle))
    return Ellipse(vector(ra, dec), *degrees)


@st.composite
def regions(draw):
    """Draw regions of every type, of many sizes, near poles and the date line more often than chance would have it."""
    ra = draw(st.one_of(st.floats(0, 360), st.sampled_from([0.0, 90.0, 180.0, 359.99])))
    dec = draw(st.one_of(st.floats(-90, 90), st.sampled_from([-90.0, 90.0, 0.0, 89.9, 41.8])))
    size = 10 ** draw(st.floats(-3, 1.5))
    kind = draw(st.sampled_from(["point", "circle", "box", "polygon", "ellipse", "union", "intersection"]))
    if kind == "point":
        return point(ra, dec)
    if kind == "circle":
        return circle(ra, dec, size)
    if kind == "box":
        return box(ra, dec, min(360.0, size * draw(st.sampled_from([0.1, 1.0, 9.0]))), size)
    if kind == "ellipse":
        return ellipse(ra, dec, size, size / 2, draw(st.floats(0, 180)))
    generator = random.Random(draw(st.integers(0, 2**32)))
    if kind == "polygon":
        return some_polygon(generator, ra, dec, size)
    parts = some_polygon(generator, ra, dec, size), circle(ra, max(-90.0, dec - size), size)
    return UnionRegion(*parts) if kind == "union" else IntersectionRegion(*parts)


def some_polygon(generator, ra, dec, size):
    around = circle(ra, dec, size)
    return ConvexPolygon([some_point(generator, around) for _ in range(6)])


def some_point(generator, region):
    """Return a point in the bounding circle of a region."""
    bound = region.getBoundingCircle()
    centre, reach = bound.getCenter(), bound.getOpeningAngle().asRadians()
    reach *= generator.random()
    east = UnitVector3d.orthogonalTo(centre)
    return centre.rotatedAround(east, Angle(reach)).rotatedAround(
        centre, Angle(generator.uniform(0, 2 * math.pi))
    )


# -- bytes


@given(regions())
def test_bytes_come_back(region):
    data = geometry.encode(region)
    assert geometry.encode(geometry.decode(data)) == data


@pytest.mark.parametrize("region", [Circle.empty(), Circle.full(), Box.empty(), Box.full(), Ellipse.full()])
def test_empty_and_full_come_back(region):
    assert geometry.decode(geometry.encode(region)).isEmpty() == region.isEmpty()


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"p",
        b"zebra",
        b"p" + bytes(72),
        b"c" + bytes(40),
        b"e" + bytes(112),
        geometry.encode(polygon((0, 0), (1, 0), (0, 1)))[:-1],
        b"p" + struct.pack("<9d", *[math.nan] * 9),
        b"p" + struct.pack("<9d", 2, 0, 0, 0, 2, 0, 0, 0, 2),
        b"c" + struct.pack("<5d", 0, 0, 1, math.inf, math.inf),
        "70",
    ],
)
def test_what_does_not_decode_is_refused(data):
    with pytest.raises(InvalidInputError) as caught:
        geometry.decode(data)
    assert caught.value.remedy


def test_parts_that_are_unsound_are_refused():
    good, bad = circle(1, 2, 3), circle(4, 5, 6)
    data = geometry.encode(UnionRegion(good, bad))
    centre = geometry.encode(bad)[1:25]
    assert centre in data
    with pytest.raises(InvalidInputError, match="no directions"):
        geometry.decode(data.replace(centre, bytes(24)))


@pytest.mark.parametrize("thing", [None, "circle", LonLat.fromDegrees(1, 2)])
def test_what_is_no_region_is_refused(thing):
    for use in (geometry.encode, lambda r: geometry.envelope(r, "htm7"), lambda r: geometry.relate(r, r)):
        with pytest.raises(InvalidInputError, match=r"no region of lsst\.sphgeom"):
            use(thing)


# -- pixels


@given(regions(), st.sampled_from(["htm4", "healpix4", "q3c4", "mq3c4"]), st.integers(0, 2**32))
def test_an_envelope_covers_every_point(region, skypix, seed):
    ranges = geometry.envelope(region, skypix)
    assert ranges == sorted(ranges)
    assert all(end < begin for (_, end), (begin, _) in itertools.pairwise(ranges))
    generator = random.Random(seed)
    inside = [p for p in (some_point(generator, region) for _ in range(20)) if region.contains(p)]
    covered = [geometry.pixel(skypix, index) for begin, end in ranges for index in range(begin, end)]
    assert all(any(pixel.contains(p) for pixel in covered) for p in inside)


@given(regions(), st.sampled_from(["htm2", "healpix2", "healpix0", "q3c2"]))
def test_an_envelope_names_every_pixel_that_overlaps(region, skypix):
    ranges = geometry.envelope(region, skypix)
    named = {index for begin, end in ranges for index in range(begin, end)}
    every = {"htm2": range(128, 256), "healpix2": range(192), "healpix0": range(12), "q3c2": range(96)}[
        skypix
    ]
    for index in named.symmetric_difference(every):
        assert geometry.relate(geometry.pixel(skypix, index), region) is DISJOINT


@pytest.mark.parametrize("level", [0, 1, 2, 3, 5, 8, 12])
def test_bent_pixels_near_the_poles_are_not_missed(level):
    pixelization = HealpixPixelization(level)
    face = 4**level
    near_poles = {i * face - 1 - k for i in range(1, 5) for k in range(min(face, 64))}
    near_poles |= {i * face + k for i in range(8, 12) for k in range(min(face, 64))}
    for index in near_poles:
        pixel = pixelization.pixel(index)
        corners, middle = pixel.getVertices(), pixel.getCentroid()
        for a, b in zip(corners, [*corners[1:], corners[0]], strict=True):
            inner = UnitVector3d(*[(p(a) + p(b)) / 2 * 0.99999 + p(middle) * 0.00001 for p in
                                   (UnitVector3d.x, UnitVector3d.y, UnitVector3d.z)])  # fmt: skip
            ranges = geometry.envelope(Circle(inner), f"healpix{level}")
            assert any(begin <= index < end for begin, end in ranges)


def test_an_envelope_is_tight_where_it_matters():
    visit = polygon((10, 10), (10.2, 10), (10.2, 10.2), (10, 10.2))
    for skypix, most in (("htm7", 8), ("healpix7", 4), ("healpix9", 20)):
        assert 0 < sum(end - begin for begin, end in geometry.envelope(visit, skypix)) <= most


@pytest.mark.parametrize("skypix", ["htm24", "healpix17", "q3c30", "mq3c30"])
def test_the_finest_levels_stay_affordable(skypix):
    region = circle(10, 10, 1.0)
    ranges = geometry.envelope(region, skypix)
    assert len(ranges) < 100_000
    index = pixelization(skypix).implementation.index(region.getCenter())
    assert any(begin <= index < end for begin, end in ranges)


@pytest.mark.parametrize("region", [Circle.empty(), Box.empty(), UnionRegion(Circle.empty(), Box.empty())])
@pytest.mark.parametrize("skypix", ["htm7", "healpix7"])
def test_nothing_covers_an_empty_region(region, skypix):
    assert geometry.envelope(region, skypix) == []


@pytest.mark.parametrize(("skypix", "pixels"), [("htm3", [(512, 1024)]), ("healpix3", [(0, 768)])])
@pytest.mark.parametrize("region", [Circle.full(), Box.full(), Ellipse.full()])
def test_everything_covers_the_whole_sky(region, skypix, pixels):
    assert geometry.envelope(region, skypix) == pixels


@pytest.mark.parametrize(
    "skypix", ["htm25", "healpix18", "htm", "7", "", "square3", "htm-1", "HTM7", "htm07x"]
)
def test_unknown_tessellations(skypix):
    with pytest.raises(InvalidInputError, match="no tessellation") as caught:
        geometry.pixel(skypix, 0)
    assert "htm0 to htm24" in caught.value.remedy


@pytest.mark.parametrize(
    ("skypix", "index"), [("htm7", 0), ("htm7", 2**18), ("healpix1", 48), ("healpix1", -1)]
)
def test_unknown_pixels(skypix, index):
    with pytest.raises(InvalidInputError, match="has no pixel"):
        geometry.pixel(skypix, index)


# -- relations

SQUARE = polygon((10, -1), (12, -1), (12, 1), (10, 1))


@pytest.mark.parametrize(
    ("first", "second", "relation"),
    [
        (SQUARE, SQUARE, OVERLAPS),
        (SQUARE, polygon((11, 0), (13, 0), (13, 2), (11, 2)), OVERLAPS),
        (SQUARE, polygon((20, 0), (21, 0), (21, 1)), DISJOINT),
        (SQUARE, circle(11, 0, 0.1), CONTAINS),
        (SQUARE, circle(11, 0, 9), WITHIN),
        (SQUARE, point(11, 0), CONTAINS),
        (SQUARE, point(13, 0), DISJOINT),
        (SQUARE, box(11, 0, 0.5, 0.5), CONTAINS),
        (SQUARE, box(11, 0, 5, 5), WITHIN),
        (SQUARE, box(11, 0, 5, 0.5), OVERLAPS),
        (SQUARE, box(11, 0, 360, 180), WITHIN),
        (SQUARE, box(11, 40, 360, 20), DISJOINT),
        (SQUARE, box(191, 0, 10, 10), DISJOINT),
        (SQUARE, box(13, 0, 1.9, 1), DISJOINT),
        (SQUARE, ellipse(11, 0, 0.5, 0.2), CONTAINS),
        (SQUARE, ellipse(11, 0, 8, 6), WITHIN),
        (SQUARE, ellipse(14, 0, 2.1, 0.5, 0), DISJOINT),
        (SQUARE, ellipse(14, 0, 2.1, 0.5, 90), OVERLAPS),
        (SQUARE, ellipse(14, 0, 1.9, 0.5, 90), DISJOINT),
        (SQUARE, UnionRegion(circle(11, 0, 0.1), circle(30, 0, 1)), OVERLAPS),
        (SQUARE, UnionRegion(circle(11, 0, 0.1), circle(11.5, 0, 0.1)), CONTAINS),
        (SQUARE, UnionRegion(box(10.5, 0, 2, 3), box(11.5, 0, 2, 3)), WITHIN),
        (SQUARE, IntersectionRegion(circle(11, 0, 1), circle(30, 0, 1)), DISJOINT),
        (SQUARE, IntersectionRegion(circle(11, 0, 9), circle(12, 0, 9)), WITHIN),
        (box(0, 0, 4, 4), box(359, 0, 1, 1), CONTAINS),
        (box(0, 0, 4, 4), circle(3, 0, 0.5), DISJOINT),
        (circle(0, 86, 3), box(0, 89, 360, 2), OVERLAPS),
        (circle(0, 90, 5), circle(0, 90, 1), CONTAINS),
        (polygon((0, 85), (120, 85), (240, 85)), box(200, 89.5, 360, 1), CONTAINS),
        (polygon((0, 85), (120, 85), (240, 85)), box(60, 89, 1, 1), CONTAINS),
        (polygon((0, 85), (120, 85), (240, 85)), box(60, 86, 1, 1), DISJOINT),
        (point(5, 5), point(5, 5), EQUAL),
    ],
)
def test_relations(first, second, relation):
    assert RegionRelation.OVERLAPS in geometry.relate(first, first)
    assert geometry.relate(first, second) == relation or (first is second and relation is OVERLAPS)
    mirrored = {CONTAINS: WITHIN, WITHIN: CONTAINS}.get(relation, relation)
    assert geometry.relate(second, first) == mirrored or (first is second and relation is OVERLAPS)


def test_a_parallel_bulges_over_the_great_circle_beside_it():
    # The upper edge of the polygon rises to 60.76 degrees between its corners, the parallel does not.
    north = polygon((0, 50), (40, 50), (40, 60), (0, 60))
    assert geometry.relate(north, box(20, 60.5, 1, 0.1)) == CONTAINS
    assert geometry.relate(north, box(20, 62, 1, 0.1)) == DISJOINT
    # Its lower edge does too: so the middle of the parallel of 50 degrees is outside.
    assert geometry.relate(north, box(20, 50.2, 1, 0.1)) == DISJOINT


@pytest.mark.parametrize("side", [1, -1])
def test_an_edge_reaches_further_than_its_ends(side):
    high = polygon((0, 50 * side), (40, 50 * side), (40, 60 * side), (0, 60 * side))
    # Half way along its upper edge the latitude is 61.52 degrees.
    assert geometry.relate(high, box(20, 61.3 * side, 60, 1.2)) is OVERLAPS
    assert geometry.relate(high, box(20, 62.2 * side, 60, 1.2)) is DISJOINT


def test_the_far_side_of_a_meridian_does_not_count():
    around_pole = polygon((90, 88.5), (180, 83), (270, 88.5), (0, 89))
    assert geometry.relate(around_pole, box(0, 85, 0, 4)) is DISJOINT
    assert geometry.relate(around_pole, box(180, 85, 0, 4)) is not DISJOINT


def test_regions_that_touch_overlap():
    north, south = polygon((10, 0), (12, 0), (11, 1)), polygon((10, 0), (12, 0), (11, -1))
    assert geometry.relate(north, south) is OVERLAPS
    assert RegionRelation.OVERLAPS in geometry.relate(box(11, 2, 2, 2), polygon((10, 1), (12, 1), (11, 0)))
    assert RegionRelation.OVERLAPS in geometry.relate(circle(0, 0, 1), ellipse(3, 0, 2, 1, 90))


def test_an_empty_region_overlaps_nothing():
    for other in (SQUARE, Circle.full(), box(0, 0, 1, 1), ellipse(0, 0, 2, 1), Circle.empty()):
        assert RegionRelation.DISJOINT in geometry.relate(Circle.empty(), other)
        assert RegionRelation.DISJOINT in geometry.relate(other, Box.empty())


@given(regions(), regions(), st.integers(0, 2**32))
def test_relations_agree_with_points(first, second, seed):
    relation = geometry.relate(first, second)
    assert (RegionRelation.OVERLAPS in relation) != (RegionRelation.DISJOINT in relation)
    generator = random.Random(seed)
    for region in (first, second):
        for _ in range(50):
            where = some_point(generator, region)
            in_first, in_second = first.contains(where), second.contains(where)
            if in_first and in_second:
                assert RegionRelation.OVERLAPS in relation
            if in_first and not in_second:
                assert not relation & RegionRelation.WITHIN or is_near_edge(second, where)
            if in_second and not in_first:
                assert not relation & RegionRelation.CONTAINS or is_near_edge(first, where)


def is_near_edge(region, where):
    """Whether a hundredth of an arcsecond further the answer is another; so far rounding may decide."""
    around = Circle(where, Angle.fromDegrees(1e-5))
    return region.relate(around) & 1 == 0


# -- numbers


def test_sizes_are_what_they_say():
    assert circle(10, 0, 1).contains(vector(10.99, 0))
    assert not circle(10, 0, 1).contains(vector(11.01, 0))
    assert box(10, 60, 4, 2).contains(vector(11.99, 60.99))
    assert not box(10, 60, 4, 2).contains(vector(12.01, 60))
    assert point(370, 5).contains(vector(10, 5))


@pytest.mark.parametrize("corners", [[(0, 0), (1, 0), (1, 1), (0, 1)], [(0, 1), (1, 1), (1, 0), (0, 0)]])
def test_corners_go_either_way_round(corners):
    for turn in range(4):
        region = polygon(*corners[turn:], *corners[:turn])
        assert isinstance(region, ConvexPolygon)
        assert region.contains(vector(0.5, 0.5))


def test_a_corner_on_an_edge_changes_nothing():
    assert polygon((0, 0), (1, 0), (2, 0), (2, 1)).contains(vector(1, 0.2))


@pytest.mark.parametrize(
    ("shape", "values", "problem"),
    [
        ("SQUARE", [1, 2], "no shape 'SQUARE'"),
        ("POINT", [1], "takes 2 numbers"),
        ("POINT", [1, "north"], "takes right ascension"),
        ("POINT", [1, 91], "beyond a pole"),
        ("POINT", [math.nan, 1], "not finite"),
        ("CIRCLE", [1, 2, -1], "radius -1"),
        ("CIRCLE", [1, 2, 181], "radius 181"),
        ("BOX", [1, 2, 361, 1], "width 361"),
        ("BOX", [1, 2, 1, -1], "height -1"),
        ("POLYGON", [1, 2, 3, 4], "three or more corners"),
        ("POLYGON", [1, 2, 3, 4, 5], "three or more corners"),
        ("POLYGON", [0, 0, 1, 0, 2, 0], "POLYGON"),
        ("POLYGON", [0, 0, 0, 0, 1, 1], "POLYGON"),
        ("POLYGON", [0, 0, 4, 0, 1, 1, 0, 4], "not convex"),
        ("POLYGON", [0, 0, 1, 1, 1, 0, 0, 1], "out of order"),
        ("POLYGON", [0, 90, 0, -90, 90, 0, 180, 0], "POLYGON"),
    ],
)
def test_numbers_that_make_no_region(shape, values, problem):
    with pytest.raises(InvalidInputError, match=problem) as caught:
        geometry.construct(shape, values)
    assert caught.value.remedy


def test_a_star_is_not_convex():
    star = [(math.cos(2 * math.pi * k * 2 / 5), math.sin(2 * math.pi * k * 2 / 5)) for k in range(5)]
    with pytest.raises(InvalidInputError, match="not convex"):
        polygon(*star)


def test_regions_are_the_librarys_own():
    assert isinstance(geometry.pixel("healpix3", 5), Region)
