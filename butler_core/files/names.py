"""Names of artifacts: always inside the root, bounded, safe on every file system and object store, never used twice."""

from __future__ import annotations

import re
from functools import lru_cache
from hashlib import blake2b
from urllib.parse import quote
from uuid import UUID

from butler_core.errors import InvalidInputError
from butler_core.models.names import ArtifactName, CollectionName

MAX_PART = 255
"""Bytes in one part of a name, between slashes: what file systems allow."""
MAX_NAME = 768
"""Bytes in a name that we make: object stores allow 1024, with their prefix."""
RESERVED = ".butler"
"""The directory of journals and staging; no artifact's name begins with it."""

_MAX_ACCEPTED = 1024
_MAX_EXTENSION = 32
_SAFE = "+,=@~"  # beside letters, digits, and "_.-" which `quote` always keeps
_DOTS = re.compile(r"(?:^|(?<=/))\.")
_TOKEN = re.compile(r"_[0-9a-f]{16}(?:\.[^/]*)?\Z")
_EXTENSION = re.compile(r"(?:\.[A-Za-z0-9_+-]+)*")
_COMPRESSION = frozenset((".gz", ".bz2", ".xz", ".zst", ".fz", ".lz4"))
# What we make ourselves: the quick test.
_USUAL = re.compile(
    r"(?:[A-Za-z0-9_%+,=@~-][A-Za-z0-9_.%+,=@~-]*+/)*+[A-Za-z0-9_%+,=@~-][A-Za-z0-9_.%+,=@~-]*+"
)
# Anything good: parts that are neither empty nor "." nor "..", without backslashes and control characters.
_ARTIFACT = re.compile(r"(?!\.butler(?:/|$))(?:(?!\.{1,2}(?:/|$))[^/\\\x00-\x1f\x7f]+(?:/(?!$)|$))+")


@lru_cache(maxsize=1024)
def batch_token(batch_id: UUID) -> str:
    """Return what every artifact's name contains of its batch: 16 hexadecimal digits."""
    return _digest(batch_id.bytes)


def _digest(data: bytes) -> str:
    return blake2b(data, digest_size=8).hexdigest()


@lru_cache(maxsize=4096)
def quote_part(text: str) -> str:
    """Escape text so that it is one part of a name, or a piece of one; different texts stay different."""
    quoted = quote(text, safe=_SAFE, errors="surrogatepass")
    return f"%2E{quoted[1:]}" if quoted.startswith(".") else quoted or "%"


@lru_cache(maxsize=4096)
def quote_path(text: str) -> str:
    """Escape text but keep its slashes, unless a part of it would be empty; different texts stay different."""
    if not text or "//" in text or text.startswith("/") or text.endswith("/"):
        return quote_part(text)
    return _DOTS.sub("%2E", quote(text, safe=f"/{_SAFE}", errors="surrogatepass"))


def escape_dots(path: str) -> str:
    """Escape a dot at the beginning of any part, and leave out empty parts."""
    return _DOTS.sub("%2E", "/".join(part for part in path.split("/") if part))


def shorten(text: str, length: int) -> str:
    """Cut ASCII text that is too long, and end it with a digest of all of it; a cut never leaves an empty part."""
    if len(text) <= length:
        return text
    tail = f"~{_digest(text.encode())}"
    return text[: length - len(tail)].rstrip("/") + tail


def join_name(stem: str, tail: str) -> ArtifactName:
    """Put ``tail`` (the batch's token and the extension) behind a stem of safe ASCII, and keep within the limits."""
    if len(stem) + len(tail) <= MAX_PART:
        return stem + tail
    *parents, last = stem.split("/")
    last = shorten(last, MAX_PART - len(tail)) + tail
    directory = "/".join([shorten(part, MAX_PART) for part in parents])
    space = MAX_NAME - len(last) - 1
    if len(directory) > space:
        directory = shorten(directory, space)
    return f"{directory}/{last}" if directory else last


@lru_cache(maxsize=4096)
def journal_directory(run: CollectionName) -> str:
    """Return the name of the directory that holds a RUN's journals."""
    return shorten(quote_part(run), MAX_PART)


def check_extension(extension: str, whose: str) -> str:
    """Return a file name's ending if it is one; `InvalidInputError` if not."""
    if len(extension) > _MAX_EXTENSION or not _EXTENSION.fullmatch(extension):
        raise InvalidInputError(
            f"{extension!r}, from {whose}, cannot end the name of an artifact.",
            remedy=f"Use a dot, then letters and digits; {_MAX_EXTENSION} characters at most.",
        )
    return extension


def extension_of(path: str) -> str:
    """Return the ending of a file's name, that of a compressed one with both of its dots; empty if it is no good one."""
    head, _, last = path.rpartition(".")
    extension = f".{last}"
    if extension in _COMPRESSION:
        more, _, before = head.rpartition(".")
        if more and not more.endswith("/") and "/" not in before:
            head, extension = more, f".{before}{extension}"
    good = head and not head.endswith("/") and len(extension) <= _MAX_EXTENSION
    return extension if good and _EXTENSION.fullmatch(extension) else ""


def has_token(artifact: ArtifactName) -> bool:
    """Whether a name has a batch's token where names that we make have it."""
    return _TOKEN.search(artifact) is not None


def is_absolute(artifact: ArtifactName) -> bool:
    """Whether a recorded artifact is a URI outside the root: not ours, never journaled, never deleted."""
    return "://" in artifact


def check_artifact(name: ArtifactName) -> ArtifactName:
    """Return a name that came from elsewhere if it stays inside the root, as the text goes.

    Raises `InvalidInputError` if it is absolute, reserved, too long, or has parts that are empty, ``.`` or ``..``.
    """
    if len(name) <= MAX_PART and _USUAL.fullmatch(name):
        return name
    parts = name.encode("utf-8", "surrogatepass").split(b"/")
    fits = max(map(len, parts)) <= MAX_PART and sum(map(len, parts)) + len(parts) <= _MAX_ACCEPTED
    if not fits or _ARTIFACT.fullmatch(name) is None or is_absolute(name):
        raise InvalidInputError(
            f"{name[:300]!r} cannot be the name of an artifact.",
            remedy="It must be a relative path in normal form that stays inside the datastore's root.",
            artifact=name[:300],
        )
    return name
