"""Mending what a verification found, as far as nothing can be lost by it.

Abandoned journals are recovered.  What nothing knows of is set aside, not deleted: it may be the only copy, as after a registry
was restored from an older backup.  That needs no journal, since an artifact that no record names may be there or not.  What is
missing is brought back if it was set aside, with a journal, since a removal might go on beside it.  All else is for people to
decide: to restore a file from a copy, or to give datasets up by unstoring them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from butler_core.contracts.datastore import Datastore
from butler_core.contracts.registry import Registry
from butler_core.errors import ButlerError
from butler_core.files.names import has_token
from butler_core.models.journal import JournalEntry
from butler_core.models.names import ArtifactName
from butler_core.models.reports import VerificationFinding, VerificationReport
from butler_core.recovery import recover
from butler_core.transactions import Transactions, is_ours
from butler_core.verification.confirming import confirm_unknown, find_recorded
from butler_core.verification.counting import count_set_aside
from butler_core.verification.looking import look_at
from butler_core.verification.pairs import Scope, read_recorded

_AT_A_TIME = 200
FEW_UNKNOWN = 100
"""So many unknown artifacts are set aside, whatever their share."""


class Mender:
    """Mends findings.

    Parameters
    ----------
    registry
        Decides.
    datastore
        Has the artifacts and journals.
    transactions
        Run what needs a journal.
    """

    def __init__(self, registry: Registry, datastore: Datastore, transactions: Transactions) -> None:
        self._registry = registry
        self._datastore = datastore
        self._transactions = transactions

    def mend(self, report: VerificationReport) -> VerificationReport:
        """Mend what can be mended, and return the report with what became of each finding."""
        answers: dict[tuple[str, ArtifactName], tuple[bool, str]] = {}
        by_kind: dict[str, list[ArtifactName]] = {}
        for finding in report.findings:
            by_kind.setdefault(finding.kind, []).append(finding.artifact)
        if "journal" in by_kind:
            finished = {info.name for info in recover(self._registry, (self._datastore,)).finished}
            answers |= {
                ("journal", name): (True, "Recovered.") for name in by_kind["journal"] if name in finished
            }
        for name, answer in self._mend_missing(by_kind.get("missing", ())):
            answers["missing", name] = answer
        for name, answer in self._mend_unknown(by_kind.get("unknown", ()), report.checked):
            answers["unknown", name] = answer
        findings = [
            _answer(finding, answers.get((finding.kind, finding.artifact))) for finding in report.findings
        ]
        return report.model_copy(
            update={"findings": tuple(findings), "set_aside": count_set_aside(self._datastore)}
        )

    # -- what is missing

    def _mend_missing(
        self, artifacts: Sequence[ArtifactName]
    ) -> Iterator[tuple[ArtifactName, tuple[bool, str]]]:
        ours = [artifact for artifact in artifacts if is_ours(artifact)]
        for begin in range(0, len(ours), _AT_A_TIME):
            part = ours[begin : begin + _AT_A_TIME]
            try:
                returned = self._bring_back(part)
            except ButlerError as error:
                for artifact in part:
                    yield artifact, (False, f"Not mended: {error}")
                continue
            for artifact in returned:
                yield artifact, (True, "It had been set aside, and was brought back.")

    def _bring_back(self, artifacts: Sequence[ArtifactName]) -> set[ArtifactName]:
        entries = [entry for artifact in artifacts for entry in self._entries(artifact)]
        return self._transactions.bring_back(entries) if entries else set()

    def _entries(self, artifact: ArtifactName) -> list[JournalEntry]:
        """Return what a journal says of an artifact, by the records of this moment."""
        for recorded in read_recorded(
            self._registry, self._datastore.bridge, Scope(), after=artifact[:-1], page=8
        ):
            if recorded.artifact == artifact:
                first = recorded.records[0]
                return [
                    JournalEntry(
                        uuid=first.uuid,
                        run=first.run,
                        component=None,
                        artifact=artifact,
                        size_bytes=first.size_bytes,
                    )
                ]
            if recorded.artifact > artifact:
                break
        return []

    # -- what is unknown

    def _mend_unknown(
        self, artifacts: Sequence[ArtifactName], checked: int
    ) -> Iterator[tuple[ArtifactName, tuple[bool, str]]]:
        ours = [artifact for artifact in artifacts if has_token(artifact)]
        foreign = set(artifacts).difference(ours)
        for artifact in foreign:
            yield artifact, (False, "Left alone: its name is none that a butler gives.")
        if len(ours) > max(FEW_UNKNOWN, checked // 2):
            for artifact in ours:
                yield artifact, (False, _TOO_MANY)
            return
        for begin in range(0, len(ours), _AT_A_TIME):
            part = ours[begin : begin + _AT_A_TIME]
            try:
                yield from self._set_aside(part)
            except ButlerError as error:
                for artifact in part:
                    yield artifact, (False, f"Not mended: {error}")

    def _set_aside(
        self, artifacts: Sequence[ArtifactName]
    ) -> Iterator[tuple[ArtifactName, tuple[bool, str]]]:
        seen = look_at(self._datastore, artifacts)
        unknown = confirm_unknown(self._registry, self._datastore, seen.stats.values())
        if unknown.unreadable_journals:
            for artifact in artifacts:
                yield artifact, (False, "Left alone while a journal cannot be read.")
            return
        moved = self._datastore.set_aside([(stat.artifact, stat.identity) for stat in unknown.stats])
        names = {stat.artifact for stat in unknown.stats}
        # Somebody may have thrown the journal of a living writer away, who then committed.
        recorded = find_recorded(self._registry, self._datastore, names)
        returned = self._bring_back(sorted(recorded & moved))
        for artifact in artifacts:
            if artifact in seen.problems:
                yield artifact, (False, f"Not mended: {seen.problems[artifact]}")
            elif artifact in recorded & moved - returned:
                yield (
                    artifact,
                    (False, "Set aside, but a record names it by now: repair again to bring it back."),
                )
            elif artifact not in names or artifact in recorded:
                yield artifact, (True, "It is known, or gone, by now.")
            elif artifact in moved:
                yield artifact, (True, "Set aside.")
            else:
                yield artifact, (False, "Not mended: it changed, or went, before it could be set aside.")


_TOO_MANY = (
    "Left alone: more than half of all artifacts are unknown, as if this registry were not theirs, or an older copy.  "
    "Restore the registry, or move them away by hand."
)


def _answer(finding: VerificationFinding, answer: tuple[bool, str] | None) -> VerificationFinding:
    if answer is None:
        return finding
    repaired, detail = answer
    return finding.model_copy(update={"repaired": repaired, "detail": f"{finding.detail}  {detail}"})
