"""Journals as files beside the data: one directory for each RUN, written in the staging directory of their batch."""

from __future__ import annotations

import os
import re
import stat
import time
from collections.abc import Iterator, Sequence
from datetime import datetime
from functools import lru_cache
from urllib.parse import unquote
from uuid import UUID

from butler_core.contracts.journal import JournalStore
from butler_core.errors import ButlerError, InvalidInputError, NotFoundError
from butler_core.files.bridge import JOURNALS
from butler_core.files.local import explain
from butler_core.files.names import MAX_PART, RESERVED, check_artifact, journal_directory, quote_part
from butler_core.models.journal import JOURNAL_VERSION, Journal
from butler_core.models.names import DatastoreId, Uri
from butler_posix import _io
from butler_posix._directories import Directories, leads_out
from butler_posix._journal_file import MAX_BYTES, damaged, decode_journal, encode_journal, encode_renewal
from butler_posix._staging import Staging, fenced, parse_name

COMPLETIONS = f"{RESERVED}/completions"
_UNLISTED = "(not listed)/"
"""Stands for all journals of a RUN whose directory does not let itself be listed: no file is named so."""
_STAGED = re.compile(r"\d{8}T\d{12}Z-[0-9a-f]{32}-staging")


class PosixJournalStore(JournalStore):
    """Journals of one datastore.

    A journal's name is that of its file, then ``@`` and the directory of its RUN.  A batch that was begun, and whose writer then
    died before its first journal was complete, is listed as a journal without entries, so that recovery ends it.

    Parameters
    ----------
    directories
        The directories below the datastore's root.
    staging
        Where batches are written aside; the same as the artifacts'.
    datastore_id
        Whose journals they are.
    """

    def __init__(self, directories: Directories, staging: Staging, datastore_id: DatastoreId) -> None:
        self._directories = directories
        self._staging = staging
        self._datastore_id = datastore_id
        self._path = f"{directories.root}/{JOURNALS}"

    # -- writing

    def create(self, location: Uri, journal: Journal) -> str:
        """Write a journal: see `JournalStore.create`."""
        parent, _, directory = location.rpartition("/")
        if parent != JOURNALS or not _is_part(directory):
            raise InvalidInputError(
                f"{location!r} is no place for journals.",
                remedy="Use what the bridge's journal_paths() returns.",
            )
        content = encode_journal(journal)
        if len(content) > MAX_BYTES:  # else nobody could read it, and what it names would stay for ever
            raise InvalidInputError(
                f"The batch has {len(journal.entries)} artifacts in one RUN, so its journal would have {len(content)} bytes "
                f"and not at most {MAX_BYTES}.",
                remedy="Write fewer datasets at once.",
            )
        staging = self._staging.begin(journal.batch_id, journal.writer)
        file = f"{_now()}-{journal.batch_id.hex}-{os.urandom(4).hex()}.json"
        aside = f"{staging}/{file}"
        try:
            _io.write_new(aside, content)
            self._directories.sync_files((aside,))
            self._publish(aside, location, file)
            self._directories.sync((location,))
        except FileNotFoundError as error:
            raise fenced(journal.batch_id) from error
        except OSError as error:
            raise explain(error, "write the journal", f"{self._path}/{directory}/{file}") from error
        return f"{file}@{directory}"

    def _publish(self, aside: str, location: str, file: str) -> None:
        target = f"{self._directories.root}/{location}/{file}"
        self._directories.prepare(location)
        try:
            _io.rename(aside, target)
        except FileNotFoundError:
            if os.path.lexists(target):
                return  # a network file system has renamed it and lost the answer
            # Either the RUN's directory has gone, or the staging directory: then it fails again.
            self._directories.forget(location)
            self._directories.prepare(location)
            _io.rename(aside, target)

    def renew(
        self, name: str, *, requests_until: datetime | None = None, uploads: Sequence[str] = ()
    ) -> None:
        """Note later requests and uploads: see `JournalStore.renew`."""
        path = self._find(name)
        try:
            _io.append(path, encode_renewal(requests_until, uploads))
            self._directories.sync_files((path,))
        except FileNotFoundError as error:
            raise _dropped(name) from error
        except OSError as error:
            raise explain(error, "write the journal", path) from error

    def drop(self, name: str) -> None:
        """Remove a journal, and before it what is left of its batch's staging: see `JournalStore.drop`."""
        file, _, directory = name.partition("@")
        if _STAGED.fullmatch(file):
            if _is_part(directory):
                self._staging.remove(directory)
            return
        path = self._find(name)
        self._staging.finish(_batch_of(file))
        try:
            _io.unlink(path)
        except FileNotFoundError:
            return
        except OSError as error:
            raise explain(error, "remove the journal", path) from error

    # -- reading

    def list(self) -> Iterator[str]:
        """Return the names of all journals: see `JournalStore.list`.

        Raises `UnavailableError` if the root is no datastore's directory: then its file system is not mounted.
        """
        self._directories.check_root()
        # First what is staged: what turns into a journal meanwhile is then found as one.
        staged = self._staging.names()
        names = [f"{file}@{run}" for run in _entries(self._path) for file in self._files_of(run)]
        journaled = set(map(_batch_of, names))
        for directory in staged:
            batch, _, _ = directory.partition(".")
            made = self._staging.made(directory)
            if batch not in journaled and made is not None:
                names.append(f"{made:%Y%m%dT%H%M%S%f}Z-{batch}-staging@{directory}")
        return iter(sorted(names))

    def _files_of(self, run: str) -> Sequence[str]:
        try:
            return _entries(f"{self._path}/{run}")
        except ButlerError:
            return [_UNLISTED]  # what is wrong, `read` says; the other RUNs need not wait for it

    def read(self, name: str) -> Journal:
        """Read a journal: see `JournalStore.read`."""
        file, _, directory = name.partition("@")
        if file == _UNLISTED and _is_part(directory):
            _entries(f"{self._path}/{directory}")
            raise _dropped(name)  # by now it lets itself be listed
        if _STAGED.fullmatch(file):
            return self._read_staged(name, directory)
        path = self._find(name)
        try:
            with open(path, "rb", opener=_open_at_once) as stream:
                if not stat.S_ISREG(os.fstat(stream.fileno()).st_mode):
                    raise damaged(name, "is no regular file")
                data = stream.read(MAX_BYTES + 1)
        except FileNotFoundError as error:
            raise _dropped(name) from error
        except IsADirectoryError as error:
            raise damaged(name, "is a directory") from error
        except OSError as error:
            raise explain(error, "read the journal", path) from error
        if len(data) > MAX_BYTES:
            raise damaged(name, f"has more than {MAX_BYTES} bytes")
        return self._checked(decode_journal(data, name), name, directory)

    def _checked(self, journal: Journal, name: str, directory: str) -> Journal:
        """Return a journal that names nothing but artifacts of the RUN in whose directory it lies."""
        for run in {entry.run for entry in journal.entries}:
            if journal_directory(run) != directory:
                raise damaged(name, f"names artifacts of RUN {run!r}, whose journals lie elsewhere")
        try:
            for entry in journal.entries:
                check_artifact(entry.artifact)
        except InvalidInputError as error:
            raise damaged(name, f"names what is no artifact ({error})") from error
        return journal

    def _read_staged(self, name: str, directory: str) -> Journal:
        made = self._staging.made(directory) if _is_part(directory) else None
        if made is None:
            raise _dropped(name)
        batch_id, writer = parse_name(directory)
        return Journal(
            version=JOURNAL_VERSION,
            batch_id=batch_id,
            datastore_id=self._datastore_id,
            kind="write",
            writer=writer,
            begun=made,
            entries=(),
        )

    def _find(self, name: str) -> str:
        """Return the path of a journal's file, which may not be there; `NotFoundError` for what names none."""
        file, _, directory = name.partition("@")
        if not _is_part(file) or not _is_part(directory):
            raise NotFoundError(
                f"{name!r} names no journal here.", remedy="'butler recover --dry-run' lists them."
            )
        if not self._directories.is_inside(f"{JOURNALS}/{directory}"):
            raise leads_out(f"{JOURNALS}/{directory}", self._directories.root)
        return f"{self._path}/{directory}/{file}"

    # -- completions of quanta

    def publish(self, batch_id: UUID, key: str, record: bytes) -> bool:
        """Publish a completion: see `JournalStore.publish`."""
        file = quote_part(key)
        if len(file) > MAX_PART:
            raise InvalidInputError(
                f"The key {key[:80]!r}... is too long.", remedy="Use 80 characters at most."
            )
        directory = f"{COMPLETIONS}/{batch_id.hex}"
        self._directories.prepare(directory)
        path = f"{self._directories.root}/{directory}"
        aside = f"{path}/.{os.urandom(8).hex()}"
        try:
            _io.write_new(aside, record)
            self._directories.sync_files((aside,))
            is_first = _link_first(aside, f"{path}/{file}")
            _io.unlink(aside)
            self._directories.sync((directory,))
        except OSError as error:
            raise explain(error, "publish", f"{path}/{file}") from error
        return is_first

    def published(self, batch_id: UUID) -> Iterator[tuple[str, bytes]]:
        """Return what was published: see `JournalStore.published`."""
        path = f"{self._directories.root}/{COMPLETIONS}/{batch_id.hex}"
        for file in _entries(path):
            if file.startswith("."):
                continue  # was being written when its writer died, or is just now
            with open(f"{path}/{file}", "rb") as stream:
                yield unquote("" if file == "%" else file), stream.read()


