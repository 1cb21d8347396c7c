"""Going through a repository, part by part, and saying what is not as it should be.  It changes nothing."""

from __future__ import annotations

import base64
import json
import os
import zlib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import Literal, NamedTuple, TypeAlias
from uuid import UUID

from butler_core.contracts.datastore import ArtifactStat, Datastore
from butler_core.contracts.registry import Registry
from butler_core.errors import InvalidInputError
from butler_core.files.checksums import algorithm_of
from butler_core.models.names import ArtifactName, Progress
from butler_core.models.reports import VerificationFinding, VerificationReport
from butler_core.recovery import recover
from butler_core.verification.confirming import confirm_unknown, find_recorded
from butler_core.verification.counting import count_set_aside
from butler_core.verification.looking import look
from butler_core.verification.pairs import Pair, Scope, is_sampled, pair, read_recorded

PAGE = 4000
"""How many artifacts are in memory at a time."""

_Kind: TypeAlias = Literal["missing", "unknown", "size", "checksum", "journal", "unreadable"]


class VerifyOptions(NamedTuple):
    """What to verify, and how thoroughly."""

    scope: Scope = Scope()
    sample: float = 1.0
    """Fraction of the datasets."""
    checksums: bool = False
    """Whether to read all bytes that have a recorded checksum."""
    workers: int | None = None
    """Threads; None: as many as suit this machine."""

    def check(self) -> None:
        """Raise `InvalidInputError` for what makes no sense."""
        if not 0 < self.sample <= 1:
            raise InvalidInputError(
                f"{self.sample} is no fraction of the datasets.", remedy="Give more than 0, and 1 at most."
            )
        if self.workers is not None and self.workers < 1:
            raise InvalidInputError(f"{self.workers} threads can do nothing.", remedy="Give 1 or more.")


