"""One butler in many threads, and in processes that are forked or get it pickled."""

from __future__ import annotations

import gc
import multiprocessing
import os
import pickle
import sqlite3
import threading
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path

import pytest

from butler_core import Butler, FileDataset, discovery
from butler_core.errors import ButlerError, DatasetExistsError, InvalidInputError, UnavailableError
from butler_core.sql import connections
from butler_core.sql.queries import planner
from tests.butler.conftest import INSTRUMENT, RUN, data_ids
from tests.butler.test_datasets import ID, files_under, journals_under
from tests.butler.workers import fail, get, put_and_close, put_and_get

METHODS = ["fork", "forkserver", "spawn"]

# A fork of a process with threads is what is tested here.
pytestmark = pytest.mark.filterwarnings("ignore:This process .* is multi-threaded")


def in_child(work: Callable[[], object]) -> int:
    """Run something in a forked child; return its exit code, 0 if it raised nothing."""
    pid = os.fork()
    if pid == 0:  # no fixture or exit handler of pytest's may run here
        code = 1
        try:
            work()
            code = 0
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def check_at_rest(root: Path, count: int) -> None:
    assert len(files_under(root)) == count
    assert journals_under(root) == []
    with sqlite3.connect(root / "registry.sqlite3") as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    connection.close()


# -- threads


