"""The file of one journal: JSON that anybody can read, and that shows when it is cut short or changed.

The first line is ``{"version": 1, "journal": {...}, "checksum": "blake2b:..."}``; the checksum is that of the journal's own
text.  Each further line, of the same form, has under ``renewal`` what is to be said now instead.  A last line without its
end was never answered for, and does not count.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache
from hashlib import blake2b

import orjson
from pydantic import AwareDatetime, BaseModel, ValidationError

from butler_core.errors import CorruptError, IncompatibleError
from butler_core.models.journal import JOURNAL_VERSION, Journal, WriterIdentity
from butler_core.models.model_config import FROZEN

MAX_BYTES = 1 << 30
"""A longer file is no journal."""

_VERSION = re.compile(rb'\{"version":(\d{1,9}),')
_LINE = re.compile(
    rb'\{"version":\d{1,9},"(journal|renewal)":(.*),"checksum":"blake2b:([0-9a-f]{32})"\}', re.DOTALL
)


class Renewal(BaseModel):
    """What a writer notes later: it replaces what the journal says of the same."""

    model_config = FROZEN

    requests_until: AwareDatetime | None
    uploads: tuple[str, ...]


def encode_journal(journal: Journal) -> bytes:
    """Return the content of a new journal's file."""
    fields = {
        **vars(journal),
        "writer": _encode_writer(journal.writer),
        "entries": [vars(entry) for entry in journal.entries],
    }
    return _encode("journal", journal.version, orjson.dumps(fields))


@lru_cache(maxsize=4)
def _encode_writer(writer: WriterIdentity) -> orjson.Fragment:
    return orjson.Fragment(orjson.dumps(vars(writer)))


def encode_renewal(requests_until: datetime | None, uploads: Sequence[str]) -> bytes:
    """Return what is added to a journal's file."""
    renewal = Renewal(requests_until=requests_until, uploads=tuple(uploads))
    return _encode("renewal", JOURNAL_VERSION, renewal.model_dump_json().encode())


def _encode(kind: str, version: int, text: bytes) -> bytes:
    return b'{"version":%d,"%s":%s,"checksum":"blake2b:%s"}\n' % (
        version,
        kind.encode(),
        text,
        _checksum(text),
    )


def _checksum(text: bytes) -> bytes:
    return blake2b(text, digest_size=16).hexdigest().encode()


def decode_journal(data: bytes, place: str) -> Journal:
    """Read a journal's file.

    Raises
    ------
    CorruptError
        If it is cut short, changed, or no journal at all.
    IncompatibleError
        If its format is newer than this code.
    """
    match = _VERSION.match(data)
    if match is None:
        raise damaged(place, "is no journal")
    if (version := int(match[1])) > JOURNAL_VERSION:
        raise IncompatibleError(
            f"Journal {place} is of version {version}; this butler reads up to {JOURNAL_VERSION}.",
            remedy="Recover with the newer butler that wrote it: pip install --upgrade butler-core butler-posix",
        )
    first, *more = data.split(b"\n")
    if not more:
        raise damaged(place, "is cut short")
    try:
        journal = Journal.model_validate_json(_checked(first, b"journal", place))
        for line in more[:-1]:
            renewal = Renewal.model_validate_json(_checked(line, b"renewal", place))
            journal = journal.model_copy(update=dict(renewal))
    except ValidationError as error:
        raise damaged(place, f"says what no journal says: {error.errors()[0]['msg']}") from error
    if journal.version != version:
        raise damaged(place, f"is of version {journal.version}, and says {version}")
    return journal


def _checked(line: bytes, kind: bytes, place: str) -> bytes:
    match = _LINE.fullmatch(line)
    if match is None or match[1] != kind:
        raise damaged(place, "is cut short or changed")
    if match[3] != _checksum(match[2]):
        raise damaged(place, "does not have its checksum, so it was changed")
    return match[2]


def damaged(place: str, problem: str) -> CorruptError:
    """Return the error for a journal that cannot be obeyed."""
    return CorruptError(
        f"Journal {place} {problem}.",
        remedy="Nothing that it may name is touched.  When nobody writes any more, remove the journal by hand.",
        journal=place,
    )
