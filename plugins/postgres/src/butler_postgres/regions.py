"""Functions about regions that a statement calls, and this process answers.

PostgreSQL cannot call its client.  So its functions look their answers up in a table of the session, and note down what is
not there; the client answers that, and runs the statement again, until nothing was missing.  What is answered stays for the
session: a region does not change its relations.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from butler_core.errors import InternalError
from butler_core.sql.regions import Regions

_FIRST_BUDGET = 20_000
_BUDGET_GROWS = 4
_MOST_ANSWERS = 1_000_000
"""A session that knows more forgets all."""

SESSION_TABLES = (
    "CREATE TEMPORARY TABLE butler_answer (key bytea PRIMARY KEY, truth boolean, region bytea, pixels bigint[])",
    "CREATE TEMPORARY TABLE butler_question"
    " (key bytea PRIMARY KEY, kind text, skypix text, pixel bigint, one bytea, other bytea)",
)
"""What a session needs before its first such statement."""

# While less was noted down than a pass may, what is not known is unknown to the statement too, which goes on looking.  Beyond
# that it is taken for true, so that a LIMIT is soon reached: a pass costs no more than it brings.
FUNCTIONS = (
    """
CREATE FUNCTION butler_ask(key bytea, kind text, skypix text, pixel bigint, one bytea, other bytea) RETURNS boolean
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
    allowed bigint := current_setting('butler.budget')::bigint;
BEGIN
    IF allowed <= 0 THEN
        PERFORM set_config('butler.budget', '-1', false);
        RETURN true;
    END IF;
    INSERT INTO pg_temp.butler_question VALUES (key, kind, skypix, pixel, one, other) ON CONFLICT DO NOTHING;
    PERFORM set_config('butler.budget', (allowed - 1)::text, false);
    RETURN NULL;
END $$
""",
    """
CREATE FUNCTION butler_overlap(one bytea, other bytea) RETURNS boolean
LANGUAGE plpgsql VOLATILE STRICT PARALLEL UNSAFE COST 10000 AS $$
DECLARE
    question bytea := sha256(int4send(length(one)) || one || other);
    answer boolean;
BEGIN
    SELECT truth INTO answer FROM pg_temp.butler_answer WHERE key = question;
    IF FOUND THEN
        RETURN answer;
    END IF;
    RETURN butler_ask(question, 'overlap', NULL, NULL, one, other);
END $$
""",
    """
CREATE FUNCTION butler_pixel(skypix text, pixel bigint) RETURNS bytea
LANGUAGE plpgsql VOLATILE STRICT PARALLEL UNSAFE COST 10000 AS $$
DECLARE
    question bytea := convert_to(skypix, 'UTF8') || int8send(pixel);
    answer bytea;
BEGIN
    SELECT region INTO answer FROM pg_temp.butler_answer WHERE key = question;
    IF NOT FOUND THEN
        PERFORM butler_ask(question, 'pixel', skypix, pixel, NULL, NULL);
    END IF;
    RETURN answer;
END $$
""",
    """
CREATE FUNCTION butler_pixels(skypix text, one bytea) RETURNS SETOF bigint
LANGUAGE plpgsql VOLATILE STRICT PARALLEL UNSAFE COST 10000 ROWS 10 AS $$
DECLARE
    question bytea := convert_to(skypix, 'UTF8') || sha256(one);
    answer bigint[];
BEGIN
    SELECT pixels INTO answer FROM pg_temp.butler_answer WHERE key = question;
    IF NOT FOUND THEN
        PERFORM butler_ask(question, 'pixels', skypix, NULL, one, NULL);
    END IF;
    RETURN QUERY SELECT * FROM unnest(answer);
END $$
""",
)
"""What a schema needs."""

_Answer = tuple[bytes, bool | None, bytes | None, str | None]


def asks_about_regions(text: str) -> bool:
    """Return whether a statement calls any of the functions."""
    return "butler_overlap(" in text or "butler_pixel" in text


class RegionAnswers:
    """Answers what the statements of one session ask.

    Parameters
    ----------
    regions
        Knows the answers.
    run
        Runs a statement in the session and returns its rows.
    """

    def __init__(self, regions: Regions, run: Callable[[str, Sequence[Any]], list[Any]]) -> None:
        self._regions = regions
        self._run = run
        self._count = 0

    def until_all_is_known(self, execute: Callable[[], None]) -> None:
        """Run a statement, which only reads, until it has met no question that is not answered."""
        if self._count > _MOST_ANSWERS:
            self._run("DELETE FROM pg_temp.butler_answer", ())
            self._count = 0
        budget = _FIRST_BUDGET
        while True:
            self._run("SELECT set_config('butler.budget', $1, false)", (str(budget),))
            execute()
            ((left,),) = self._run("SELECT current_setting('butler.budget')", ())
            if left == str(budget):
                return
            self._answer()
            budget *= _BUDGET_GROWS

    def _answer(self) -> None:
        questions = self._run(
            "DELETE FROM pg_temp.butler_question RETURNING key, kind, skypix, pixel, one, other", ()
        )
        answers = [self._find(*question) for question in questions]
        self._count += len(answers)
        self._run(
            "INSERT INTO pg_temp.butler_answer SELECT decode(key, 'hex'), truth, decode(region, 'hex'), pixels::bigint[] "
            "FROM unnest($1::text[], $2::boolean[], $3::text[], $4::text[]) AS answer (key, truth, region, pixels)",
            tuple(list(column) for column in zip(*answers, strict=True)) if answers else ([], [], [], []),
        )

    def _find(
        self, key: bytes, kind: str, skypix: Any, pixel: Any, one: Any, other: Any
    ) -> tuple[str, bool | None, str | None, str | None]:
        regions = self._regions
        match kind:
            case "overlap":
                return key.hex(), regions.overlap(one, other), None, None
            case "pixel":
                region = regions.pixel(skypix, pixel)
                return key.hex(), None, None if region is None else region.hex(), None
            case "pixels":
                pixels = regions.pixels(skypix, one)
                return key.hex(), None, None, "{" + ",".join(map(str, pixels)) + "}"
        raise InternalError(f"The registry's schema asks {kind!r} about regions, which is unknown here.")
