"""The butler: the users' door to one repository.  It composes the parts and decides nothing itself."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence, Set
from typing import Any

from butler_core import recovery, repository, transfers
from butler_core.aliases import DatasetTypePattern
from butler_core.butler_methods.finding import Finding
from butler_core.butler_methods.reading import Reading
from butler_core.butler_methods.writing import Writing
from butler_core.models.collection import SetInsertMode
from butler_core.models.config import RepositoryConfig
from butler_core.models.names import (
    CollectionPattern,
    Durability,
    TransferMode,
    Uri,
    UriExpression,
)
from butler_core.models.reports import JournalInfo, RecoveryReport, TransferReport, VerificationReport
from butler_core.models.universe import DimensionUniverse


class Butler(Reading, Finding, Writing):
    """One repository.  Accepts unexpanded refs wherever its base asks for expanded ones.

    May be shared between threads; batches may not.  Pickles to its configuration and defaults, opens its own connections
    after unpickling or a fork, and carries no credentials along.  Data ID keywords win over ``data_id``, both over the defaults.

    Parameters
    ----------
    config
        Path, URI, label or configuration of the repository.
    butler
        Share this one's connections and caches, under other defaults.
    collections
        Searched where a call names none.
    run
        Written to where a call names none; registered when a writeable butler opens with it, and searched if ``collections`` is
        None.
    search_paths
        Where configuration files are looked for by name.
    writeable
        None: as ``butler`` has it, else only if ``run`` is given.
    infer_defaults
        Take governor values from the default collections, where these hold just one at the time.
    progress
        Told what long operations have done.
    **kwargs
        Default data ID values, by any key that a data ID may have.

    Raises
    ------
    NotFoundError
        If there is no such repository or collection.
    ConfigurationError, PluginError
        If its configuration, or a plugin that it names, is not in order.
    """

    # -- the repository

    @staticmethod
    def make_repo(
        root: UriExpression,
        config: RepositoryConfig | Mapping[str, Any] | UriExpression | None = None,
        dimensions: DimensionUniverse | str | UriExpression | None = None,
        *,
        search_paths: Sequence[UriExpression] = (),
        outfile: UriExpression | None = None,
        overwrite: bool = False,
        durability: Durability = "power-loss",
    ) -> RepositoryConfig:
        """Create a repository; all defaults are written out.

        Parameters
        ----------
        root
            Directory; made if it is not there.
        config
            None: SQLite and POSIX.
        dimensions
            A universe, its plugin's name or a YAML file; may be left out if just one universe is installed.
        search_paths
            Where configuration files are looked for by name.
        outfile
            Put the configuration there instead of in ``root``.
        overwrite
            Replace that file, and nothing else.
        durability
            What a finished write survives: a power cut, or a killed process.

        Raises
        ------
        ConflictError
            If there is a repository already.
        UnavailableError
            If nothing can be written there.  Whatever fails, what was made is taken away again.
        """
        return repository.make_repository(
            root,
            config,
            dimensions,
            search_paths=search_paths,
            outfile=outfile,
            overwrite=overwrite,
            durability=durability,
        )

    @staticmethod
    def get_repo_uri(label: str) -> Uri:
        """Look a label up in the repository index; `NotFoundError` lists the labels there are."""
        index = repository.read_index()
        return repository.look_up_label(index, label)

    @staticmethod
    def get_known_repos() -> Set[str]:
        """Return all labels in the repository index."""
        return repository.read_index().keys()

    # -- between repositories

    def import_(
        self,
        filename: UriExpression | None = None,
        *,
        transfer: TransferMode | None = None,
        directory: UriExpression | None = None,
        dimension_insert_mode: SetInsertMode | None = None,
        record_validation_info: bool = True,
        skip_files: bool = False,
        dry_run: bool = False,
    ) -> TransferReport:
        """Take in an export, chunk by chunk; run again after a failure, it goes on where it stopped.

        Parameters
        ----------
        filename
            The export; its format is seen from name and header.
        transfer
            How its files come in, as for `ingest`; None is "copy".
        directory
            Where its relative paths begin; None: beside the export.
        dimension_insert_mode
            What becomes of dimension records that are there already; None: skipped.
        record_validation_info
            Note sizes.
        skip_files
            Register datasets as not stored.
        dry_run
            Read and check all of it, and change nothing.

        Raises
        ------
        InvalidInputError, IncompatibleError, CorruptError
            If the export cannot be understood; the error names file and line.
        """
        if not dry_run:
            self._check_writeable()
        importer = transfers.Importer(
            self._registry, self._datastore, self._transactions, self._cache, self.dimensions, self._progress
        )
        return importer.run(
            filename,
            transfer=transfer,
            directory=directory,
            dimension_insert_mode=dimension_insert_mode,
            record_validation_info=record_validation_info,
            skip_files=skip_files,
            dry_run=dry_run,
        )

    # -- upkeep

    def journals(self) -> list[JournalInfo]:
        """Describe the open journals, oldest first; damaged and foreign ones too, marked so."""
        self._parts()
        return recovery.list_journals(self._registry, (self._datastore,))

    def recover(self, *, dry_run: bool = False) -> RecoveryReport:
        """Bring artifacts in step with the Registry, for every journal whose writer is gone.

        Safe beside live writers, and to interrupt and run again.
        """
        if not dry_run:
            self._check_writeable()
        return recovery.recover(self._registry, (self._datastore,), dry_run=dry_run)

    def verify(
        self,
        collections: CollectionPattern = ...,
        dataset_types: DatasetTypePattern = ...,
        *,
        sample: float = 1.0,
        checksums: bool = False,
        repair: bool = False,
        workers: int | None = None,
        resume: str | None = None,
    ) -> VerificationReport:
        """Compare artifacts, journals and records both ways; safe beside live writers.

        Parameters
        ----------
        collections, dataset_types
            Only datasets of these; artifacts that no record names are looked for only if both are ``...``.
        sample
            Fraction of the datasets, always the same ones.
        checksums
            Read all bytes that have a recorded checksum.
        repair
            Mend what loses nothing: recover abandoned journals, set aside what nothing knows of, bring back what is missed.
        workers
            Threads that look at artifacts; None: as many as suit this machine.
        resume
            Token of an earlier report, which had so many findings that it stopped; other arguments as there.
        """
        # Imported where they are needed, here and below: few who open a butler verify anything.
        from butler_core.verification.asking import Gathering

        if repair:
            self._check_writeable()
        parts = self.verify_in_parts(collections, dataset_types, sample, checksums, workers, resume)
        report = Gathering().take(parts)
        return self.repair(report) if repair else report

    def verify_in_parts(
        self,
        collections: CollectionPattern = ...,
        dataset_types: DatasetTypePattern = ...,
        sample: float = 1.0,
        checksums: bool = False,
        workers: int | None = None,
        resume: str | None = None,
    ) -> Iterator[VerificationReport]:
        """Verify part by part, for whoever wants to show findings as they come, or to stop: see `verify`."""
        from butler_core.verification.asking import make_scope
        from butler_core.verification.verifier import Verifier, VerifyOptions

        parts = self._parts()
        scope = make_scope(self._cache.refresh(), collections, dataset_types, self.collections)
        options = VerifyOptions(scope, sample, checksums, workers)
        return Verifier(parts.registry, parts.datastore, options, self._progress).run(resume)

    def repair(self, report: VerificationReport) -> VerificationReport:
        """Mend what a report says, as far as nothing is lost by it: see `verify`."""
        from butler_core.verification.mending import Mender

        self._check_writeable()
        return Mender(self._registry, self._datastore, self._transactions).mend(report)
