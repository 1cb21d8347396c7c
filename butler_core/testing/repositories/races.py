"""Races: many processes put the same dataset at once, deletions come late, answers to commits are lost."""

from __future__ import annotations

import os
import random
import traceback
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from butler_core.butler import Butler
from butler_core.errors import DatasetExistsError, OutcomeUnknownError, UnavailableError
from butler_core.models.batch import BatchResults, RawBatch
from butler_core.models.dataset_ref import DatasetRef
from butler_core.models.opaque import OpaqueTableKeyBatch
from butler_core.testing.repositories.crash import RepositorySuite
from butler_core.testing.repositories.invariants import find_unaccounted, find_violations
from butler_core.testing.repositories.sleepers import STEPS_OF_WRITERS, before_each_step
from butler_core.testing.repositories.small_repository import RUN, data_ids, populate
from butler_core.testing.repositories.system_calls import fork, wait

RACERS = 20
_DONE, _FAILED, _LOST, _KILLED = 0, 1, 17, 66
_NO_MORE = 255  # stands for no round: there are fewer


class Races(RepositorySuite):
    """Inherit it to have races with your backends."""

    @pytest.fixture
    def raced(self, tmp_path: Path) -> Iterator[Butler]:
        """Open a small repository."""
        self.make(tmp_path / "repo", "process")
        with Butler(tmp_path / "repo", run=RUN) as butler:
            populate(butler)
            yield butler

    @pytest.mark.parametrize("killed", [0, 3])
    def test_one_wins(self, raced: Butler, killed: int) -> None:
        self.race(raced, rounds=3, killed=killed)

    @pytest.mark.crash
    @pytest.mark.parametrize("killed", [0, 3])
    def test_one_wins_again_and_again(self, raced: Butler, killed: int) -> None:
        self.race(raced, rounds=200, killed=killed)

    def race(self, butler: Butler, rounds: int, killed: int) -> None:
        """Let processes put one data ID at once, some of which die at a step of their own; look who won."""
        chance = random.Random(killed)
        plan = [
            _Round(
                f"race/{number // len(data_ids())}",
                data_ids()[number % len(data_ids())],
                {racer: chance.randint(1, 4) for racer in chance.sample(range(RACERS), killed)},
            )
            for number in range(rounds)
        ]
        for run in {round.run for round in plan}:
            butler.register_collection(run)
        for number, codes in enumerate(_Racers(butler, plan).run()):
            assert set(codes) <= {_DONE, _LOST, _KILLED}, f"round {number}: {codes}"
            assert find_unaccounted(butler) == []
            butler.recover()
            winner = butler.get("summary", plan[number].data_id, collections=plan[number].run)["racer"]
            won = [racer for racer, code in enumerate(codes) if code == _DONE]
            assert won in ([], [winner])
            assert won or codes[winner] == _KILLED, "somebody is there who never was told"
            assert won or killed
        assert find_violations(butler) == []

    def test_a_late_deletion_spares_what_was_put_since(self, raced: Butler) -> None:
        raced.put({"content": "old"}, "summary", data_ids()[0])

        def remove_and_die() -> None:
            raced._datastore.delete_artifacts = lambda *_, **__: os._exit(_KILLED)  # type: ignore[method-assign]
            _remove(raced, raced.resolve_dataset("summary", data_ids()[0]))

        assert wait(fork(remove_and_die)) == _KILLED
        raced.put({"content": "new"}, "summary", data_ids()[0])
        assert len(list(raced._datastore.stat_artifacts(None))) == 2
        report = raced.recover()
        assert report.deleted == 1
        assert raced.get("summary", data_ids()[0]) == {"content": "new"}
        assert find_violations(raced) == []

    @pytest.mark.parametrize("happens", [True, False])
    def test_a_commit_of_which_the_answer_is_lost(
        self, raced: Butler, happens: bool, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        real: Callable[[RawBatch], BatchResults] = raced._registry.apply_batch

        def lose(batch: RawBatch) -> Any:
            if happens:
                real(batch)
            raise OutcomeUnknownError("The answer was lost.")

        with monkeypatch.context() as patch:
            patch.setattr(raced._registry, "apply_batch", lose)
            if happens:
                raced.put({"a": 1}, "summary", data_ids()[0])
            else:
                with pytest.raises(UnavailableError):
                    raced.put({"a": 1}, "summary", data_ids()[0])
        assert find_unaccounted(raced) == []
        assert len(list(raced.query_datasets("summary"))) == happens
        assert find_violations(raced) == []


class _Round(NamedTuple):
    run: str
    data_id: dict[str, int | str]
    dying: dict[int, int]
    """Before which of their steps some racers die; they end after this round in any case."""


class _Racers:
    """Processes that wait for each round together."""

    def __init__(self, butler: Butler, plan: Sequence[_Round]) -> None:
        self._butler, self._plan = butler, plan
        self._starts = [os.pipe() for _ in range(RACERS)]
        self._answers, self._answer = os.pipe()

    def run(self) -> Iterator[list[int]]:
        """Let them race; yield the codes of each round, by racer."""
        pids = [self._fork(racer) for racer in range(RACERS)]
        for number, round in enumerate(self._plan):
            for _, start in self._starts:
                os.write(start, bytes([number]))
            codes: dict[int, int] = {}
            while len(codes) < RACERS - len(round.dying):
                racer, code = os.read(self._answers, 2)
                codes[racer] = code
            codes.update({racer: wait(pids[racer]) for racer in round.dying})
            yield [codes[racer] for racer in range(RACERS)]
            for racer in round.dying:
                pids[racer] = self._fork(racer)
        for _, start in self._starts:
            os.write(start, bytes([_NO_MORE]))
        assert {wait(pid) for pid in pids} == {0}
        for descriptor in (self._answers, self._answer, *(end for ends in self._starts for end in ends)):
            os.close(descriptor)

    def _fork(self, racer: int) -> int:
        return fork(lambda: self._race(racer))

    def _race(self, racer: int) -> None:
        while (turn := os.read(self._starts[racer][0], 1)[0]) != _NO_MORE:
            round = self._plan[turn]
            if racer in round.dying:
                before_each_step(self._butler, STEPS_OF_WRITERS, partial(_die_at, round.dying[racer]))
                os._exit(self._put(racer, round))
            os.write(self._answer, bytes([racer, self._put(racer, round)]))

    def _put(self, racer: int, round: _Round) -> int:
        try:
            self._butler.put({"racer": racer}, "summary", round.data_id, run=round.run)
        except DatasetExistsError:
            return _LOST
        except Exception:
            traceback.print_exc()
            return _FAILED
        return _DONE


def _die_at(last: int, step: int) -> None:
    if step == last:
        os._exit(_KILLED)


def _remove(butler: Butler, ref: DatasetRef) -> None:
    """Remove a dataset, its registration too."""
    expansion = butler._registry.expand_existing_dataset_refs([ref], sign_for_unstore=True)
    batch = RawBatch()
    keys = OpaqueTableKeyBatch()
    for table in butler._datastore.bridge.tables:
        keys.insert(table, [ref.uuid])
    batch.opaque_table_removals = keys
    batch.dataset_removals.uuids.add(ref.uuid)
    butler._transactions.remove(batch, expansion.refs, expansion.journal_paths)
