"""What is installed: the plugins that distributions announce, read from their metadata and nothing else."""

from __future__ import annotations

import difflib
import importlib
import importlib.metadata
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, NoReturn, TypeAlias, get_args

from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from butler_core.errors import PluginError
from butler_core.lazy import lazy_property
from butler_core.version import __version__

PluginKind: TypeAlias = Literal[
    "registry",
    "datastore",
    "formatter",
    "journal",
    "universe",
    "geometry",
    "authenticator",
    "signer",
    "reader",
    "command",
]
PluginState: TypeAlias = Literal["ok", "too-old", "too-new", "clash", "broken"]

CORE = "butler-core"
"""The distribution whose versions are those of the plugin interface."""

GROUPS: dict[PluginKind, str] = {
    kind: f"butler.{kind[:-1]}ies" if kind.endswith("y") else f"butler.{kind}s"
    for kind in get_args(PluginKind)
}
"""The entry-point group of each kind: ``butler.registries``, ``butler.datastores``, ..."""

_WELL_KNOWN: dict[tuple[str, str], str] = {
    ("registry", "sqlite"): "butler-sqlite",
    ("registry", "postgres"): "butler-postgres",
    ("registry", "http"): "butler-http",
    ("datastore", "posix"): "butler-posix",
    ("datastore", "s3"): "butler-s3",
    ("datastore", "gcs"): "butler-gcs",
    ("journal", "posix"): "butler-posix",
    ("universe", "rubin"): "butler-rubin",
    ("geometry", "sphgeom"): "butler-rubin",
    ("reader", "daf-butler-yaml"): "butler-rubin",
}


_PLAIN_REQUIREMENT = re.compile(
    r"(?P<name>[A-Za-z0-9][\w.-]*)\s*(?P<specifiers>[<>=!~][^;@\[\]()]*)?", re.ASCII
)
"""Requirements without extras, markers and addresses, as plugins have for the core."""


class PluginInfo(NamedTuple):
    """One announced name."""

    kind: str
    name: str
    """As configurations use it."""
    distribution: str
    version: str
    """Of the distribution."""
    state: PluginState
    """``ok`` means that nothing in the metadata speaks against it; only importing it tells the rest."""
    reason: str
    """Why it cannot be used, and what mends it; empty if ``ok``."""


class _Verdict(NamedTuple):
    state: PluginState
    problem: str = ""
    remedy: str = ""


@dataclass(frozen=True)
class Announcement:
    """One entry point of a plugin, and the distribution that has it."""

    kind: PluginKind
    name: str
    target: str
    """The module with the hook implementations."""
    distribution: str
    version: str
    requires: tuple[str, ...]
    """The distribution's requirements."""

    @property
    def is_core(self) -> bool:
        """Whether the core itself offers it."""
        return canonicalize_name(self.distribution) == CORE

    @property
    def origin(self) -> str:
        """Distribution and version, for messages."""
        return f"{self.distribution} {self.version}"

    @lazy_property
    def verdict(self) -> _Verdict:
        """Whether it fits this version of the core."""
        try:
            needs = self._core_specifiers()
        except ValueError as error:  # what packaging's errors derive from
            return _Verdict(
                "broken",
                f"{self.origin} has a requirement that cannot be read: {error}",
                f"pip install --upgrade --force-reinstall {self.distribution}",
            )
        if needs.contains(__version__, prereleases=True):
            return _Verdict("ok")
        problem = f"{self.origin} works with {CORE} {needs}, and this is {CORE} {__version__}"
        if _asks_for_later(needs):
            return _Verdict("too-new", problem, f'pip install --upgrade "{CORE}{needs}"')
        return _Verdict("too-old", problem, f"pip install --upgrade {self.distribution}")

    def _core_specifiers(self) -> SpecifierSet:
        specifiers = SpecifierSet()
        for text in self.requires:
            if (plain := _PLAIN_REQUIREMENT.fullmatch(text)) is None:
                specifiers &= _read_requirement(text)
            elif canonicalize_name(plain["name"]) == CORE:
                specifiers &= SpecifierSet(plain["specifiers"] or "")
        return specifiers

    def load(self) -> Any:
        """Import the module with the hook implementations; whatever that raises is raised."""
        return importlib.metadata.EntryPoint(self.name, self.target, GROUPS[self.kind]).load()


def _read_requirement(text: str) -> SpecifierSet:
    """Return what a requirement of any form asks of the core."""
    from packaging.requirements import Requirement  # its grammar takes a while to import

    requirement = Requirement(text)
    applies = requirement.marker is None or requirement.marker.evaluate({"extra": ""})
    is_ours = applies and canonicalize_name(requirement.name) == CORE
    return requirement.specifier if is_ours else SpecifierSet()


def _asks_for_later(needs: SpecifierSet) -> bool:
    """Whether it is the lower end of the range that leaves this version out."""
    current = Version(__version__)
    for specifier in needs:
        if specifier.operator in (">=", ">", "==", "===", "~="):
            try:
                if Version(specifier.version.removesuffix(".*")) > current:
                    return True
            except InvalidVersion:  # "===" takes any text
                continue
    return False


