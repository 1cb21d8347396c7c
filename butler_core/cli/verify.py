"""``butler verify``: compare artifacts, journals and records, and mend what can be mended without loss."""

from __future__ import annotations

from collections import Counter
from types import EllipsisType
from typing import Any

import click

from butler_core.cli.common import collections_option, open_butler, root_argument, split_names
from butler_core.cli.output import json_option, print_facts, print_rows
from butler_core.cli.progress import shown_progress
from butler_core.models.reports import SetAside, VerificationFinding, VerificationReport
from butler_core.verification.asking import Gathering

FOUND = 9
"""What the process ends with if something is not mended."""
_INTERRUPTED = 130

_REMEDIES = {
    "missing": "Restore files that are missing from a copy, or give their datasets up: butler unstore.",
    "size": "Restore files that have changed from a copy, or give their datasets up: butler unstore.",
    "checksum": "Restore files that have changed from a copy, or give their datasets up: butler unstore.",
    "unknown": "butler verify --repair sets aside what a butler wrote and nothing knows of; move other files away by hand.",
    "journal": "butler recover ends journals whose writer is gone; restore those that are damaged, or move them away.",
    "unreadable": "Mend the rights, or the store, and verify again.",
}


@click.command("verify")
@root_argument
@collections_option
@click.option("--dataset-types", "-d", multiple=True, metavar="NAME,NAME", help="Only datasets of these.")
@click.option(
    "--sample",
    type=click.FloatRange(0, 1, min_open=True),
    default=1.0,
    metavar="F",
    help="Only this fraction of the datasets, always the same ones.",
)
@click.option("--checksums", is_flag=True, help="Read all bytes that have a recorded checksum.")
@click.option("--repair", is_flag=True, help="Mend what can be mended without loss.")
@click.option("--workers", type=click.IntRange(min=1), metavar="N", help="Threads that look at files.")
@click.option("--resume", metavar="TOKEN", help="Go on where an interrupted verification stopped.")
@json_option
@click.pass_context
def command(
    ctx: click.Context,
    root: str,
    collections: tuple[str, ...],
    dataset_types: tuple[str, ...],
    sample: float,
    checksums: bool,
    repair: bool,
    workers: int | None,
    resume: str | None,
    as_json: bool,
) -> None:
    """Compare the files of ROOT with its registry and journals, both ways.

    Safe beside live writers.  An interrupt shows what was found so far, and the token to go on with.

    --repair recovers abandoned journals, sets aside (never deletes) what nothing knows of, and brings back what was set aside
    and is missed.  Ends with 9 if something is found that is not mended.

    Example: butler verify repo -c u/me/first --checksums --sample 0.1
    """
    gathering, is_interrupted = Gathering(), False
    with (
        shown_progress() as progress,
        open_butler(root, writeable=repair, progress=progress) as butler,
    ):
        wanted: list[str] | EllipsisType = split_names(collections) or ...
        types: list[str] | EllipsisType = split_names(dataset_types) or ...
        try:
            gathering.take(butler.verify_in_parts(wanted, types, sample, checksums, workers, resume))
        except KeyboardInterrupt:
            is_interrupted = True  # what was found so far has cost much time
        report = gathering.report()
        if repair and not is_interrupted:
            report = butler.repair(report)
    _show(report, as_json=as_json)
    if is_interrupted:
        ctx.exit(_INTERRUPTED)
    if any(not finding.repaired for finding in report.findings):
        ctx.exit(FOUND)


def _show(report: VerificationReport, *, as_json: bool) -> None:
    """Print the findings, what there is in all, and what helps."""
    if as_json:
        print_facts(report.model_dump(mode="json"), as_json=True)
    else:
        if report.findings:
            columns = ["kind", "artifact", "datasets", "mended", "detail"]
            print_rows(columns, map(_row, report.findings), as_json=False)
            click.echo()
        facts: dict[str, Any] = {"checked": report.checked, "bytes": report.checked_bytes}
        facts.update(Counter(str(finding.kind) for finding in report.findings))
        if report.set_aside:
            facts["set aside"] = "; ".join(map(_describe, report.set_aside))
        print_facts(facts, as_json=False)
    kinds = [finding.kind for finding in report.findings if not finding.repaired]
    for remedy in dict.fromkeys(_REMEDIES[kind] for kind in kinds):
        click.echo(f"remedy: {remedy}", err=True)
    if report.resume:
        click.echo(f"This is not all: go on with --resume {report.resume}", err=True)


def _describe(aside: SetAside) -> str:
    since = "" if aside.oldest is None else f", the oldest of {aside.oldest:%Y-%m-%dT%H:%M:%SZ}"
    return f"{aside.artifacts} in datastore {aside.datastore!r}, {aside.size_bytes} bytes{since}"


def _row(finding: VerificationFinding) -> list[Any]:
    mended = "yes" if finding.repaired else "no"
    return [finding.kind, finding.artifact, len(finding.uuids), mended, finding.detail]
