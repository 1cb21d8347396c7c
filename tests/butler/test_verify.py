"""Verification finds each thing that can be wrong, nothing else, and mends what loses nothing."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from butler_core import Butler, DatasetRef, FileDataset, SetAside, SetEditMode, VerificationReport
from butler_core.errors import ForbiddenError, InvalidInputError, NotFoundError, UnavailableError
from butler_core.models.collection import CollectionType
from butler_core.testing.universe import testing_universe
from butler_core.verification import asking, mending, verifier
from butler_core.verification.looking import Look
from butler_posix import _io
from tests.butler.conftest import RUN, data_ids, populate
from tests.butler.test_consistency import plant
from tests.butler.test_datasets import files_under

ORPHAN = "somewhere/orphan_0123456789abcdef.json"


@pytest.fixture
def stored(butler: Butler) -> list[DatasetRef]:
    """Datasets, each in a file of its own."""
    refs = butler.make_refs("summary", data_ids()[:10])
    return butler.put_many([({"n": n}, ref) for n, ref in enumerate(refs)])


def artifact_of(butler: Butler, ref: DatasetRef) -> str:
    (records,) = (ref.datastore_records or {}).values()
    artifact: str = records[0].artifact
    return artifact


def path_of(butler: Butler, root: Path, ref: DatasetRef) -> Path:
    return root / "data" / artifact_of(butler, ref)


def add(root: Path, name: str, content: str = "{}") -> Path:
    path = root / "data" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)
    return path


def found(report: VerificationReport) -> list[tuple[str, str, bool]]:
    return [(each.kind, each.artifact, each.repaired) for each in report.findings]


def lost_under(root: Path) -> list[str]:
    lost = root / "data/.butler/lost"
    return sorted(str(path.relative_to(lost)) for path in lost.rglob("*") if path.is_file())


# -- what is found


def test_nothing_is_wrong(butler: Butler, root: Path, stored: list[DatasetRef]) -> None:
    report = butler.verify(checksums=True, repair=True)
    size = sum(path_of(butler, root, ref).stat().st_size for ref in stored)
    assert report == VerificationReport(findings=(), checked=10, checked_bytes=size, resume=None)


def test_an_empty_repository(butler: Butler) -> None:
    assert butler.verify() == VerificationReport(findings=(), checked=0, checked_bytes=0, resume=None)


def test_what_is_missing(butler: Butler, root: Path, stored: list[DatasetRef]) -> None:
    path_of(butler, root, stored[3]).unlink()
    (finding,) = butler.verify(repair=True).findings
    assert (finding.kind, finding.artifact) == ("missing", artifact_of(butler, stored[3]))
    assert finding.uuids == (stored[3].uuid,)
    assert not finding.repaired
    # What records say of it may be needed to restore it: they stay, until somebody gives the dataset up.
    assert len(butler.verify().findings) == 1
    butler.unstore([stored[3]])
    assert butler.verify().findings == ()
    assert butler.exists(stored[3]).name == "REGISTERED"


def test_a_link_that_leads_nowhere_is_missing(butler: Butler, root: Path, tmp_path: Path) -> None:
    (tmp_path / "file.json").write_text("{}")
    refs = butler.make_refs("summary", data_ids()[:1])
    butler.ingest(FileDataset(tmp_path / "file.json", refs), transfer="symlink")
    assert butler.verify().findings == ()
    (tmp_path / "file.json").unlink()
    for scope in (..., RUN):
        assert [each[0::2] for each in found(butler.verify(scope))] == [("missing", False)]


def test_what_has_another_size(butler: Butler, root: Path, stored: list[DatasetRef]) -> None:
    path_of(butler, root, stored[0]).write_text("much longer than it was")
    (finding,) = butler.verify(repair=True).findings
    assert (finding.kind, finding.uuids, finding.repaired) == ("size", (stored[0].uuid,), False)
    assert "23 bytes, but 7 are recorded" in finding.detail


@pytest.mark.parametrize("algorithm", ["sha256", "blake3"])
def test_what_has_another_content(tmp_path: Path, algorithm: str) -> None:
    root = tmp_path / "repo"
    config = {"datastore": {"type": "posix", "checksum": algorithm}}
    Butler.make_repo(root, config, testing_universe(), durability="process")
    with Butler(root, run=RUN) as butler:
        populate(butler)
        refs = [butler.put({"n": n}, "summary", data_ids()[n]) for n in range(5)]
        assert butler.verify(checksums=True).findings == ()
        path = path_of(butler, root, refs[2])
        path.write_bytes(path.read_bytes().replace(b"2", b"3"))
        assert butler.verify().findings == ()
        (finding,) = butler.verify(checksums=True, repair=True).findings
    assert (finding.kind, finding.uuids, finding.repaired) == ("checksum", (refs[2].uuid,), False)
    assert f"{algorithm}:" in finding.detail


def test_a_file_of_several_datasets_is_found_once(butler: Butler, root: Path, tmp_path: Path) -> None:
    (tmp_path / "file.json").write_text("{}")
    refs = butler.make_refs("summary", data_ids()[:3])
    shared = butler.ingest(FileDataset(tmp_path / "file.json", refs))
    assert butler.verify().checked == 1
    path_of(butler, root, shared[0]).unlink()
    (finding,) = butler.verify().findings
    assert set(finding.uuids) == {ref.uuid for ref in refs}


def test_what_nothing_knows(butler: Butler, root: Path, stored: list[DatasetRef]) -> None:
    add(root, ORPHAN)
    assert found(butler.verify()) == [("unknown", ORPHAN, False)]
    assert (root / "data" / ORPHAN).exists()


def test_a_file_whose_name_is_no_text(butler: Butler, root: Path, stored: list[DatasetRef]) -> None:
    (root / "data" / os.fsdecode(b"r\xe9sum\xe9")).write_text("")
    (finding,) = butler.verify(repair=True).findings
    assert (finding.kind, finding.artifact, finding.repaired) == ("unknown", r"r\xe9sum\xe9", False)
    assert json.loads(finding.model_dump_json())


def test_files_that_are_not_ours(butler: Butler, root: Path, tmp_path: Path) -> None:
    files = [tmp_path / f"file{n}.json" for n in range(3)]
    for file in files:
        file.write_text("{}")
    refs = butler.make_refs("summary", data_ids()[:3])
    each = [FileDataset(file, ref) for file, ref in zip(files, refs, strict=True)]
    butler.ingest(*each, transfer="direct")
    assert butler.verify().checked == 3
    files[0].unlink()
    files[1].write_text("changed")
    assert found(butler.verify(repair=True)) == [
        ("missing", files[0].as_uri(), False),
        ("size", files[1].as_uri(), False),
    ]
    assert files[1].exists()


def test_what_cannot_be_looked_at_stops_nothing(
    butler: Butler, root: Path, stored: list[DatasetRef], monkeypatch: pytest.MonkeyPatch
) -> None:
    bad = artifact_of(butler, stored[4])
    path_of(butler, root, stored[5]).unlink()
    real = butler._datastore.stat_artifacts

    def stat_artifacts(artifacts: Any, **options: Any) -> Iterator[Any]:
        for stat in real(artifacts, **options):
            if artifacts is not None and stat.artifact == bad:
                raise UnavailableError("input/output error")
            yield stat

    monkeypatch.setattr(butler._datastore, "stat_artifacts", stat_artifacts)
    assert found(butler.verify(RUN)) == sorted(
        [("unreadable", bad, False), ("missing", artifact_of(butler, stored[5]), False)], key=lambda f: f[1]
    )


def test_a_checksum_that_nobody_can_compute(butler: Butler, stored: list[DatasetRef]) -> None:
    table = butler._datastore.bridge.table_name  # type: ignore[attr-defined]
    with butler._registry._context.database.write() as cursor:  # type: ignore[attr-defined]
        cursor.execute(f"UPDATE opaque_{table} SET checksum = 'md5:00'")
    report = butler.verify(checksums=True)
    assert [finding.kind for finding in report.findings] == ["unreadable"] * 10
    assert "'md5'" in report.findings[0].detail


def test_a_disk_that_is_not_mounted(butler: Butler, root: Path, stored: list[DatasetRef]) -> None:
    (root / "data").rename(root / "elsewhere")
    (root / "data").mkdir()
    with pytest.raises(UnavailableError, match="mounted"):
        butler.verify(repair=True)


# -- journals


def test_journals_of_the_dead(butler: Butler, root: Path) -> None:
    left = add(root, ORPHAN)
    plant(butler, root, ORPHAN)
    (finding,) = butler.verify().findings
    assert (finding.kind, finding.repaired) == ("journal", False)
    assert left.exists()
    assert [each[0::2] for each in found(butler.verify(repair=True))] == [("journal", True)]
    assert not left.exists()
    assert butler.verify().findings == ()


def test_a_damaged_journal_protects_what_it_might_name(butler: Butler, root: Path) -> None:
    journal = plant(butler, root, "x")
    journal.write_bytes(journal.read_bytes()[:-20])
    add(root, ORPHAN)
    report = butler.verify(repair=True)
    assert sorted(each[0::2] for each in found(report)) == [("journal", False), ("unknown", False)]
    assert all(journal.name in finding.artifact + finding.detail for finding in report.findings)
    assert lost_under(root) == []
    journal.unlink()
    assert found(butler.verify(repair=True)) == [("unknown", ORPHAN, True)]


# -- repair


def test_what_is_unknown_is_set_aside_and_not_lost(
    butler: Butler, root: Path, stored: list[DatasetRef]
) -> None:
    add(root, ORPHAN, "precious")
    assert found(butler.verify(repair=True)) == [("unknown", ORPHAN, True)]
    assert lost_under(root) == [ORPHAN]
    assert (root / "data/.butler/lost" / ORPHAN).read_text() == "precious"
    assert butler.verify().findings == ()


def test_a_report_says_what_lies_aside(butler: Butler, root: Path, stored: list[DatasetRef]) -> None:
    assert butler.verify(repair=True).set_aside == ()
    for n, (name, content) in enumerate({ORPHAN: "precious", f"z{ORPHAN}": "more"}.items()):
        os.utime(add(root, name, content), (86400 * (n + 1),) * 2)
    assert butler.verify().set_aside == ()
    aside = SetAside(
        datastore=butler._datastore.bridge.datastore_id,
        artifacts=2,
        size_bytes=len("precious") + len("more"),
        oldest=datetime(1970, 1, 2, tzinfo=UTC),
    )
    assert butler.verify(repair=True).set_aside == (aside,)
    assert butler.verify("*", ["summary"], sample=0.1).set_aside == (aside,)
    shutil.rmtree(root / "data/.butler/lost")
    assert butler.verify().set_aside == ()


def test_what_was_brought_back_lies_aside_no_more(
    butler: Butler, root: Path, stored: list[DatasetRef]
) -> None:
    butler._datastore.set_aside([(artifact_of(butler, stored[0]), None)])
    assert [each.artifacts for each in butler.verify().set_aside] == [1]
    assert butler.verify(repair=True).set_aside == ()


def test_names_that_no_butler_gives_are_left_alone(butler: Butler, root: Path) -> None:
    foreign = ["README", "a/no-token.json", "b_0123456789ABCDEF.json", "c_0123456789abcdef/file", "_abc"]
    for name in foreign:
        add(root, name)
    assert found(butler.verify(repair=True)) == [("unknown", name, False) for name in sorted(foreign)]
    assert files_under(root) == sorted(foreign)


def test_an_older_registry_costs_nothing(butler: Butler, root: Path) -> None:
    first = butler.put({"first": 1}, "summary", data_ids()[0])
    butler.close()
    registry, backup = root / "registry.sqlite3", root / "backup"
    shutil.copy(registry, backup)
    with Butler(root, run=RUN) as later:
        second = later.put({"second": 2}, "summary", data_ids()[1])
    newest = root / "newest"
    registry.rename(newest)
    backup.rename(registry)
    with Butler(root, run=RUN) as older:
        assert [each[0::2] for each in found(older.verify(repair=True))] == [("unknown", True)]
        assert older.get(first) == {"first": 1}
    newest.rename(registry)
    with Butler(root, run=RUN) as again:
        assert [each[0::2] for each in found(again.verify())] == [("missing", False)]
        assert [each[0::2] for each in found(again.verify(repair=True))] == [("missing", True)]
        assert again.get(second) == {"second": 2}
        assert again.verify(checksums=True).findings == ()
        assert again.journals() == []
    assert lost_under(root) == []


def test_what_moves_is_safe_elsewhere_before_it_goes(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A power cut may keep a file's removal and lose its new name, unless that was synced before."""
    repo = root.parent / "durable"
    Butler.make_repo(repo, dimensions=testing_universe(), durability="power-loss")
    steps: list[tuple[str, str]] = []
    with Butler(repo, run=RUN) as butler:
        add(repo, ORPHAN)
        monkeypatch.setattr(_io, "step", lambda *step: steps.append(step))
        butler.verify(repair=True)
    done = [(what, Path(path).relative_to(repo / "data").as_posix()) for what, path in steps]
    lost = f".butler/lost/{ORPHAN}"
    order = [("link", lost), ("fsync", lost.rpartition("/")[0]), ("unlink", ORPHAN), ("fsync", "somewhere")]
    places = [done.index(step) for step in order]
    assert places == sorted(places)


