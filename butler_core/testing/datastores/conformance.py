"""The conformance suite of datastores: what every one of them must do, looked at behind its back."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest

from butler_core.contracts.bridge import DatastoreBridge
from butler_core.contracts.datastore import ArtifactStat, Datastore
from butler_core.errors import (
    BatchFencedError,
    ConflictError,
    CorruptError,
    DatasetExistsError,
    InvalidInputError,
)
from butler_core.files.names import batch_token
from butler_core.models.dataset_ref import DatasetRef
from butler_core.models.file_dataset import FileDataset
from butler_core.models.names import ArtifactName, TransferMode, Uri
from butler_core.testing.datastores.datasets import begin, make_refs, put
from butler_core.testing.datastores.moving_in import MovingInTests
from butler_core.testing.datastores.upkeep import UpkeepTests

CONTENTS: dict[str, list[Any]] = {
    "StructuredDataDict": [{}, {"b": [1, 2.5, None, True], "a": {"é": "\n\"'"}}],
    "StructuredDataList": [[], [1, [2, {"three": 3}]]],
    "Text": ["", "a\r\nb\tc \x00 é 😀"],
    "Bytes": [b"", b" \x00\xff\r\n", b"x" * 70_000],
}
"""Objects that must come back as they are, by storage class."""


class DatastoreConformance(MovingInTests, UpkeepTests):
    """Subclass it in a test module, supply the fixture ``datastore`` and the methods that follow, and inherit every test."""

    @pytest.fixture
    def datastore(self) -> Datastore:
        """Return a new, empty datastore that can be written to.  Overridden."""
        raise NotImplementedError

    def open_bridge(self, config: Any) -> DatastoreBridge:
        """Make a bridge of its configuration, as the plugin's ``open_bridge`` does.  Overridden."""
        raise NotImplementedError

    def peek(self, uri: Uri) -> bytes | None:
        """Read an artifact behind the datastore's back; None if it is not there.  Overridden where there are artifacts."""
        raise NotImplementedError

    def poke(self, uri: Uri, content: bytes) -> None:
        """Write an artifact, or over one, behind the datastore's back.  Overridden where there are artifacts."""
        raise NotImplementedError

    # -- putting and getting

    @pytest.mark.parametrize(
        ("storage_class", "obj"), [(name, obj) for name, objects in CONTENTS.items() for obj in objects]
    )
    def test_what_is_put_comes_back(self, datastore: Datastore, storage_class: str, obj: Any) -> None:
        refs = put(datastore, [obj], make_refs(1, storage_class), uuid4())
        (result,) = datastore.get_many([(refs[0], None)])
        assert result.dataset == obj
        assert type(result.dataset) is type(obj)
        assert (result.index, result.ref, result.parameters) == (0, refs[0], None)

    def test_results_are_paired_by_index(self, datastore: Datastore) -> None:
        refs = put(datastore, [{"n": n} for n in range(7)], make_refs(7), uuid4())
        wanted = [refs[3], refs[0], refs[3], refs[6]]
        results = list(datastore.get_many((ref, None) for ref in wanted))
        assert sorted(result.index for result in results) == [0, 1, 2, 3]
        for result in results:
            assert result.ref == wanted[result.index]
            assert result.dataset == {"n": refs.index(wanted[result.index])}

    def test_records_are_those_predicted_and_complete(self, datastore: Datastore) -> None:
        predicted, _ = begin(datastore, make_refs(2), batch_id := uuid4())
        records = datastore.put_many([({"n": n}, ref) for n, ref in enumerate(predicted)], batch_id=batch_id)
        written = records.attach_to(predicted)
        assert self._artifacts(datastore, written) == self._artifacts(datastore, predicted)
        for uri in self._uris(datastore, written):
            content = self.peek(uri)
            assert content
            (stat,) = datastore.stat_artifacts(
                self._artifacts(datastore, [written[self._uris(datastore, written).index(uri)]])
            )
            assert stat.size_bytes == len(content)

    def test_an_object_is_made_into_its_storage_class(self, datastore: Datastore) -> None:
        refs = put(datastore, [(1, 2)], make_refs(1, "StructuredDataList"), uuid4())
        assert next(datastore.get_many([(refs[0], None)])).dataset == [1, 2]

    @pytest.mark.parametrize(
        "obj",
        [["no dictionary"], {"nan": float("nan")}, {1: "no text"}, {"an": object()}],
        ids=lambda obj: type(obj).__name__,
    )
    def test_an_object_that_cannot_be_written_leaves_nothing(self, datastore: Datastore, obj: Any) -> None:
        predicted, _ = begin(datastore, make_refs(2), batch_id := uuid4())
        with pytest.raises(InvalidInputError):
            datastore.put_many(zip([{"good": 1}, obj], predicted, strict=True), batch_id=batch_id)
        datastore.delete_artifacts([], batch_id=batch_id)
        assert self._all(datastore) == set()

    def test_unknown_parameters_are_refused(self, datastore: Datastore) -> None:
        refs = put(datastore, [{}], make_refs(1), uuid4())
        with pytest.raises(InvalidInputError, match="bbox"):
            list(datastore.get_many([(refs[0], {"bbox": 1})]))

    def test_a_dataset_without_records_cannot_be_read(self, datastore: Datastore) -> None:
        (ref,) = make_refs(1)
        with pytest.raises(InvalidInputError):
            list(datastore.get_many([(ref, None)]))
        with pytest.raises(LookupError):
            list(datastore.get_many([(ref.with_datastore_records({}), None)]))

    # -- names

    def test_names_bear_the_token_of_their_batch(self, datastore: Datastore) -> None:
        refs = put(datastore, [{}], make_refs(1), batch_id := uuid4())
        for artifact in self._artifacts(datastore, refs):
            assert batch_token(batch_id) in artifact

    def test_two_batches_never_share_a_name(self, datastore: Datastore) -> None:
        refs = make_refs(1)
        first, second = [self._artifacts(datastore, put(datastore, [{}], refs, uuid4())) for _ in range(2)]
        assert not first & second

    @pytest.mark.parametrize(
        "run", ["../../up", "/etc", "..", ".butler/staging", "a//b/", "é\\😀", "x" * 400, "a/" * 300 + "b"]
    )
    def test_no_name_leaves_the_root(self, datastore: Datastore, run: str) -> None:
        refs = put(datastore, [{"a": 1}], make_refs(1, run=run), uuid4())
        artifacts = self._artifacts(datastore, refs)
        assert self._all(datastore) == artifacts
        for artifact in artifacts:
            assert not artifact.startswith(("/", "."))
            assert not {"", ".", ".."} & set(artifact.split("/"))
        assert next(datastore.get_many([(refs[0], None)])).dataset == {"a": 1}

    def test_one_dataset_twice_is_refused(self, datastore: Datastore) -> None:
        refs = make_refs(1)
        if datastore.abilities.has_artifacts:
            with pytest.raises(InvalidInputError):
                datastore.bridge.make_opaque_values([*refs, *refs], batch_id=uuid4())
        predicted, _ = begin(datastore, refs, batch_id := uuid4())
        with pytest.raises(InvalidInputError):
            datastore.put_many([({}, predicted[0]), ({}, predicted[0])], batch_id=batch_id)

    # -- no clobber

    def test_nothing_is_written_over(self, datastore: Datastore) -> None:
        self._need(datastore.abilities.has_artifacts)
        predicted, _ = begin(datastore, make_refs(1), batch_id := uuid4())
        (uri,) = self._uris(datastore, predicted)
        self.poke(uri, b"mine")
        with pytest.raises(DatasetExistsError):
            datastore.put_many([({}, predicted[0])], batch_id=batch_id)
        assert self.peek(uri) == b"mine"

    def test_one_of_many_writers_wins(self, datastore: Datastore) -> None:
        self._need(datastore.abilities.conditional_write)
        predicted, _ = begin(datastore, make_refs(1), batch_id := uuid4())
        errors: list[BaseException] = []
        start = threading.Barrier(20)

        def write(n: int) -> None:
            start.wait()
            try:
                datastore.put_many([({"n": n}, predicted[0])], batch_id=batch_id)
            except ConflictError as error:
                errors.append(error)

        threads = [threading.Thread(target=write, args=(n,)) for n in range(20)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(errors) == 19
        assert len(self._all(datastore)) == 1

    # -- what is damaged

    def test_a_missing_artifact_is_named(self, datastore: Datastore) -> None:
        self._need(datastore.abilities.has_artifacts)
        refs = put(datastore, [{}, {}], make_refs(2), uuid4())
        (artifact,) = self._artifacts(datastore, refs[:1])
        datastore.delete_artifacts([(artifact, None)], batch_id=uuid4())
        results = datastore.get_many([(refs[1], None), (refs[0], None)])
        assert next(results).index == 0
        with pytest.raises(CorruptError, match=artifact.rpartition("/")[2].replace(".", r"\.")):
            next(results)

    @pytest.mark.parametrize("content", [b"", b"{", b'{"a": 1} ', b"[1,2,3,4]"])
    def test_a_changed_artifact_is_named(self, datastore: Datastore, content: bytes) -> None:
        self._need(datastore.abilities.has_artifacts)
        refs = put(datastore, [{"a": 1}], make_refs(1), uuid4())
        self.poke(self._uris(datastore, refs)[0], content)
        with pytest.raises(CorruptError, match="summary"):
            list(datastore.get_many([(refs[0], None)]))

    # -- deleting

    def test_deleted_is_gone_and_absent_is_fine(self, datastore: Datastore) -> None:
        self._need(datastore.abilities.has_artifacts)
        refs = put(datastore, [{}, {}], make_refs(2), uuid4())
        first, second = [self._artifacts(datastore, [ref]).pop() for ref in refs]
        for _ in range(2):
            datastore.delete_artifacts([(first, None)], batch_id=uuid4())
            assert self._all(datastore) == {second}
        assert self.peek(self._uris(datastore, refs[:1])[0]) is None

    def test_another_artifact_of_the_name_stays(self, datastore: Datastore) -> None:
        self._need(datastore.abilities.delete_on_identity)
        refs = put(datastore, [{}], make_refs(1), uuid4())
        (stat,) = datastore.stat_artifacts(None)
        datastore.delete_artifacts([(stat.artifact, None)], batch_id=uuid4())
        self.poke(self._uris(datastore, refs)[0], b"another")
        datastore.delete_artifacts([(stat.artifact, stat.identity)], batch_id=uuid4())
        assert self.peek(self._uris(datastore, refs)[0]) == b"another"
        (stat,) = datastore.stat_artifacts([stat.artifact])
        datastore.delete_artifacts([(stat.artifact, stat.identity)], batch_id=uuid4())
        assert self._all(datastore) == set()

    @pytest.mark.parametrize(
        "name", ["../outside", "/etc/passwd", "a/../../b", "", "a//b", ".butler/journals/x"]
    )
    def test_nothing_outside_the_root_is_touched(self, datastore: Datastore, name: str) -> None:
        self._need(datastore.abilities.has_artifacts)
        with pytest.raises(InvalidInputError):
            datastore.delete_artifacts([(name, None)], batch_id=uuid4())
        with pytest.raises(InvalidInputError):
            list(datastore.stat_artifacts([name]))

    def test_what_is_not_ours_is_not_deleted(self, datastore: Datastore, tmp_path: Path) -> None:
        file = tmp_path / "mine"
        file.write_bytes(b"mine")
        with pytest.raises(InvalidInputError):
            datastore.delete_artifacts([(file.as_uri(), None)], batch_id=uuid4())
        assert file.exists()

    def test_a_barred_writer_makes_nothing(self, datastore: Datastore) -> None:
        self._need(datastore.abilities.bars_writers)
        predicted, _ = begin(datastore, make_refs(1), batch_id := uuid4())
        datastore.delete_artifacts([], batch_id=batch_id)
        with pytest.raises(BatchFencedError):
            datastore.put_many([({}, predicted[0])], batch_id=batch_id)
        assert self._all(datastore) == set()

    def test_a_writer_barred_while_it_writes_makes_nothing(self, datastore: Datastore) -> None:
        self._need(datastore.abilities.bars_writers)
        predicted, _ = begin(datastore, make_refs(3), batch_id := uuid4())

        def objects() -> Any:
            yield {"n": 0}, predicted[0]
            datastore.delete_artifacts([], batch_id=batch_id)
            yield {"n": 1}, predicted[1]

        with pytest.raises(BatchFencedError):
            datastore.put_many(objects(), batch_id=batch_id)
        assert self._all(datastore) == set()

    def test_barring_one_batch_leaves_others_alone(self, datastore: Datastore) -> None:
        predicted, _ = begin(datastore, make_refs(1), batch_id := uuid4())
        datastore.delete_artifacts([], batch_id=uuid4())
        datastore.put_many([({}, predicted[0])], batch_id=batch_id)

    # -- looking

    def test_every_artifact_is_listed_and_journals_are_not(self, datastore: Datastore) -> None:
        self._need(datastore.abilities.has_artifacts)
        assert self._all(datastore) == set()
        refs = make_refs(3) + make_refs(2, "Text", name="log", run="other")
        refs = put(datastore, [{}, {}, {}, "a", "b"], refs, uuid4())
        begin(datastore, make_refs(1, name="unwritten"), uuid4())
        assert self._all(datastore) == self._artifacts(datastore, refs)

    def test_artifacts_are_described(self, datastore: Datastore) -> None:
        self._need(datastore.abilities.has_artifacts)
        refs = put(datastore, ["content"], make_refs(1, "Text"), uuid4())
        (artifact,) = self._artifacts(datastore, refs)
        listed: list[ArtifactStat] = list(datastore.stat_artifacts(None, checksums="sha256"))
        assert list(datastore.stat_artifacts([artifact, f"{artifact}x", "a/b"], checksums="sha256")) == listed
        (stat,) = listed
        assert (stat.artifact, stat.size_bytes) == (artifact, 7)
        assert stat.checksum == "sha256:ed7002b439e9ac845f22357d822bac1444730fbdb6016d3ec9432297b9ec9f73"
        assert stat.modified is not None
        assert stat.modified.utcoffset() is not None
        assert next(datastore.stat_artifacts([artifact])).checksum is None

    def test_uris_lead_to_the_bytes(self, datastore: Datastore) -> None:
        self._need(datastore.abilities.has_artifacts)
        refs = put(datastore, ["a", "b"], make_refs(2, "Text"), uuid4())
        results = list(datastore.get_many_uris(refs))
        assert [self.peek(result.uri) for result in sorted(results)] == [b"a", b"b"]
        assert [result.ref for result in sorted(results)] == refs
        assert list(datastore.get_many_uris([refs[0].with_datastore_records({})])) == []
        if "get" not in datastore.abilities.signs:
            with pytest.raises(InvalidInputError):
                list(datastore.get_many_uris(refs, signed=True))

    # -- taking in and giving out

    @pytest.mark.parametrize(
        "transfer", ["auto", "copy", "move", "link", "hardlink", "symlink", "relsymlink", "direct"]
    )
    def test_a_file_is_taken_in(self, datastore: Datastore, tmp_path: Path, transfer: TransferMode) -> None:
        self._need(datastore.abilities.has_artifacts)
        file = tmp_path / "my é #1.fits.gz"
        file.write_bytes(b"content")
        refs, taken, remove_sources = self._receive(datastore, [(str(file), make_refs(1, "Bytes"))], transfer)
        assert file.exists()
        assert next(datastore.get_many([(refs[0], None)])).dataset == b"content"
        (uri,) = self._uris(datastore, refs)
        if transfer == "direct":
            assert uri == file.as_uri()
            assert taken == {file.as_uri()}
            assert self._all(datastore) == set()
        else:
            assert self._all(datastore) == taken
            assert uri.endswith(".fits.gz")
        remove_sources()
        assert file.exists() is (transfer != "move")
        if transfer in ("copy", "move", "auto", "hardlink"):
            file.unlink(missing_ok=True)
            assert next(datastore.get_many([(refs[0], None)])).dataset == b"content"

    def test_datasets_share_a_file(self, datastore: Datastore, tmp_path: Path) -> None:
        self._need(datastore.abilities.has_artifacts)
        file = tmp_path / "shared"
        file.write_bytes(b"content")
        refs, taken, _ = self._receive(datastore, [(str(file), make_refs(3, "Bytes"))], "copy")
        assert len(taken) == 1
        assert {result.dataset for result in datastore.get_many([(ref, None) for ref in refs])} == {
            b"content"
        }

    def test_relative_paths_count_from_their_root(self, datastore: Datastore, tmp_path: Path) -> None:
        self._need(datastore.abilities.has_artifacts)
        (tmp_path / "a").mkdir()
        (tmp_path / "a" / "file").write_bytes(b"content")
        for root in (str(tmp_path), tmp_path.as_uri()):
            refs, _, _ = self._receive(datastore, [("a/file", make_refs(1, "Bytes"))], "copy", root)
            assert next(datastore.get_many([(refs[0], None)])).dataset == b"content"

    @pytest.mark.parametrize("transfer", ["copy", "move", "hardlink", "symlink", "direct"])
    @pytest.mark.parametrize("problem", ["missing", "directory"])
    def test_a_bad_file_is_named_and_nothing_taken(
        self, datastore: Datastore, tmp_path: Path, transfer: TransferMode, problem: str
    ) -> None:
        self._need(datastore.abilities.has_artifacts)
        good, bad = tmp_path / "good", tmp_path / "bad"
        good.write_bytes(b"content")
        if problem == "directory":
            bad.mkdir()
        files = [(str(good), make_refs(1, "Bytes")), (str(bad), make_refs(1, "Bytes", name="other"))]
        with pytest.raises(InvalidInputError, match="bad"):
            self._receive(datastore, files, transfer)
        assert self._all(datastore) == set()
        assert good.exists()

    @pytest.mark.parametrize("transfer", ["copy", "move", "hardlink", "symlink", "direct"])
    def test_a_file_of_its_own_is_not_taken_in(
        self, datastore: Datastore, tmp_path: Path, transfer: TransferMode
    ) -> None:
        self._need(datastore.abilities.has_artifacts)
        refs = put(datastore, [b"content"], make_refs(1, "Bytes"), uuid4())
        (uri,) = self._uris(datastore, refs)
        if uri.startswith("file://"):
            link = tmp_path / "link"
            link.symlink_to(Path(uri.removeprefix("file://").replace("%25", "%")))
            for path in (uri, str(link)):
                with pytest.raises(InvalidInputError):
                    self._receive(datastore, [(path, make_refs(1, "Bytes", name="other"))], transfer)
            assert self.peek(uri) == b"content"

    @pytest.mark.parametrize("transfer", [None, "none"])
    def test_files_have_to_go_somewhere(
        self, datastore: Datastore, tmp_path: Path, transfer: TransferMode | None
    ) -> None:
        (tmp_path / "file").write_bytes(b"")
        with pytest.raises(InvalidInputError):
            self._receive(datastore, [(str(tmp_path / "file"), make_refs(1, "Bytes"))], transfer)

    def test_a_taken_name_is_not_written_over_by_a_file(self, datastore: Datastore, tmp_path: Path) -> None:
        self._need(datastore.abilities.has_artifacts)
        file = tmp_path / "file"
        file.write_bytes(b"content")
        refs = make_refs(1, "Bytes")
        files = [FileDataset(str(file), refs, "bytes")]
        predicted, _ = begin(datastore, refs, batch_id := uuid4(), files)
        (uri,) = self._uris(datastore, predicted)
        self.poke(uri, b"mine")
        for transfer in ("copy", "hardlink", "symlink"):
            with pytest.raises(DatasetExistsError):
                datastore.receive(
                    {None: [FileDataset(str(file), predicted, "bytes")]}, batch_id=batch_id, transfer=transfer
                )
        assert self.peek(uri) == b"mine"

    @pytest.mark.parametrize("transfer", [None, "none", "direct", "auto", "copy"])
    def test_what_is_exported_can_be_taken_in(
        self, datastore: Datastore, tmp_path: Path, transfer: TransferMode | None
    ) -> None:
        self._need(datastore.abilities.has_artifacts)
        refs = put(datastore, [b"1", b"2"], make_refs(2, "Bytes"), uuid4())
        to_directory = transfer in ("auto", "copy")
        directory = str(tmp_path / "out") if to_directory else None
        records, by_root = datastore.export(refs, transfer=transfer, directory=directory)
        assert records is not None
        assert records.attach_to(refs)[0].datastore_records == refs[0].datastore_records
        assert sum(len(files) for files in by_root.values()) == 2
        if to_directory:
            assert list(by_root) == [directory]
            again = [
                (file.path, make_refs(1, "Bytes", name=f"again{n}"))
                for n, file in enumerate(by_root[directory])
            ]
            new, _, _ = self._receive(datastore, again, "copy", directory)
            assert [result.dataset for result in datastore.get_many([(ref, None) for ref in new])] == [
                b"1",
                b"2",
            ]
            with pytest.raises(ConflictError):
                datastore.export(refs, transfer=transfer, directory=directory)
        assert datastore.export(refs, transfer=None, return_records=False)[0] is None

    # -- the bridge

    def test_the_bridge_goes_to_its_configuration_and_back(self, datastore: Datastore) -> None:
        bridge = self.open_bridge(datastore.bridge.config)
        refs, batch_id = make_refs(3), uuid4()
        assert bridge == datastore.bridge
        assert bridge.tables == datastore.bridge.tables
        assert bridge.config == datastore.bridge.config
        here, there = [b.make_opaque_values(refs, batch_id=batch_id) for b in (bridge, datastore.bridge)]
        assert here == there
        runs = ["u/a", "u/../b"]
        assert bridge.journal_paths(runs) == datastore.bridge.journal_paths(runs)

    def test_values_go_to_rows_and_back(self, datastore: Datastore) -> None:
        refs = put(datastore, [{}, {"a": 1}], make_refs(2), uuid4())
        bridge = datastore.bridge
        for name, table in bridge.tables.items():
            values = {ref.uuid: (ref.datastore_records or {})[name] for ref in refs}
            rows = list(bridge.opaque_values_to_raw(name, values))
            columns = {"dataset_uuid", *(column.name for column in table.columns)}
            assert all(set(row) == columns for row in rows)
            assert bridge.opaque_raw_to_values(name, rows) == values

    def test_each_run_has_a_place_for_journals(self, datastore: Datastore) -> None:
        runs = ["a", "a/b", "a%2Fb", "../up", "é", "x" * 400, "x" * 401]
        paths = datastore.bridge.journal_paths(runs)
        assert list(paths) == runs
        assert len(set(paths.values())) == len(runs)
        assert not any(".." in path.split("/") for path in paths.values())

    def test_it_can_be_closed_twice(self, datastore: Datastore) -> None:
        datastore.close()
        datastore.close()

    # -- helpers

    @staticmethod
    def _need(ability: bool) -> None:
        if not ability:
            pytest.skip("the datastore declares that it cannot")

    @staticmethod
    def _artifacts(datastore: Datastore, refs: Sequence[DatasetRef]) -> set[ArtifactName]:
        """Return the artifacts that records on refs name."""
        found = set()
        for name, table in datastore.bridge.tables.items():
            values = {ref.uuid: (ref.datastore_records or {})[name] for ref in refs}
            if table.artifact_column is not None:
                found |= {
                    row[table.artifact_column] for row in datastore.bridge.opaque_values_to_raw(name, values)
                }
        return found

    @staticmethod
    def _uris(datastore: Datastore, refs: Sequence[DatasetRef]) -> list[Uri]:
        return [
            result.uri for result in sorted(datastore.get_many_uris(refs), key=lambda result: result.index)
        ]

    @staticmethod
    def _all(datastore: Datastore) -> set[ArtifactName]:
        return {stat.artifact for stat in datastore.stat_artifacts(None)}

    def _receive(
        self,
        datastore: Datastore,
        files: Sequence[tuple[str, list[DatasetRef]]],
        transfer: TransferMode | None,
        root: Uri | None = None,
        batch_id: UUID | None = None,
    ) -> tuple[list[DatasetRef], set[ArtifactName], Callable[[], None]]:
        """Take in files as a butler would, but for the Registry: refs with records, artifacts, and how to remove the sources."""
        batch_id = batch_id or uuid4()
        given = [FileDataset(path, refs, "bytes") for path, refs in files]
        refs = [ref for file in given for ref in file.refs]
        predicted, journals = begin(datastore, refs, batch_id, given)
        expanded = iter(predicted)
        ready = [FileDataset(file.path, [next(expanded) for _ in file.refs], "bytes") for file in given]
        received = datastore.receive({root: ready}, batch_id=batch_id, transfer=transfer)
        for name in journals:
            datastore.journals.drop(name)
        written = received.records.attach_to(predicted)
        return written, self._artifacts(datastore, written), received.remove_sources
