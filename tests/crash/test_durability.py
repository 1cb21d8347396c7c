"""Which syncs happen, and when, in every kind of write: seen in the system calls that it makes."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from butler_core import Butler, FileDataset
from butler_core.models.names import Durability, TransferMode
from butler_core.testing.repositories.system_calls import Call, record
from butler_core.testing.universe import testing_universe
from butler_posix import _directories
from butler_posix._syncfs import find_syncfs
from tests.butler.conftest import RUN, data_ids, populate

SYNCS = ("fsync", "fdatasync", "syncfs", "sync", "sync_file_range", "msync")
CHANGES = ("link", "linkat", "rename", "renameat", "renameat2", "unlink", "unlinkat", "symlink", "symlinkat")
CALLS = ",".join((*SYNCS, *CHANGES, "open", "openat", "mkdir", "rmdir"))
WAL = "registry.sqlite3-wal"


pytestmark = pytest.mark.crash  # they need strace, which `make test` does without


class Trace:
    """What one write did, in order: paths relative to the repository."""

    def __init__(self, root: Path, calls: list[Call]) -> None:
        self.root = root
        self.steps = [step for call in calls if call.result >= 0 for step in self._read(call)]

    def _read(self, call: Call) -> list[tuple[str, str]]:
        if call.name in SYNCS:
            return [("sync-all" if call.name == "syncfs" else "sync", self._relative(call.path(0)))]
        if call.name in ("open", "openat"):
            is_new = "O_CREAT" in "".join(argument.text for argument in call.arguments)
            return [("create", self._relative(call.opened))] if is_new else []
        if call.name in ("mkdir", "rmdir", "unlink"):
            return [(call.name, self._relative(call.path(0)))]
        if call.name == "unlinkat":
            return [("unlink", self._relative(call.path(1)))]
        source, target = (1, 3) if call.name in ("linkat", "renameat", "renameat2") else (0, 1)
        name = call.name.removesuffix("at").removesuffix("at2")
        return [("from", self._relative(call.path(source))), (name, self._relative(call.path(target)))]

    def _relative(self, path: str) -> str:
        return str(Path(path).relative_to(self.root)) if Path(path).is_relative_to(self.root) else path

    def syncs(self) -> list[str]:
        return [path for step, path in self.steps if step.startswith("sync")]

    def places(self, step: str, wanted: Callable[[str], bool]) -> list[int]:
        return [n for n, (name, path) in enumerate(self.steps) if name == step and wanted(path)]

    def places_of(self, step: str, path: str) -> list[int]:
        return self.places(step, path.__eq__)

    def is_synced(self, path: str, after: int, before: int) -> bool:
        """Whether a file or directory was synced between two steps, alone or with all others."""
        return any(
            name == "sync-all" or (name == "sync" and found == path)
            for name, found in self.steps[after + 1 : before]
        )


def is_journal(path: str) -> bool:
    return path.startswith("data/.butler/journals/") and path.endswith(".json")


def is_artifact(path: str) -> bool:
    return path.startswith("data/u/") and path.endswith(".json")


def parent(path: str) -> str:
    return str(Path(path).parent)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "repo"


@pytest.fixture(params=["one by one", "at once"])
def syncfs(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> bool:
    """Whether the whole file system can be synced by one call that can be trusted."""
    if request.param == "one by one":
        monkeypatch.setattr(_directories, "find_syncfs", lambda path: None)
        return False
    return find_syncfs(str(tmp_path)) is not None


def trace(root: Path, durability: Durability, act: Callable[[Butler], object]) -> Trace:
    """Record what a butler that is warm does."""
    Butler.make_repo(root, dimensions=testing_universe(), durability=durability)
    with Butler(root, run=RUN) as butler:
        populate(butler)

    def prepare() -> Butler:
        butler = Butler(root, run=RUN)
        # Every directory is there and known to be durable, and SQLite's log was begun.
        butler.put_many([({}, ref) for ref in butler.make_refs("summary", data_ids()[:4])])
        return butler

    recording = record(act, prepare, calls=CALLS)
    assert recording.exit_code == 0
    return Trace(root, list(recording.calls))


def check_write(trace: Trace, count: int) -> None:
    """Check the order of a write that makes some artifacts."""
    steps = trace.steps
    (journaled,) = trace.places("rename", is_journal)
    assert steps[journaled - 1][0] == "from"
    staged_journal = steps[journaled - 1][1]
    (begun,) = trace.places_of("create", staged_journal)
    assert trace.is_synced(staged_journal, begun, journaled), "the journal's content before its name"
    staged = trace.places("create", lambda path: "/staging/" in path and path != staged_journal)
    linked = trace.places("link", is_artifact) + trace.places("symlink", is_artifact)
    assert len(linked) == count
    first = min([*staged, *linked])
    assert trace.is_synced(parent(steps[journaled][1]), journaled, first), "the journal before any artifact"
    committed = trace.places_of("sync", WAL)[-1]
    for place in linked:
        source = steps[place - 1][1]
        made = [n for n in staged if steps[n][1] == source] or trace.places_of("link", source)
        assert trace.is_synced(source, made[0], place), "an artifact's content before its name"
        assert trace.is_synced(parent(steps[place][1]), place, committed), (
            "an artifact's name before the commit"
        )
    (dropped,) = trace.places("unlink", is_journal)
    assert committed < dropped, "the commit before the journal goes"
    assert not trace.places("mkdir", lambda path: path.startswith("data/u"))


def put(butler: Butler) -> None:
    butler.put({"a": 1}, "summary", data_ids()[4])


def put_many(butler: Butler) -> None:
    butler.put_many([({}, ref) for ref in butler.make_refs("summary", data_ids()[4:24])])


def ingest(transfer: TransferMode) -> Callable[[Butler], None]:
    def act(butler: Butler) -> None:
        directory = Path(butler._opened.config.root).parent
        refs = butler.make_refs("summary", data_ids()[4:24])
        butler.ingest(
            *(FileDataset(directory / f"in{n}.json", ref) for n, ref in enumerate(refs)), transfer=transfer
        )

    return act


def unstore(butler: Butler) -> None:
    butler.unstore(list(butler.query_datasets("summary")))


WRITES = {
    "put": put,
    "put_many": put_many,
    "ingest-copy": ingest("copy"),
    "ingest-move": ingest("move"),
    "ingest-hardlink": ingest("hardlink"),
}


@pytest.fixture
def _files(tmp_path: Path) -> None:
    for n in range(20):
        (tmp_path / f"in{n}.json").write_text(json.dumps({"n": n}))


@pytest.mark.usefixtures("_files")
@pytest.mark.parametrize("name", WRITES)
def test_writes_outlive_a_power_cut(root: Path, name: str, syncfs: bool) -> None:
    found = trace(root, "power-loss", WRITES[name])
    count = 1 if name == "put" else 20
    check_write(found, count)
    # The journal and its directory; contents; their directories, of which four are not yet many; SQLite's log.
    contents, directories = (1 if syncfs else count), min(count, 4)
    assert len(found.syncs()) == 2 + contents + directories + 1


def test_a_removal_outlives_a_power_cut(root: Path) -> None:
    found = trace(root, "power-loss", unstore)
    steps = found.steps
    (journaled,) = found.places("rename", is_journal)
    committed = found.places_of("sync", WAL)[-1]
    assert found.is_synced(steps[journaled - 1][1], 0, journaled)
    assert found.is_synced(parent(steps[journaled][1]), journaled, committed)
    removed = found.places("unlink", is_artifact)
    (dropped,) = found.places("unlink", is_journal)
    assert len(removed) == 4
    for place in removed:
        assert committed < place, "the commit before any artifact goes"
        assert found.is_synced(parent(steps[place][1]), place, dropped), "artifacts before the journal goes"
    assert len(found.syncs()) == 2 + 1 + 4


@pytest.mark.usefixtures("_files")
@pytest.mark.parametrize("name", [*WRITES, "unstore"])
def test_nothing_is_synced_that_need_not_be(root: Path, name: str) -> None:
    found = trace(root, "process", {**WRITES, "unstore": unstore}[name])
    assert found.syncs() == []
    assert found.places("unlink", is_journal)


@pytest.mark.parametrize("durability", ["power-loss", "process"])
def test_a_new_repository_outlives_a_power_cut(tmp_path: Path, durability: Durability) -> None:
    """Whatever the writes in it survive: it is made once, and its configuration names what must be there."""
    root = tmp_path / "new" / "repo"

    def make(root: Path) -> None:
        Butler.make_repo(root, dimensions=testing_universe(), durability=durability)

    recording = record(make, lambda: root, calls=CALLS)
    assert recording.exit_code == 0
    found = Trace(tmp_path, list(recording.calls))
    (registry,) = found.places_of("link", "new/repo/registry.sqlite3")
    (config,) = found.places_of("rename", "new/repo/butler.yaml")
    end = len(found.steps)
    for name, place in (("registry", registry), ("configuration", config)):
        assert found.is_synced(found.steps[place - 1][1], 0, place), f"the {name}'s content before its name"
    assert found.is_synced("new/repo", registry, config), "the registry before the configuration"
    assert found.is_synced("new/repo", config, end)
    for directory in ("new", "new/repo", "new/repo/data", "new/repo/data/.butler"):
        if durability == "power-loss" or "data" not in directory:
            (made,) = found.places_of("mkdir", directory)
            assert found.is_synced(parent(directory), made, config), f"{directory} before the configuration"
