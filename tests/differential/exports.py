"""Reads the published exports in plain Python: their records and datasets, in the form of the newest universe."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple
from uuid import UUID

import yaml

Record = dict[str, Any]

UTC_BEHIND_TAI = 35 * 1_000_000_000
"""In nanoseconds, in the years of the times that the oldest export has without a scale."""


class Dataset(NamedTuple):
    """One dataset."""

    uuid: UUID
    dataset_type: str
    run: str
    data_id: tuple[tuple[str, Any], ...]
    """Required dimensions and their values, by name."""

    @property
    def data_id_values(self) -> dict[str, Any]:
        """The data ID as a mapping."""
        return dict(self.data_id)


class _Loader(yaml.SafeLoader):
    """Knows the tags of exports."""


def _read_time(loader: yaml.SafeLoader, node: yaml.ScalarNode) -> int:
    text = str(loader.construct_scalar(node))
    whole, _, fraction = text.partition(".")
    return _nanoseconds(datetime.fromisoformat(whole)) + int(fraction.ljust(9, "0"))


def _nanoseconds(moment: datetime) -> int:
    return (moment - datetime(1970, 1, 1)) // timedelta(microseconds=1) * 1000


def _read_uuid(loader: yaml.SafeLoader, node: yaml.ScalarNode) -> UUID:
    return UUID(str(loader.construct_scalar(node)))


_Loader.add_constructor("!uuid", _read_uuid)
_Loader.add_constructor("!butler_time/tai/iso", _read_time)


def _read_region(loader: yaml.SafeLoader, node: yaml.MappingNode) -> bytes:
    return bytes.fromhex(loader.construct_mapping(node)["encoded"])


for _shape in ("Box", "Circle", "ConvexPolygon", "UnionRegion"):
    # By its whole name: the library adds constructors of its own to every loader as soon as anyone imports it.
    _Loader.add_constructor(f"lsst.sphgeom.{_shape}", _read_region)


class Export:
    """What some exports hold, merged; of two records with one key the first counts.

    Parameters
    ----------
    keys
        Name of the primary key, by dimension.
    """

    def __init__(self, keys: dict[str, str]) -> None:
        self._keys = keys
        self.records: list[tuple[str, Record]] = []
        """Elements and records by column, those that are missing left out."""
        self.datasets: list[Dataset] = []

    def read(self, path: Path) -> None:
        """Add what one export holds."""
        with path.open("rb") as stream:
            # Derived from PyYAML's own safe loader.
            entries = yaml.load(stream, _Loader)["data"]
        for entry in entries:
            if entry["type"] == "dimension":
                for record in entry["records"]:
                    self.records += self._modern(entry["element"], dict(record))
            elif entry["type"] == "dataset":
                self.datasets += self._datasets(entry)

    def _modern(self, element: str, record: Record) -> Iterator[tuple[str, Record]]:
        """Yield a record as the newest universe has it, after those that it did not need when it was written."""
        if element in self._keys and self._keys[element] in record:
            record[element] = record.pop(self._keys[element])
        begin, end = record.pop("datetime_begin", None), record.pop("datetime_end", None)
        if isinstance(begin, datetime):
            record.setdefault("day_obs", int(begin.strftime("%Y%m%d")))
            begin, end = (_nanoseconds(time) + UTC_BEHIND_TAI for time in (begin, end))
        if begin is not None:
            record["timespan"] = (begin, end)
        if "group_name" in record:
            record["group"] = record.pop("group_name")
        systems = [record.pop("visit_system")] if element == "visit" and "visit_system" in record else []
        for name in ("group", "day_obs"):
            if element in ("exposure", "visit") and name in record:
                yield name, {"instrument": record["instrument"], name: record[name]}
        yield element, record
        for system in systems:
            key = {name: record[name] for name in ("instrument", "visit")}
            yield "visit_system_membership", {**key, "visit_system": system}

    def _datasets(self, entry: dict[str, Any]) -> Iterator[Dataset]:
        for record in entry["records"]:
            uuids, data_ids = record["dataset_id"], record["data_id"]
            if not isinstance(uuids, list):
                uuids, data_ids = [uuids], [data_ids]
            for uuid, data_id in zip(uuids, data_ids, strict=True):
                yield Dataset(uuid, entry["dataset_type"], entry["run"], tuple(data_id.items()))
