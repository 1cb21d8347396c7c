"""Functions about regions that SQLite calls while a statement runs."""

from __future__ import annotations

import sqlite3
import threading
import weakref
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import orjson

from butler_core.errors import InternalError
from butler_core.sql.database import Database
from butler_core.sql.regions import Regions

_Function: TypeAlias = Callable[[Any, Any], Any]
_MESSAGE = "user-defined function raised exception"  # all that SQLite says of an error in a function


class RegionFunctions:
    """Makes a database's `Regions` known to its connections, and keeps what goes wrong in them.

    Parameters
    ----------
    database
        Whose connections they are.
    """

    def __init__(self, database: Database) -> None:
        # SQLite's connections own what they call: without this they and the database would keep one another alive.
        self._database = weakref.ref(database)
        self._failure = threading.local()

    def register(self, connection: sqlite3.Connection) -> None:
        """Add the functions to a connection; nothing of a geometry is imported before one is called."""
        for name, choose in _FUNCTIONS.items():
            connection.create_function(name, 2, self._guarded(choose), deterministic=True)

    def _guarded(self, choose: Callable[[Regions], _Function]) -> _Function:
        function: _Function | None = None  # kept, since it is called for every row

        def call(first: Any, second: Any) -> Any:
            nonlocal function
            try:
                if function is None:
                    function = choose(self._find_regions())
                return function(first, second)
            except Exception as error:
                self._failure.error = error
                raise

        return call

    def _find_regions(self) -> Regions:
        database = self._database()
        if database is None or database.regions is None:
            raise InternalError("Regions were asked for in a universe without a geometry.")
        return database.regions

    def take_error(self, error: Exception) -> Exception | None:
        """Return what was raised in a function of this thread, if that is what the driver reports."""
        if str(error) != _MESSAGE:
            return None
        found: Exception | None = self._failure.__dict__.pop("error", None)
        return found


def _pixels_as_json(regions: Regions) -> _Function:
    return lambda skypix, region: orjson.dumps(regions.pixels(skypix, region)).decode()


_FUNCTIONS: Mapping[str, Callable[[Regions], _Function]] = {
    "butler_overlap": lambda regions: regions.overlap,
    "butler_pixel": lambda regions: regions.pixel,
    "butler_pixels": _pixels_as_json,
}
"""Functions of two arguments by name."""
