"""Remedies in the words of the command line: what they say for Python, said for whoever typed a command.

`TABLE` is all there is to it.  A test goes through every text of the project: one that names Python must be turned into words
without it here, or be known never to reach the command line.
"""

from __future__ import annotations

import re
from collections.abc import Container

_VERB_OF = {
    "make_repo": "create",
    "removal": "remove-runs",
    "get_dataset_type": "query-dataset-types",
    "insert_dimension_data": "insert-dimension-records",
    "edit_associations": "associate",
    "edit_collection_chain": "collection-chain",
}
"""Of methods whose verb has another name; of others the name is the same, with hyphens."""

_CALL = re.compile(r"\bbutler\.(?P<method>\w+)\((?:'(?P<what>\w+)')?[^()]*\)")

TABLE: tuple[tuple[str, str], ...] = (
    # Phrases whose grammar changes come before their parts.
    (r"butler\.removal\(\), find_associations_in=\.\.\.", "--associations"),
    (r"find_associations_in=\.\.\.", "--associations"),
    (r"Pass collections=, or open the butler with collections= or run=\.", "Say --collections."),
    (r"Pass run=, or open the butler with run=\.", "Say --run."),
    (r"sync_dimension_data\(update=True\)", "--mode sync --update"),
    (r"pass update=True to change", "use --mode sync --update to change"),
    (r", another name, or update=True", ", or another name"),
    (r"Make the refs again: butler\.make_refs\(\)\.", "Run it again."),
    (r"Give it: bind=\{.*\}\.", "Write the value itself in its place."),
    (r", insert the record, or give timespan= instead of the \w+\.", ", or insert the record."),
    (r"Give timespan=, or mend the record\.", "Mend the record."),
    (
        r"Name an element: temporal_join=\.\.\.; or join none: temporal_join=OverlapJoinPolicy\.CARTESIAN\.",
        "Leave all but one of them out of the condition and of KEY=VALUE.",
    ),
    (
        r"a region object of that geometry, or what its encode\(\) returned",
        "an encoded region in hexadecimal",
    ),
    (r"what encode\(\) of a region of lsst\.sphgeom returned", "it in hexadecimal"),
    (r"Use None for an open end; check that the unit is nanoseconds\.", "Leave an end out if it is open."),
    (
        r"a Timespan, or a pair of its ends",
        "[BEGIN, END], of which each is ISO text in TAI, nanoseconds, or null for an open end",
    ),
    (r" \(for ingest: in the FileDataset\)", " (for ingest: --formatter)"),
    # Options.
    (r"\bPass (?=(?:overwrite|transfer|dimensions|skip_files)=)", "Use "),
    (r"\bpass (?=(?:overwrite|transfer|dimensions|skip_files|find_first)=)", "use "),
    (r"\boverwrite=True", "--overwrite"),
    (r"\bskip_files=True", "--skip-files"),
    (r"\bfind_first=False", "--find-all"),
    (r"\bis_calibration=True", "--calibration"),
    (r'\btransfer="(\w+)"', r"--transfer \1"),
    (r"\bdimensions=(?=[A-Z])", "--universe "),
    (r"\bcollections=", "--collections"),
    (r"\b(?:mode=)?INSERT_OR_SKIP", "--mode insert-or-skip"),
    (r"\b(?:mode=)?INSERT_OR_REPLACE", "--mode insert-or-replace"),
)
"""What is written for Python, as a pattern, and what is said instead; applied in this order."""

_PATTERNS = tuple((re.compile(pattern), said) for pattern, said in TABLE)


def for_command_line(remedy: str, verbs: Container[str]) -> str:
    """Replace calls and arguments of Python by the verbs and options that do the same."""

    def name_verb(call: re.Match[str]) -> str:
        method = call["method"]
        verb = _VERB_OF.get(method, method.rstrip("_").replace("_", "-"))
        if verb not in verbs:
            return call[0]
        return f"butler {verb} ROOT {call['what']}" if call["what"] else f"butler {verb}"

    for pattern, said in _PATTERNS:
        remedy = pattern.sub(said, remedy)
    return _CALL.sub(name_verb, remedy)
