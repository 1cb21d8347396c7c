"""The world that random queries are about: real exports, odd records besides, and collections of every type.

What is written here about dimensions is written by hand: nothing asks the code under test for it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import Any, NamedTuple
from uuid import UUID

from butler_rubin.samples import sample_export
from tests.differential.exports import Dataset, Export, Record

EXPORTS = (
    "base", "spatial", "datasets", "ci_hsc-subset-skymap", "ci_hsc-subset", "hsc-rc2-subset-v0", "lsstcam-subset"
)  # fmt: skip
HSC_RUN = "HSC/runs/ci_hsc/20240806T180642Z"
SECOND = 1_000_000_000

REQUIRED: dict[str, tuple[str, ...]] = {
    "band": ("band",),
    "instrument": ("instrument",),
    "skymap": ("skymap",),
    "physical_filter": ("instrument", "physical_filter"),
    "detector": ("instrument", "detector"),
    "group": ("instrument", "group"),
    "day_obs": ("instrument", "day_obs"),
    "visit_system": ("instrument", "visit_system"),
    "exposure": ("instrument", "exposure"),
    "visit": ("instrument", "visit"),
    "tract": ("skymap", "tract"),
    "patch": ("skymap", "tract", "patch"),
    "visit_definition": ("instrument", "exposure", "visit"),
    "visit_system_membership": ("instrument", "visit", "visit_system"),
    "visit_detector_region": ("instrument", "visit", "detector"),
}
"""By element: the dimensions that make up the key of its records; those that others need come first."""
IMPLIED: dict[str, tuple[str, ...]] = {
    "physical_filter": ("band",),
    "exposure": ("physical_filter", "group", "day_obs"),
    "visit": ("physical_filter", "day_obs"),
}
JOINS = ("visit_definition", "visit_system_membership")
"""Elements whose rows say which of their dimensions belong together."""
DIMENSIONS = (
    "instrument", "band", "physical_filter", "detector", "group", "day_obs", "visit", "exposure", "skymap", "tract",
    "patch", "visit_system",
)  # fmt: skip
"""In the order in which data IDs name them."""
GOVERNORS = ("instrument", "skymap")
KEYS: dict[str, str] = {
    name: "id" if name in ("detector", "day_obs", "visit_system", "exposure", "visit", "tract", "patch") else "name"
    for name in DIMENSIONS
}  # fmt: skip
"""What a dimension's own record calls its value."""
SPATIAL = {"visit": "sky", "visit_detector_region": "sky", "tract": "map", "patch": "map"}
"""Elements with regions, and their families."""
TEMPORAL = ("exposure", "visit", "day_obs")
"""Elements with timespans, finest first."""
COLUMNS: dict[str, dict[str, str]] = {
    "instrument": {
        "visit_max": "int", "visit_system": "int", "exposure_max": "int", "detector_max": "int", "class_name": "string",
    },
    "skymap": {"tract_max": "int", "patch_nx_max": "int", "patch_ny_max": "int"},
    "physical_filter": {},
    "detector": {"full_name": "string", "name_in_raft": "string", "raft": "string", "purpose": "string"},
    "group": {},
    "day_obs": {"timespan": "timespan"},
    "visit_system": {"name": "string"},
    "exposure": {
        "obs_id": "string", "exposure_time": "float", "dark_time": "float", "observation_type": "string",
        "observation_reason": "string", "seq_num": "int", "seq_start": "int", "seq_end": "int", "target_name": "string",
        "science_program": "string", "tracking_ra": "float", "tracking_dec": "float", "sky_angle": "float",
        "azimuth": "float", "zenith_angle": "float", "has_simulated": "bool", "can_see_sky": "bool",
        "timespan": "timespan",
    },
    "visit": {
        "name": "string", "seq_num": "int", "exposure_time": "float", "target_name": "string",
        "observation_reason": "string", "science_program": "string", "azimuth": "float", "zenith_angle": "float",
        "timespan": "timespan", "region": "region",
    },
    "tract": {"region": "region"},
    "patch": {"cell_x": "int", "cell_y": "int", "region": "region"},
    "visit_definition": {},
    "visit_system_membership": {},
    "visit_detector_region": {"region": "region"},
}  # fmt: skip
"""Types of the columns that are neither a dimension's value, by element."""