def test_threads_share_a_butler(butler: Butler, root: Path) -> None:
    """Every data ID is put by two of them: one wins, all can read it at once."""
    start = threading.Barrier(16)

    def work(number: int) -> list[str]:
        start.wait(60)
        answers = []
        for k in range(len(data_ids())):
            data_id = data_ids()[(k + 3 * (number // 2)) % 24]
            try:
                butler.put({"by": number, "of": k}, "summary", data_id, run=f"{RUN}/{number // 2}")
                answers.append("put")
            except DatasetExistsError:
                answers.append("taken")
            run = f"{RUN}/{number // 2}"
            assert butler.get("summary", data_id, collections=run)["by"] // 2 == number // 2
            if k % 6 == 0:
                found = list(
                    butler.query_datasets("summary", run, instrument=INSTRUMENT, where="detector = 2")
                )
                assert {ref.data_id["detector"] for ref in found} <= {2}
        return answers

    with butler.batched() as batch:
        for n in range(8):
            batch.register_collection(f"{RUN}/{n}")
    with ThreadPoolExecutor(16) as threads:
        answers = [answer for some in threads.map(work, range(16)) for answer in some]
    assert answers.count("put") == answers.count("taken") == 8 * 24
    check_at_rest(root, 8 * 24)


def test_threads_define_things_at_a_time(butler: Butler) -> None:
    start = threading.Barrier(16)

    def work(number: int) -> None:
        start.wait(60)
        for k in range(5):
            butler.register_collection(f"run{k}")
            butler.register_dataset_type(f"type{k}", ["instrument", "detector"], "StructuredDataDict")
            data_id: dict[str, int | str] = {"instrument": INSTRUMENT, "detector": number % 4}
            try:
                butler.put({"n": number}, f"type{k}", data_id, run=f"run{k}")
            except DatasetExistsError:
                assert butler.get(f"type{k}", data_id, collections=f"run{k}")["n"] % 4 == number % 4

    with ThreadPoolExecutor(16) as threads:
        list(threads.map(work, range(16)))
    assert len(list(butler.query_datasets(..., "run*", find_first=False))) == 20


# -- processes


@pytest.mark.parametrize("method", METHODS)
def test_workers_of_a_pool(butler: Butler, root: Path, method: str) -> None:
    context = multiprocessing.get_context(method)
    with ProcessPoolExecutor(2, mp_context=context) as pool:
        futures = [pool.submit(put_and_get, butler, n) for n in range(6)]
        assert [future.result(60) for future in futures] == [{"n": n} for n in range(6)]
    butler.put({}, "summary", data_ids()[6])
    check_at_rest(root, 7)


@pytest.mark.parametrize("method", METHODS)
def test_a_process_and_a_parent_that_closes_before_it(butler: Butler, root: Path, method: str) -> None:
    context = multiprocessing.get_context(method)
    answers = context.Queue()
    processes = [context.Process(target=put_and_close, args=(butler, n, answers)) for n in range(2)]  # type: ignore[attr-defined]
    for process in processes:
        process.start()
    butler.close()
    assert sorted(answers.get(timeout=60)["n"] for _ in processes) == [0, 1]
    for process in processes:
        process.join(60)
        assert process.exitcode == 0
    check_at_rest(root, 2)


def test_an_iteration_goes_on_in_parent_and_child(
    butler: Butler, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(planner, "DEFAULT_PAGE_SIZE", 5)
    for data_id in data_ids()[:12]:
        butler.put({}, "summary", data_id)
    iteration = iter(butler.query_datasets("summary"))
    first = next(iteration)

    def go_on() -> None:
        assert len(list(iteration)) == 11
        put_and_get(butler, 12)

    assert in_child(go_on) == 0
    assert len({first, *iteration}) >= 12
    check_at_rest(root, 13)


def test_a_child_of_a_child(butler: Butler, root: Path) -> None:
    def work() -> None:
        put_and_get(butler, 0)
        assert in_child(lambda: put_and_get(butler, 1)) == 0
        put_and_get(butler, 2)

    assert in_child(work) == 0
    put_and_get(butler, 3)
    check_at_rest(root, 4)


def test_a_ref_that_was_made_before_a_fork(butler: Butler, root: Path) -> None:
    """Whoever stores it first has it; the other is refused, and does not touch what the first made."""
    ref = butler.make_refs("summary", [ID])[0]
    assert in_child(lambda: butler.put({"by": "child"}, ref)) == 0
    with pytest.raises(DatasetExistsError):
        butler.put({"by": "parent"}, ref)
    assert butler.get(ref) == {"by": "child"}
    check_at_rest(root, 1)


def test_a_batch_that_was_begun_before_a_fork_is_its_parents(
    butler: Butler, root: Path, tmp_path: Path
) -> None:
    """Two batches of one ID would write under one name, and who comes second would take back what the first wrote."""
    (tmp_path / "source").write_text('{"by": "parent"}')
    (ref,) = butler.make_refs("summary", [ID])
    context = butler.batched()
    context.__enter__().ingest(FileDataset(tmp_path / "source", [ref]))

    def end() -> None:
        with pytest.raises(InvalidInputError, match="was begun by process"):
            context.__exit__(None, None, None)

    assert in_child(end) == 0
    check_at_rest(root, 0)
    context.__exit__(None, None, None)
    assert butler.get(ref) == {"by": "parent"}
    check_at_rest(root, 1)


def test_a_closed_butler_stays_closed(butler: Butler) -> None:
    butler.close()
    with pytest.raises(InvalidInputError, match="closed"):
        pickle.dumps(butler)

    def work() -> None:
        with pytest.raises(InvalidInputError, match="closed"):
            butler.get("summary", ID)

    assert in_child(work) == 0


def test_a_child_that_closes_takes_nothing_from_its_parent(butler: Butler, root: Path) -> None:
    """A child has no descriptor of its parent's database: SQLite's books and locks are those of one process."""
    butler.get_dataset_type("summary")

    def work() -> None:
        gc.collect()
        opened = [os.readlink(f"/proc/self/fd/{fd}") for fd in os.listdir("/proc/self/fd") if _is_link(fd)]
        assert not [path for path in opened if "registry.sqlite3" in path]
        butler.close()

    assert in_child(work) == 0
    put_and_get(butler, 0)
    check_at_rest(root, 1)


def _is_link(fd: str) -> bool:
    return os.path.lexists(f"/proc/self/fd/{fd}")


# -- forks beside threads


class Transaction:
    """A thread that has a transaction open, until it is told to end."""

    def __init__(self, butler: Butler) -> None:
        self._database = butler._registry._context.database  # type: ignore[attr-defined]
        self._opened, self._end = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run)

    def _run(self) -> None:
        with self._database.write() as cursor:
            cursor.execute("UPDATE generation SET current = current + 1")
            self._opened.set()
            self._end.wait(60)

    def __enter__(self) -> Transaction:
        self._thread.start()
        assert self._opened.wait(60)
        return self

    def end(self) -> None:
        self._end.set()

    def __exit__(self, *_: object) -> None:
        self.end()
        self._thread.join(60)


def test_a_fork_waits_for_an_open_transaction(butler: Butler, root: Path) -> None:
    with Transaction(butler) as transaction:
        timer = threading.Timer(0.2, transaction.end)
        timer.start()
        assert in_child(lambda: put_and_get(butler, 0)) == 0
        timer.join()
    put_and_get(butler, 1)
    check_at_rest(root, 2)


def test_a_child_of_a_fork_that_waited_in_vain_uses_no_database(
    butler: Butler, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "_FORK_PATIENCE_SECONDS", 0.1)

    def work() -> None:
        for open_ in (lambda: butler, lambda: Butler(root), lambda: pickle.loads(pickle.dumps(butler))):
            with pytest.raises(UnavailableError, match="forked"):
                open_().get("summary", ID)
        gc.collect()
        butler.close()

    before = butler._registry.snapshot()
    assert before is not None
    with Transaction(butler):
        assert in_child(work) == 0
    after = butler._registry.snapshot()
    assert after is not None
    assert after.generation == before.generation + 1
    put_and_get(butler, 0)
    assert in_child(lambda: put_and_get(butler, 1)) == 0
    check_at_rest(root, 2)


@pytest.mark.parametrize("which", ["plans", "schema", "plugins"])
def test_a_fork_beside_a_thread_that_holds_a_lock(butler: Butler, root: Path, which: str) -> None:
    context = butler._registry._context  # type: ignore[attr-defined]
    lock = {
        "plans": context.plans._lock,
        "schema": context.schema._lock,
        "plugins": discovery._plugins._lock,
    }[which]
    held, end = threading.Event(), threading.Event()

    def hold() -> None:
        with lock:
            held.set()
            end.wait(0.3)

    thread = threading.Thread(target=hold)
    thread.start()
    assert held.wait(60)

    def work() -> None:
        assert lock.acquire(timeout=10)
        lock.release()
        put_and_get(butler, 0)
        with Butler(root, collections=RUN) as other:
            other.get("summary", data_ids()[0])

    assert in_child(work) == 0
    thread.join(60)
    check_at_rest(root, 1)


# -- what a pickled butler is


def test_it_has_the_defaults_that_were_found(butler: Butler, root: Path) -> None:
    butler.put({}, "summary", ID)
    butler.register_collection("u/x")
    with Butler(root, collections=(name for name in ("u/*",)), detector=2, writeable=True) as given:
        assert set(given.collections) == {RUN, "u/x"}
        assert given.data_id_defaults["instrument"] == INSTRUMENT
        text = pickle.dumps(given)
        butler.register_collection("u/y")
        with pickle.loads(text) as copy:
            assert copy.collections == given.collections
            assert copy.data_id_defaults == given.data_id_defaults
            assert (copy.run, copy.is_writeable) == (None, True)
            assert copy.get("summary", exposure=100) == {}
            assert copy._registry is not given._registry


def test_it_is_found_from_another_directory(
    butler: Butler, root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with Butler(root.name) as relative:
        text = pickle.dumps(relative)
    monkeypatch.chdir("/")
    with pickle.loads(text) as copy:
        assert copy.get_dataset_type("summary").name == "summary"


def test_it_carries_no_connections(butler: Butler) -> None:
    butler.put({"secret": 1}, "summary", ID)
    text = pickle.dumps(butler)
    assert len(text) < 5000
    assert b"sqlite3\nConnection" not in text


def test_a_ref_and_its_butler_travel_together(butler: Butler) -> None:
    stored = butler.put({"n": 1}, "summary", ID)
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        assert pool.submit(get, butler, stored).result(60) == {"n": 1}
        assert isinstance(pool.submit(fail, butler).exception(60), ButlerError)
