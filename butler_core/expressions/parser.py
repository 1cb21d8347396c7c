"""Text of the ``where`` language taken apart by its grammar; what cannot be is an error that shows the place."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache, lru_cache
from typing import cast

from lark import Lark, Token, Tree
from lark.exceptions import UnexpectedCharacters, UnexpectedInput, UnexpectedToken

from butler_core.errors import QueryError
from butler_core.expressions.places import error_at

MAX_TEXT = 1_000_000
"""The most characters that are read as one text."""
_CACHED_TEXT = 2_000  # a parsed text takes some hundred times its size

FUNCTIONS = ("GLOB(x, 'pattern')", "POINT", "CIRCLE", "BOX", "POLYGON", "REGION(X'...')", "UUID('...')")

# What the reader of an error is told that would do, by terminal.
_SHOWN = {
    "_OR": ("OR",),
    "_AND": ("AND",),
    "_NOT": ("NOT",),
    "_NOT_IN": ("NOT IN",),
    "_IN": ("IN",),
    "_IS": ("IS NULL", "IS NOT NULL"),
    "_OVERLAPS": ("OVERLAPS",),
    "_BETWEEN": ("BETWEEN",),
    "_LIKE": ("LIKE",),
    "NULL": ("NULL",),
    "TRUE": ("TRUE",),
    "FALSE": ("FALSE",),
    "SHAPE": ("POINT(...)", "CIRCLE(...)", "BOX(...)", "POLYGON(...)"),
    "_REGION": ("REGION(X'...')",),
    "_GLOB": ("GLOB(...)",),
    "_UUID": ("UUID('...')",),
    "UUID": ("UUID('...')",),
    "TIME": ("a time T'...'",),
    "HEX": ("bytes X'...'",),
    "STRING": ("a string '...'",),
    "FLOAT": ("a number",),
    "INT": ("a number",),
    "NAME": ("a name",),
    "BIND": ("a bind value :name",),
    "COMPARISON": ("=", "!=", "<", "<=", ">", ">="),
    "SIGN": ("+", "-"),
    "FACTOR": ("*", "/", "%"),
    "TRAILING_COMMA": (",",),
    "COMMA": (",",),
    "LPAR": ("(",),
    "RPAR": (")",),
    "COLON": (":",),
    "_RANGE": ("..",),
    "$END": ("the end",),
}


def parse_syntax(text: str) -> Tree[Token]:
    """Take a text apart; the tree is shared, so it must not be changed.

    Raises `QueryError` if the text is none of the language, or too long.
    """
    if len(text) > MAX_TEXT:
        raise QueryError(
            f"the expression has {len(text)} characters; {MAX_TEXT} are the most",
            remedy="Hand long lists over as bind values.",
            text=f"{text[:200]}...",
            position=MAX_TEXT,
            valid=[],
        )
    return _parse_cached(text) if len(text) <= _CACHED_TEXT else _parse(text)


@cache
def _grammar() -> Lark:
    return Lark.open(
        "grammar.lark", rel_to=__file__, parser="lalr", lexer="contextual", propagate_positions=True
    )


def _parse(text: str) -> Tree[Token]:
    try:
        return _grammar().parse(text)
    except UnexpectedInput as exc:
        raise _syntax_error(text, exc) from None


_parse_cached = lru_cache(maxsize=256)(_parse)


def _syntax_error(text: str, exc: UnexpectedInput) -> QueryError:
    position = _position(text, exc)
    valid = _valid_at(text, position, exc)
    if position >= len(text):
        return error_at(text, len(text), "the expression ends too early", valid=valid)
    problem, remedy = _explain(text, position, exc, is_operand_due="a name" in valid)
    return error_at(text, position, problem, remedy=remedy, valid=valid)


def _position(text: str, exc: UnexpectedInput) -> int:
    if isinstance(exc, UnexpectedToken) and exc.token.type == "$END":
        return len(text)
    return cast(int, exc.pos_in_stream)  # lark declares it None, and always sets it


def _explain(text: str, position: int, exc: UnexpectedInput, *, is_operand_due: bool) -> tuple[str, str]:
    """Say what is wrong and, for common slips, what was probably meant."""
    found = text[position]
    if found == '"':
        return 'unexpected "', "Put strings into single quotes, names that are no identifiers into backticks."
    if found == "'" or text[position : position + 2].upper() in ("T'", "X'"):
        if isinstance(exc, UnexpectedCharacters):
            return "a quote is never closed", "Close it; a single quote within a string is doubled."
    elif found == "`" and isinstance(exc, UnexpectedCharacters):
        return "a backtick is never closed", "Close it; a name has no backticks of its own."
    if not isinstance(exc, UnexpectedToken):
        return f"unexpected {found!r}", ""
    problem = f"unexpected {exc.token.value!r}"
    before = text[:position].rstrip()
    if found == "(" and before and (before[-1].isalnum() or before[-1] == "_"):
        return problem, f"There is no such function; those that exist are {', '.join(FUNCTIONS)}."
    if before.endswith("'") and before == text[:position] and (found.isalnum() or found == "_"):
        return problem, "A single quote within a string is doubled."
    if exc.token.type == "COMPARISON" and not is_operand_due:
        return problem, "Comparisons do not chain: join two by AND, or put one into parentheses."
    return problem, ""


def _valid_at(text: str, position: int, exc: UnexpectedInput) -> list[str]:
    """Return what could stand at a place, once everything before it has been read."""
    try:
        parser = _grammar().parse_interactive(text[:position])
        parser.exhaust_lexer()
        terminals: Iterable[str] = parser.accepts()  # type: ignore[no-untyped-call] # lark has no types here
    except UnexpectedInput:  # what comes before is read otherwise without what follows: a rough answer then
        terminals = getattr(exc, "expected", None) or getattr(exc, "allowed", None) or ()
    accepted = set(terminals)
    return list(dict.fromkeys(word for term, words in _SHOWN.items() if term in accepted for word in words))
