"""The universe plugin named ``rubin``: the definitions of its versions, and records brought from one version to another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib import resources
from typing import Any

from butler_core.contracts.universe import UniverseProvider
from butler_core.errors import NotFoundError
from butler_rubin.conversion import convert

NAMESPACE = "daf_butler"
"""The namespace that Rubin's own software gives its universe."""


class RubinUniverse(UniverseProvider):
    """Rubin Observatory's dimensions, versions 6 to 8; records of versions 0 to 5 can be brought up to these."""

    versions: Sequence[int] = (6, 7, 8)
    geometry: str | None = "sphgeom"

    def load(self, version: int | None = None) -> Mapping[str, Any]:
        """Return a version's definition; all but the oldest are overlays of the one before."""
        import yaml

        if version is None:
            version = self.versions[-1]
        if version not in self.versions:
            raise NotFoundError(
                f"Universe 'rubin' has no version {version!r}.",
                remedy=f"Its versions are {', '.join(map(str, self.versions))}; records of older ones can be imported.",
            )
        text = resources.files("butler_rubin").joinpath("universes", f"v{version}.yaml").read_text("utf-8")
        content: dict[str, Any] = yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
        return content

    def convert_record(
        self, element: str, record: Mapping[str, Any], from_version: int, to_version: int
    ) -> Mapping[str, Any]:
        """Bring a record of versions 0 to 8 into version 6, 7 or 8; see `butler_rubin.conversion.convert`."""
        return convert(element, record, from_version, to_version).record
