"""What must hold in a repository at rest, whatever was killed before: checked behind the butler's back."""

from __future__ import annotations

from collections.abc import Iterable

from butler_core.butler import Butler
from butler_core.errors import ButlerError, CorruptError
from butler_core.models.collection import CollectionType
from butler_core.models.dataset_ref import DatasetRef

NO_BYTES = "no bytes"
"""Stands for the content of a dataset that is registered and not stored."""

MISSING = "missing"
"""Stands for the content of a dataset that is recorded as stored and cannot be read."""

State = dict[str, object]
"""All that users see of a repository, by what it is about, such as ``dataset summary{...} in run``."""


def find_unaccounted(butler: Butler) -> list[str]:
    """Say which artifacts neither the Registry nor a journal knows, and which datasets lack theirs.

    Holds at any moment, also before a recovery, as long as nobody is at work.
    """
    datastore, registry = butler._datastore, butler._registry
    journaled = {
        entry.artifact
        for name in datastore.journals.list()
        for entry in datastore.journals.read(name).entries
    }
    artifacts = {stat.artifact for stat in datastore.stat_artifacts(None)}
    recorded = registry.referenced(datastore.bridge.datastore_id, artifacts)
    unknown = artifacts - recorded - journaled
    problems = [f"artifact {artifact} is known to nobody" for artifact in sorted(unknown)]
    return problems + _find_unreadable(butler, _stored(butler))


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
    return problems + _find_unreadable(butler, _stored(butler))


def describe_state(butler: Butler) -> State:
    """Return what users see: each collection with its children, each dataset with its content, and who is where a member."""
    state: State = {}
    for info in butler._cache.refresh().snapshot.collections:
        state[f"collection {info.name}"] = (info.type, tuple(info.children or ()))
        if info.type is CollectionType.TAGGED:
            for ref in butler.query_datasets(..., info.name, find_first=False):
                state[f"{name_dataset(ref)}, tagged in {info.name}"] = True
    contents = {ref.uuid: _content(butler, ref) for ref in _stored(butler)}
    for ref in butler.query_datasets(..., ..., find_first=False):
        state[name_dataset(ref)] = contents.get(ref.uuid, NO_BYTES)
    return state


def name_dataset(ref: DatasetRef) -> str:
    """Return the name under which `describe_state` has a dataset."""
    values = ", ".join(f"{name}: {value}" for name, value in ref.data_id.required.items())
    return f"dataset {ref.dataset_type.name}@{{{values}}} in {ref.run}"


def _content(butler: Butler, ref: DatasetRef) -> object:
    try:
        return butler.get(ref)
    except CorruptError:
        return MISSING


def _stored(butler: Butler) -> list[DatasetRef]:
    refs = butler.query_datasets(..., ..., find_first=False).expanded()
    return list({ref.uuid: ref for ref in refs if ref.datastore_records}.values())


def _find_unreadable(butler: Butler, refs: Iterable[DatasetRef]) -> list[str]:
    problems = []
    for ref in refs:
        try:
            butler.get(ref)
        except ButlerError as error:
            problems.append(f"{ref} is recorded as stored, but: {error}")
    return problems
