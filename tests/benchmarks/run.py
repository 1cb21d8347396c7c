"""The driver: peer, limit and our side do the same work in turn, each in fresh processes, and the medians are printed.

``make bench`` runs it.  Nothing is left out of what it prints: what we miss stands beside what we reach.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from rich.console import Console

from tests.benchmarks import report, scale, startup, workload
from tests.benchmarks.environments import CACHE, SideError, find_peer, run
from tests.benchmarks.machine import OtherWork
from tests.benchmarks.results import Results, Row, Setting
from tests.benchmarks.workload import Operation

_SIDES = ("peer", "limit", "ours")
_START = Setting("start", "")
_SCALE = Setting("scale", "")


class Job(NamedTuple):
    """One process of one side in a round."""

    setting: Setting
    side: str


class Plan(NamedTuple):
    """What to run."""

    media: dict[str, Path]
    sides: tuple[str, ...]
    pythons: dict[str, Path]
    operations: list[Operation]
    startup: set[str]
    scale: list[Operation]
    rounds: int
    n: int
    modules: str

    def jobs(self) -> list[Job]:
        """Return the processes of a round, sides next to each other that are compared."""
        jobs = []
        durabilities = ("process", "power-loss")
        for medium in self.media:
            wanted = [("peer", "")] + [
                (side, durability) for durability in durabilities for side in ("limit", "ours")
            ]
            jobs += [
                Job(Setting(medium, durability), side) for side, durability in wanted if side in self.sides
            ]
        return jobs

    def tasks(self, job: Job, number: int) -> list[Operation]:
        """Return the operations of a job in a round."""
        tasks = self.operations
        if job.setting.durability == "power-loss":  # which makes no difference to reading
            tasks = [op for op in tasks if op.writes]
        if job.side == "peer":
            tasks = [op for op in tasks if not op.alone and not (op.slow and number)]
        return tasks


def main(argv: Sequence[str] | None = None) -> int:
    """Run the benchmarks."""
    options = _parse(argv)
    try:
        plan = _plan(options)
        results = Results()
        others = OtherWork()
        _measure(plan, results)
    except SideError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    tables = _tables(plan, results)
    other_work = others.share()
    report.show(tables, plan.rounds, other_work, judge=not options.quick)
    if options.out:
        options.out.write_text(json.dumps(results.to_json(tables) | {"other_work": other_work}, indent=1))
    missed = any(
        verdict.is_met is False for rows in tables.values() for row in rows for verdict in row.verdicts
    )
    return 1 if options.check and missed and not options.quick else 0


def _parse(argv: Sequence[str] | None) -> argparse.Namespace:
    every = (
        *startup.OPERATIONS,
        *scale.OPERATIONS,
        *(op for suite in workload.SUITES.values() for op in suite),
    )
    names = sorted({op.name for op in every})
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument(
        "--quick", action="store_true", help="one round of a tenth of the work: whether it runs at all"
    )
    parser.add_argument(
        "--suite", choices=workload.SUITES, default="basics", help="which operations (default: %(default)s)"
    )
    parser.add_argument("--rounds", type=int, help="how many (default: 3)")
    parser.add_argument("--only", help=f"these operations, separated by commas: {', '.join(names)}")
    parser.add_argument("--sides", default=",".join(_SIDES), help="these sides (default: %(default)s)")
    parser.add_argument("--media", default="tmpfs,disk", help="where (default: %(default)s)")
    parser.add_argument("--disk", type=Path, default=CACHE, help="a directory on a disk (default: .bench)")
    parser.add_argument(
        "--tmpfs", type=Path, default=Path("/dev/shm"), help="a directory in memory (default: %(default)s)"
    )
    parser.add_argument(
        "--peer", type=Path, help="the peer's interpreter (default: an environment made in .bench)"
    )
    parser.add_argument("--out", type=Path, help="write everything that was measured to this file, as JSON")
    parser.add_argument("--check", action="store_true", help="end with 1 if an aim is missed")
    options = parser.parse_args(argv)
    options.only = set(options.only.split(",")) if options.only else set(names)
    options.sides, options.media = options.sides.split(","), options.media.split(",")
    for what, given, valid in (
        ("operation", options.only, names),
        ("side", options.sides, _SIDES),
        ("medium", options.media, ("disk", "tmpfs")),
    ):
        if unknown := sorted(set(given) - set(valid)):
            parser.error(f"no {what} {', '.join(unknown)}; there are {', '.join(valid)}")
    return options


def _plan(options: argparse.Namespace) -> Plan:
    pythons = {"ours": Path(sys.executable), "limit": Path(sys.executable)}
    if "peer" in options.sides:
        pythons["peer"] = find_peer(options.peer)
    media = {}
    for name in options.media:
        directory: Path = getattr(options, name)
        if name == "disk":
            directory.mkdir(parents=True, exist_ok=True)
        if os.access(directory, os.W_OK):
            media[name] = directory
        else:
            print(f"{directory} cannot be written, so nothing is measured on {name}.", file=sys.stderr)
    divisor = 10 if options.quick else 1
    return Plan(
        media=media,
        sides=tuple(options.sides),
        pythons=pythons,
        operations=[op for op in workload.operations(options.suite, divisor) if op.name in options.only],
        startup={op.name for op in startup.OPERATIONS if options.suite == "basics"} & options.only,
        scale=[
            op
            for op in scale.OPERATIONS
            if options.suite == "queries"
            and "ours" in options.sides
            and op.name in options.only
            and not (options.quick and op.n > workload.SIZES["queries"])
        ],
        rounds=options.rounds or (1 if options.quick else 3),
        n=workload.SIZES[options.suite] // divisor,
        modules=workload.MODULES[options.suite],
    )


def _measure(plan: Plan, results: Results) -> None:
    console = Console(stderr=True)
    with contextlib.ExitStack() as stack:
        files = {}
        for name, directory in plan.media.items():
            files[name] = Path(stack.enter_context(_directory(directory)))
            if plan.modules == workload.MODULES["basics"]:
                workload.write_files(files[name], plan.n)
        for number in range(plan.rounds):
            if plan.startup:
                console.print(f"round {number + 1}: start", highlight=False)
                _measure_startup(plan, results, number)
            if plan.scale:
                console.print(f"round {number + 1}: scale", highlight=False)
                _measure_scale(plan, results, number)
            jobs = plan.jobs() if plan.operations else []
            jobs = [job for job in jobs if plan.tasks(job, number)]
            for job in jobs if number % 2 == 0 else reversed(jobs):
                console.print(f"round {number + 1}: {' '.join(job.setting)}, {job.side}", highlight=False)
                _run_job(plan, results, job, number, files[job.setting.medium])


def _run_job(plan: Plan, results: Results, job: Job, number: int, files: Path) -> None:
    tasks = plan.tasks(job, number)
    with _directory(plan.media[job.setting.medium]) as place:
        os.sync()  # what others left to be written is not to be this one's burden
        answer = _serve(plan, job.side, place, files, job.setting.durability, tasks)
    results.versions[job.side] = answer["versions"]
    results.add(job.setting, job.side, number, answer["seconds"])


def _serve(
    plan: Plan, side: str, place: str, files: Path, durability: str, tasks: Sequence[Operation]
) -> dict[str, Any]:
    request = {
        "place": place,
        "files": str(files),
        "durability": durability,
        "n": plan.n,
        "tasks": [(op.name, op.n, op.repeats) for op in tasks],
    }
    answer: dict[str, Any] = json.loads(
        run([plan.pythons[side], "-m", f"tests.benchmarks.{plan.modules}_{side}"], request)
    )
    return answer


def _measure_startup(plan: Plan, results: Results, number: int) -> None:
    directory = plan.media.get("tmpfs") or next(iter(plan.media.values()))
    for side in plan.sides if number % 2 == 0 else reversed(plan.sides):
        with _directory(directory) as place:
            root = None
            if side != "limit":
                _serve(
                    plan, side, place, Path(place), "process", ()
                )  # makes a repository, and does nothing with it
                root = Path(place, "repo")
            seconds = startup.measure(side, plan.pythons[side], root, plan.startup, repeats=3)
        results.add(_START, side, number, {key: [value] for key, value in seconds.items()})


def _measure_scale(plan: Plan, results: Results, number: int) -> None:
    parent = plan.media.get("tmpfs") or next(iter(plan.media.values()))
    measured: dict[str, list[float]] = {}
    sizes = sorted({op.n for op in plan.scale})
    for n in sizes:
        with _directory(parent) as place:
            seconds = scale.measure(plan.pythons["ours"], Path(place), n)
        measured |= {key: [value] for key, value in seconds.items()}
    results.add(_SCALE, "ours", number, measured)
    smallest = measured[f"first_page@{sizes[0]}"]
    pages = {op.key: smallest for op in plan.scale if op.unit == "s"}
    results.add(_SCALE, "limit", number, pages)


@contextlib.contextmanager
def _directory(parent: Path) -> Iterator[str]:
    with tempfile.TemporaryDirectory(prefix="butler-bench-", dir=parent.absolute()) as directory:
        yield directory


def _tables(plan: Plan, results: Results) -> dict[Setting, list[Row]]:
    settings = [
        Setting(medium, durability) for medium in plan.media for durability in ("process", "power-loss")
    ]
    tables = {setting: results.rows(setting, plan.operations) for setting in settings}
    tables[_START] = results.rows(_START, startup.OPERATIONS)
    tables[_SCALE] = results.rows(_SCALE, plan.scale)
    return {setting: rows for setting, rows in tables.items() if rows}