DATASET_TYPES: dict[str, tuple[str, ...]] = {
    "bias": ("instrument", "detector"),
    "flat": ("instrument", "physical_filter", "detector"),
    "calexp": ("instrument", "visit", "detector"),
    "skyMap": ("skymap",),
    "raw": ("instrument", "exposure", "detector"),
    "visitSummary": ("instrument", "visit"),
    "warp": ("instrument", "visit", "skymap", "tract", "patch"),
    "coadd": ("band", "skymap", "tract", "patch"),
    "note": (),
    "dark": ("instrument", "detector"),
}
"""Required dimensions; of the last six all datasets are made up."""
MADE_UP = ("raw", "visitSummary", "warp", "coadd", "note", "dark")
CALIBRATIONS = ("bias", "flat", "dark")

RUNS = ("u/one", "u/two", "u/three")
TAGGED = ("tag/a", "tag/b")
CALIBRATION_COLLECTIONS = ("calib", "calib/a", "calib/b")
"""In the first everything is certified for nearly all of time, in the others at random."""
CHAINS: dict[str, tuple[str, ...]] = {
    "chain/inner": ("u/two", "imported_r"),
    "chain/outer": ("tag/a", "chain/inner", "u/one", HSC_RUN, "tag/b"),
    "chain/none": (),
    "chain/calib": ("calib/b", "u/two", "calib/a"),
    "chain/all": ("u/three", "chain/outer", "imported_g", "skymaps", "u/two"),
}
EXPORTED_RUNS = ("imported_g", "imported_r", HSC_RUN, "skymaps")

CAM = {"instrument": "Cam1"}
_EXPOSURE_DETAILS: tuple[dict[str, Any], ...] = (
    {"exposure_time": 30.0, "target_name": "Zorro", "can_see_sky": True, "timespan": (0, 10 * SECOND)},
    {"exposure_time": 0.0, "target_name": "a[b]*", "has_simulated": False, "timespan": (10 * SECOND, 20 * SECOND)},
    {"target_name": None, "can_see_sky": False, "has_simulated": True},
    {"exposure_time": -1.5, "target_name": "\U0001f600", "can_see_sky": True, "timespan": (0, 0)},
    {"exposure_time": 30.0, "target_name": "\uffee", "has_simulated": True, "timespan": (15 * SECOND, None)},
    {"exposure_time": 0.1, "target_name": "a%_b\\", "can_see_sky": False, "timespan": (None, 5 * SECOND)},
    {"exposure_time": 15.0, "target_name": "", "seq_num": 7, "timespan": (None, None)},
)  # fmt: skip
ODD_RECORDS: tuple[tuple[str, Record], ...] = (
    ("physical_filter", {**CAM, "physical_filter": "Cam1-Dark"}),
    ("physical_filter", {**CAM, "physical_filter": "cam1-g", "band": "Z"}),
    ("day_obs", {**CAM, "day_obs": 20210910, "timespan": (0, 20 * SECOND)}),
    ("group", {**CAM, "group": "A"}),
    ("group", {**CAM, "group": "é"}),
    *(
        (
            "exposure",
            {
                **CAM,
                "exposure": 10 + n,
                "physical_filter": ("Cam1-G", "Cam1-R1", "Cam1-Dark")[n % 3],
                "group": "Aé"[n % 2],
                "day_obs": 20210909 + n % 2,
                "obs_id": f"E_{n}",
                **details,
            },
        )
        for n, details in enumerate(_EXPOSURE_DETAILS)
    ),
    ("visit_system", {**CAM, "visit_system": 1, "name": "by-Counter"}),
    ("visit_definition", {**CAM, "exposure": 13, "visit": 1}),
    ("visit_definition", {**CAM, "exposure": 11, "visit": 2}),
    ("visit_system_membership", {**CAM, "visit": 1, "visit_system": 1}),
)
"""What the exports lack: missing values, open and empty timespans, text that sorts or matches oddly."""


