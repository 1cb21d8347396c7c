"""The reader plugin named ``daf-butler-yaml``: exports that lsst-daf-butler wrote, chunk by chunk."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import unquote, urlsplit

from butler_core.contracts.reader import ForeignExportReader
from butler_core.errors import IncompatibleError, InvalidInputError, NotFoundError
from butler_core.models.export import RawBatchExport
from butler_core.models.names import Uri
from butler_core.models.universe import DimensionUniverse
from butler_rubin import conversion
from butler_rubin.chunks import ChunkMaker
from butler_rubin.places import Place
from butler_rubin.universe import NAMESPACE
from butler_rubin.yaml_stream import PARSER_ERRORS, Table, YamlStream

NEWEST_FORMAT = (1, 0, 2)
CHUNK_ROWS = 10_000
"""How many records and datasets make a chunk."""
_BLOCK_ROWS = 500
"""How many records of one item are held at a time."""

_HEADER = re.compile(
    rb"""^(?:description:\s*['"]?Butler Data Repository Export|universe_namespace:\s*['"]?daf_butler\b)""",
    re.MULTILINE,
)
_FRAME_KEYS = ("version", "universe_version", "universe_namespace")


class DafButlerYamlReader(ForeignExportReader):
    """Reads export formats 0 to 1.0.2, with records of Rubin's universe in versions 0 to 8.

    Files are read as a stream: memory stays the same however long they are.  So what an item refers to should stand before it,
    as in all files that lsst-daf-butler wrote; within the first chunk any order will do, and memberships, validity ranges and
    chains always come last.
    """

    name = "daf-butler-yaml"

    def __init__(self, chunk_rows: int = CHUNK_ROWS) -> None:
        self._chunk_rows = chunk_rows

    def matches(self, path: Uri, header: bytes) -> bool:
        """Whether the first lines say that this is such an export; its name does not matter."""
        return _HEADER.search(header) is not None

    def read(self, path: Uri, universe: DimensionUniverse) -> Iterator[RawBatchExport]:
        """Yield the file's content, with records in the version of ``universe``."""
        from butler_rubin.geometry import SphereGeometry

        with _open(path) as stream, closing(YamlStream(stream, path, SphereGeometry().decode)) as document:
            try:
                yield from _Reading(document, path, universe, self._chunk_rows).chunks()
            except PARSER_ERRORS as error:
                raise document.damaged(error) from error


def _open(path: Uri) -> BinaryIO:
    """Open a file by path or ``file:`` URI."""
    parts = urlsplit(path)
    if "://" in path and parts.scheme != "file":
        raise InvalidInputError(f"{path} is no local file.", remedy="Copy the export here first.")
    local = Path(unquote(parts.path) if "://" in path else path)
    try:
        return local.open("rb")
    except FileNotFoundError as error:
        raise NotFoundError(f"There is no export {path}.", remedy="Check the path.") from error
    except OSError as error:
        raise InvalidInputError(
            f"{path} cannot be read: {error}.", remedy="Check the path and its rights."
        ) from error


class _Reading:
    """One pass over one file."""

    def __init__(self, document: YamlStream, path: Uri, universe: DimensionUniverse, chunk_rows: int) -> None:
        self._document = document
        self._path = path
        self._universe = universe
        self._chunk_rows = chunk_rows

    def chunks(self) -> Iterator[RawBatchExport]:
        document = self._document
        document.start()
        frame: dict[str, Any] = {}
        maker: ChunkMaker | None = None
        for key in document.entries("the file"):
            place = document.place()
            if key == "data":
                maker = self._make_chunk_maker(frame, place)
                yield from self._read_data(maker)
            elif key in _FRAME_KEYS and maker is not None:
                raise place.refuse(
                    f"{key!r} comes after 'data', which cannot be read without it.", "Move it up."
                )
            else:
                frame[key] = document.value()
        document.finish()
        if maker is None:
            raise Place(self._path, 1).refuse(
                "there is no 'data'.", "Check that the file was written to its end."
            )
        if (last := maker.finish()) is not None:
            yield last

    def _make_chunk_maker(self, frame: dict[str, Any], place: Place) -> ChunkMaker:
        _check_format(frame.get("version"), place)
        from_version = frame.get("universe_version", 0)
        namespace = frame.get("universe_namespace", NAMESPACE)
        if (
            not isinstance(from_version, int)
            or isinstance(from_version, bool)
            or not isinstance(namespace, str)
        ):
            raise place.refuse(
                f"the universe is {namespace!r} {from_version!r}.", "Give a name, and a number as version."
            )
        to_version = self._target_version(namespace, from_version, place)
        return ChunkMaker(self._path, self._universe, from_version, to_version)

    def _target_version(self, namespace: str, from_version: int, place: Place) -> int | None:
        """Return which version of Rubin's universe records must be brought into; None: they fit as they are."""
        universe = self._universe
        if (namespace, from_version) == (universe.namespace, universe.version):
            return None
        problem = (
            f"{place}: the export is of universe {namespace} {from_version}, "
            f"the repository of {universe.namespace} {universe.version}"
        )
        if namespace != NAMESPACE or not {"instrument", "skymap"} & universe.governor_dimensions:
            raise IncompatibleError(
                f"{problem}: they have nothing to do with each other.",
                remedy=f"Import it into a repository of universe {namespace}.",
            )
        if from_version > conversion.NEWEST:
            raise IncompatibleError(
                f"{problem}: version {from_version} is later than this reader knows ({conversion.NEWEST}).",
                remedy="pip install --upgrade butler-rubin",
            )
        # A universe of another name is an overlay of whatever version: its own columns decide.
        is_ours = universe.namespace == NAMESPACE and universe.version <= conversion.NEWEST
        return universe.version if is_ours else conversion.NEWEST

    def _read_data(self, maker: ChunkMaker) -> Iterator[RawBatchExport]:
        for _ in self._document.items("'data'"):
            for item in self._read_item():
                maker.add(item)
                if maker.rows >= self._chunk_rows:
                    yield maker.take()

    def _read_item(self) -> Iterator[Table]:
        """Yield one entry of ``data``; one with many records as several with some of them each."""
        document = self._document
        item = Table()
        item.line = document.place().line
        is_partial = False
        for key in document.entries("an entry of 'data'"):
            if key == "records" and _is_streamable(item) and document.is_sequence():
                is_partial = True
                for block in self._blocks():
                    yield _with_records(item, block)
            else:
                item[key] = document.value()
        if not is_partial:
            yield item

    def _blocks(self) -> Iterator[list[Any]]:
        block: list[Any] = []
        for _ in self._document.items("'records'"):
            block.append(self._document.value())
            if len(block) == _BLOCK_ROWS:
                yield block
                block = []
        yield block  # perhaps an empty one: the entry itself is to be checked all the same


def _is_streamable(item: Table) -> bool:
    """Whether everything that its records need to be understood has been read."""
    needed = {"dimension": {"element"}, "dataset": {"dataset_type", "run"}}.get(str(item.get("type")))
    return needed is not None and needed <= item.keys()


def _with_records(item: Table, records: list[Any]) -> Table:
    result = Table(item)
    result.line = item.line
    result["records"] = records
    return result


def _check_format(version: Any, place: Place) -> None:
    parts = str(version).split(".")
    if version is None or isinstance(version, bool) or not all(part.isdecimal() for part in parts):
        raise place.refuse(
            f"the version of the export format is {version!r}.",
            "Put 'version' before 'data', such as: version: 1.0.2",
        )
    numbers = tuple(map(int, parts))
    # As the format's own rules have it: what is new in a third number can be read by any reader of the first two.
    if numbers[:2] > NEWEST_FORMAT[:2]:
        raise IncompatibleError(
            f"{place}: export format {version} is newer than this reader knows ({'.'.join(map(str, NEWEST_FORMAT))}).",
            remedy="pip install --upgrade butler-rubin",
        )