class Verifier:
    """Compares artifacts, journals and records both ways.

    Parameters
    ----------
    registry
        Has the records.
    datastore
        Has artifacts and journals.
    options
        What to verify.
    progress
        Told how many artifacts were compared.
    """

    def __init__(
        self,
        registry: Registry,
        datastore: Datastore,
        options: VerifyOptions,
        progress: Progress | None = None,
    ) -> None:
        options.check()
        self._registry = registry
        self._datastore = datastore
        self._options = options
        self._progress = progress
        workers = options.workers or min(32, 4 * (os.cpu_count() or 1))
        self._threads = ThreadPoolExecutor(workers, thread_name_prefix="butler-verify")

    def run(self, resume: str | None = None) -> Iterator[VerificationReport]:
        """Yield reports of one part after another; the last has no token to go on with."""
        after = self._read_token(resume) if resume else ""
        try:
            findings = () if resume else self._check_journals()
            yield self._report(findings, (), resume).model_copy(
                update={"set_aside": count_set_aside(self._datastore)}
            )
            pairs, checked = self._pairs(after), 0
            while chunk := list(islice(pairs, PAGE)):
                sampled = [each for each in chunk if is_sampled(each, self._options.sample)]
                yield self._report(self._compare(sampled), sampled, self._write_token(chunk[-1].artifact))
                checked += len(sampled)
                if self._progress is not None:
                    self._progress("verify", checked, None)
        finally:
            self._threads.shutdown(cancel_futures=True)
        yield self._report((), (), None)

    def _report(
        self, findings: Iterable[VerificationFinding], pairs: Sequence[Pair], resume: str | None
    ) -> VerificationReport:
        return VerificationReport(
            findings=tuple(findings),
            checked=len(pairs),
            checked_bytes=sum(_size_of(each) for each in pairs),
            resume=resume,
        )

    def _pairs(self, after: ArtifactName) -> Iterator[Pair]:
        scope = self._options.scope
        recorded = read_recorded(self._registry, self._datastore.bridge, scope, after=after, page=PAGE)
        # What no record names belongs to no collection: it is looked for only where all of them count.
        listing = self._datastore.stat_artifacts(None, after=after) if scope.is_whole else iter(())
        return pair(listing, recorded)

    # -- journals

    def _check_journals(self) -> Iterator[VerificationFinding]:
        found = recover(self._registry, (self._datastore,), dry_run=True)
        for info in found.finished:
            detail = f"Its writer is gone; {info.artifacts} artifacts wait for 'butler recover'."
            yield self._finding("journal", info.name, (), detail)
        for info in found.left_alone:
            yield self._finding("journal", info.name, (), info.problem)

    # -- artifacts and records

    def _compare(self, pairs: Sequence[Pair]) -> list[VerificationFinding]:
        findings = list(self._find_unknown([each.stat for each in pairs if each.stat and not each.records]))
        recorded = [each for each in pairs if each.records]
        seen = look(self._datastore, self._threads, [each.artifact for each in recorded if not each.stat])
        stats = {each.artifact: each.stat for each in recorded if each.stat} | seen.stats
        # A link that leads nowhere has nothing to read.
        stats = {name: stat for name, stat in stats.items() if not stat.is_dangling}
        there = [each for each in recorded if each.artifact in stats]
        absent = [each for each in recorded if each.artifact not in stats]
        good: list[Pair] = []
        for each in there:
            wrong = self._compare_size(each, stats[each.artifact])
            if wrong is None:
                good.append(each)
            else:
                findings.append(wrong)
        problems = seen.problems
        if self._options.checksums:
            problems = problems | self._compare_checksums(good, findings, absent)
        by_name = {each.artifact: each for each in recorded}
        findings += [
            self._finding("unreadable", name, by_name[name].uuids, problem)
            for name, problem in problems.items()
        ]
        findings += self._find_missing([each for each in absent if each.artifact not in problems])
        return sorted(findings, key=lambda finding: finding.artifact)

    def _compare_size(self, each: Pair, stat: ArtifactStat) -> VerificationFinding | None:
        wrong = {r.uuid: r.size_bytes for r in each.records if r.size_bytes not in (None, stat.size_bytes)}
        if not wrong:
            return None
        expected = next(iter(wrong.values()))
        detail = f"It has {stat.size_bytes} bytes, but {expected} are recorded."
        return self._finding("size", each.artifact, tuple(wrong), detail)

    def _compare_checksums(
        self, pairs: Iterable[Pair], findings: list[VerificationFinding], absent: list[Pair]
    ) -> dict[ArtifactName, str]:
        """Compare checksums where there are any; add what is wrong, and what has gone meanwhile, return what is unreadable."""
        by_algorithm: dict[str, list[Pair]] = defaultdict(list)
        for each in pairs:
            for algorithm in {algorithm_of(r.checksum) for r in each.records if r.checksum}:
                by_algorithm[algorithm].append(each)
        problems: dict[ArtifactName, str] = {}
        for algorithm, group in by_algorithm.items():
            names = [each.artifact for each in group]
            seen = look(self._datastore, self._threads, names, checksums=algorithm)
            problems |= seen.problems
            for each in group:
                stat = seen.stats.get(each.artifact)
                if stat is None:
                    absent.append(each)
                elif stat.checksum is None:
                    problems[each.artifact] = "It has no content to read: a link that leads nowhere?"
                else:
                    findings += self._compare_checksum(each, algorithm, stat.checksum)
        return problems

    def _compare_checksum(self, each: Pair, algorithm: str, found: str) -> Iterator[VerificationFinding]:
        wrong = {
            r.uuid: r.checksum
            for r in each.records
            if r.checksum and algorithm_of(r.checksum) == algorithm and r.checksum != found
        }
        if wrong:
            detail = f"It has checksum {found}, but {next(iter(wrong.values()))} is recorded."
            yield self._finding("checksum", each.artifact, tuple(wrong), detail)

    def _find_missing(self, absent: Sequence[Pair]) -> Iterator[VerificationFinding]:
        recorded = find_recorded(self._registry, self._datastore, [each.artifact for each in absent])
        for each in {each.artifact: each for each in absent}.values():
            if each.artifact in recorded:
                count = len(each.uuids)
                detail = f"It is not there, but {count} dataset{'s are' if count > 1 else ' is'} recorded to be in it."
                yield self._finding("missing", each.artifact, each.uuids, detail)

    def _find_unknown(self, seen: Sequence[ArtifactStat]) -> Iterator[VerificationFinding]:
        if not seen:
            return
        unknown = confirm_unknown(self._registry, self._datastore, seen)
        for stat in unknown.stats:
            detail = f"Neither a record nor a journal names it ({stat.size_bytes} bytes)."
            if unknown.unreadable_journals:
                detail += f"  Journal {unknown.unreadable_journals[0]} might, but it cannot be read."
            yield self._finding("unknown", stat.artifact, (), detail)

    def _finding(
        self, kind: _Kind, artifact: ArtifactName, uuids: tuple[UUID, ...], detail: str
    ) -> VerificationFinding:
        return VerificationFinding(
            kind=kind,
            datastore=self._datastore.bridge.datastore_id,
            # A file may have a name that is no text; a report is.
            artifact=artifact.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace"),
            uuids=uuids,
            detail=detail,
            repaired=False,
        )

    # -- going on later

    def _write_token(self, after: ArtifactName) -> str:
        content = json.dumps([self._digest(), after])
        return base64.urlsafe_b64encode(content.encode()).decode()

    def _read_token(self, token: str) -> ArtifactName:
        try:
            content = json.loads(base64.b64decode(token.encode("ascii"), altchars=b"-_", validate=True))
            digest, after = content
            if digest != self._digest() or not isinstance(after, str):
                raise ValueError("it belongs to another verification")
        except (ValueError, TypeError, RecursionError) as error:
            raise InvalidInputError(
                f"{token[:80]!r} is not where a verification of this kind stopped: {error}.",
                remedy="Give the token unchanged, and collections, dataset types, sample and checksums as before.",
            ) from error
        return after

    def _digest(self) -> int:
        """Return a number that tells verifications apart well enough to notice the token of another one."""
        options = self._options._replace(workers=None)
        return zlib.crc32(repr((self._datastore.bridge.datastore_id, options)).encode())


def _size_of(each: Pair) -> int:
    if each.stat is not None:
        return each.stat.size_bytes
    return next((r.size_bytes for r in each.records if r.size_bytes is not None), 0)