class Installed:
    """What was found installed at one moment.

    Parameters
    ----------
    announcements
        Every name of every plugin.
    damaged
        Distributions that announce something that cannot be read.
    """

    def __init__(self, announcements: Iterable[Announcement], damaged: Sequence[PluginInfo] = ()) -> None:
        self._by_name: dict[tuple[str, str], list[Announcement]] = {}
        for announcement in announcements:
            self._by_name.setdefault((announcement.kind, announcement.name), []).append(announcement)
        self._damaged = damaged

    @classmethod
    def scan(cls) -> Installed:
        """Read the metadata of every distribution that can be imported from."""
        # A package that was just installed must be seen, even within the clock tick of the last look.
        importlib.invalidate_caches()
        announcements: list[Announcement] = []
        damaged: list[PluginInfo] = []
        seen: set[str] = set()
        for distribution in importlib.metadata.distributions():
            try:
                # Most distributions have nothing for us, and parsing their metadata takes most of the time.
                text = distribution.read_text("entry_points.txt")
                if not text or "[butler." not in text:
                    continue
                name = str(distribution.metadata["Name"])
                if canonicalize_name(name) not in seen:  # else hidden by one that is earlier on the path
                    seen.add(canonicalize_name(name))
                    announcements.extend(_announcements(distribution, name))
            except Exception as error:
                damaged.append(_damaged(distribution, error))
        return cls(announcements, damaged)

    def names(self, kind: str) -> list[str]:
        """Return the announced names of one kind, sorted."""
        return sorted(name for its_kind, name in self._by_name if its_kind == kind)

    def targets(self) -> set[str]:
        """Return the modules of all plugins."""
        return {announcement.target for those in self._by_name.values() for announcement in those}

    def of_kind(self, kind: str, problems: list[PluginError]) -> Iterator[Announcement]:
        """Yield every usable announcement of one kind, by name; note what cannot be used."""
        for name in self.names(kind):
            try:
                announcement = self.find(kind, name)
            except PluginError as error:
                problems.append(error)
                continue
            if announcement is not None:
                yield announcement

    def find(self, kind: str, name: str) -> Announcement | None:
        """Return what announces a name, None if nothing does.

        Raises `PluginError` if two distributions claim the name, or the one that does fits another version of the core.
        """
        those = self._by_name.get((kind, name), [])
        if not those:
            return None
        verdict = _verdict(those)
        if verdict.state != "ok":
            raise PluginError(
                f"The {kind} {name!r} cannot be used: {verdict.problem}.",
                remedy=verdict.remedy,
                kind=kind,
                name=name,
                state=verdict.state,
                distributions=sorted(announcement.distribution for announcement in those),
            )
        return those[0]

    def refuse_unknown(self, kind: str, name: str) -> NoReturn:
        """Raise the `PluginError` for a name that nothing announces, with what is installed and what could be."""
        names = self.names(kind)
        have = f"installed: {', '.join(names)}" if names else "none is installed"
        well_known = _WELL_KNOWN.get((kind, name))
        if well_known is not None:
            remedy = f"pip install {well_known}"
        elif similar := difflib.get_close_matches(name, names, n=1):
            remedy = f"Did you mean {similar[0]!r}?"
        else:
            missing = {
                d
                for (its_kind, its_name), d in _WELL_KNOWN.items()
                if its_kind == kind and its_name not in names
            }
            offer = f" Others to install: {', '.join(sorted(missing))}." if missing else ""
            remedy = f"Choose one of these, or install the package that offers {name!r}.{offer}"
        raise PluginError(
            f"No {kind} is called {name!r} ({have}).", remedy=remedy, kind=kind, name=name, installed=names
        )

    def __iter__(self) -> Iterator[PluginInfo]:
        for (kind, name), those in sorted(self._by_name.items()):
            verdict = _verdict(those)
            reason = f"{verdict.problem}; {verdict.remedy}" if verdict.problem else ""
            for announcement in those:
                yield PluginInfo(
                    kind, name, announcement.distribution, announcement.version, verdict.state, reason
                )
        yield from self._damaged


def _verdict(those: Sequence[Announcement]) -> _Verdict:
    """Judge everything that announces one name."""
    if len(those) == 1:
        return those[0].verdict
    distributions = " and ".join(sorted({announcement.distribution for announcement in those}))
    if len({announcement.distribution for announcement in those}) == 1:
        return _Verdict(
            "clash", f"{distributions} announces it twice", "Ask its authors to announce it once."
        )
    return _Verdict("clash", f"{distributions} both claim it", f"Uninstall one of {distributions}.")


def _announcements(distribution: importlib.metadata.Distribution, name: str) -> list[Announcement]:
    kinds = {group: kind for kind, group in GROUPS.items()}
    version, requires = str(distribution.version), tuple(distribution.requires or ())
    return [
        Announcement(kinds[entry.group], entry.name, entry.value, name, version, requires)
        for entry in distribution.entry_points
        if entry.group in kinds
    ]


def _damaged(distribution: importlib.metadata.Distribution, error: Exception) -> PluginInfo:
    place = str(getattr(distribution, "_path", "") or "a distribution")
    reason = f"its metadata cannot be read: {type(error).__name__}: {error}; reinstall it"
    return PluginInfo("", "", place, "", "broken", reason)
