"""YAML as values, read as it comes: no document is held whole, and nothing is constructed but what exports need.

The parser is PyYAML's, libyaml's where there is one; what it reads is turned into values here rather than by
PyYAML's constructors, since these work on whole documents only and are several times slower.
"""

from __future__ import annotations

import reprlib
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import Any, BinaryIO, TypeAlias
from uuid import UUID

import yaml
from yaml.constructor import SafeConstructor
from yaml.events import (
    AliasEvent,
    MappingEndEvent,
    MappingStartEvent,
    NodeEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)
from yaml.nodes import ScalarNode

from butler_core.errors import ButlerError, CorruptError, InvalidInputError
from butler_core.models.timespan import Timespan
from butler_core.tai import datetime_to_tai, parse_iso
from butler_rubin.places import Place

PARSER_ERRORS = (yaml.YAMLError, UnicodeDecodeError)
_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

_CORE = "tag:yaml.org,2002:"
_MAX_DEPTH = 20
_MAX_CACHED = 20_000

RegionDecoder: TypeAlias = Callable[[bytes], object]


class Table(dict[str, Any]):
    """A mapping that knows the line on which it begins."""

    __slots__ = ("line",)

    line: int


class YamlStream:
    """Values of one YAML document, taken from its parser one by one.

    A reader walks down the outer levels with `entries` and `items`, and takes what it wants whole with `value`.

    Parameters
    ----------
    stream
        The document, in UTF-8 or UTF-16.
    file
        What to call it in errors.
    decode_region
        Makes a region of bytes, or raises `InvalidInputError`: this is how regions are checked.

    Every method may raise `PARSER_ERRORS`, of which `damaged` makes an error that says where.
    """

    def __init__(self, stream: BinaryIO, file: str, decode_region: RegionDecoder) -> None:
        self._file = file
        self._decode_region = decode_region
        try:
            self._loader = _Loader(stream)  # reads the beginning, to find out the encoding
        except PARSER_ERRORS as error:
            raise self.damaged(error) from error
        # Called for every value: so the parser's errors pass through here and are caught once, further up.
        self._next: Callable[[], Any] = self._loader.get_event
        self._peek: Callable[[], Any] = self._loader.peek_event
        self._anchors: dict[str, Any] = {}
        self._plain: dict[str, Any] = {}
        self._constructor = SafeConstructor()

    def start(self) -> None:
        """Go to the document's outermost value; refuse a file without one."""
        self._next()  # start of stream
        if self._peek().__class__ is yaml.StreamEndEvent:
            raise self.place().refuse("there is no document.", "Check that the file was written to its end.")
        self._next()  # start of document

    def finish(self) -> None:
        """Check that nothing follows the outermost value."""
        self._next()  # end of document
        if self._peek().__class__ is not yaml.StreamEndEvent:
            raise self.place().refuse("a second document begins.", "Give one document for each file.")

    def close(self) -> None:
        """Let go of the parser."""
        self._loader.dispose()

    def place(self) -> Place:
        """Return where the next value stands."""
        return self._place(self._peek())

    def entries(self, what: str) -> Iterator[str]:
        """Yield the keys of the mapping that comes next; after each, take its value."""
        if self._peek().__class__ is not MappingStartEvent:
            raise self.place().refuse(f"{what} is no mapping.", "Check the indentation.")
        self._take_anchor(self._next())
        seen: set[str] = set()
        while self._peek().__class__ is not MappingEndEvent:
            place = self.place()
            key = self.value()
            if not isinstance(key, str) or key in seen:
                raise place.refuse(
                    f"{what} has the key {key!r}, which is no text or was there before.",
                    "Give each key once.",
                )
            seen.add(key)
            yield key
        self._next()

    def is_sequence(self) -> bool:
        """Whether the next value is a sequence."""
        return self._peek().__class__ is SequenceStartEvent

    def items(self, what: str) -> Iterator[None]:
        """Yield once for each value of the sequence that comes next; each time, take it."""
        if not self.is_sequence():
            raise self.place().refuse(f"{what} is no sequence.", "Check the indentation.")
        self._take_anchor(self._next())
        while self._peek().__class__ is not SequenceEndEvent:
            yield
        self._next()

    def value(self) -> Any:
        """Take the next value whole."""
        return self._value(self._next(), 0)

    # -- errors

    def damaged(self, error: Exception) -> CorruptError:
        """Make the error for what the parser does not understand."""
        mark = getattr(error, "problem_mark", None)
        where = (
            f"{self._file}, line {mark.line + 1}, column {mark.column + 1}"
            if mark is not None
            else self._file
        )
        problem = getattr(error, "problem", None) or str(error)
        return CorruptError(
            f"{where}: this is no YAML: {problem}.",
            remedy="Export again, or restore the file: it may have been cut off or edited.",
            file=self._file,
            line=None if mark is None else mark.line + 1,
        )

    def _place(self, event: Any) -> Place:
        return Place(self._file, event.start_mark.line + 1)

    def _take_anchor(self, event: NodeEvent) -> None:
        """Refuse a name for a value that is never held whole."""
        if event.anchor is not None:
            raise self._place(event).refuse(
                f"&{event.anchor} names a part of the file's frame.", "Write it out."
            )

    # -- values

    def _value(self, event: Any, depth: int) -> Any:
        cls = event.__class__
        if cls is ScalarEvent:
            value = self._scalar(event)
        elif cls is MappingStartEvent:
            value = self._mapping(event, depth)
        elif cls is SequenceStartEvent:
            value = self._sequence(event, depth)
        elif cls is AliasEvent:
            return self._alias(event)
        else:
            raise self._place(event).refuse(
                "a value is missing.", "Check that the file was written to its end."
            )
        if event.anchor is not None:
            self._anchors[event.anchor] = value
        return value

    def _alias(self, event: Any) -> Any:
        try:
            return self._anchors[event.anchor]
        except KeyError:
            raise self._place(event).refuse(
                f"*{event.anchor} refers to nothing before it.", "Write the value out."
            ) from None

    def _deeper(self, event: NodeEvent, depth: int) -> int:
        if depth >= _MAX_DEPTH:
            raise self._place(event).refuse(
                f"values are nested more than {_MAX_DEPTH} deep.", "Exports are flat: check the indentation."
            )
        return depth + 1

    def _sequence(self, event: Any, depth: int) -> list[Any]:
        if event.tag is not None and event.tag != _CORE + "seq":
            raise self._unknown_tag(event)
        depth = self._deeper(event, depth)
        result = []
        while (following := self._next()).__class__ is not SequenceEndEvent:
            result.append(self._value(following, depth))
        return result

    def _mapping(self, event: Any, depth: int) -> Any:
        depth = self._deeper(event, depth)
        result = Table()
        result.line = event.start_mark.line + 1
        while (following := self._next()).__class__ is not MappingEndEvent:
            key = self._value(following, depth)
            if key.__class__ is not str:
                raise self._place(following).refuse(f"the key {key!r} is no text.", "Give text.")
            if key in result:
                raise self._place(following).refuse(f"{key!r} is given twice.", "Give each key once.")
            result[key] = self._value(self._next(), depth)
        if event.tag is None or event.tag == _CORE + "map":
            return result
        return self._tagged_mapping(event, result)

    def _scalar(self, event: Any) -> Any:
        tag = event.tag
        if tag is None:
            if event.implicit[0]:
                return self._plain_scalar(event)
            return event.value  # in quotes, or a block of text
        make = _TAGGED_SCALARS.get(tag)
        if make is None and not tag.startswith(_CORE):
            raise self._unknown_tag(event)
        try:
            return self._core_scalar(event, tag) if make is None else make(event.value)
        except ButlerError as error:
            raise self._place(event).locate(error) from error
        except ValueError as error:
            raise self._place(event).refuse(
                f"{event.value!r} is no value of {_shown(tag)}: {error}.", "Mend the value, or export again."
            ) from error

    def _plain_scalar(self, event: Any) -> Any:
        """Make what a word without quotes means; few words stand for most values, so they are remembered."""
        text: str = event.value
        try:
            return self._plain[text]
        except KeyError:
            pass
        tag: str = self._loader.resolve(ScalarNode, text, (True, False))
        try:
            value = self._core_scalar(event, tag)
        except ValueError as error:
            raise self._place(event).refuse(
                f"{text!r} looks like a {_shown(tag)}: {error}.", "Put it in quotes."
            ) from error
        if len(self._plain) >= _MAX_CACHED:
            self._plain.clear()
        self._plain[text] = value
        return value

    def _core_scalar(self, event: Any, tag: str) -> Any:
        if tag == _CORE + "str":
            return event.value
        construct = SafeConstructor.yaml_constructors.get(tag)
        if construct is None or tag not in _CORE_SCALARS:
            raise self._unknown_tag(event, tag)
        try:
            value = construct(self._constructor, ScalarNode(tag, event.value))
        except yaml.YAMLError as error:
            raise ValueError(getattr(error, "problem", None) or str(error)) from error
        # Old exports have times as YAML's own, which are UTC.
        return datetime_to_tai(value) if isinstance(value, datetime) else value

    def _tagged_mapping(self, event: Any, content: Mapping[str, Any]) -> Any:
        tag: str = event.tag
        try:
            if tag in _TIMESPAN_TAGS:
                return make_timespan(content["begin"], content["end"])
            if tag.startswith(_REGION):
                return self._region(tag.removeprefix(_REGION), content["encoded"])
        except KeyError as error:
            raise self._place(event).refuse(
                f"{_shown(tag)} has no {error.args[0]!r}.", "Export again: it is incomplete."
            ) from error
        except ButlerError as error:
            raise self._place(event).locate(error) from error
        raise self._unknown_tag(event)

    def _region(self, name: str, encoded: Any) -> bytes:
        """Return a region's bytes, once they were seen to decode to the type that is claimed."""
        try:
            data = bytes.fromhex(encoded)
        except (TypeError, ValueError) as error:
            raise InvalidInputError(
                f"region {reprlib.repr(encoded)} is no hexadecimal text: {error}.",
                remedy="Export again, or mend the region.",
            ) from error
        found = type(self._decode_region(data)).__name__
        if name not in (found, "Region"):
            raise InvalidInputError(
                f"region is a {found}, but tagged as {name}.", remedy="Export again, or mend the region."
            )
        return data

    def _unknown_tag(self, event: Any, tag: str | None = None) -> InvalidInputError:
        return self._place(event).refuse(
            f"the tag {_shown(tag or event.tag)} is none that exports have.",
            f"Known are {', '.join(dict.fromkeys(map(_shown, [*_TAGGED_SCALARS, *_TIMESPAN_TAGS, _REGION + '*'])))}.",
        )


def make_timespan(begin: int | None, end: int | None) -> Timespan:
    """Make a timespan as lsst-daf-butler does, where an instant lasts one nanosecond."""
    return Timespan.from_instant(begin) if begin is not None and begin == end else Timespan(begin, end)


def _empty_timespan(text: str) -> Timespan:
    if text != "EMPTY":
        raise ValueError("only EMPTY is known as a word")
    return Timespan.empty()


def _shown(tag: str) -> str:
    if tag.startswith(_CORE):
        return f"!!{tag.removeprefix(_CORE)}"
    return tag if tag.startswith("!") else f"!<{tag}>"


_REGION = "lsst.sphgeom."
_TIMESPAN_TAGS = ("!lsst.daf.butler.Timespan", "lsst.daf.butler.Timespan")
_TAGGED_SCALARS: dict[str, Callable[[str], Any]] = {
    "!uuid": UUID,
    "!butler_time/tai/iso": parse_iso,
    "!lsst.daf.butler.Timespan": _empty_timespan,
    "lsst.daf.butler.Timespan": _empty_timespan,
}
_CORE_SCALARS = {_CORE + name for name in ("null", "bool", "int", "float", "binary", "timestamp", "str")}
