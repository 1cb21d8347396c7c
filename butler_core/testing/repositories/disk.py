"""A disk that forgets: recorded system calls are played on it, and it tells what may be left after a power cut.

What was written to a file survives once the file was synced, and an entry of a directory once the directory was, as POSIX
has it; what was not synced may survive or not.  Of a write that makes a file longer the new length may survive and not the
data: then there are zeros.  A rename is one change, which the sync of its target's directory keeps.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from butler_core.testing.repositories.system_calls import Call


class _Node:
    """A file, a directory or a symbolic link."""

    def __init__(self, *, entries: dict[str, _Node] | None = None, link: str | None = None) -> None:
        self.content = bytearray()
        self.entries, self.link = entries, link


class _Snapshot(NamedTuple):
    content: bytes
    entries: dict[str, _Node] | None


class _Change(NamedTuple):
    """Something that is done at once, and until it is synced may be lost."""

    apply: Callable[[], None]
    kept_by: _Node
    """What has to be synced."""
    lengthen: Callable[[], None] | None = None
    """Of a write that makes a file longer: do that only."""


class Cut(NamedTuple):
    """A way in which the power may go."""

    changes: tuple[int, ...]
    """The changes that survive, in order."""
    zeros: frozenset[int]
    """Those of them of which only the length of the file survives."""
    is_end: bool
    """Whether all calls had returned."""
    description: str


class Disk:
    """A directory as it is, and what recorded calls change in it.

    Parameters
    ----------
    root
        The directory; all that is in it counts as synced.
    """

    def __init__(self, root: Path) -> None:
        self._root_path = str(root)
        self._nodes: list[_Node] = []
        self._root = self._load(root, {})
        self._first = [(node, self._snapshot(node)) for node in self._nodes]
        self._changes: list[_Change] = []
        self._names: list[str] = []
        self._syncs: list[tuple[int, set[int]]] = []  # after how many changes; which were kept by then
        self._offsets: dict[str, tuple[_Node, int]] = {}

    def _load(self, path: Path, known: dict[int, _Node]) -> _Node:
        if path.is_symlink():
            return self._new(link=os.readlink(path))
        if path.is_dir():
            return self._new(entries={child.name: self._load(child, known) for child in path.iterdir()})
        inode = path.stat().st_ino
        if inode not in known:
            known[inode] = self._new()
            known[inode].content[:] = path.read_bytes()
        return known[inode]

    def _new(self, *, entries: dict[str, _Node] | None = None, link: str | None = None) -> _Node:
        node = _Node(entries=entries, link=link)
        self._nodes.append(node)
        return node

    @staticmethod
    def _snapshot(node: _Node) -> _Snapshot:
        return _Snapshot(bytes(node.content), None if node.entries is None else dict(node.entries))

    # -- playing

    def play(self, calls: Iterable[Call]) -> None:
        """Do what the calls did; those outside the directory, or that failed, do not count.

        Raises `NotImplementedError` for a call that changes files in a way unknown here.
        """
        for call in calls:
            if call.result >= 0:
                handler = getattr(self, f"_call_{call.name}", None)
                if handler is not None:
                    handler(call)
                elif call.name in _UNKNOWN_WRITES:
                    raise NotImplementedError(f"{call.name}() cannot be played")

    def _find(self, path: str) -> _Node | None:
        if path == self._root_path:
            return self._root
        if not path.startswith(f"{self._root_path}/"):
            return None
        node: _Node | None = self._root
        for part in path[len(self._root_path) + 1 :].split("/"):
            node = node.entries.get(part) if node is not None and node.entries is not None else None
        return node

    def _place(self, path: str) -> tuple[_Node, str] | None:
        directory, _, name = path.rpartition("/")
        node = self._find(directory)
        return None if node is None or node.entries is None else (node, name)

    def _change(
        self,
        call: Call,
        path: str,
        kept_by: _Node,
        apply: Callable[[], None],
        lengthen: Callable[[], None] | None = None,
    ) -> None:
        apply()
        self._changes.append(_Change(apply, kept_by, lengthen))
        self._names.append(f"{call.name} {path.removeprefix(self._root_path)}")

    def _enter(self, call: Call, path: str, node: _Node) -> None:
        place = self._place(path)
        if place is not None:
            entries, name = place[0].entries, place[1]
            assert entries is not None
            self._change(call, path, place[0], lambda: entries.__setitem__(name, node))

    def _leave(self, call: Call, path: str) -> None:
        place = self._place(path)
        if place is not None:
            entries, name = place[0].entries, place[1]
            assert entries is not None

            def leave() -> None:
                entries.pop(name, None)

            self._change(call, path, place[0], leave)

    def _write(self, call: Call, node: _Node, offset: int, data: bytes) -> None:
        end = offset + len(data)

        def lengthen() -> None:
            node.content.extend(bytes(max(0, end - len(node.content))))

        def write() -> None:
            lengthen()
            node.content[offset:end] = data

        self._change(
            call, call.path(0), node, write, lengthen if any(data) and end > len(node.content) else None
        )

    def _sync(self, is_kept: Callable[[_Change], bool]) -> None:
        before = self._syncs[-1][1] if self._syncs else set()
        kept = {number for number, change in enumerate(self._changes) if is_kept(change)}
        self._syncs.append((len(self._changes), before | kept))

    # -- calls

    def _call_openat(self, call: Call) -> None:
        path, flags = call.path(1), call.arguments[2].text
        node = self._find(path)
        if node is None and "O_CREAT" in flags and self._place(path) is not None:
            node = self._new()
            self._enter(call, path, node)
        if node is not None:
            if "O_TRUNC" in flags and node.content:
                self._truncate(call, node, 0)
            self._offsets[str(call.result)] = node, len(node.content) if "O_APPEND" in flags else 0

    def _call_close(self, call: Call) -> None:
        self._offsets.pop(_descriptor(call), None)

    def _call_write(self, call: Call) -> None:
        found = self._offsets.get(_descriptor(call))
        if found is not None:
            node, offset = found
            self._write(call, node, offset, call.arguments[1].data[: call.result])
            self._offsets[_descriptor(call)] = node, offset + call.result

    def _call_pwrite64(self, call: Call) -> None:
        found = self._offsets.get(_descriptor(call))
        if found is not None:
            self._write(call, found[0], int(call.arguments[3].text), call.arguments[1].data[: call.result])

    def _call_read(self, call: Call) -> None:
        found = self._offsets.get(_descriptor(call))
        if found is not None:
            self._offsets[_descriptor(call)] = found[0], found[1] + call.result

    def _call_lseek(self, call: Call) -> None:
        found = self._offsets.get(_descriptor(call))
        if found is not None:
            self._offsets[_descriptor(call)] = found[0], call.result

    def _truncate(self, call: Call, node: _Node, size: int) -> None:
        def truncate() -> None:
            del node.content[size:]
            node.content.extend(bytes(size - len(node.content)))

        self._change(call, "", node, truncate)

    def _call_ftruncate(self, call: Call) -> None:
        found = self._offsets.get(_descriptor(call))
        if found is not None:
            self._truncate(call, found[0], int(call.arguments[1].text, 0))

    def _call_mkdir(self, call: Call) -> None:
        self._enter(call, call.path(0), self._new(entries={}))

    def _call_symlink(self, call: Call) -> None:
        self._enter(call, call.path(1), self._new(link=call.arguments[0].path))

    def _call_link(self, call: Call) -> None:
        node = self._find(call.path(0))
        if node is not None:
            self._enter(call, call.path(1), node)

    def _call_linkat(self, call: Call) -> None:
        node = self._find(call.path(1))
        if node is not None:
            self._enter(call, call.path(3), node)

    def _call_rename(self, call: Call) -> None:
        source, target = self._place(call.path(0)), self._place(call.path(1))
        node = self._find(call.path(0))
        if source is not None and target is not None and node is not None:
            old, new = source[0].entries, target[0].entries
            assert old is not None
            assert new is not None

            def rename() -> None:
                old.pop(source[1], None)
                new[target[1]] = node

            self._change(call, call.path(1), target[0], rename)

    def _call_unlink(self, call: Call) -> None:
        self._leave(call, call.path(0))

    _call_rmdir = _call_unlink

    def _call_unlinkat(self, call: Call) -> None:
        self._leave(call, call.path(1))

    def _call_fsync(self, call: Call) -> None:
        node = self._find(call.path(0))
        if node is not None:
            self._sync(lambda change: change.kept_by is node)

    _call_fdatasync = _call_fsync

    def _call_syncfs(self, call: Call) -> None:
        self._sync(lambda _: True)

    # -- power cuts

    def cuts(self) -> Iterator[Cut]:
        """Return the ways in which the power may go: before each sync, and at the end.

        Each time what was not synced survives up to one change, for each of them, or all but one, for each of them; or all
        of it, but only the lengths of what was written, of each such write and of all.
        """
        kept: set[int] = set()
        seen: set[tuple[tuple[int, ...], frozenset[int], bool]] = set()
        for done, kept_then in [*self._syncs, (len(self._changes), None)]:
            is_end = kept_then is None
            pending = [number for number in range(done) if number not in kept]
            for survivors, zeros, what in self._survivors(pending):
                changes = tuple(sorted({*(k for k in kept if k < done), *survivors}))
                if (changes, zeros, is_end) not in seen:
                    seen.add((changes, zeros, is_end))
                    when = "at the end" if is_end else f"after {done} changes"
                    yield Cut(changes, zeros, is_end, f"the power goes {when}, and {what}")
            kept = kept if kept_then is None else kept_then

    def _survivors(self, pending: Sequence[int]) -> Iterator[tuple[Collection[int], frozenset[int], str]]:
        none: frozenset[int] = frozenset()
        for end in range(len(pending) + 1):
            first = self._names[pending[end]] if end < len(pending) else "none"
            yield pending[:end], none, f"the first change to be lost is {first}"
        for lost in pending:
            yield [number for number in pending if number != lost], none, f"only {self._names[lost]} is lost"
        lengthening = [number for number in pending if self._changes[number].lengthen]
        for number in lengthening:
            yield pending, frozenset({number}), f"of {self._names[number]} there are zeros"
        yield pending, frozenset(lengthening), "of all that was written there are zeros"

    def write(self, cut: Cut, root: Path) -> None:
        """Make an empty directory what the disk is after a cut."""
        for node in self._nodes:
            node.content.clear()
            if node.entries is not None:
                node.entries.clear()
        for node, (content, entries) in self._first:
            node.content[:] = content
            if node.entries is not None and entries is not None:
                node.entries.update(entries)
        for number in cut.changes:
            change = self._changes[number]
            (change.lengthen if change.lengthen and number in cut.zeros else change.apply)()
        _write_node(self._root, str(root), {})


def _descriptor(call: Call) -> str:
    return call.arguments[0].text.partition("<")[0]


def _write_node(node: _Node, path: str, written: dict[int, str]) -> None:
    if node.link is not None:
        os.symlink(node.link, path)
    elif node.entries is not None:
        os.makedirs(path, exist_ok=True)
        for name, child in node.entries.items():
            _write_node(child, f"{path}/{name}", written)
    elif id(node) in written:
        os.link(written[id(node)], path)
    else:
        written[id(node)] = path
        Path(path).write_bytes(node.content)


_UNKNOWN_WRITES = frozenset(
    {"open", "creat", "truncate", "fallocate", "writev", "pwritev", "pwritev2", "sendfile", "copy_file_range"}
    | {"splice", "mkdirat", "symlinkat", "renameat", "renameat2", "dup", "dup2", "dup3", "sync_file_range"}
)
