"""File systems that are not what a butler expects: not mounted, with times that no calendar has, with files of two names."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import uuid4

import pytest

from butler_core import Butler, DatasetRef, FileDataset
from butler_core.contracts.datastore import ArtifactStat
from butler_core.errors import ButlerError, CorruptError, OutcomeUnknownError, UnavailableError
from butler_core.files.local import time_of_change
from butler_core.testing.universe import testing_universe
from butler_core.writer import identify_writer
from butler_posix._staging import _encode
from tests.butler.conftest import RUN, data_ids, populate
from tests.butler.test_datasets import ID, files_under


@pytest.fixture
def stored(butler: Butler) -> DatasetRef:
    """Store a dataset."""
    return butler.put({"a": 1}, "summary", ID)


def remove_all(butler: Butler) -> None:
    with butler.removal() as removal:
        removal.include_collections([RUN])


OPERATIONS: dict[str, Callable[[Butler], object]] = {
    "put": lambda butler: butler.put({"a": 2}, "summary", data_ids()[-1]),
    "remove": remove_all,
    "unstore": lambda butler: butler.unstore(list(butler.query_datasets("summary", RUN))),
    "journals": lambda butler: butler.journals(),
    "recover": lambda butler: butler.recover(),
    "verify": lambda butler: butler.verify(),
}


@pytest.mark.parametrize("opened", ["before", "after"])
@pytest.mark.parametrize("operation", OPERATIONS)
def test_a_place_to_mount_something_on_is_no_datastore(
    butler: Butler, root: Path, stored: DatasetRef, operation: str, opened: str
) -> None:
    """What was written there, or removed, would be out of step as soon as the file system is back."""
    (root / "data").rename(root / "elsewhere")
    (root / "data").mkdir()
    with Butler(root, run=RUN, writeable=True) as late:
        with pytest.raises(UnavailableError, match="no directory"):
            OPERATIONS[operation](butler if opened == "before" else late)
        with pytest.raises(ButlerError):
            late.get(stored)
    assert os.listdir(root / "data") == []
    (root / "data").rmdir()
    (root / "elsewhere").rename(root / "data")
    assert butler.get(stored) == {"a": 1}
    assert (butler.verify().checked, butler.verify().findings, butler.journals()) == (1, (), [])
    OPERATIONS[operation](butler)


SECONDS = [-(2**62), -(2**40), -(2**33), -1, 0, 2**33, 2**40, 2**62]


@pytest.mark.parametrize("seconds", SECONDS)
def test_the_time_of_any_file_can_be_told(seconds: int) -> None:
    time = time_of_change(os.stat_result((0o100644, 1, 1, 1, 0, 0, 0, 0, seconds, 0)))
    assert time.utcoffset() is not None
    assert len(f"{time:%Y%m%d}") == 8
    if abs(seconds) <= 2**33:
        assert time.timestamp() == seconds


@pytest.mark.parametrize("seconds", [-(2**40), 2**40])
def test_files_of_no_time_hold_up_neither_recovery_nor_verification(seconds: int) -> None:
    try:
        place = TemporaryDirectory(dir="/dev/shm")  # which notes any time, as many a network file system does
    except OSError:
        pytest.skip("There is no file system in memory here.")
    with place as directory:
        root, source = Path(directory, "repo"), Path(directory, "source")
        Butler.make_repo(root, dimensions=testing_universe(), durability="process")
        writer = identify_writer().model_copy(update={"process_start": 1})
        leftover = root / "data/.butler/staging" / f"{uuid4().hex}.{_encode(writer)}"
        leftover.mkdir()
        source.write_text("{}")
        with Butler(root, run=RUN) as butler:
            populate(butler)
            for path in (leftover, source):
                os.utime(path, (seconds, seconds))
            butler.ingest(FileDataset(source, butler.make_refs("summary", [ID])), transfer="hardlink")
            assert len(butler.recover().finished) == 1
            assert butler.verify().findings == ()
        assert not leftover.exists()


def test_a_leftover_that_changes_under_its_other_name_goes(
    butler: Butler, root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = tmp_path / "source"
    source.write_text("{}")
    file = FileDataset(source, butler.make_refs("summary", [ID]))
    with monkeypatch.context() as patch:
        outage = UnavailableError("The registry is down.")
        patch.setattr(butler._registry, "apply_batch", fail(outage))
        patch.setattr(butler._registry, "fence", fail(outage))
        with pytest.raises(OutcomeUnknownError):
            butler.ingest(file, transfer="hardlink")
    assert len(files_under(root)) == 1
    look = butler._datastore.stat_artifacts

    def look_and_change(names: Iterable[str]) -> Iterator[ArtifactStat]:
        found = list(look(names))
        source.write_text("{}{}")
        return iter(found)

    monkeypatch.setattr(butler._datastore, "stat_artifacts", look_and_change)
    assert butler.recover().deleted == 1
    assert (files_under(root), butler.journals()) == ([], [])
    assert source.exists()


def test_staging_behind_a_link_out_of_the_root(butler: Butler, root: Path) -> None:
    """What recovery removes there is not ours, whatever it is called."""
    staging, outside = root / "data/.butler/staging", root / "outside"
    staging.rename(outside)
    staging.symlink_to(outside)
    writer = identify_writer().model_copy(update={"process_start": 1})
    stranger = outside / f"{uuid4().hex}.{_encode(writer)}" / "file"
    stranger.parent.mkdir()
    stranger.write_text("")
    with pytest.raises(CorruptError, match="leads out"):
        butler.recover()
    with pytest.raises(CorruptError, match="leads out"):
        butler.put({"a": 1}, "summary", ID)
    assert [path for path in outside.rglob("*") if path.is_file()] == [stranger]


def fail(error: Exception) -> Callable[..., None]:
    def raise_it(*_: object) -> None:
        raise error

    return raise_it
