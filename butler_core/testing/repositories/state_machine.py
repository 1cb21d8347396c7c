"""Random operations, with failures at random steps, against a model in memory."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import hypothesis.strategies as st
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from butler_core.butler import Butler
from butler_core.errors import ButlerError, DatasetExistsError, OutcomeUnknownError, UnavailableError
from butler_core.models.collection import CollectionType, SequenceEditMode, SetEditMode
from butler_core.models.dataset_ref import DatasetRef
from butler_core.models.file_dataset import FileDataset
from butler_core.models.names import TransferMode
from butler_core.testing.repositories.crash import RepositorySuite, fast_directory
from butler_core.testing.repositories.invariants import (
    NO_BYTES,
    State,
    describe_state,
    find_unaccounted,
    find_violations,
    name_dataset,
)
from butler_core.testing.repositories.sleepers import STEPS_OF_WRITERS
from butler_core.testing.repositories.small_repository import data_ids, populate

_RUNS = ("run/a", "run/b")
_TAGGED, _CHAIN = "tagged", "chain"
_STEPS = 20
_PLACES = st.tuples(st.sampled_from(_RUNS), st.integers(0, 4))


class Failure(NamedTuple):
    """Something that goes wrong, once."""

    step: int
    """Which of the steps of an operation fails, from 1 on."""
    acts: bool
    """Whether it does what it should before it fails."""


_FAILURES = st.none() | st.builds(Failure, st.integers(1, 6), st.booleans())


class FailingSteps:
    """Makes one of the next steps of a butler fail, as a store or a database that is down for a moment would."""

    def __init__(self, butler: Butler) -> None:
        self.planned: Failure | None = None
        parts = {
            "journals": butler._datastore.journals,
            "datastore": butler._datastore,
            "registry": butler._registry,
        }
        for part, names in STEPS_OF_WRITERS.items():
            for name in names:
                setattr(parts[part], name, self._wrap(name, getattr(parts[part], name)))

    def _wrap(self, name: str, method: Callable[..., Any]) -> Callable[..., Any]:
        def step(*args: Any, **kwargs: Any) -> Any:
            if self.planned is None:
                return method(*args, **kwargs)
            failure = self.planned
            self.planned = failure._replace(step=failure.step - 1) if failure.step > 1 else None
            if failure.step > 1:
                return method(*args, **kwargs)
            if failure.acts:
                method(*args, **kwargs)
            error = OutcomeUnknownError if name == "apply_batch" else UnavailableError
            raise error(f"{name}() fails.")

        return step


class RepositoryMachine(RuleBasedStateMachine):
    """A repository, and a model of what users should see of it."""

    suite: ClassVar[RepositorySuite]

    def __init__(self) -> None:
        super().__init__()
        self._directory = fast_directory()
        self._root = Path(self._directory.name)
        self.suite.make(self._root / "repo", "process")
        self._butler = Butler(self._root / "repo", writeable=True)
        populate(self._butler)
        for run in _RUNS:
            self._butler.register_collection(run)
        self._butler.register_collection(_TAGGED, CollectionType.TAGGED)
        self._butler.register_collection(_CHAIN, CollectionType.CHAINED)
        self._failing = FailingSteps(self._butler)
        self._model: State = describe_state(self._butler)
        self._refs: dict[str, DatasetRef] = {}
        self._files = 0

    def teardown(self) -> None:
        """Look whether all can be put in order, and clear away."""
        self._failing.planned = None
        assert find_violations(self._butler) == []
        assert describe_state(self._butler) == self._model
        self._butler.close()
        self._directory.cleanup()

    def _attempt(self, act: Callable[[], object], after: State, failure: Failure | None) -> None:
        """Run an operation: if it raises, all is as before or as after it; if it does not, as after it."""
        self._failing.planned = failure
        try:
            act()
        except ButlerError:
            assert failure is not None
            assert self._failing.planned is None
            found = describe_state(self._butler)
            assert found in (self._model, after)
            self._model = found
        else:
            self._model = after
        finally:
            self._failing.planned = None

    def _make_refs(self, places: Iterable[tuple[str, int]]) -> list[DatasetRef]:
        refs = []
        for run, number in places:
            refs += self._butler.make_refs("summary", [data_ids()[number]], run=run)
        return refs

    def _write(self, act: Callable[[], object], new: State, failure: Failure | None) -> None:
        """Write datasets, which is refused if one is there already."""
        if self._model.keys().isdisjoint(new):
            self._attempt(act, {**self._model, **new}, failure)
            return
        try:
            act()
        except DatasetExistsError:
            return
        raise AssertionError(f"it was not refused, though of {list(new)} there are some")

    @rule(
        places=st.lists(_PLACES, min_size=1, max_size=4, unique=True),
        number=st.integers(0, 1000),
        failure=_FAILURES,
    )
    def put(self, places: list[tuple[str, int]], number: int, failure: Failure | None) -> None:
        refs = self._make_refs(places)
        content = {"n": number}
        new: State = {name_dataset(ref): content for ref in refs}
        self._write(lambda: self._butler.put_many([(content, ref) for ref in refs]), new, failure)

    @rule(
        places=st.lists(_PLACES, min_size=1, max_size=2, unique=True),
        transfer=st.sampled_from(["copy", "move", "hardlink", "symlink", "direct"]),
        failure=_FAILURES,
    )
    def ingest(self, places: list[tuple[str, int]], transfer: TransferMode, failure: Failure | None) -> None:
        refs = self._make_refs(places)
        self._files += 1
        path = self._root / f"{self._files}.json"
        path.write_text(json.dumps({"file": self._files}))
        new: State = {name_dataset(ref): {"file": self._files} for ref in refs}
        self._write(lambda: self._butler.ingest(FileDataset(path, refs), transfer=transfer), new, failure)
        if not new.items() <= self._model.items():
            assert path.exists()

    def _find(self, places: Iterable[tuple[str, int]]) -> list[DatasetRef]:
        wanted = {name_dataset(ref) for ref in self._make_refs(places)}
        return [
            ref
            for ref in self._butler.query_datasets("summary", "run/*", find_first=False)
            if name_dataset(ref) in wanted
        ]

    @rule(places=st.lists(_PLACES, min_size=1, max_size=6, unique=True), failure=_FAILURES)
    def unstore(self, places: list[tuple[str, int]], failure: Failure | None) -> None:
        refs = self._find(places)
        gone: State = {name_dataset(ref): NO_BYTES for ref in refs}
        self._attempt(lambda: self._butler.unstore(refs), {**self._model, **gone}, failure)

    @rule(places=st.lists(_PLACES, min_size=1, max_size=6, unique=True), failure=_FAILURES)
    def remove(self, places: list[tuple[str, int]], failure: Failure | None) -> None:
        refs = self._find(places)
        names = {name_dataset(ref) for ref in refs}
        gone = names | {f"{name}, tagged in {_TAGGED}" for name in names}

        def act() -> None:
            with self._butler.removal() as removal:
                removal.include_datasets(refs, find_associations_in=...)

        self._attempt(act, {key: value for key, value in self._model.items() if key not in gone}, failure)

    @rule(number=st.integers(0, 4), run=st.sampled_from(_RUNS), failure=_FAILURES)
    def tag(self, number: int, run: str, failure: Failure | None) -> None:
        refs = self._find([(run, number)])
        if refs:
            others = {
                f"{name_dataset(ref)}, tagged in {_TAGGED}" for ref in self._find((r, number) for r in _RUNS)
            }
            after = {key: value for key, value in self._model.items() if key not in others}
            after[f"{name_dataset(refs[0])}, tagged in {_TAGGED}"] = True
            mode = SetEditMode.INSERT_OR_REPLACE
            self._attempt(lambda: self._butler.edit_associations(_TAGGED, refs, mode), after, failure)

    @rule(children=st.permutations([*_RUNS, _TAGGED]), count=st.integers(0, 3), failure=_FAILURES)
    def edit_chain(self, children: list[str], count: int, failure: Failure | None) -> None:
        chosen = children[:count]
        after = {**self._model, f"collection {_CHAIN}": (CollectionType.CHAINED, tuple(chosen))}
        self._attempt(
            lambda: self._butler.edit_collection_chain(_CHAIN, chosen, SequenceEditMode.ASSIGN),
            after,
            failure,
        )

    @rule()
    def recover(self) -> None:
        assert find_violations(self._butler) == []

    @invariant()
    def users_see_what_the_model_says(self) -> None:
        assert describe_state(self._butler) == self._model
        assert find_unaccounted(self._butler) == []


class RandomOperations(RepositorySuite):
    """Inherit it to have random operations on your backends, with failures; ``hypothesis``'s profile says how many."""

    def test_random_operations(self) -> None:
        machine = type("Machine", (RepositoryMachine,), {"suite": self})
        # Each example makes a repository, and looks at all of it after each step.
        fewer = max(5, settings().max_examples // 10)
        run_state_machine_as_test(
            machine, settings=settings(max_examples=fewer, stateful_step_count=_STEPS, deadline=None)
        )
