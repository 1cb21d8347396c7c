"""What the protocol's conformance suite works with: a butler with things to write, and the check of what was recorded."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from butler_core import recovery
from butler_core.butler import Butler
from butler_core.models.dataset_ref import DatasetRef
from butler_core.models.file_dataset import FileDataset
from butler_core.testing.protocol.paths import find_deviation
from butler_core.testing.protocol.recorder import Recorder
from butler_core.testing.repositories.invariants import find_violations
from butler_core.writer import WriterState

INSTRUMENT, KIND, RUNS = "Cam", "protocol_thing", ("protocol/a", "protocol/b")


def populate(butler: Butler) -> None:
    """Define what the suite writes: things of detectors, in two RUNs."""
    butler.insert_dimension_data("instrument", [{"name": INSTRUMENT, "detector_max": 20}])
    butler.insert_dimension_data(
        "detector",
        [
            {
                "instrument": INSTRUMENT,
                "id": n,
                "full_name": f"D{n}",
                "purpose": "SCIENCE",
                "is_science": True,
            }
            for n in range(20)
        ],
    )
    butler.register_dataset_type(KIND, ["instrument", "detector"], "StructuredDataDict")
    for run in RUNS:
        butler.register_collection(run)


class ProtocolFixtures:
    """Nobody can tell whether a writer lives in these tests, so recovery goes ahead beside all of them."""

    @pytest.fixture
    def butler(self) -> Iterator[Butler]:
        """Return a writeable butler of a new repository with the testing universe.  Overridden."""
        raise NotImplementedError

    @pytest.fixture(autouse=True)
    def world(self, butler: Butler, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        populate(butler)
        self.files = tmp_path
        monkeypatch.setattr(recovery, "find_writer_state", lambda writer: WriterState.UNKNOWN)
        monkeypatch.setattr(recovery, "PATIENCE", timedelta(0))

    def refs(self, butler: Butler, *detectors: int, run: str = RUNS[0]) -> list[DatasetRef]:
        """Return refs of new datasets."""
        return butler.make_refs(KIND, [{"instrument": INSTRUMENT, "detector": n} for n in detectors], run=run)

    def shared_file(self, butler: Butler) -> FileDataset:
        """Return a file with two datasets."""
        path = self.files / "shared.json"
        path.write_text("{}")
        return FileDataset(os.fspath(path), self.refs(butler, 2, 3))

    def check(self, butler: Butler, recorder: Recorder) -> None:
        """Demand that a recording is a path of the model, and that the repository is sound when all is recovered."""
        deviation = find_deviation(recorder, can_bar=butler._datastore.abilities.bars_writers)
        assert not deviation, deviation
        assert find_violations(butler) == []
