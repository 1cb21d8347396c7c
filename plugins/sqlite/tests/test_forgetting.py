"""Forgetting many outcomes: in pages, each of them a short transaction."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from butler_core import tai
from butler_core.models.batch import RawBatch
from butler_core.models.dataset_ref import new_uuids
from butler_core.models.journal import BatchOutcome
from butler_core.sql import forgetting
from butler_core.testing.registries.world import RegistryWorld


def test_pages(world: RegistryWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forgetting, "PAGE", 10)
    before = datetime.now(UTC) - timedelta(days=1)
    monkeypatch.setattr("time.time_ns", lambda: int((before.timestamp() - 1) * 1e9))
    monkeypatch.setattr(tai, "now", lambda: tai.datetime_to_tai(before) - 1)
    ids = new_uuids(35)
    for batch_id in ids:
        world.registry.apply_batch(RawBatch(batch_id=batch_id))
    keep = [*ids[:10], *ids[12:25]]  # whole pages of them
    assert world.registry.forget_outcomes(before, keep=keep) == 12
    outcomes = world.registry.outcomes(ids)
    assert [batch_id for batch_id in ids if outcomes[batch_id] is BatchOutcome.COMMITTED] == keep


def test_nothing_but_what_is_old_is_looked_at(world: RegistryWorld) -> None:
    database = world.registry._context.database  # type: ignore[attr-defined]
    statement = forgetting.Forgetting(world.registry._context.schema)._find  # type: ignore[attr-defined]
    with database.read() as cursor:
        plan = "\n".join(statement.explain(database, cursor, (bytes(16), bytes(16), 0)))
    assert "SEARCH outcome USING PRIMARY KEY (batch_id>? AND batch_id<?)" in plan
    assert "TEMP B-TREE" not in plan