def _open_at_once(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NONBLOCK)  # a pipe would wait for somebody to write


def _link_first(aside: str, path: str) -> bool:
    try:
        _io.link(aside, path)
    except OSError:
        # The name is taken; or a network file system has made the link and lost the answer.
        if not os.path.lexists(path):
            raise
        return os.path.samefile(aside, path)
    return True


def _now() -> str:
    """Return the time (UTC) as a journal's name begins."""
    seconds, nanoseconds = divmod(time.time_ns(), 1_000_000_000)
    return f"{_second(seconds)}{nanoseconds // 1000:06d}Z"


@lru_cache(maxsize=1)
def _second(seconds: int) -> str:
    return time.strftime("%Y%m%dT%H%M%S", time.gmtime(seconds))


def _batch_of(name: str) -> str:
    """Return the batch's ID in hexadecimal, from the name of a journal or its file; anything, of a foreign name."""
    return name.partition("-")[2][:32]


def _is_part(name: str) -> bool:
    return bool(name) and "/" not in name and "\0" not in name and name not in (".", "..")


def _entries(path: str) -> list[str]:
    try:
        return sorted(os.listdir(path))
    except (FileNotFoundError, NotADirectoryError):
        return []  # a stray file is no place of ours
    except OSError as error:
        raise explain(error, "list", path) from error


def _dropped(name: str) -> NotFoundError:
    return NotFoundError(f"Journal {name} is not there any more.", remedy="Its batch was ended meanwhile.")
