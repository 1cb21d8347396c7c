"""Random edits of chains, tags and validity, compared with the simplest model there is."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from butler_core.errors import ConflictError, DatasetNotFoundError
from butler_core.models.batch import (
    Certification,
    CertificationMerge,
    ChainedCollectionEdit,
    Decertification,
    TaggedCollectionEdit,
)
from butler_core.models.collection import CollectionType, SequenceEditMode, SetEditMode
from butler_core.sql.registry import SqlRegistry
from butler_core.sql.schema.element_tables import UNBOUNDED_BEGIN, UNBOUNDED_END
from butler_core.testing.context import make_context
from butler_core.testing.registries.bridge import PlainBridge
from butler_core.testing.registries.world import FLAT, INSTRUMENT, RegistryWorld
from butler_sqlite.config import SqliteRegistryConfig
from butler_sqlite.files import create_registry, open_registry

# The fixture outlives the examples on purpose: each makes collections of its own.
_SHARED = settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
_INPUTS = ("in0", "in1")


@pytest.fixture
def world(tmp_path: Path) -> Iterator[RegistryWorld]:
    bridge = PlainBridge()
    create_registry(SqliteRegistryConfig(), make_context(tmp_path), [bridge])
    registry = open_registry(SqliteRegistryConfig(), make_context(tmp_path), [bridge])
    world = RegistryWorld(registry, bridge)
    world.populate()
    yield world
    registry.close()


@_SHARED
@given(
    st.lists(
        st.tuples(st.sampled_from(SequenceEditMode), st.lists(st.sampled_from("abcd"), max_size=4)),
        max_size=6,
    )
)
def test_chains(world: RegistryWorld, edits: list[tuple[SequenceEditMode, list[str]]]) -> None:
    world.register(*"abcd")
    chain = f"chain{len(world.collections())}"
    world.register(chain, type=CollectionType.CHAINED)
    model: list[str] = []
    for mode, children in edits:
        world.edit(ChainedCollectionEdit(chain=chain, children=tuple(children), mode=mode))
        new = list(dict.fromkeys(children))
        rest = [child for child in model if child not in new]
        model = {
            SequenceEditMode.ASSIGN: new,
            SequenceEditMode.EXTEND: rest + new,
            SequenceEditMode.PREPEND: new + rest,
            SequenceEditMode.REMOVE: rest,
        }[mode]
        assert world.children(chain) == tuple(model)


Span = tuple[int | None, int | None]
_TIMES = st.one_of(st.none(), st.integers(0, 8))
_SPANS: st.SearchStrategy[Span] = st.tuples(_TIMES, _TIMES).filter(lambda span: bool(_instants(*span)))
_EDITS = st.lists(
    st.tuples(st.sampled_from(["certify", "decertify", "merge"]), _SPANS, st.integers(0, 1)), max_size=10
)


def _instants(begin: int | None, end: int | None) -> range:
    return range(-1 if begin is None else begin, 9 if end is None else end)


@_SHARED
@given(st.lists(st.tuples(_SPANS, st.integers(0, 1), st.sampled_from(_INPUTS)), max_size=4), _EDITS)
def test_validity(
    world: RegistryWorld,
    inputs: list[tuple[Span, int, str]],
    edits: list[tuple[str, Span, int]],
) -> None:
    """The model knows, for each instant from -1 to 8, which dataset is valid in each collection."""
    prefix = f"{len(world.collections())}/"
    runs = [f"{prefix}run{number}" for number in range(2)]
    world.register(*runs)
    refs = world.put(*(world.ref(exposure=None, run=run) for run in runs))
    calib = f"{prefix}calib"
    world.register(calib, *(f"{prefix}{name}" for name in _INPUTS), type=CollectionType.CALIBRATION)
    model: dict[str, dict[int, int]] = {calib: {}, **{f"{prefix}{name}": {} for name in _INPUTS}}

    def certify(collection: str, span: Span, number: int) -> None:
        edit = Certification(collection=collection, datasets=frozenset({refs[number].uuid}), timespan=span)
        known, instants = model[collection], _instants(*span)
        if any(instant in known for instant in instants):
            before = _validity(world, collection)
            try:
                world.edit(edit)
            except ConflictError:
                pass
            else:  # exactly the same again is no conflict, and changes nothing
                assert _validity(world, collection) == before
        else:
            world.edit(edit)
            known.update(dict.fromkeys(instants, number))

    for span, number, name in inputs:
        certify(f"{prefix}{name}", span, number)
    for kind, span, number in edits:
        if kind == "certify":
            certify(calib, span, number)
        elif kind == "decertify":
            world.edit(Decertification(collection=calib, dataset_type=FLAT, timespan=span))
            for instant in _instants(*span):
                model[calib].pop(instant, None)
        else:
            order = [f"{prefix}{name}" for name in _INPUTS[:: 1 if number else -1]]
            world.edit(CertificationMerge(output=calib, inputs=tuple(order)))
            for source in order:
                model[calib] = model[source] | model[calib]
    found = {
        instant: [ref.uuid for ref in refs].index(uuid)
        for begin, end, uuid in _validity(world, calib)
        for instant in _instants(begin, end)
    }
    assert found == model[calib]


def _validity(world: RegistryWorld, collection: str) -> list[tuple[int | None, int | None, UUID]]:
    assert isinstance(world.registry, SqlRegistry)
    context = world.registry._context
    with context.database.read() as cursor:
        catalog = context.catalogs.current(cursor)
        registered = catalog.get_dataset_type(FLAT)
        table = context.schema.validity(registered.group_id, registered.dataset_type.dimensions)
        cursor.execute(
            f'SELECT _begin, _end, _uuid FROM "{table.name}" WHERE _collection = ? AND instrument = ? ORDER BY _begin',
            (catalog.get_collection(collection).id, INSTRUMENT),
        )
        return [
            (
                None if begin == UNBOUNDED_BEGIN else begin,
                None if end == UNBOUNDED_END else end,
                context.database.make_uuid(uuid),
            )
            for begin, end, uuid in cursor.fetchall()
        ]


_MEMBERS = [(run, detector) for run in range(3) for detector in range(2)]
_TAGS = st.lists(
    st.tuples(st.sampled_from(SetEditMode), st.sets(st.integers(0, len(_MEMBERS) - 1), max_size=4)),
    max_size=8,
)


class _Refused(Exception):
    """The model refuses an edit."""


def _edit_tag(model: dict[int, int], mode: SetEditMode, given: set[int]) -> dict[int, int]:
    """Return what a tag holds after an edit: for each detector, the number of a dataset."""
    if mode in (SetEditMode.REMOVE, SetEditMode.DISCARD):
        if mode is SetEditMode.REMOVE and not given <= set(model.values()):
            raise _Refused
        return {place: number for place, number in model.items() if number not in given}
    new = {_MEMBERS[number][1]: number for number in given}
    if len(new) < len(given):
        raise _Refused
    match mode:
        case SetEditMode.ASSIGN:
            return new if given else model  # of no type, so nothing is said
        case SetEditMode.INSERT_OR_FAIL:
            if not new.keys().isdisjoint(model):
                raise _Refused
            return model | new
        case SetEditMode.INSERT_OR_SKIP:
            return new | model
        case _:
            return model | new


@_SHARED
@given(_TAGS)
def test_tags(world: RegistryWorld, edits: list[tuple[SetEditMode, set[int]]]) -> None:
    prefix = f"{len(world.collections())}/"
    world.register(*(f"{prefix}{run}" for run in range(3)))
    refs = world.put(*(world.ref(detector=detector, run=f"{prefix}{run}") for run, detector in _MEMBERS))
    tag = f"{prefix}tag"
    world.register(tag, type=CollectionType.TAGGED)
    model: dict[int, int] = {}
    for mode, given_numbers in edits:
        uuids = frozenset(refs[number].uuid for number in given_numbers)
        edit = TaggedCollectionEdit(collection=tag, datasets=uuids, mode=mode)
        try:
            model = _edit_tag(model, mode, given_numbers)
        except _Refused:
            with pytest.raises((ConflictError, DatasetNotFoundError)):
                world.edit(edit)
        else:
            world.edit(edit)
        assert set(world.members(tag).values()) == {refs[number].uuid for number in model.values()}
