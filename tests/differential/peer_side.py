"""Answers questions by the peer, lsst-daf-butler; run by an interpreter that has it, it needs nothing else.

Reads ``{"place", "exports", "questions"}`` from standard input; writes a list with the answers, each a list of UUIDs or of
keys, or the text of an error.
"""

from __future__ import annotations

import importlib
import json
import sys
from typing import Any

# Only the peer's environment has it, so type checkers know nothing of it.
daf_butler: Any = importlib.import_module("lsst.daf.butler")


def main() -> None:
    """Answer."""
    request = json.load(sys.stdin)
    daf_butler.Butler.makeRepo(request["place"])
    butler = daf_butler.Butler.from_config(request["place"], writeable=True, without_datastore=True)
    for path in request["exports"]:
        butler.import_(filename=path, without_datastore=True)
    answers: list[Any] = []
    for question in request["questions"]:
        try:
            answers.append(_answer(butler, question))
        except Exception as error:  # whatever it is, the driver shows it beside our answer
            answers.append(f"{type(error).__name__}: {error}")
    json.dump(answers, sys.stdout)


def _answer(butler: Any, question: dict[str, Any]) -> list[Any]:
    options: dict[str, Any] = {
        "where": question["where"],
        "bind": question["bind"],
        "limit": None,
        "explain": False,
    }
    if question["data_id"]:
        options["data_id"] = question["data_id"]
    if question["kind"] == "datasets":
        refs = butler.query_datasets(
            question["dataset_type"], question["collections"], find_first=question["find_first"], **options
        )
        return [str(ref.id) for ref in refs]
    if question["kind"] == "records":
        records = butler.query_dimension_records(question["element"], **options)
        return [[record.dataId[name] for name in question["required"]] for record in records]
    data_ids = butler.query_data_ids(question["dimensions"], **options)
    return [[data_id[name] for name in question["required"]] for data_id in data_ids]


if __name__ == "__main__":
    main()