def test_a_place_for_the_lost_that_was_cleared_away_is_made_again(butler: Butler, root: Path) -> None:
    add(root, ORPHAN)
    butler.verify(repair=True)
    shutil.rmtree(root / "data/.butler/lost")
    again = add(root, ORPHAN)
    assert found(butler.verify(repair=True)) == [("unknown", ORPHAN, True)]
    assert not again.exists()
    assert lost_under(root) == [ORPHAN]


def test_what_was_not_moved_is_not_called_mended(
    butler: Butler, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    left = add(root, ORPHAN)
    monkeypatch.setattr(butler._datastore, "set_aside", lambda artifacts: set())
    assert found(butler.verify(repair=True)) == [("unknown", ORPHAN, False)]
    assert left.exists()


def test_a_directory_that_was_cleared_away_is_made_again(
    butler: Butler, root: Path, stored: list[DatasetRef]
) -> None:
    names = sorted(artifact_of(butler, ref) for ref in stored)
    assert butler._datastore.set_aside([(name, None) for name in names]) == set(names)
    shutil.rmtree(path_of(butler, root, stored[0]).parent)
    assert found(butler.verify(repair=True)) == [("missing", name, True) for name in names]
    assert butler.get(stored[0]) == {"n": 0}


def test_what_cannot_be_looked_at_is_not_called_mended(
    butler: Butler, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add(root, ORPHAN)
    monkeypatch.setattr(mending, "look_at", lambda *_: Look({}, {ORPHAN: "Not today."}))
    (finding,) = butler.verify(repair=True).findings
    assert not finding.repaired
    assert "Not today." in finding.detail


def test_what_is_cleared_away_while_it_moves_keeps_its_old_name(
    butler: Butler, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    left, other = add(root, ORPHAN), add(root, f"z{ORPHAN}")

    def clear(what: str, path: str) -> None:
        if what == "link" and path.endswith(f"z{ORPHAN}"):
            shutil.rmtree(root / "data/.butler/lost", ignore_errors=True)

    monkeypatch.setattr(_io, "step", clear)
    assert {each[2] for each in found(butler.verify(repair=True))} == {False}
    assert left.exists()
    assert other.exists()


def test_what_is_recorded_and_did_not_come_back_is_not_called_mended(
    butler: Butler, root: Path, stored: list[DatasetRef], monkeypatch: pytest.MonkeyPatch
) -> None:
    orphan = add(root, ORPHAN)
    monkeypatch.setattr(mending, "find_recorded", lambda *_: {ORPHAN})
    assert found(butler.verify(repair=True)) == [("unknown", ORPHAN, False)]
    assert not orphan.exists()
    assert lost_under(root) == [ORPHAN]


def test_a_registry_of_something_else_moves_nothing(
    butler: Butler, root: Path, stored: list[DatasetRef], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mending, "FEW_UNKNOWN", 3)
    for n in range(11):
        add(root, f"{n}{ORPHAN}")
    report = butler.verify(repair=True)
    assert [each[0::2] for each in found(report)] == [("unknown", False)] * 11
    assert "more than half" in report.findings[0].detail
    (root / "data" / f"0{ORPHAN}").unlink()
    assert {each[2] for each in found(butler.verify(repair=True))} == {True}


def test_what_is_removed_while_it_is_brought_back_is_gone(
    butler: Butler, root: Path, stored: list[DatasetRef], monkeypatch: pytest.MonkeyPatch
) -> None:
    ref = stored[0]
    butler._datastore.set_aside([(artifact_of(butler, ref), None)])
    real: Callable[..., set[str]] = butler._datastore.bring_back

    def bring_back(artifacts: Any, **batch: Any) -> set[str]:
        with Butler(root, writeable=True) as other:
            other.unstore([ref])
        return real(artifacts, **batch)

    monkeypatch.setattr(butler._datastore, "bring_back", bring_back)
    butler.verify(repair=True)
    assert artifact_of(butler, ref) not in files_under(root)
    assert butler.verify().findings == ()


def test_a_record_that_comes_after_all(
    butler: Butler, root: Path, stored: list[DatasetRef], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody threw the journal of a living writer away, which commits after its artifact was found to be unknown."""
    later = []
    real = butler._transactions._commit

    def commit(batch: Any, *rest: Any) -> Any:
        for journal in (root / "data/.butler/journals").rglob("*.json"):
            journal.unlink()
        set_aside = butler._datastore.set_aside

        def commit_first(artifacts: Any) -> set[str]:
            monkeypatch.undo()
            later.append(real(batch, *rest))
            return set_aside(artifacts)

        monkeypatch.setattr(butler._datastore, "set_aside", commit_first)
        with Butler(butler=butler) as other:
            other.verify(repair=True)
        return later[0]

    monkeypatch.setattr(butler._transactions, "_commit", commit)
    ref = butler.put({"late": 1}, "summary", data_ids()[20])
    assert later
    assert butler.get(ref) == {"late": 1}
    assert butler.verify().findings == ()


def test_only_who_may_write_may_repair(butler: Butler, root: Path) -> None:
    add(root, ORPHAN)
    with Butler(root) as reader:
        assert len(reader.verify().findings) == 1
        with pytest.raises(ForbiddenError):
            reader.verify(repair=True)


# -- only some of it


def test_only_some_collections_and_types(butler: Butler, root: Path, stored: list[DatasetRef]) -> None:
    butler.register_collection("tag", CollectionType.TAGGED)
    butler.edit_associations("tag", stored[:2], SetEditMode.ASSIGN)
    butler.register_dataset_type("other", ["instrument"], "StructuredDataDict")
    butler.register_collection("another")
    other = butler.put({}, "other", instrument="Cam", run="another")
    for ref in (stored[0], stored[5], other):
        path_of(butler, root, ref).unlink()
    add(root, ORPHAN)

    def missing(*scope: Any) -> set[Any]:
        findings = butler.verify(*scope).findings
        assert {finding.kind for finding in findings} <= {"missing"}
        return {uuid for finding in findings for uuid in finding.uuids}

    in_run = {stored[0].uuid, stored[5].uuid}
    assert missing(RUN) == missing(None) == missing("u/*") == in_run
    assert missing("tag") == {stored[0].uuid}
    assert missing(["tag", "another"]) == {stored[0].uuid, other.uuid}
    assert missing(..., "other") == {other.uuid}
    assert missing(["tag", "another"], "summary") == {stored[0].uuid}
    assert missing(()) == set()
    assert len(butler.verify().findings) == 4
    with pytest.raises(NotFoundError, match="nowhere"):
        butler.verify("nowhere")
    with pytest.raises(NotFoundError, match="nothing"):
        butler.verify(..., "nothing")


def test_samples_are_the_same_each_time(butler: Butler, root: Path) -> None:
    run_of = butler.put_many([({}, ref) for ref in butler.make_refs("summary", data_ids())])
    for ref in run_of:
        path_of(butler, root, ref).unlink()
    every = set(found(butler.verify()))
    assert len(every) == 24
    some = found(butler.verify(sample=0.4))
    assert some == found(butler.verify(sample=0.4))
    assert 0 < len(some) < 24
    assert set(some) < set(found(butler.verify(sample=0.9))) <= every


@pytest.mark.parametrize("wrong", [{"sample": 0}, {"sample": 1.1}, {"workers": 0}, {"resume": "x"}])
def test_what_makes_no_sense_is_told(butler: Butler, wrong: dict[str, Any]) -> None:
    with pytest.raises(InvalidInputError):
        butler.verify(**wrong)


# -- large, and in parts


def damage(butler: Butler, root: Path, stored: list[DatasetRef]) -> list[tuple[str, str, bool]]:
    """Do something to most artifacts; return what is to be found, in order."""
    expected = []
    for n, ref in enumerate(stored):
        path, name = path_of(butler, root, ref), artifact_of(butler, ref)
        if n % 3 == 0:
            path.unlink()
            expected.append(("missing", name, False))
        elif n % 3 == 1:
            path.write_text("x")
            expected.append(("size", name, False))
    for name in ("0", "u/test/first/summary/Cam/0!", "u/test/first/summary/Cam/1/zzz", "zzz"):
        add(root, name)
        expected.append(("unknown", name, False))
    return sorted(expected, key=lambda each: each[1])


@pytest.mark.parametrize("page", [1, 2, 3, 7, 1000])
@pytest.mark.parametrize("workers", [None, 1])
def test_pages_do_not_show(
    butler: Butler,
    root: Path,
    stored: list[DatasetRef],
    monkeypatch: pytest.MonkeyPatch,
    page: int,
    workers: int | None,
) -> None:
    expected = damage(butler, root, stored)
    monkeypatch.setattr(verifier, "PAGE", page)
    assert found(butler.verify(workers=workers)) == expected
    assert found(butler.verify(RUN, workers=workers)) == [each for each in expected if each[0] != "unknown"]


@pytest.mark.parametrize("page", [1, 3])
def test_it_goes_on_where_it_stopped(
    butler: Butler, root: Path, stored: list[DatasetRef], monkeypatch: pytest.MonkeyPatch, page: int
) -> None:
    expected = damage(butler, root, stored)
    whole = butler.verify()
    monkeypatch.setattr(verifier, "PAGE", page)
    monkeypatch.setattr(asking, "MAX_FINDINGS", 2)
    seen, checked, token, rounds = [], 0, None, 0
    while rounds == 0 or token:
        report = butler.verify(resume=token)
        seen += found(report)
        checked, token, rounds = checked + report.checked, report.resume, rounds + 1
    assert seen == expected == found(whole)
    assert checked == whole.checked
    assert rounds > 2
    token = butler.verify().resume
    assert token
    with pytest.raises(InvalidInputError, match="another verification"):
        butler.verify(checksums=True, resume=token)


def test_questions_are_asked_page_by_page(
    butler: Butler, root: Path, stored: list[DatasetRef], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ten artifacts in pages of five: two pages of records, and one question more for what is suspicious on each."""
    calls: list[str] = []
    for name in ("records_by_artifact", "referenced", "outcomes"):
        real = getattr(butler._registry, name)

        def count(*args: Any, _name: str = name, _real: Any = real, **kwargs: Any) -> Any:
            calls.append(_name)
            return _real(*args, **kwargs)

        monkeypatch.setattr(butler._registry, name, count)
    monkeypatch.setattr(verifier, "PAGE", 5)
    told: list[tuple[str, int, int | None]] = []
    butler._progress = lambda *args: told.append(args)
    butler.verify()
    assert calls.count("referenced") == 0
    assert calls.count("records_by_artifact") <= 3
    assert told == [("verify", 5, None), ("verify", 10, None)]
    path_of(butler, root, stored[0]).unlink()
    path_of(butler, root, stored[1]).unlink()
    calls.clear()
    butler.verify()
    assert calls.count("referenced") <= 2
