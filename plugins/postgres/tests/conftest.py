"""One PostgreSQL server for all tests, and a schema of its own for each registry."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from butler_postgres.testing import server_url as find_server


@pytest.fixture(scope="session")
def server_url() -> Iterator[str]:
    """The URL of a server."""
    with find_server() as url:
        yield url
