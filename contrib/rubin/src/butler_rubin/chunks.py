"""From the entries of an export to batches: dimension records, collections, dataset types, datasets and memberships."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from typing import Any
from uuid import UUID

from butler_core.errors import ButlerError
from butler_core.models.batch import (
    Certification,
    ChainedCollectionEdit,
    CollectionEdit,
    CollectionRegistration,
    DatasetTypeRegistration,
    DimensionDataInsertion,
    TaggedCollectionEdit,
)
from butler_core.models.collection import CollectionType, SequenceEditMode, SetEditMode
from butler_core.models.data_id import DataCoordinate
from butler_core.models.dataset_ref import deterministic_uuid
from butler_core.models.dataset_type import DatasetType
from butler_core.models.export import RawBatchExport
from butler_core.models.names import DataIdValue
from butler_core.models.record import DimensionRecord, RecordShape, record_shape
from butler_core.models.timespan import Timespan
from butler_core.models.universe import DimensionUniverse
from butler_rubin import conversion
from butler_rubin.places import Place
from butler_rubin.yaml_stream import Table, make_timespan

FORMATTERS: Mapping[str, str] = {
    "lsst.daf.butler.formatters.json.JsonFormatter": "json",
    "lsst.daf.butler.formatters.jsonFormatter.JsonFormatter": "json",
    "lsst.daf.butler.formatters.yaml.YamlFormatter": "yaml",
    "lsst.daf.butler.formatters.yamlFormatter.YamlFormatter": "yaml",
}
"""Formatter classes that write what our own formatters read; names of others are kept, and nothing is imported."""

_BEGIN, _END = "datetime_begin", "datetime_end"

_FILE_KEYS = frozenset({"dataset_id", "data_id", "path", "formatter"})
"""What the record of a dataset in an export says."""


class ChunkMaker:
    """Collects entries of an export into chunks.

    Parameters
    ----------
    file
        The export, for errors.
    universe
        What records and data IDs must fit.
    from_version
        The version of Rubin's universe that the export is of.
    to_version
        The version to bring records into; None leaves them as they are.
    """

    def __init__(
        self, file: str, universe: DimensionUniverse, from_version: int, to_version: int | None
    ) -> None:
        self._file = file
        self._universe = universe
        self._from_version = from_version
        self._to_version = to_version
        self._dataset_types: dict[str, DatasetType] = {}
        self._collections: dict[str, CollectionType] = {}
        self._uuid_by_number: dict[int, UUID] = {}
        self._last: list[tuple[Place, Callable[[], CollectionEdit]]] = []
        self._begin_chunk()

    # -- chunks

    def _begin_chunk(self) -> None:
        self.rows = 0
        """Records and datasets in the chunk at hand."""
        self._chunk = RawBatchExport()
        self._records: dict[str, dict[tuple[Any, ...], DimensionRecord]] = {}
        self._implied: dict[str, dict[tuple[Any, ...], DimensionRecord]] = {}
        self._files: dict[str, tuple[str | None, set[UUID]]] = {}

    def take(self) -> RawBatchExport:
        """Return the chunk at hand and begin another."""
        chunk, batch = self._chunk, self._chunk.batch
        elements = {**self._records, **self._implied}
        for name in self._universe.sort(elements):
            records = {**self._implied.get(name, {}), **self._records.get(name, {})}
            raw = {key: record.to_raw() for key, record in records.items()}
            batch.dimension_insertions[name] = DimensionDataInsertion(element=name, records=raw)
        chunk.files = {
            path: (formatter, frozenset(uuids)) for path, (formatter, uuids) in self._files.items()
        }
        self._begin_chunk()
        return chunk

    def finish(self) -> RawBatchExport | None:
        """Return the last chunk, with what concerns datasets of all of them; None if nothing is left."""
        chunk = self.take()
        for place, make_edit in self._last:
            try:
                chunk.batch.collection_edits.append(make_edit())
            except ButlerError as error:
                raise place.locate(error) from error
        batch = chunk.batch
        is_empty = not (
            batch.dataset_type_registrations
            or batch.collection_registrations
            or batch.dimension_insertions
            or batch.dataset_insertions.datasets
            or batch.collection_edits
        )
        return None if is_empty else chunk

    # -- entries

    def add(self, item: Table) -> None:
        """Take in one entry of ``data``.

        Raises `InvalidInputError`, with the line, for what cannot be understood.
        """
        place = Place(self._file, item.line)
        kind = item.get("type")
        add = _ADD.get(kind) if isinstance(kind, str) else None
        if add is None:
            raise place.refuse(f"there is no type of entry {kind!r}.", f"Types are {', '.join(_ADD)}.")
        try:
            add(self, item, place)
        except ButlerError as error:
            raise (error if "line" in error.details else place.locate(error)) from error

    def _add_dimension(self, item: Table, place: Place) -> None:
        shape = record_shape(self._universe, need(item, "element", str, place))
        for record in need(item, "records", list, place):
            if not isinstance(record, Table):
                raise place.refuse(f"a {shape.element.name} record is {record!r}.", "Records are mappings.")
            at = Place(self._file, record.line)
            try:
                self._add_record(shape, record, at)
            except ButlerError as error:
                raise (error if "line" in error.details else at.locate(error)) from error

    def _add_record(self, shape: RecordShape, record: Table, place: Place) -> None:
        element = shape.element.name
        values = _with_timespan(record)
        implied: list[conversion.ImpliedRecord] = []
        if self._to_version is not None:
            values, implied = conversion.convert(element, values, self._from_version, self._to_version)
        known = {name: value for name, value in values.items() if value is not None or name in shape.index}
        made = shape.make(known)
        there = self._records.setdefault(element, {}).setdefault(made.key, made)
        if there != made:
            raise place.refuse(
                f"{element} {made.data_id} is given twice, with different values.",
                "Give one record for each key.",
            )
        self.rows += 1
        for other, content in implied:
            if other in self._universe.elements:
                other_record = record_shape(self._universe, other).make(content)
                self._implied.setdefault(other, {}).setdefault(other_record.key, other_record)

    def _add_run(self, item: Table, place: Place) -> None:
        self._register(need(item, "name", str, place), CollectionType.RUN, item, place)

    def _add_collection(self, item: Table, place: Place) -> None:
        name = need(item, "name", str, place)
        kind = _collection_type(item, place, CollectionType.all())
        self._register(name, kind, item, place)
        if kind is CollectionType.CHAINED:
            children = tuple(_child(child, name, place) for child in need(item, "children", list, place))
            edit = ChainedCollectionEdit(chain=name, children=children, mode=SequenceEditMode.ASSIGN)
            self._last.append((place, lambda: edit))

    def _register(self, name: str, kind: CollectionType, item: Table, place: Place) -> None:
        doc = need(item, "doc", str, place) if item.get("doc") is not None else ""
        there = self._collections.setdefault(name, kind)
        if there is not kind:
            raise place.refuse(
                f"collection {name!r} is {kind.name} here and {there.name} before.", "Choose one."
            )
        registration = CollectionRegistration(name=name, type=kind, doc=doc)
        self._chunk.batch.collection_registrations[name] = registration

    def _add_dataset_type(self, item: Table, place: Place) -> None:
        dimensions = need(item, "dimensions", list, place)
        dataset_type = DatasetType(
            need(item, "name", str, place),
            self._universe.conform(conversion.old_dimensions(dimensions, self._from_version)),
            need(item, "storage_class", str, place),
            is_calibration=need(item, "is_calibration", bool, place) if "is_calibration" in item else False,
        )
        there = self._dataset_types.setdefault(dataset_type.name, dataset_type)
        if there != dataset_type:
            raise place.refuse(f"{dataset_type} was {there} before.", "Define a dataset type once.")
        registration = DatasetTypeRegistration.from_dataset_type(dataset_type)
        self._chunk.batch.dataset_type_registrations[dataset_type.name] = registration

    def _add_datasets(self, item: Table, place: Place) -> None:
        name, run = need(item, "dataset_type", str, place), need(item, "run", str, place)
        by_run = self._chunk.batch.dataset_insertions.datasets.setdefault(name, {})
        rows = by_run.setdefault(run, {})
        for record in need(item, "records", list, place):
            if not isinstance(record, Table):
                raise place.refuse(f"a dataset of {name} is {record!r}.", "Records are mappings.")
            at = Place(self._file, record.line)
            try:
                uuids = self._add_file(record, name, run, rows, at)
                self._note_file(record, uuids, at)
            except ButlerError as error:
                raise (error if "line" in error.details else at.locate(error)) from error

    def _add_file(
        self, record: Table, name: str, run: str, rows: dict[UUID, tuple[DataIdValue, ...]], place: Place
    ) -> list[UUID]:
        """Add the datasets of one file, and return their UUIDs."""
        # A mistyped "path" would else mean that there is no file.
        if unknown := sorted(record.keys() - _FILE_KEYS):
            raise place.refuse(
                f"a dataset has no {', '.join(map(repr, unknown))}.",
                f"Its keys are {', '.join(sorted(_FILE_KEYS))}.",
            )
        ids, data_ids = as_list(record, "dataset_id", place), as_list(record, "data_id", place)
        if len(ids) != len(data_ids):
            raise place.refuse(
                f"there are {len(ids)} dataset IDs for {len(data_ids)} data IDs.", "Give one for each."
            )
        uuids = []
        for given, values in zip(ids, data_ids, strict=True):
            data_id = self._make_data_id(name, values, place)
            uuid = (
                self._number(given, name, data_id, run, place)
                if type(given) is int
                else as_uuid(given, place)
            )
            there = rows.setdefault(uuid, data_id.required_values)
            if there != data_id.required_values:
                raise place.refuse(
                    f"dataset {uuid} is given twice, with different data IDs.", "Give each UUID once."
                )
            uuids.append(uuid)
        self.rows += len(uuids)
        return uuids

    def _make_data_id(self, dataset_type: str, values: Any, place: Place) -> DataCoordinate:
        if not isinstance(values, Mapping):
            raise place.refuse(f"the data ID of a {dataset_type} is {values!r}.", "Data IDs are mappings.")
        names = conversion.old_dimensions(list(values), self._from_version)
        # The type may be known to the repository only; then what the data ID names must do.
        known = self._dataset_types.get(dataset_type)
        return DataCoordinate.standardize(
            {name: values[name] for name in names},
            dimensions=known.dimensions if known is not None else None,
            universe=self._universe,
        )

    def _number(self, number: int, name: str, data_id: DataCoordinate, run: str, place: Place) -> UUID:
        """Return the UUID for a number of old exports; its data ID and RUN make it, for numbers mean nothing elsewhere."""
        uuid = deterministic_uuid(name, data_id.required, run)
        if self._uuid_by_number.setdefault(number, uuid) != uuid:
            raise place.refuse(
                f"dataset {number} is given twice, with different data IDs.", "Give each number once."
            )
        return uuid

    def _note_file(self, record: Table, uuids: list[UUID], place: Place) -> None:
        if record.get("path") is None:
            return
        path = need(record, "path", str, place)
        formatter = None if record.get("formatter") is None else need(record, "formatter", str, place)
        formatter = None if formatter is None else FORMATTERS.get(formatter, formatter)
        there, those = self._files.setdefault(path, (formatter, set()))
        if there != formatter:
            raise place.refuse(
                f"file {path!r} has formatter {formatter} here and {there} before.", "Choose one."
            )
        those.update(uuids)

    def _add_associations(self, item: Table, place: Place) -> None:
        kind = _collection_type(item, place, frozenset({CollectionType.TAGGED, CollectionType.CALIBRATION}))
        collection = need(item, "collection", str, place)
        if kind is CollectionType.TAGGED:
            ids = need(item, "dataset_ids", list, place)
            self._last.append((place, lambda: self._tag(collection, ids, place)))
            return
        for validity in need(item, "validity_ranges", list, place):
            if not isinstance(validity, Table):
                raise place.refuse(f"a validity range is {validity!r}.", "Validity ranges are mappings.")
            self._add_validity(collection, validity, Place(self._file, validity.line))

    def _add_validity(self, collection: str, validity: Table, place: Place) -> None:
        ids = need(validity, "dataset_ids", list, place)
        timespan = validity.get("timespan")
        if timespan is None:
            timespan = make_timespan(validity.get("begin"), validity.get("end"))
        if not isinstance(timespan, Timespan) or timespan.is_empty:
            raise place.refuse(f"the validity is {timespan!r}.", "Give a timespan that is not empty.")
        begin, end = timespan.begin, timespan.end
        self._last.append(
            (
                place,
                lambda: Certification(
                    collection=collection, datasets=self._resolve(ids, place), timespan=(begin, end)
                ),
            )
        )

    def _tag(self, collection: str, ids: list[Any], place: Place) -> TaggedCollectionEdit:
        # What the export says holds: a dataset that has the place already gives way.
        mode = SetEditMode.INSERT_OR_REPLACE
        return TaggedCollectionEdit(collection=collection, datasets=self._resolve(ids, place), mode=mode)

    def _resolve(self, ids: list[Any], place: Place) -> frozenset[UUID]:
        missing = [number for number in ids if type(number) is int and number not in self._uuid_by_number]
        if missing:
            raise place.refuse(f"there is no dataset {missing[0]} in this export.", "Export them together.")
        return frozenset(self._uuid_by_number[i] if type(i) is int else as_uuid(i, place) for i in ids)


_ADD: dict[str, Callable[[ChunkMaker, Table, Place], None]] = {
    "dimension": ChunkMaker._add_dimension,
    "collection": ChunkMaker._add_collection,
    "run": ChunkMaker._add_run,
    "dataset_type": ChunkMaker._add_dataset_type,
    "dataset": ChunkMaker._add_datasets,
    "associations": ChunkMaker._add_associations,
}


def need(table: Mapping[str, Any], key: str, kind: type, place: Place) -> Any:
    """Return a value that must be there and of a type."""
    value = table.get(key)
    if isinstance(value, kind):
        return value
    problem = f"{key!r} is {value!r}." if key in table else f"there is no {key!r}."
    raise place.refuse(problem, f"Give {_KINDS[kind]} as {key!r}, or export again.")


_KINDS: dict[type, str] = {str: "text", list: "a sequence", bool: "true or false"}


def as_list(table: Mapping[str, Any], key: str, place: Place) -> list[Any]:
    """Return a value that may be one or a list of them."""
    if table.get(key) is None:
        raise place.refuse(f"there is no {key!r}.", "Export again: the dataset is incomplete.")
    value = table[key]
    return value if isinstance(value, list) else [value]


def as_uuid(value: Any, place: Place) -> UUID:
    """Return a UUID that is one, or looks like one."""
    if isinstance(value, UUID):
        return value
    try:
        return UUID(value)
    except (TypeError, ValueError, AttributeError) as error:
        raise place.refuse(
            f"{value!r} is no dataset ID.", "Give a UUID (or the number that old exports have)."
        ) from error


def _collection_type(item: Table, place: Place, valid: frozenset[CollectionType]) -> CollectionType:
    name = need(item, "collection_type", str, place)
    for kind in valid:
        if kind.name == name:
            return kind
    names = ", ".join(sorted(kind.name for kind in valid))
    raise place.refuse(f"the collection type is {name!r}.", f"Types are {names}.")


def _child(child: Any, chain: str, place: Place) -> str:
    """Return the name of a chain's child; old chains could limit a child to some dataset types."""
    if isinstance(child, list) and len(child) == 2 and isinstance(child[0], str):
        warnings.warn(
            f"{place}: chain {chain!r} searches {child[0]!r} for some dataset types only; it will be searched for all.",
            stacklevel=2,
        )
        return child[0]
    if not isinstance(child, str):
        raise place.refuse(f"chain {chain!r} has the child {child!r}.", "Children are names of collections.")
    return child


def _with_timespan(record: Table) -> dict[str, Any]:
    """Return a record's values with its two times made one timespan."""
    values = dict(record)
    if _BEGIN in values or _END in values:
        values["timespan"] = make_timespan(values.pop(_BEGIN, None), values.pop(_END, None))
    return values
