"""What was measured, by setting, and the medians and verdicts that follow."""

from __future__ import annotations

import statistics
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from tests.benchmarks import machine
from tests.benchmarks.aims import Cell, Verdict, aims_of
from tests.benchmarks.workload import Operation


class Setting(NamedTuple):
    """Where, and how durably: what stands in one table."""

    medium: str
    """``disk`` or ``tmpfs``; ``start`` for what it costs to begin, ``scale`` for what it costs that there is much."""
    durability: str
    """``process`` or ``power-loss``; empty if it makes no difference."""


class Row(NamedTuple):
    """One operation in one setting."""

    operation: Operation
    cell: Cell
    peer_range: tuple[float, float] | None
    """Smallest and largest ratio of the peer's time to ours, among rounds that have both."""
    limit_range: tuple[float, float] | None
    """The same of our time to the limit's."""
    verdicts: tuple[Verdict, ...]


class Results:
    """Collects seconds, round by round."""

    def __init__(self) -> None:
        self.versions: dict[str, dict[str, str]] = {}
        # By setting, side and operation's key: round to median seconds.
        self._rounds: dict[tuple[Setting, str, str], dict[int, float]] = defaultdict(dict)
        self._samples: list[dict[str, Any]] = []

    def add(self, setting: Setting, side: str, number: int, seconds: Mapping[str, list[float]]) -> None:
        """Add what one process measured in a round."""
        for key, values in seconds.items():
            self._rounds[setting, side, key][number] = statistics.median(values)
            self._samples.append(
                {**setting._asdict(), "side": side, "operation": key, "round": number, "seconds": values}
            )

    def rows(self, setting: Setting, operations: Iterable[Operation]) -> list[Row]:
        """Return one row for each operation that we, or the peer, did in a setting."""
        rows = []
        for operation in operations:
            peer_setting = setting if setting.medium == "start" else Setting(setting.medium, "")
            peer = self._rounds.get((peer_setting, "peer", operation.key), {})
            ours = self._rounds.get((setting, "ours", operation.key), {})
            limit = self._rounds.get((setting, "limit", operation.key), {})
            if not (ours or limit):
                continue
            cell = Cell(operation.n, _median(peer), _median(ours), _median(limit))
            verdicts = tuple(
                Verdict(aim, operation.title, aim.measure(cell))
                for aim in aims_of(operation.name, operation.n, *setting)
            )
            rows.append(Row(operation, cell, _range(peer, ours), _range(ours, limit), verdicts))
        return rows

    def to_json(self, tables: Mapping[Setting, list[Row]]) -> dict[str, Any]:
        """Return everything, for programs."""
        return {
            "machine": machine.describe(),
            "versions": self.versions,
            "medians": [
                {**setting._asdict(), "operation": row.operation.key, **row.cell._asdict()}
                for setting, rows in tables.items()
                for row in rows
            ],
            "aims": [
                {
                    **setting._asdict(),
                    "operation": row.operation.key,
                    "aim": str(verdict.aim),
                    "measured": verdict.measured,
                    "met": verdict.is_met,
                }
                for setting, rows in tables.items()
                for row in rows
                for verdict in row.verdicts
            ],
            "samples": self._samples,
        }


def _median(rounds: Mapping[int, float]) -> float | None:
    return statistics.median(rounds.values()) if rounds else None


def _range(above: Mapping[int, float], below: Mapping[int, float]) -> tuple[float, float] | None:
    ratios = [above[number] / below[number] for number in above.keys() & below.keys()]
    return (min(ratios), max(ratios)) if ratios else None
