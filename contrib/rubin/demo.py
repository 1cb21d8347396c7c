"""The main job from end to end, on real observations: run it with ``make demo``, and read what it prints beside this text.

It makes a repository, imports what an observatory exported, stores a measurement of its own for every visit and detector,
and finds and reads these again.  The repository stays, so that you can go on with it.
"""

from __future__ import annotations

import argparse
import math
import os
import shlex
import shutil
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from lsst.sphgeom import ConvexPolygon, LonLat
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from butler_core import Butler, CollectionType, DataCoordinate, SequenceEditMode
from butler_rubin.samples import sample_export

RUN = "u/demo/summaries"
CHAIN = "u/demo"
console = Console(highlight=False, soft_wrap=True)


def measure(data_id: DataCoordinate) -> dict[str, Any]:
    """Measure what a detector saw in a visit, from the region on the sky that its dimension records carry.

    Returns the centre (ICRS, deg), the area (deg²) and the longest side (arcmin) of the polygon, and the exposure time (s).
    """
    region = data_id.records["visit_detector_region"].region
    assert isinstance(region, ConvexPolygon)
    corners = region.getVertices()
    centre = LonLat(region.getCentroid())
    sides = [a.dot(b) for a, b in pairwise([*corners, corners[0]])]
    return {
        "ra": centre.getLon().asDegrees(),
        "dec": centre.getLat().asDegrees(),
        "area": _area(corners),
        "longest_side": math.degrees(math.acos(min(min(sides), 1.0))) * 60,
        "exposure_time": data_id.records["visit"].exposure_time,
        "band": data_id["band"],
    }


def _area(corners: Sequence[Any]) -> float:
    """Return a convex polygon's area [deg²]: its spherical excess, as a fan of triangles (van Oosterom & Strackee 1983)."""
    first, total = corners[0], 0.0
    for b, c in pairwise(corners[1:]):
        triple = first.dot(b.cross(c))
        total += 2 * math.atan2(triple, 1 + first.dot(b) + b.dot(c) + c.dot(first))
    return abs(total) * math.degrees(1) ** 2


def step(text: str) -> None:
    """Print what comes next."""
    console.print(f"\n[bold]{text}[/bold]")


def timed(what: str, work: Callable[[], Any]) -> Any:
    """Do something, and print what it was and how long it took."""
    start = time.perf_counter()
    result = work()
    console.print(f"  {what} [dim]({(time.perf_counter() - start) * 1e3:.0f} ms)[/dim]")
    return result


def show(title: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Print a table, numbers at the right of their columns."""
    rows = list(rows)
    table = Table(title=escape(title), title_justify="left")
    for column, value in zip(columns, rows[0], strict=True):
        # Units stand in brackets, which would be taken for markup.
        table.add_column(escape(column), justify="right" if isinstance(value, (int, float)) else "left")
    for row in rows:
        table.add_row(*(f"{value:.3f}" if isinstance(value, float) else str(value) for value in row))
    console.print(table)


def main(root: Path) -> None:
    """Run the demonstration in a directory, which is made anew."""
    if root.exists():
        if not (root / "butler.yaml").exists():
            raise SystemExit(f"{root} is there and is no repository: name another directory.")
        shutil.rmtree(root)

    step("1. A repository: SQLite for what is known, plain files for the bytes, Rubin's dimensions")
    timed(f"created {root}", lambda: Butler.make_repo(root, dimensions="rubin"))

    step("2. A real export: visits of Subaru's Hyper Suprime-Cam, their detectors and regions on the sky")
    export = sample_export("ci_hsc-subset")
    butler = Butler(root, writeable=True)
    report = timed(f"imported {export.name}", lambda: butler.import_(export, skip_files=True))
    console.print(
        f"  {report.datasets} datasets registered (the export names images that it does not contain)"
    )
    visits = butler.query_dimension_records("visit").sorted("visit")
    show(
        "Visits",
        ["visit", "night", "filter", "exposure time [s]", "target"],
        [(v.id, v.day_obs, v.physical_filter, v.exposure_time, v.target_name) for v in visits],
    )

    step("3. A dataset type of our own, and one measured summary for every visit and detector")
    butler.register_dataset_type("summary", ["instrument", "visit", "detector"], "StructuredDataDict")
    butler.register_collection(RUN, doc="What the regions of the demonstration's detectors measure.")
    data_ids = list(butler.query_data_ids(["visit", "detector"], instrument="HSC").expanded())
    seen = [data_id for data_id in data_ids if data_id.records["visit_detector_region"] is not None]
    refs = butler.make_refs("summary", seen, run=RUN)
    summaries = [(measure(data_id), ref) for data_id, ref in zip(seen, refs, strict=True)]
    timed(f"stored {len(refs)} summaries in {RUN}", lambda: butler.put_many(summaries))

    step("4. Found again: by a condition, and through a chain of collections")
    butler.register_collection(CHAIN, CollectionType.CHAINED, doc="Everything of the demonstration.")
    inputs = [name for name in butler.query_collections(types=CollectionType.RUN) if name != RUN]
    butler.edit_collection_chain(CHAIN, [RUN, *inputs], SequenceEditMode.ASSIGN)
    where = "band = 'r' AND detector IN (4..6, 100)"
    found = butler.query_datasets("summary", CHAIN, where=where, instrument="HSC")
    console.print(f"  {CHAIN} = {' > '.join(butler.get_collection_chain(CHAIN))}")
    rows = [
        (result.ref.data_id, result.dataset) for result in butler.get_many([(ref, None) for ref in found])
    ]
    rows.sort(key=lambda row: (row[0]["visit"], row[0]["detector"]))
    show(
        f"summary WHERE {where}",
        ["visit", "detector", "RA [deg]", "Dec [deg]", "area [deg²]", "longest side [arcmin]"],
        [(d["visit"], d["detector"], s["ra"], s["dec"], s["area"], s["longest_side"]) for d, s in rows],
    )

    step("5. Read back one by one, as a script would")
    one = seen[0]
    again = butler.get("summary", one, collections=CHAIN)
    assert again == summaries[0][0]
    console.print(
        f"  butler.get('summary', instrument='HSC', visit={one['visit']}, detector={one['detector']}) = {escape(str(again))}"
    )
    uri = butler.get_uri("summary", one, collections=CHAIN)
    console.print(f"  its file: {escape(unquote(urlsplit(uri).path))}")
    butler.close()

    step("What to try next")
    name = shlex.quote(str(root))
    for line in (
        # Made by make, the command is in a virtual environment that the reader's shell does not know.
        *([f"source {os.path.relpath(sys.prefix)}/bin/activate"] if sys.prefix != sys.base_prefix else []),
        f"butler query-collections {name}",
        f'butler query-datasets {name} calexp --collections {",".join(inputs)} --where "detector < 10"',
        f"butler query-dimension-records {name} visit --json",
        f"butler get {name} summary instrument=HSC visit={one['visit']} detector={one['detector']} --collections {CHAIN}",
        f'echo \'{{"note": "mine"}}\' | butler put {name} summary - instrument=HSC visit={one["visit"]} '
        f"detector={one['detector']} --run u/me/first",
        "butler plugins",
    ):
        console.print(f"  {escape(line)}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "root",
        type=Path,
        nargs="?",
        default=Path("demo-repo"),
        help="where the repository goes (default: demo-repo)",
    )
    main(parser.parse_args().root)
