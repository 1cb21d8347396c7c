"""The bridge of every datastore of files: its table, and predictions of names and formatters."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple
from uuid import UUID

from pydantic import BaseModel

from butler_core.contracts.bridge import DatastoreBridge, SignRequest
from butler_core.contracts.formatter import Formatter
from butler_core.errors import InvalidInputError
from butler_core.files.names import (
    RESERVED,
    batch_token,
    check_extension,
    extension_of,
    join_name,
    journal_directory,
)
from butler_core.files.records import FileRecord, FileRecords, file_table, records_to_rows, rows_to_records
from butler_core.files.templates import Stems, Template, default_template
from butler_core.lazy import lazy_property
from butler_core.models.dataset_ref import DatasetRef
from butler_core.models.dataset_type import DatasetType
from butler_core.models.file_dataset import FileDataset
from butler_core.models.model_config import FROZEN
from butler_core.models.names import (
    ArtifactName,
    CollectionName,
    ColumnName,
    DatastoreId,
    FormatterName,
    OpaqueTableName,
    OpaqueTableValues,
    SignAction,
    StorageClassName,
    Uri,
)
from butler_core.models.opaque import OpaqueTableBatch

JOURNALS = f"{RESERVED}/journals"
"""Where journals go, below the root."""
DEFAULT = "default"
"""The key for everything that has none of its own."""


class FormatterChoice(NamedTuple):
    """Who writes, and how the file name ends."""

    formatter: FormatterName
    extension: str


class FormatterChoices(Mapping[str, FormatterChoice]):
    """Formatters chosen by name, each looked up when it is asked for, so that one that is missing spoils nothing else.

    Parameters
    ----------
    names
        What is chosen for each dataset type or storage class.
    get_formatter
        Returns a formatter by name.
    write_parameters
        What formatters are told when they write.
    """

    def __init__(
        self,
        names: Mapping[str, FormatterName],
        get_formatter: Callable[[FormatterName], Formatter],
        write_parameters: Mapping[FormatterName, Mapping[str, Any]],
    ) -> None:
        self._names = names
        self._get_formatter = get_formatter
        self._write_parameters = write_parameters

    def __getitem__(self, key: str) -> FormatterChoice:
        formatter = self._names[key]
        extension = self._get_formatter(formatter).extension(self._write_parameters.get(formatter, {}))
        return FormatterChoice(formatter, check_extension(extension, f"formatter {formatter!r}"))

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)


class FileBridgeConfig(BaseModel):
    """What a bridge is made of, without any datastore."""

    model_config = FROZEN

    datastore_id: DatastoreId
    templates: dict[str, str]
    chosen: dict[str, FormatterChoice]
    offered: dict[StorageClassName, FormatterChoice]


_NOTHING: Mapping[str, Any] = MappingProxyType({})


class FileBridge(DatastoreBridge):
    """The bridge of a datastore of files.

    Parameters
    ----------
    datastore_id
        The datastore's.
    templates
        How artifacts are named, by dataset type or else by storage class; ``default`` for all others.
    chosen
        Who writes, by dataset type or else by storage class; ``default`` for what nobody offers to write.
    offered
        Who writes a storage class for which nobody was chosen.
    """

    def __init__(
        self,
        datastore_id: DatastoreId,
        *,
        templates: Mapping[str, str] = _NOTHING,
        chosen: Mapping[str, FormatterChoice] = _NOTHING,
        offered: Mapping[StorageClassName, FormatterChoice] = _NOTHING,
    ) -> None:
        self.datastore_id = datastore_id
        self._templates = templates
        self._chosen = chosen
        self._offered = offered
        table = file_table(datastore_id)
        self.table_name = table.name
        """The one table."""
        self.tables = MappingProxyType({table.name: table})
        self._choices: dict[tuple[str, str], FormatterChoice] = {}
        self._stems: dict[DatasetType, Stems] = {}

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> FileBridge:
        """Make the bridge whose `config` this is; it needs neither the datastore nor any formatter."""
        checked = FileBridgeConfig.model_validate(dict(config))
        return cls(
            checked.datastore_id, templates=checked.templates, chosen=checked.chosen, offered=checked.offered
        )

    @lazy_property
    def config(self) -> Mapping[str, Any]:
        """Built-ins from which `from_config` makes an equal bridge; asks every installed formatter."""
        return FileBridgeConfig(
            datastore_id=self.datastore_id,
            templates=dict(self._templates),
            chosen=dict(self._chosen),
            offered=dict(self._offered),
        ).model_dump(mode="json")

    def __eq__(self, other: object) -> bool:
        return self.config == other.config if isinstance(other, FileBridge) else NotImplemented

    def __hash__(self) -> int:
        return hash(self.datastore_id)

    def choose_formatter(self, dataset_type: DatasetType) -> FormatterChoice:
        """Return who writes datasets of a type.

        Raises `InvalidInputError` if no installed formatter offers to and the configuration names none.
        """
        key = (dataset_type.name, dataset_type.storage_class_name)
        choice = self._choices.get(key)
        if choice is None:
            choice = self._choices[key] = self._find_formatter(*key)
        return choice

    def _find_formatter(self, dataset_type: str, storage_class: str) -> FormatterChoice:
        places = (
            (self._chosen, dataset_type),
            (self._chosen, storage_class),
            (self._offered, storage_class),
            (self._chosen, DEFAULT),
        )
        for choices, key in places:
            if key in choices:
                return choices[key]
        raise InvalidInputError(
            f"No formatter is known that writes storage class {storage_class!r}, of dataset type {dataset_type!r}.",
            remedy="Install the plugin that has one, or name one under 'datastore.formatters' in butler.yaml "
            "(for ingest: in the FileDataset).",
            storage_class=storage_class,
        )

    def make_opaque_values(
        self, refs: Iterable[DatasetRef], *, batch_id: UUID, files: Iterable[FileDataset] = ()
    ) -> OpaqueTableBatch:
        """Predict records: see `DatastoreBridge.make_opaque_values`."""
        token = f"_{batch_token(batch_id)}"
        by_file = {ref.uuid: file for file in files for ref in file.refs}
        alone: dict[DatasetType, list[DatasetRef]] = {}
        filed: dict[UUID, DatasetRef] = {}
        for ref in refs:
            if by_file and ref.uuid in by_file:
                filed[ref.uuid] = ref
            else:
                alone.setdefault(ref.dataset_type, []).append(ref)
        taken: dict[ArtifactName, DatasetRef] = {}
        records: list[tuple[UUID, FileRecords]] = []
        for dataset_type, group in alone.items():
            self._predict(dataset_type, group, token, taken, records)
        self._predict_filed(filed, by_file, token, taken, records)
        batch = OpaqueTableBatch()
        batch.insert(self.table_name, records)
        return batch

    def _predict(
        self,
        dataset_type: DatasetType,
        refs: list[DatasetRef],
        token: str,
        taken: dict[ArtifactName, DatasetRef],
        records: list[tuple[UUID, FileRecords]],
    ) -> None:
        formatter, extension = self.choose_formatter(dataset_type)
        tail = token + extension
        component, storage_class = dataset_type.component or "", dataset_type.storage_class_name
        for ref, stem in zip(refs, self._stems_of(dataset_type)(refs), strict=True):
            artifact = join_name(stem, tail)
            if artifact in taken:
                raise _two_of_one_name(artifact, taken[artifact], ref)
            taken[artifact] = ref
            record = FileRecord(component, artifact, formatter, None, None, None, storage_class)
            records.append((ref.uuid, (record,)))

    def _predict_filed(
        self,
        refs: Mapping[UUID, DatasetRef],
        by_file: Mapping[UUID, FileDataset],
        token: str,
        taken: dict[ArtifactName, DatasetRef],
        records: list[tuple[UUID, FileRecords]],
    ) -> None:
        leaders: dict[DatasetType, list[tuple[FileDataset, DatasetRef]]] = {}
        named: set[int] = set()
        for uuid, ref in refs.items():
            file = by_file[uuid]
            if id(file) not in named:
                named.add(id(file))
                leaders.setdefault(ref.dataset_type, []).append((file, ref))
        artifacts: dict[int, ArtifactName] = {}
        for dataset_type, group in leaders.items():
            stems = self._stems_of(dataset_type)([ref for _, ref in group])
            for (file, ref), stem in zip(group, stems, strict=True):
                artifact = artifacts[id(file)] = join_name(stem, token + extension_of(file.path))
                if artifact in taken:
                    raise _two_of_one_name(artifact, taken[artifact], ref)
                taken[artifact] = ref
        for uuid, ref in refs.items():
            file, dataset_type = by_file[uuid], ref.dataset_type
            formatter = file.formatter or self.choose_formatter(dataset_type).formatter
            component, storage_class = dataset_type.component or "", dataset_type.storage_class_name
            artifact = artifacts[id(file)]
            records.append(
                (uuid, (FileRecord(component, artifact, formatter, None, None, None, storage_class),))
            )

    def _stems_of(self, dataset_type: DatasetType) -> Stems:
        stems = self._stems.get(dataset_type)
        if stems is None:
            templates = self._templates
            keys = (
                dataset_type.name,
                dataset_type.name.partition(".")[0],
                dataset_type.storage_class_name,
                DEFAULT,
            )
            text = next((templates[key] for key in keys if key in templates), None)
            template = default_template(dataset_type.dimensions) if text is None else Template(text)
            stems = self._stems[dataset_type] = template.compile(dataset_type)
        return stems

    def opaque_values_to_raw(
        self, table_name: OpaqueTableName, values: Mapping[UUID, OpaqueTableValues]
    ) -> Iterable[dict[ColumnName, Any]]:
        """Return rows for the database: see `DatastoreBridge.opaque_values_to_raw`."""
        self._check_table(table_name)
        return records_to_rows(values)

    def opaque_raw_to_values(
        self, table_name: OpaqueTableName, rows: Iterable[Mapping[ColumnName, Any]]
    ) -> dict[UUID, OpaqueTableValues]:
        """Turn rows into values: see `DatastoreBridge.opaque_raw_to_values`."""
        self._check_table(table_name)
        return rows_to_records(rows)

    def _check_table(self, name: OpaqueTableName) -> None:
        if name != self.table_name:
            raise InvalidInputError(
                f"Datastore {self.datastore_id!r} has no table {name!r}.",
                remedy=f"Its table is {self.table_name!r}.",
            )

    def sign_opaque_values(
        self,
        table_name: OpaqueTableName,
        values: dict[UUID, OpaqueTableValues],
        callback: Callable[[SignRequest], Uri],
        action: SignAction,
    ) -> None:
        """Refuse: nobody signs URLs of files; a bridge whose store has signed URLs overrides this."""
        raise InvalidInputError(
            f"Datastore {self.datastore_id!r} has no signed URLs.",
            remedy="Ask for unsigned ones: signed=False.",
        )

    def journal_paths(self, runs: Iterable[CollectionName]) -> Mapping[CollectionName, Uri]:
        """Say where each RUN's journals go, relative to the datastore's root."""
        return {run: f"{JOURNALS}/{journal_directory(run)}" for run in runs}


def _two_of_one_name(artifact: ArtifactName, first: DatasetRef, second: DatasetRef) -> InvalidInputError:
    return InvalidInputError(
        f"{first} and {second} would both be written to {artifact!r}.",
        remedy="Give each dataset once; or name every dimension in the template for their dataset type.",
        artifact=artifact,
    )
