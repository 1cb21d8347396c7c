"""What we aim at, and whether it was reached."""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from typing import NamedTuple


class Cell(NamedTuple):
    """The medians of one operation in one setting, in its unit; None is not measured."""

    n: int
    peer: float | None
    ours: float | None
    limit: float | None


class Kind(Enum):
    """What is compared with a bound."""

    PEER = "times the peer's speed"
    """The peer's time over ours: at least."""
    LIMIT = "times the limit's time"
    """Our time over the limit's: at most."""
    RATE = "/s"
    """Things per second: at least."""
    SECONDS = "s"
    """Our time: at most."""
    MEMORY = "MB"
    """Our memory: at most."""

    @property
    def is_upper(self) -> bool:
        """Whether the bound must not be passed, rather than be reached."""
        return self in (Kind.LIMIT, Kind.SECONDS, Kind.MEMORY)


class Aim(NamedTuple):
    """One aim."""

    operation: str
    kind: Kind
    bound: float
    medium: str = "tmpfs"
    durability: str = "process"
    n: int | None = None
    """The size that it is for; None for any."""

    def measure(self, cell: Cell) -> float | None:
        """Return what there is to compare with the bound; None if it was not measured."""
        if cell.ours is None:
            return None
        match self.kind:
            case Kind.PEER:
                return None if cell.peer is None else cell.peer / cell.ours
            case Kind.LIMIT:
                return None if cell.limit is None else cell.ours / cell.limit
            case Kind.RATE:
                return cell.n / cell.ours
            case Kind.SECONDS | Kind.MEMORY:
                return cell.ours

    def is_met(self, measured: float) -> bool:
        """Whether what was measured is good enough."""
        return measured <= self.bound if self.kind.is_upper else measured >= self.bound

    def __str__(self) -> str:
        return f"{'at most' if self.kind.is_upper else 'at least'} {self.bound:,g} {self.kind.value}"


class Verdict(NamedTuple):
    """An aim and what came of it."""

    aim: Aim
    title: str
    measured: float | None

    @property
    def is_met(self) -> bool | None:
        """Whether the aim is met; None if nobody knows."""
        return None if self.measured is None else self.aim.is_met(self.measured)


AIMS = (
    Aim("put", Kind.PEER, 10),
    Aim("put_many", Kind.RATE, 5_000),
    Aim("ingest_direct", Kind.PEER, 10),
    Aim("remove_run", Kind.PEER, 4),
    Aim("query", Kind.PEER, 5, n=10_000),
    Aim("query", Kind.LIMIT, 2.5, n=10_000),
    Aim("query_values", Kind.PEER, 4, n=10_000),
    Aim("query_values", Kind.LIMIT, 2.5, n=10_000),
    Aim("get_data_id", Kind.PEER, 15),
    Aim("get_expanded_ref", Kind.PEER, 4),
    Aim("get_plain_ref", Kind.PEER, 4),
    # What is dominated by syncs; the limit makes the same ones.
    Aim("put", Kind.LIMIT, 2, "disk", "power-loss"),
    Aim("put_many", Kind.LIMIT, 2, "disk", "power-loss"),
    Aim("ingest_copy", Kind.LIMIT, 2, "disk", "power-loss"),
    # The suite of queries.
    Aim("query", Kind.PEER, 7, n=100_000),
    Aim("query", Kind.LIMIT, 2, n=100_000),
    Aim("query_values", Kind.PEER, 5, n=100_000),
    Aim("query_expanded", Kind.PEER, 20, n=100_000),
    Aim("query_chain", Kind.PEER, 4, n=100_000),
    Aim("query_arrow", Kind.LIMIT, 1.5),
    Aim("query_where", Kind.PEER, 4),
    Aim("query_first", Kind.PEER, 4),
    Aim("query_count", Kind.PEER, 4),
    Aim("query_calibrations", Kind.PEER, 4),
    Aim("query_overlaps", Kind.PEER, 4),
    # What it matters how many datasets there are: the limit is the first page of the fewest.
    Aim("first_page", Kind.LIMIT, 1.5, "scale", ""),
    Aim("last_page", Kind.LIMIT, 1.5, "scale", ""),
    Aim("memory", Kind.MEMORY, 250, "scale", ""),
    Aim("import_package", Kind.SECONDS, 0.15, "start", ""),
    Aim("begin", Kind.PEER, 2, "start", ""),
    Aim("help", Kind.SECONDS, 0.3, "start", ""),
)
"""Speeds that the butler was asked to have, at the workload's full size."""


def aims_of(operation: str, n: int, medium: str, durability: str) -> Sequence[Aim]:
    """Return the aims that concern an operation of some size in a setting."""
    return [
        aim
        for aim in AIMS
        if (aim.operation, aim.medium, aim.durability) == (operation, medium, durability)
        and aim.n in (n, None)
    ]
