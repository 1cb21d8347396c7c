"""Parts of exports, as text, and what is asked of the chunks that they become."""

from typing import Any

from lsst.sphgeom import Angle, Circle, LonLat, UnitVector3d

A = "e15ab039-bc8b-4135-87c5-90902a7c0b22"
B = "51352db4-a47a-447c-b12d-a50b206b17cd"
REGION = Circle(UnitVector3d(LonLat.fromDegrees(10, 20)), Angle.fromDegrees(1)).encode().hex()
NOON = 1_371_470_400_000_000_000  # 2013-06-17T12:00:00 TAI


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


FLAT = """
- {type: dataset_type, name: flat, dimensions: [instrument, detector, physical_filter], storage_class: Exposure}
"""


ONE = f"{{dataset_id: !uuid {A}, data_id: {{instrument: H, detector: 1, physical_filter: R}}, path: a}}"


def datasets(*lines, name="flat"):
    return f"- type: dataset\n  dataset_type: {name}\n  run: r\n  records:\n" + "\n".join(
        f"  - {line}" for line in lines
    )
