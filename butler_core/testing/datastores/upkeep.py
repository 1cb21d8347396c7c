"""The part of the datastores' conformance suite about what upkeep needs: listings in order, and artifacts moved aside."""

from __future__ import annotations

from uuid import uuid4

import pytest

from butler_core.contracts.datastore import ArtifactStat, Datastore
from butler_core.errors import BatchFencedError, CorruptError
from butler_core.models.dataset_ref import DatasetRef
from butler_core.testing.datastores.datasets import bring_back, make_journal, make_refs, put

# Code points: "-" comes before "/", so a-b before a/b; an order by language would put "B" elsewhere.
RUNS = ["a/b", "B", "a-b", "a", "a/b/c", "é", "a0"]


class UpkeepTests:
    """What must hold so that artifacts can be compared with records, and orphans be put out of the way."""

    @pytest.fixture
    def stored(self, datastore: Datastore) -> list[DatasetRef]:
        """Datasets in several RUNs."""
        if not datastore.abilities.has_artifacts:
            pytest.skip("has no artifacts")
        refs = [ref for run in RUNS for ref in make_refs(2, run=run)]
        return put(datastore, [{"n": n} for n in range(len(refs))], refs, uuid4())

    def test_a_listing_is_in_order(self, datastore: Datastore, stored: list[DatasetRef]) -> None:
        names = [stat.artifact for stat in datastore.stat_artifacts(None)]
        assert names == sorted(names)
        assert len(set(names)) == len(stored)

    def test_a_listing_goes_on_behind_any_name(self, datastore: Datastore, stored: list[DatasetRef]) -> None:
        names = [stat.artifact for stat in datastore.stat_artifacts(None)]
        directories = {name[: n + 1] for name in names for n, char in enumerate(name) if char == "/"}
        for after in [*names, *directories, *(name[:-1] for name in names), "", "\U0010ffff"]:
            found = [stat.artifact for stat in datastore.stat_artifacts(None, after=after)]
            assert found == [name for name in names if name > after]

    def test_what_is_set_aside_is_gone_and_comes_back(
        self, datastore: Datastore, stored: list[DatasetRef]
    ) -> None:
        before = list(datastore.stat_artifacts(None))
        aside, kept = before[:3], before[3:]
        names = {stat.artifact for stat in aside}
        for _ in range(2):  # absent ones are fine
            datastore.set_aside([(stat.artifact, stat.identity) for stat in aside])
            assert list(datastore.stat_artifacts(None)) == kept
            assert list(datastore.stat_artifacts(names)) == []
            assert [(stat.artifact, stat.size_bytes) for stat in datastore.stat_set_aside()] == [
                (stat.artifact, stat.size_bytes) for stat in aside
            ]
        assert _unreadable(datastore, stored) == 3
        assert bring_back(datastore, stored[0], [*names, kept[0].artifact, "never/there"]) == names
        assert _names(datastore) == [stat.artifact for stat in before]
        assert _unreadable(datastore, stored) == 0
        assert bring_back(datastore, stored[0], names) == set()
        assert list(datastore.stat_set_aside()) == []

    def test_only_what_was_looked_at_is_set_aside(
        self, datastore: Datastore, stored: list[DatasetRef]
    ) -> None:
        first, second, *_ = datastore.stat_artifacts(None)
        datastore.set_aside([(first.artifact, second.identity)])
        assert first in list(datastore.stat_artifacts(None))
        datastore.set_aside([(first.artifact, None)])
        assert first.artifact not in _names(datastore)

    def test_nothing_is_replaced_by_what_comes_back(
        self, datastore: Datastore, stored: list[DatasetRef]
    ) -> None:
        before = _names(datastore)
        datastore.set_aside([(before[0], None)])
        bring_back(datastore, stored[0], before)
        assert _names(datastore) == before
        assert _unreadable(datastore, stored) == 0

    def test_who_was_barred_brings_nothing_back(self, datastore: Datastore, stored: list[DatasetRef]) -> None:
        """Whoever wakes up late would make what no journal names any more."""
        if not datastore.abilities.bars_writers:
            pytest.skip("bars nobody")
        (artifact, *_), batch_id = _names(datastore), uuid4()
        datastore.set_aside([(artifact, None)])
        path = datastore.bridge.journal_paths([stored[0].run])[stored[0].run]
        datastore.journals.create(path, make_journal(datastore, stored[:1], batch_id, kind="remove"))
        datastore.delete_artifacts((), batch_id=batch_id)
        with pytest.raises(BatchFencedError):
            datastore.bring_back([artifact], batch_id=batch_id)
        assert artifact not in _names(datastore)
        assert bring_back(datastore, stored[0], [artifact]) == {artifact}

    @pytest.mark.parametrize("algorithm", ["sha256", "blake3"])
    def test_checksums_are_of_the_algorithm_asked_for(
        self, datastore: Datastore, stored: list[DatasetRef], algorithm: str
    ) -> None:
        if algorithm == "blake3":
            pytest.importorskip("blake3")  # an extra, which a datastore's author need not have
        stats: list[ArtifactStat] = list(datastore.stat_artifacts(None, checksums=algorithm))  # type: ignore[arg-type]
        for stat in stats:
            assert stat.checksum is not None
            assert stat.checksum.startswith(f"{algorithm}:")
        assert len({stat.checksum for stat in stats}) == len(stored)


def _names(datastore: Datastore) -> list[str]:
    return [stat.artifact for stat in datastore.stat_artifacts(None)]


def _unreadable(datastore: Datastore, refs: list[DatasetRef]) -> int:
    count = 0
    for ref in refs:
        try:
            list(datastore.get_many([(ref, None)]))
        except CorruptError:
            count += 1
    return count
