"""What PostgreSQL's errors mean."""

from __future__ import annotations

from psycopg import errors as pg

from butler_core.errors import (
    CorruptError,
    ForbiddenError,
    InternalError,
    InvalidInputError,
    NotFoundError,
    UnavailableError,
)
from butler_core.sql.database import ConstraintError, ContentionError


def translate(error: Exception, where: str) -> Exception:
    """Return the error of `butler_core.errors` for one of the driver's; no message of ours says a password."""
    said = str(error).strip().replace("\n", " ")
    match error:
        case OverflowError():
            return InvalidInputError(
                f"An integer does not fit into 64 bits: {said}.", remedy="Give a smaller one."
            )
        case pg.SerializationFailure() | pg.DeadlockDetected():
            return ContentionError(f"{where}: another transaction was faster: {said}.", remedy="Try again.")
        case pg.IntegrityError():
            return ConstraintError(f"{where} refuses what contradicts its constraints: {said}.")
        case pg.NumericValueOutOfRange():
            return InvalidInputError(
                "A computation with integers leaves 64 bits.", remedy="Compute with floats: 1.0 * x."
            )
        case pg.DataError() | pg.DatatypeMismatch() | pg.ProgramLimitExceeded():
            return InvalidInputError(
                f"PostgreSQL cannot take a value: {said}.", remedy="Give a value of the column's type."
            )
        case pg.InsufficientPrivilege():
            return ForbiddenError(
                f"{where}: {said}.", remedy="Have the database's owner grant the privilege.", code="read-only"
            )
        case pg.UndefinedTable() | pg.InvalidSchemaName() | pg.InvalidCatalogName():
            return NotFoundError(
                f"{where}: {said}.",
                remedy="Check 'registry.url' and 'registry.namespace' in the repository's butler.yaml.",
            )
        case pg.DiskFull() | pg.OutOfMemory() | pg.TooManyConnections() | pg.QueryCanceled():
            return UnavailableError(
                f"{where} cannot do it now: {said}.", remedy="Ask its operators, or try again."
            )
        case pg.DataCorrupted() | pg.IndexCorrupted():
            return CorruptError(f"{where} is damaged: {said}.", remedy="Restore it from a backup.")
        case pg.OperationalError() | pg.InterfaceError():
            return UnavailableError(
                f"{where} cannot be reached: {said}.",
                remedy="Check that the server runs, 'registry.url', and the credentials in ~/.pgpass or the environment.",
            )
    return InternalError(f"{where} did not understand us: {said}.", remedy="Report a bug.")
