"""Each mistake in the protocol that is seeded on purpose is caught: by killing, by sleepers, or by cutting the power."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from butler_core.testing.repositories.crash import RepositorySuite, kill_everywhere, stage
from butler_core.testing.repositories.operations import (
    IngestMove,
    Operation,
    Put,
    Recover,
    Unstore,
    UnstoreShared,
)
from butler_core.testing.repositories.power import cut_power
from butler_core.testing.repositories.sleepers import sleep_everywhere
from tests.crash import mutations

Catcher = Callable[..., tuple[int, list[str]]]

SEEDED: list[tuple[Callable[[], None], Catcher, Operation]] = [
    (mutations.journal_dropped_early, kill_everywhere, Put()),
    (mutations.no_journal, kill_everywhere, Put()),
    (mutations.commit_before_write, kill_everywhere, Put()),
    (mutations.no_fence, sleep_everywhere, Put()),
    (mutations.fence_after_the_read, sleep_everywhere, Put()),
    (mutations.writers_not_barred, sleep_everywhere, Put()),
    (mutations.files_not_synced, cut_power, Put()),
    (mutations.directories_not_synced, cut_power, Put()),
    (mutations.commit_not_synced, cut_power, Put()),
    (mutations.last_of_file_decided_before_the_commit, kill_everywhere, UnstoreShared()),
    (mutations.deleted_without_asking, kill_everywhere, UnstoreShared()),
    (mutations.deleted_before_the_commit, kill_everywhere, Unstore()),
    (mutations.source_of_a_move_removed_early, kill_everywhere, IngestMove()),
    (mutations.deleted_without_asking, kill_everywhere, Recover()),
]


@pytest.mark.crash
@pytest.mark.parametrize(
    ("mutation", "catcher", "operation"),
    SEEDED,
    ids=[f"{mutation.__name__}-{operation.name}" for mutation, _, operation in SEEDED],
)
def test_a_seeded_mistake_is_caught(
    mutation: Callable[[], None], catcher: Catcher, operation: Operation
) -> None:
    with stage(RepositorySuite().make, operation) as made:
        tried, problems = catcher(made, mutation, stop_at=1)
    assert problems, f"{catcher.__name__} tried {tried} ways and saw nothing"
    assert "ended with 1" not in problems[0], "it does not work at all, which anybody would notice"
    print(f"{mutation.__name__:40} {catcher.__name__:18} {operation.name:16} {problems[0]}")
