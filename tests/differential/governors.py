"""Which conditions mean nothing, since they use what a governor scopes and do not say which governor."""

from __future__ import annotations

from tests.differential.questions import Question
from tests.differential.trees import Column, Compare, IsIn, Junction, Literal, Not, Tree
from tests.differential.world import GOVERNORS, REQUIRED


def lacks_governor(question: Question) -> bool:
    """Whether some way for the condition to hold uses what a governor scopes, and does not fix that governor."""
    if question.where is None:
        return False
    given = dict(question.data_id)
    for branch in _ways(question.where, True):
        fixed = {name for test, wanted in branch for name in _fixed(test, wanted)} | given.keys()
        for test, _ in branch:
            for column in test.walk():
                if isinstance(column, Column) and not _scopes(column) <= fixed:
                    return True
    return False


def _ways(tree: Tree, wanted: bool) -> list[list[tuple[Tree, bool]]]:
    """Return all ways for a condition to be as wanted, each as tests that must be so at once."""
    match tree:
        case Not(operand=operand):
            return _ways(operand, not wanted)
        case Junction(op=op, operands=operands):
            parts = [_ways(operand, wanted) for operand in operands]
            if (op == "OR") == wanted:
                return [way for part in parts for way in part]
            ways: list[list[tuple[Tree, bool]]] = [[]]
            for part in parts:
                ways = [way + more for way in ways for more in part]
            return ways
    return [[(tree, wanted)]]


def _fixed(test: Tree, wanted: bool) -> set[str]:
    match test:
        case Compare(op="=" | "==", left=Column() as column, right=Literal()) if wanted:
            return _governor(column)
        case Compare(op="!=" | "<>", left=Column() as column, right=Literal()) if not wanted:
            return _governor(column)
        case IsIn(operand=Column() as column) if wanted:
            return _governor(column)
    return set()


def _governor(column: Column) -> set[str]:
    return {column.key} & set(GOVERNORS) if column.source == "dimension" else set()


def _scopes(column: Column) -> set[str]:
    if column.type == "region":  # the sky is the same for everyone
        return set()
    element = column.key if column.source == "dimension" else column.source
    return set(REQUIRED.get(element, ())) & set(GOVERNORS) - {element}
