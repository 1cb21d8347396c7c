"""``python -m tests.differential.peer``: random questions that both we and the peer understand get the same answers.

``make test-peer`` runs it, in an environment that has lsst-daf-butler.  What is asked: datasets, data IDs and records with
conditions of any shape on dimensions, columns, times and timespans, automatic spatial joins among them.  What is not, because
it means something else there or nothing:

- Order and slices: NULLs come first there.
- ``LIKE``, ``BETWEEN``, ``IS NULL``, ``t IN timespan``, ``==``, ``<>``, region literals and a minus sign before a column: its
  language has none of them.  A quote cannot be written within a string.
- ``/`` and ``%``: integers divide to integers there.  Integers and floats in one operation are an error there, and so is a
  range beside a float.
- Timespans but for ``OVERLAPS`` with a literal: any other comparison is an error there, and so is one of two elements that
  belong to one family.  ``timespan.begin`` of a record without a timespan is time zero there; here it is missing, so that
  neither a comparison with it nor its opposite holds.
- NULL in a list, and a list that is empty: errors there.
- Booleans in comparisons, bare names of columns, and policies of joins: said in other ways there.
- Fields of datasets: ``uuid`` is ``dataset_id`` there.
- Conditions and data IDs that use what a governor scopes without saying which: conditions are an error here, both there.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, Phase, given, seed, settings

from butler_core import Butler
from butler_rubin.samples import sample_export
from tests.differential.answers import Oracle
from tests.differential.generator import questions
from tests.differential.governors import lacks_governor
from tests.differential.questions import Question, split
from tests.differential.trees import (
    Between,
    Binary,
    Column,
    Compare,
    IsIn,
    IsNull,
    Literal,
    Match,
    Negative,
    Shape,
    Tree,
    Within,
    Writer,
)
from tests.differential.world import GOVERNORS, REQUIRED, World

EXPORTS = ("base", "spatial", "datasets", "ci_hsc-subset-skymap", "ci_hsc-subset", "lsstcam-subset")
"""Those that do not contradict each other, which the peer refuses."""
COMMON_TYPES = ("int", "float", "string", "time", "timespan")
LEAST_SHARE = 0.3


def main() -> int:
    """Compare."""
    parser = argparse.ArgumentParser(prog="python -m tests.differential.peer", description=__doc__)
    parser.add_argument("--peer", type=Path, required=True, help="an interpreter that has lsst-daf-butler")
    parser.add_argument("--questions", type=int, default=1200, help="how many (default: %(default)s)")
    options = parser.parse_args()
    paths = [str(sample_export(name)) for name in EXPORTS]
    asked = _questions(options.questions)
    with tempfile.TemporaryDirectory() as place:
        request = {"place": f"{place}/peer", "exports": paths, "questions": asked}
        done = subprocess.run(
            [options.peer, "-m", "tests.differential.peer_side"],
            input=json.dumps(request), capture_output=True, text=True, check=False,
        )  # fmt: skip
        if done.returncode:
            print(done.stderr, file=sys.stderr)
            return 2
        theirs = json.loads(done.stdout)
        Butler.make_repo(f"{place}/ours", dimensions="rubin", durability="process")
        with Butler(f"{place}/ours", writeable=True) as butler:
            for path in paths:
                butler.import_(path, skip_files=True)
            ours = [_answer(butler, question) for question in asked]
    return _report(asked, ours, theirs)


def _report(asked: list[dict[str, Any]], ours: list[Any], theirs: list[Any]) -> int:
    different = [n for n, answer in enumerate(ours) if _normal(answer) != _normal(theirs[n])]
    for n in different:
        print(json.dumps(asked[n]), f"  ours:   {ours[n]}", f"  theirs: {theirs[n]}", sep="\n")
    answered = sum(bool(answer) for answer in ours)
    print(
        f"{len(asked)} questions, {answered} with answers that are not empty, {len(different)} answered differently"
    )
    return 1 if different or answered < LEAST_SHARE * len(asked) else 0


def _normal(answer: Any) -> Any:
    return answer if isinstance(answer, str) else sorted(map(json.dumps, answer))


def _answer(butler: Butler, question: dict[str, Any]) -> list[Any]:
    given: dict[str, Any] = {name: question[name] for name in ("where", "data_id")}
    given["bind"] = question["bind"] or None
    if question["kind"] == "datasets":
        refs = butler.query_datasets(
            question["dataset_type"], question["collections"], find_first=question["find_first"], **given
        )
        return [str(ref.uuid) for ref in refs]
    if question["kind"] == "records":
        records = butler.query_dimension_records(question["element"], **given)
        return [[record[name] for name in question["required"]] for record in records]
    data_ids = butler.query_data_ids(question["dimensions"], **given)
    return [[data_id[name] for name in question["required"]] for data_id in data_ids]


# -- questions that both understand


def _questions(number: int) -> list[dict[str, Any]]:
    oracle = Oracle(World(EXPORTS, has_more=False))
    found: list[dict[str, Any]] = []
    for kind in ("datasets", "data_ids", "records"):
        found += _questions_of(oracle, kind, number // 3)
    return found


def _questions_of(oracle: Oracle, kind: str, number: int) -> list[dict[str, Any]]:
    texts: dict[str, dict[str, Any]] = {}

    @settings(
        max_examples=500,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(questions(oracle, kind))
    def collect(question: Question) -> None:
        if len(texts) < number and _is_common(question):
            asked = _to_json(question)
            texts[json.dumps(asked)] = asked

    # Always the same ones.
    number_of_round = 0
    while len(texts) < number:
        seed(number_of_round)(collect)()
        number_of_round += 1
    return list(texts.values())


def _is_common(question: Question) -> bool:
    plain = replace(question, order=(), searches=question.searches if question.kind == "datasets" else ())
    return (
        bool(question.dimensions)
        and (plain.searches == question.searches)
        and all(search.collections and search.temporal_join == "fine" for search in question.searches)
        and not question.spatial_joins
        and question.policy == "fine"
        and not lacks_governor(plain)
        and all(
            (set(REQUIRED[name]) & set(GOVERNORS)) <= dict(question.data_id).keys()
            for name, _ in question.data_id
        )
        and (question.where is None or all(map(_is_common_node, question.where.walk())))
    )


def _is_common_node(node: Tree) -> bool:
    match node:
        case Column(source="dimension"):
            return node.text == node.key
        case Column(type="region"):
            return False
        case Column():
            return (
                not node.bound
                and node.source in REQUIRED
                and node.text.startswith(f"{node.source}.")
                and node.type in COMMON_TYPES
            )
        case Literal(value=str() as value):
            return "'" not in value
        case Literal(type=type_):
            return type_ in COMMON_TYPES
        case Match() | Between() | Within() | IsNull() | Negative() | Shape():
            return False
        case Compare(op=op, left=left, right=right):
            return _is_common_comparison(op, left, right)
        case Binary(op=op, left=left, right=right):
            return op in "+-*" and _type(left) == _type(right)
        case IsIn(operand=operand, items=items):
            ranges = [item for item in items if isinstance(item, tuple)]
            return (
                bool(items)
                and not node.bind
                and all(
                    isinstance(i, tuple) or (i.value is not None and "'" not in str(i.value)) for i in items
                )
                and (not ranges or _type(operand) == "int")
            )
    return True


def _is_common_comparison(op: str, left: Tree, right: Tree) -> bool:
    types = {_type(left), _type(right)}
    if "timespan" in types:
        is_between_elements = isinstance(left, Column) and isinstance(right, Column)
        return op == "OVERLAPS" and types == {"timespan"} and not is_between_elements
    return op in ("=", "!=", "<", "<=", ">", ">=")


def _type(tree: Tree) -> str:
    return str(getattr(tree, "type", ""))


def _to_json(question: Question) -> dict[str, Any]:
    writer = Writer()
    asked: dict[str, Any] = {
        "kind": question.kind,
        "where": "" if question.where is None else writer.write(question.where),
        "bind": writer.bind,
        "data_id": dict(question.data_id),
        "dimensions": list(question.dimensions),
        "required": REQUIRED[question.element] if question.element else split(question.dimensions)[0],
        "element": question.element,
    }
    if question.kind == "datasets":
        asked |= question.searches[0].__dict__
    return asked


if __name__ == "__main__":
    sys.exit(main())
