"""What can be configured of every datastore of files."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, field_validator

from butler_core.contracts.datastore import DatastoreConfig
from butler_core.files.templates import Template
from butler_core.models.names import (
    ChecksumAlgorithm,
    DatasetTypeName,
    DatastoreId,
    FormatterName,
    StorageClassName,
)
from butler_core.models.universe import DimensionUniverse


class FileDatastoreConfig(DatastoreConfig):
    """Base of the configuration of datastores whose artifacts are files or objects."""

    datastore_id: DatastoreId = Field(default="", pattern=r"^[A-Za-z0-9_]{0,40}$")
    """Fixed when the repository is made; filled in then if empty."""
    templates: dict[DatasetTypeName | StorageClassName, str] = Field(default_factory=dict)
    """How artifacts are named, by dataset type or else by storage class; ``default`` for all others."""
    formatters: dict[DatasetTypeName | StorageClassName, FormatterName] = Field(default_factory=dict)
    """Who writes, by dataset type or else by storage class; ``default`` for all that no installed formatter offers to write."""
    write_parameters: dict[FormatterName, dict[str, Any]] = Field(default_factory=dict)
    """What formatters are told when they write."""
    checksum: Literal["none", "sha256", "blake3"] = "none"
    """What checksums records keep of what is written or taken in; ``blake3`` needs ``butler-core[blake3]``."""
    check_on_read: bool = False
    """Whether what is read is compared with the checksum that its record has, if any."""

    @property
    def algorithm(self) -> ChecksumAlgorithm | None:
        """What to compute checksums with; None: there are to be none."""
        return None if self.checksum == "none" else self.checksum

    @field_validator("templates")
    @classmethod
    def _parse(cls, templates: dict[str, str]) -> dict[str, str]:
        for template in templates.values():
            Template(template)
        return templates

    def check_templates(self, universe: DimensionUniverse | None) -> None:
        """Raise `ConfigurationError` if a template names what the universe does not have."""
        if universe is not None:
            for template in self.templates.values():
                Template(template).check(universe)
