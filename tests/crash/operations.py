"""The writes that are killed, and what each promises: run in a child process over a prepared repository."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

from butler_core import Butler, FileDataset
from butler_core.testing.invariants import find_violations
from butler_core.testing.universe import testing_universe
from tests.butler.conftest import INSTRUMENT, RUN, data_ids, populate

MANY = 20


def prepare(template: Path) -> None:
    """Make a repository with two datasets, and files to take in beside it."""
    Butler.make_repo(template / "repo", dimensions=testing_universe(), durability="power-loss")
    with Butler(template / "repo", run=RUN) as butler:
        populate(butler)
        for n in (0, 1):
            butler.put({"old": n}, "summary", data_ids()[n])
    for n in range(3):
        (template / f"file{n}.json").write_text(json.dumps({"file": n}))


def copy(template: Path, work: Path) -> None:
    """Begin anew from the prepared repository."""
    shutil.rmtree(work, ignore_errors=True)
    shutil.copytree(template, work)


def put(butler: Butler, work: Path) -> None:
    butler.put({"new": 0}, "summary", data_ids()[10])


def put_many(butler: Butler, work: Path) -> None:
    refs = butler.make_refs("summary", data_ids()[2 : 2 + MANY])
    butler.put_many([({"new": n}, ref) for n, ref in enumerate(refs)])


def _ingest(transfer: str) -> Callable[[Butler, Path], None]:
    def ingest(butler: Butler, work: Path) -> None:
        refs = butler.make_refs("summary", data_ids()[10:14])
        files = [FileDataset(work / "file0.json", refs[:2])]
        files += [FileDataset(work / f"file{n}.json", refs[n + 1]) for n in (1, 2)]
        butler.ingest(*files, transfer=transfer)  # type: ignore[arg-type]

    return ingest


def unstore(butler: Butler, work: Path) -> None:
    butler.unstore(list(butler.query_datasets("summary", RUN)))


def recover(butler: Butler, work: Path) -> None:
    butler.recover()


OPERATIONS: dict[str, Callable[[Butler, Path], None]] = {
    "put": put,
    "put_many": put_many,
    "ingest-copy": _ingest("copy"),
    "ingest-move": _ingest("move"),
    "ingest-hardlink": _ingest("hardlink"),
    "ingest-symlink": _ingest("symlink"),
    "ingest-direct": _ingest("direct"),
    "unstore": unstore,
}


def check(work: Path, operation: str, *, finished: bool) -> list[str]:
    """Say what is wrong after an operation was killed, or ended by itself."""
    with Butler(work / "repo", collections=RUN, writeable=True) as butler:
        problems = find_violations(butler)
        refs = list(butler.query_datasets("summary", RUN).expanded())
        stored = [ref for ref in refs if ref.datastore_records]
        contents = [butler.get(ref) for ref in stored]
        old = [content for content in contents if "old" in content]
        new = len(contents) - len(old)
        many = {"put": 1, "put_many": MANY, "unstore": 0}.get(operation, 4)
        if operation == "unstore":
            if len(old) not in ((0,) if finished else (0, 2)):
                problems.append(f"{len(old)} of 2 datasets are stored after an unstore of both")
            if len(refs) != 2:
                problems.append(f"{len(refs)} of 2 datasets are registered")
        elif len(old) != 2:
            problems.append(f"{2 - len(old)} datasets were lost that were stored before")
        if new not in ((many,) if finished else (0, many)):
            problems.append(f"{new} of {many} new datasets are there")
        if len(refs) != 2 + new:
            problems.append(f"{len(refs)} datasets are registered, and {2 + new} were written")
    if operation.startswith("ingest"):
        kept = [n for n in range(3) if (work / f"file{n}.json").exists()]
        if operation != "ingest-move" and len(kept) != 3:
            problems.append(f"only the sources {kept} are left")
        if operation == "ingest-move" and not new and len(kept) != 3:
            problems.append(f"nothing was taken in, and only the sources {kept} are left")
    return problems


__all__ = ["INSTRUMENT", "OPERATIONS", "check", "copy", "prepare", "recover"]
