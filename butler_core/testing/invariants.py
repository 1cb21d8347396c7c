"""What must hold in a repository at rest, whatever was killed before: checked behind the butler's back."""

from __future__ import annotations

from butler_core.butler import Butler
from butler_core.errors import ButlerError


def find_violations(butler: Butler) -> list[str]:
    """Recover, then say what is wrong; an empty list is what should come.

    Checked is that no journal is left, that a second recovery finds nothing to do, that each artifact is named by a record,
    and that every dataset which is recorded as stored can be read.
    """
    problems = []
    report = butler.recover()
    problems += [f"journal {info.name} waits" for info in report.waiting]
    problems += [f"journal {info.name} is left alone: {info.problem}" for info in report.left_alone]
    again = butler.recover()
    if again.finished or again.waiting or again.deleted:
        problems.append(f"a second recovery found something to do: {again}")
    datastore, registry = butler._datastore, butler._registry
    artifacts = {stat.artifact for stat in datastore.stat_artifacts(None)}
    unknown = artifacts - registry.referenced(datastore.bridge.datastore_id, artifacts)
    problems += [f"artifact {artifact} is named by no record" for artifact in sorted(unknown)]
    for ref in butler.query_datasets(..., ..., find_first=False).expanded():
        if ref.datastore_records:
            try:
                butler.get(ref)
            except ButlerError as error:
                problems.append(f"{ref} is recorded as stored, but: {error}")
    return problems
