"""Remedies in the words of the command line: what they say for Python, said for whoever typed a command."""

from __future__ import annotations

import re
from collections.abc import Container

_CALL = re.compile(r"\bbutler\.(\w+)\(\)")
_ARGUMENTS: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern), said)
    for pattern, said in (
        (r"\bPass (?=(?:overwrite|transfer|dimensions|skip_files)=)", "Use "),
        (r"\bpass (?=(?:overwrite|transfer|dimensions|skip_files)=)", "use "),
        (r"\boverwrite=True", "--overwrite"),
        (r"\bskip_files=True", "--skip-files"),
        (r"\bfind_first=False", "--find-all"),
        (r'\btransfer="(\w+)"', r"--transfer \1"),
        (r"\bdimensions=(?=[A-Z])", "--universe "),
        (r"\bcollections=", "--collections"),
        (r"(\bbutler\.removal\(\), )?\bfind_associations_in=\.\.\.", "--associations"),
        (r", another name, or update=True", ", or another name"),
    )
)


def for_command_line(remedy: str, verbs: Container[str]) -> str:
    """Replace calls and arguments of Python by the verbs and options that do the same."""

    def name_verb(call: re.Match[str]) -> str:
        verb = call[1].rstrip("_").replace("_", "-")
        return f"butler {verb}" if verb in verbs else call[0]

    remedy = _CALL.sub(name_verb, remedy)
    for pattern, said in _ARGUMENTS:
        remedy = pattern.sub(said, remedy)
    return remedy
