"""What a server does to its clients: it dies and comes back, refuses, holds somebody else's tables."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote
from uuid import UUID

import psycopg
import pytest

from butler_core.butler import Butler
from butler_core.errors import (
    ButlerError,
    ConfigurationError,
    ConflictError,
    CorruptError,
    ForbiddenError,
    IncompatibleError,
    NotFoundError,
    UnavailableError,
)
from butler_core.models.collection import CollectionType, SequenceEditMode
from butler_core.models.dataset_ref import DatasetRef
from butler_core.models.journal import BatchOutcome
from butler_core.models.reports import RecoveryReport
from butler_core.models.timespan import Timespan
from butler_core.sql.writing.certifications import _ValidityStatements
from butler_core.testing.context import make_context
from butler_core.testing.registries.bridge import PlainBridge
from butler_core.testing.repositories.invariants import find_unaccounted, find_violations
from butler_core.testing.repositories.small_repository import RUN, data_ids, populate
from butler_core.testing.universe import testing_universe
from butler_postgres.config import PostgresRegistryConfig
from butler_postgres.opening import create_registry, open_registry
from butler_postgres.testing import PrivateServer, new_config

NOBODY = UUID(int=7)


def run(url: str, *statements: str) -> list[Any]:
    with psycopg.connect(url, autocommit=True) as connection:
        for statement in statements[:-1]:
            connection.execute(statement)
        cursor = connection.execute(statements[-1])
        return cursor.fetchall() if cursor.description else []


@pytest.fixture
def made(server_url: str, tmp_path: Path) -> PostgresRegistryConfig:
    """The configuration of a registry."""
    config = new_config(server_url)
    create_registry(config, make_context(tmp_path), [PlainBridge()])
    return config


@pytest.fixture
def own_server() -> Iterator[PrivateServer]:
    """A server that may die."""
    with PrivateServer(settings=()) as server:
        yield server


@pytest.mark.parametrize(("durability", "setting"), [("power-loss", "on"), ("process", "off")])
def test_a_commit_waits_as_long_as_the_durability_says(
    made: PostgresRegistryConfig, tmp_path: Path, durability: Any, setting: str
) -> None:
    registry = open_registry(
        made, make_context(tmp_path, durability=durability, universe=None), [PlainBridge()]
    )
    with registry._context.database.write() as cursor:
        cursor.execute("SHOW synchronous_commit")
        assert cursor.fetchall() == [(setting,)]
    registry.close()


def test_clients_outlive_a_restart(own_server: PrivateServer, tmp_path: Path) -> None:
    registry = {"registry": new_config(own_server.url).model_dump()}
    Butler.make_repo(tmp_path / "repo", registry, testing_universe())
    with Butler(tmp_path / "repo", run=RUN) as butler:
        populate(butler)
        for name in ("before", "meanwhile", "after"):
            butler.register_collection(name)
        butler.put({"number": 1}, "summary", data_ids()[0], run="before")
        own_server.stop(signal.SIGQUIT)
        with pytest.raises(UnavailableError):
            butler.put({"number": 2}, "summary", data_ids()[0], run="meanwhile")
        own_server.start()
        butler.put({"number": 3}, "summary", data_ids()[0], run="after")
        assert butler.get("summary", data_ids()[0], collections="before") == {"number": 1}
        butler.recover()
        assert find_unaccounted(butler) == []
        assert find_violations(butler) == []
        assert butler.recover() == RecoveryReport()


def test_writers_whose_server_dies_lose_nothing(own_server: PrivateServer, tmp_path: Path) -> None:
    registry = {"registry": new_config(own_server.url).model_dump()}
    Butler.make_repo(tmp_path / "repo", registry, testing_universe())
    stored: dict[tuple[str, int], int] = {}
    stop = threading.Event()

    def write(writer: int) -> None:
        number = 0
        with Butler(tmp_path / "repo", writeable=True) as mine:
            while not stop.is_set():
                number += 1
                run_name = f"writer/{writer}/{number}"
                try:
                    mine.register_collection(run_name)
                    mine.put({"number": number}, "summary", data_ids()[0], run=run_name)
                except ButlerError:
                    stop.wait(0.05)
                else:
                    stored[run_name, number] = number

    with Butler(tmp_path / "repo", run=RUN) as butler:
        populate(butler)
        threads = [threading.Thread(target=write, args=(writer,)) for writer in range(4)]
        for thread in threads:
            thread.start()
        for _ in range(3):
            stop.wait(0.5)
            own_server.stop(signal.SIGQUIT)
            own_server.start()
        stop.wait(0.5)
        stop.set()
        for thread in threads:
            thread.join()
        assert len(stored) > 20
        butler.recover()
        assert find_unaccounted(butler) == []
        assert find_violations(butler) == []
        for (run_name, _), number in stored.items():
            assert butler.get("summary", data_ids()[0], collections=run_name) == {"number": number}


def test_editors_of_one_chain_lose_no_edit(server_url: str, tmp_path: Path) -> None:
    Butler.make_repo(tmp_path / "repo", {"registry": new_config(server_url).model_dump()}, testing_universe())
    with Butler(tmp_path / "repo", writeable=True) as butler:
        names = [f"run/{number}" for number in range(10)]
        for name in names:
            butler.register_collection(name)
        butler.register_collection("chain", CollectionType.CHAINED)
        start = threading.Barrier(len(names))

        def edit(name: str) -> None:
            start.wait()
            butler.edit_collection_chain("chain", [name], SequenceEditMode.EXTEND)

        threads = [threading.Thread(target=edit, args=(name,)) for name in names]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(butler.get_collection_chain("chain")) == names


def test_validities_that_are_certified_at_once_stay_apart(
    server_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Butler.make_repo(tmp_path / "repo", {"registry": new_config(server_url).model_dump()}, testing_universe())
    with Butler(tmp_path / "repo", run=RUN) as butler:
        populate(butler)
        butler.register_dataset_type("flaw", ["detector"], "StructuredDataDict", is_calibration=True)
        butler.register_collection("valid", CollectionType.CALIBRATION)
        data_id = {"instrument": "Cam", "detector": next(iter(butler.query_data_ids("detector")))["detector"]}
        refs = []
        for number in range(4):
            butler.register_collection(f"run/{number}")
            refs.append(butler.put({}, "flaw", data_id, run=f"run/{number}"))
        # What is valid in the collection is known from here on, so certifying meets others nowhere but in its own rows.
        butler.certify("valid", refs[:1], Timespan(-100, -50))
        have_read, waited = threading.Barrier(len(refs)), threading.local()
        read = _ValidityStatements.read

        def read_together(statements: _ValidityStatements, *asked: Any) -> Any:
            found = read(statements, *asked)
            if not hasattr(waited, "once"):
                waited.once = True
                have_read.wait()
            return found

        monkeypatch.setattr(_ValidityStatements, "read", read_together)
        outcomes = _certify_at_once(butler, refs)
        assert sorted(outcomes) == ["certified", *["refused"] * (len(refs) - 1)]
        assert butler.query().join_datasets("flaw", "valid", find_first=False).count() == 2


def _certify_at_once(butler: Butler, refs: list[DatasetRef]) -> list[str]:
    """Certify each for another time, of which any two overlap; return how it went for each."""
    outcomes = list[str]()

    def certify(number: int) -> None:
        try:
            butler.certify("valid", [refs[number]], Timespan(number, 50 + number))
            outcomes.append("certified")
        except ConflictError:
            outcomes.append("refused")

    threads = [threading.Thread(target=certify, args=(number,)) for number in range(len(refs))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return outcomes


# -- what is refused, and how it is said


def create(config: PostgresRegistryConfig, tmp_path: Path) -> None:
    create_registry(config, make_context(tmp_path), [PlainBridge()])


def reopen(config: PostgresRegistryConfig, tmp_path: Path) -> None:
    registry = open_registry(config, make_context(tmp_path)._replace(universe=None), [PlainBridge()])
    registry.close()


@pytest.mark.parametrize(
    "url", ["postgresql://me:s3cret@localhost/x", "host=localhost password=s3cret", "postgresql://me:s3cret@[x/y", "s3cret"]
)  # fmt: skip
def test_no_password_is_taken_or_told(url: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError) as caught:
        create(PostgresRegistryConfig(url=url), tmp_path)
    assert "s3cret" not in f"{caught.value} {caught.value.__cause__} {caught.value.details}"
    assert "registry.url" in str(caught.value)


def test_a_server_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(UnavailableError, match="cannot be reached"):
        create(PostgresRegistryConfig(url=f"postgresql:///x?host={quote(str(tmp_path))}"), tmp_path)


def test_a_database_that_is_not_there(server_url: str, tmp_path: Path) -> None:
    with pytest.raises(ButlerError) as caught:
        create(PostgresRegistryConfig(url=server_url.replace("/postgres?", "/nowhere?")), tmp_path)
    assert "nowhere" in str(caught.value)


def test_a_schema_is_made_once(made: PostgresRegistryConfig, tmp_path: Path) -> None:
    with pytest.raises(ConflictError, match=made.namespace):
        create(made, tmp_path)


def test_a_schema_that_is_not_there(server_url: str, tmp_path: Path) -> None:
    with pytest.raises(NotFoundError):
        reopen(new_config(server_url), tmp_path)


def test_a_schema_that_is_not_ours(server_url: str, tmp_path: Path) -> None:
    config = new_config(server_url)
    run(server_url, f"CREATE SCHEMA {config.namespace}", f"CREATE TABLE {config.namespace}.meta (x int)")
    with pytest.raises(CorruptError, match="holds no registry"):
        reopen(config, tmp_path)


def test_a_schema_that_is_newer(made: PostgresRegistryConfig, server_url: str, tmp_path: Path) -> None:
    run(server_url, f"UPDATE {made.namespace}.meta SET value = '1000' WHERE key = 'version:registry'")
    with pytest.raises(IncompatibleError, match="newer"):
        reopen(made, tmp_path)


def test_who_lacks_the_privilege(made: PostgresRegistryConfig, server_url: str, tmp_path: Path) -> None:
    role = f"guest_{made.namespace}"
    run(server_url, f"CREATE ROLE {role} LOGIN")
    guest = server_url.replace("butler@", f"{role}@")
    with pytest.raises(ForbiddenError):
        create(new_config(guest), tmp_path)
    run(
        server_url,
        f"GRANT USAGE ON SCHEMA {made.namespace} TO {role}",
        f"GRANT SELECT ON ALL TABLES IN SCHEMA {made.namespace} TO {role}",
    )
    registry = open_registry(
        made.model_copy(update={"url": guest}),
        make_context(tmp_path)._replace(universe=None),
        [PlainBridge()],
    )
    assert registry.outcomes([NOBODY]) == {NOBODY: BatchOutcome.UNKNOWN}
    with pytest.raises(ForbiddenError):
        registry.fence([NOBODY])
    registry.close()