Timespan = tuple[int | None, int | None]


class Found(NamedTuple):
    """A dataset in a collection, and when it is valid there."""

    dataset: Dataset
    collection: str
    timespan: Timespan
    rank: int
    """Of the collection in the search."""


class World:
    """Records, datasets and collections as plain Python has them.

    Parameters
    ----------
    exports
        What is read.
    has_more
        Whether there is more than that: odd records, and datasets that are made up.
    """

    def __init__(self, exports: Iterable[str] = EXPORTS, *, has_more: bool = True) -> None:
        export = Export(KEYS)
        for name in exports:
            export.read(sample_export(name))
        self.records: dict[str, dict[tuple[Any, ...], Record]] = {name: {} for name in COLUMNS}
        for element, given in (*export.records, *(ODD_RECORDS if has_more else ())):
            names = (*REQUIRED[element], *IMPLIED.get(element, ()), *COLUMNS[element])
            key = tuple(given[name] for name in REQUIRED[element])
            record: Record = {name: given.get(name) for name in names}
            for name, type_ in COLUMNS[element].items():
                if type_ == "float" and record[name] is not None:
                    record[name] = float(record[name])
            self.records[element].setdefault(key, record)
        self.bands = sorted({record["band"] for record in self.records["physical_filter"].values()} - {None})
        """The values of the dimension without a table."""
        self.datasets = [_with_required(dataset) for dataset in export.datasets]
        self.datasets += [
            Dataset(UUID(int=n * 7919 % 10007 << 64 | 0x8 << 60 | n), *dataset)
            for n, dataset in enumerate(self._made_up() if has_more else ())
        ]
        self.dataset_types = [name for name in DATASET_TYPES if has_more or name not in MADE_UP]
        """Those that are searched for."""
        self.collections = [*EXPORTED_RUNS, *((*RUNS, *TAGGED, *CHAINS) if has_more else ())]
        """Those that are searched, but for CALIBRATION collections."""
        self.calibration_collections = CALIBRATION_COLLECTIONS if has_more else ()
        self.members = self._fill_collections()
        """Datasets by collection, but for chains and CALIBRATION collections."""
        self.certifications = {
            name: list(self._certify(name, Random(name))) for name in self.calibration_collections
        }
        """Datasets and their validity by CALIBRATION collection."""
        self._searched: dict[Any, list[Found]] = {}

    # -- what is made up

    def _made_up(self) -> Iterator[tuple[str, str, tuple[tuple[str, Any], ...]]]:
        for run, step in (("u/one", 1), ("u/two", 2), ("u/three", 3)):
            keys = {name: list(records)[::step] for name, records in self.records.items()}
            for instrument, exposure in keys["exposure"]:
                for other, detector in keys["detector"]:
                    if instrument == other and detector % step == 0:
                        yield (
                            "raw",
                            run,
                            (("instrument", instrument), ("exposure", exposure), ("detector", detector)),
                        )
            for instrument, visit in keys["visit"]:
                yield "visitSummary", run, (("instrument", instrument), ("visit", visit))
                for skymap, tract, patch in keys["patch"][:4]:
                    yield "warp", run, (
                        ("instrument", instrument), ("visit", visit), ("skymap", skymap), ("tract", tract), ("patch", patch)
                    )  # fmt: skip
            for skymap, tract, patch in keys["patch"]:
                for band in "grZ"[step - 1 :]:
                    yield (
                        "coadd",
                        run,
                        (("band", band), ("skymap", skymap), ("tract", tract), ("patch", patch)),
                    )
            yield "note", run, ()
            for instrument, detector in keys["detector"]:
                yield "dark", run, (("instrument", instrument), ("detector", detector))
        for run, exported in (("u/one", slice(0, None, 3)), ("u/two", slice(1, None, 2))):
            for instrument, visit, detector in list(self.records["visit_detector_region"])[exported]:
                yield "calexp", run, (("instrument", instrument), ("visit", visit), ("detector", detector))

    def _fill_collections(self) -> dict[str, list[Dataset]]:
        members: dict[str, list[Dataset]] = {run: [] for run in (*EXPORTED_RUNS, *RUNS)}
        for dataset in self.datasets:
            members[dataset.run].append(dataset)
        for tag, step in zip(TAGGED, (2, 5), strict=True):
            chosen: dict[Any, Dataset] = {}
            for dataset in self.datasets[::-step]:
                chosen.setdefault((dataset.dataset_type, dataset.data_id), dataset)
            members[tag] = list(chosen.values())
        return members

    def _certify(self, collection: str, source: Random) -> Iterator[tuple[Dataset, Timespan]]:
        """Yield certifications: for one data ID one after the other, some with a gap, some of the same dataset again."""
        candidates: dict[Any, list[Dataset]] = {}
        for dataset in self.datasets:
            if dataset.dataset_type in CALIBRATIONS:
                candidates.setdefault((dataset.dataset_type, dataset.data_id), []).append(dataset)
        for (_, data_id), datasets in candidates.items():
            if collection == "calib":
                yield datasets[0], (None, 10)
                yield datasets[0], (20, None)
                continue
            moments = self._moments(dict(data_id)["instrument"])
            bounds = [None, *sorted(source.sample(moments, min(4, len(moments)))), None]
            for begin, end in pairwise(bounds):
                if source.random() < 0.7:
                    yield source.choice(datasets), (begin, end)

    def _moments(self, instrument: str) -> list[int]:
        """Return when exposures, visits and days of an instrument begin and end, and when they are half over."""
        found = set()
        for element in ("exposure", "visit", "day_obs"):
            for record in self.records[element].values():
                if record["instrument"] == instrument and record["timespan"] is not None:
                    bounds = [bound for bound in record["timespan"] if bound is not None]
                    found |= {*bounds, sum(bounds) // max(len(bounds), 1)}
        return sorted(found)

    # -- what collections hold

    def flatten(self, collections: Iterable[str]) -> list[str]:
        """Put children in the place of chains, each collection once, where it comes first."""
        found: list[str] = []
        for name in collections:
            for child in self.flatten(CHAINS[name]) if name in CHAINS else [name]:
                if child not in found:
                    found.append(child)
        return found

    def search(self, dataset_type: str, collections: Iterable[str], *, find_first: bool) -> list[Found]:
        """Return the datasets that a search finds, of a data ID only the first if that is asked for.

        With CALIBRATION collections, which of them that is depends on the time: then all are listed.
        """
        key = (dataset_type, tuple(collections), find_first)
        if key not in self._searched:
            self._searched[key] = list(self._search(*key))
        return self._searched[key]

    def _search(self, dataset_type: str, collections: tuple[str, ...], find_first: bool) -> Iterable[Found]:
        found: dict[Any, Found] = {}
        is_timed = self.is_timed(collections)
        for rank, collection in enumerate(self.flatten(collections)):
            for dataset, timespan in self.held(collection):
                if dataset.dataset_type == dataset_type:
                    key: Any = dataset.data_id
                    if is_timed or not find_first:
                        key = (rank, dataset.uuid, timespan)
                    found.setdefault(key, Found(dataset, collection, timespan, rank))
        return found.values()

    def is_timed(self, collections: Iterable[str]) -> bool:
        """Whether a search in these finds different datasets at different times."""
        return not self.certifications.keys().isdisjoint(self.flatten(collections))

    def held(self, collection: str) -> Iterator[tuple[Dataset, Timespan]]:
        """Iterate over the datasets of a collection that is no chain, and when they are valid there."""
        yield from self.certifications.get(collection, ())
        yield from ((dataset, (None, None)) for dataset in self.members.get(collection, ()))


def _with_required(dataset: Dataset) -> Dataset:
    values = dict(dataset.data_id)
    return dataset._replace(
        data_id=tuple((name, values[name]) for name in DATASET_TYPES[dataset.dataset_type])
    )


def export_paths() -> list[Path]:
    """Return the exports in an order in which they can be imported."""
    return [sample_export(name) for name in EXPORTS]
