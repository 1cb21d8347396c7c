"""The part of the registry's conformance suite about finding datasets by UUID alone."""

from __future__ import annotations

from typing import Any

from butler_core.models.batch import TaggedCollectionEdit
from butler_core.models.collection import CollectionType, SetEditMode
from butler_core.models.dataset_ref import new_uuid
from butler_core.testing.registries.world import RegistryWorld


class FindingTests:
    """What must hold of refs that are found by UUID."""

    def test_refs_by_uuid(self, registry: Any, world: RegistryWorld) -> None:
        """Of several types and groups of dimensions, once for each that is asked for; RUN, not TAGGED, membership counts."""
        summaries = world.put(*(world.ref(exposure=number) for number in (102, 100)))
        (other,) = world.put(world.ref(exposure=None))
        world.register("tagged", type=CollectionType.TAGGED)
        members = frozenset([other.uuid])
        world.edit(
            TaggedCollectionEdit(collection="tagged", datasets=members, mode=SetEditMode.INSERT_OR_FAIL)
        )
        asked = [other, *summaries, other]
        found = registry.find_datasets([new_uuid(), *(ref.uuid for ref in asked)])
        assert [ref.uuid for ref in found] == [ref.uuid for ref in asked]
        assert list(found) == asked
        assert [ref.run for ref in found] == [ref.run for ref in asked]
        assert not any(ref.data_id.is_expanded for ref in found)
        assert list(registry.find_datasets([])) == []
        world.remove(*summaries)
        assert list(registry.find_datasets(ref.uuid for ref in asked)) == [other, other]
