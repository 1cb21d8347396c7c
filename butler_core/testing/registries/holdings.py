"""The part of the registry's conformance suite about which collections really have datasets of which types."""

from __future__ import annotations

from typing import Any

from butler_core.models.batch import (
    Certification,
    ChainedCollectionEdit,
    Decertification,
    TaggedCollectionEdit,
)
from butler_core.models.collection import CollectionType, SequenceEditMode, SetEditMode
from butler_core.models.dataset_ref import DatasetRef
from butler_core.testing.registries.world import FLAT, RUN, SUMMARY, RegistryWorld

_PLACES = (RUN, "other", "tag", "calib", "chain", "no/such/collection")
_ALL = [(name, place) for name in (SUMMARY, FLAT, "no_such_type") for place in _PLACES]


class HoldingTests:
    """What must hold of `Registry.find_holdings`, whatever the summaries say."""

    def _fill(self, world: RegistryWorld) -> tuple[DatasetRef, DatasetRef]:
        """Let every collection but ``other`` have something."""
        world.register("other")
        world.register("tag", type=CollectionType.TAGGED)
        world.register("calib", type=CollectionType.CALIBRATION)
        world.register("chain", type=CollectionType.CHAINED)
        (summary,) = world.put(world.ref())
        (flat,) = world.put(world.ref(exposure=None))
        world.edit(
            ChainedCollectionEdit(chain="chain", children=(RUN,), mode=SequenceEditMode.ASSIGN),
            TaggedCollectionEdit(
                collection="tag", datasets=frozenset([summary.uuid]), mode=SetEditMode.INSERT_OR_FAIL
            ),
            Certification(collection="calib", datasets=frozenset([flat.uuid]), timespan=(0, 10)),
        )
        return summary, flat

    def test_a_pair_is_held_if_there_is_a_dataset(self, registry: Any, world: RegistryWorld) -> None:
        assert registry.find_holdings([]) == set()
        assert registry.find_holdings(_ALL) == set()
        self._fill(world)
        held = {(SUMMARY, RUN), (FLAT, RUN), (SUMMARY, "tag"), (FLAT, "calib")}
        assert registry.find_holdings(_ALL) == held
        assert registry.find_holdings(iter(_ALL)) == held
        assert registry.find_holdings([(FLAT, RUN), (FLAT, RUN), (FLAT, "tag")]) == {(FLAT, RUN)}

    def test_what_was_taken_out_is_not_held(self, registry: Any, world: RegistryWorld) -> None:
        """Summaries may still list it."""
        summary, _ = self._fill(world)
        gone = frozenset([summary.uuid])
        world.edit(
            TaggedCollectionEdit(collection="tag", datasets=gone, mode=SetEditMode.REMOVE),
            Decertification(collection="calib", dataset_type=FLAT, timespan=(0, 5)),
        )
        assert registry.find_holdings(_ALL) == {(SUMMARY, RUN), (FLAT, RUN), (FLAT, "calib")}
        world.edit(Decertification(collection="calib", dataset_type=FLAT, timespan=(5, 10)))
        assert registry.find_holdings(_ALL) == {(SUMMARY, RUN), (FLAT, RUN)}
        world.remove(summary)
        assert registry.find_holdings(_ALL) == {(FLAT, RUN)}
