"""Dimension records in files: JSON, YAML or CSV, as ``query-dimension-records`` prints them or as people write them."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Mapping
from datetime import date
from pathlib import PurePath
from typing import Any, Literal

from butler_core import tai
from butler_core.errors import InvalidInputError
from butler_core.models.columns import ColumnInfo, to_raw
from butler_core.models.timespan import Timespan

RecordFormat = Literal["json", "yaml", "csv"]

_ENDINGS: Mapping[str, RecordFormat] = {".json": "json", ".yaml": "yaml", ".yml": "yaml", ".csv": "csv"}
_EMPTY = "empty"


def choose_format(name: str) -> RecordFormat:
    """Tell the format by a file's ending."""
    found = _ENDINGS.get(PurePath(name).suffix.lower())
    if found is None:
        raise InvalidInputError(
            f"Nothing tells the format of {name}.", remedy="Say --format json, yaml or csv."
        )
    return found


def read_rows(text: str, name: str, form: RecordFormat) -> list[Mapping[str, Any]]:
    """Read records as mappings; of CSV all values are text, or None where there is none."""
    rows = {"json": _read_json, "yaml": _read_yaml, "csv": _read_csv}[form](text, name)
    if isinstance(rows, Mapping):
        rows = [rows]
    if not isinstance(rows, list) or not all(isinstance(row, Mapping) for row in rows):
        raise InvalidInputError(
            f"{name} is no list of records.", remedy="Give a list of mappings from column to value."
        )
    return rows


def from_text(column: ColumnInfo, text: str | None) -> Any:
    """Make of a CSV value what a record takes; what cannot be understood is left to the record, whose error names it."""
    if text is None:
        return None
    try:
        return _READERS.get(column.type, str)(text)
    except ValueError:
        return text


def from_data(column: ColumnInfo, value: Any) -> Any:
    """Make of a value of JSON or YAML what a record takes: times in timespans may be ISO text, and dates of YAML."""
    if column.type == "time":
        return _to_iso(value)
    if column.type != "timespan":
        return value
    if isinstance(value, str):
        return from_text(column, value)
    if isinstance(value, list) and len(value) == 2:
        return [tai.parse_iso(end) if isinstance(end, str) else end for end in map(_to_iso, value)]
    return value


def _to_iso(value: Any) -> Any:
    return value.isoformat() if isinstance(value, date) else value  # a datetime is a date


def to_text(column_type: str, value: Any) -> Any:
    """Write a value as `from_text` reads it."""
    if column_type == "time" and value is not None:
        return tai.format_iso(value)
    if isinstance(value, Timespan):
        return _EMPTY if value.is_empty else " / ".join(end or "..." for end in value.to_iso())
    return to_raw(value)


def _read_json(text: str, name: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        raise InvalidInputError(
            f"{name} is no JSON: {error}.", remedy="Mend it, or say its format with --format."
        ) from error


def _read_yaml(text: str, name: str) -> Any:
    import yaml

    try:
        return yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except yaml.YAMLError as error:
        raise InvalidInputError(
            f"{name} is no YAML: {' '.join(str(error).split())}.",
            remedy="Mend it, or say its format with --format.",
        ) from error


def _read_csv(text: str, name: str) -> list[dict[str, str | None]]:
    reader = csv.reader(io.StringIO(text.removeprefix("\ufeff"), newline=""), strict=True)
    try:
        header, *lines = [(reader.line_num, row) for row in reader if row]
    except csv.Error as error:
        raise InvalidInputError(
            f"{name}, line {reader.line_num}: {error}.", remedy="Close each quote on its line."
        ) from error
    except ValueError:
        raise InvalidInputError(
            f"{name} is empty.", remedy="Begin it with a line that names the columns."
        ) from None
    columns = header[1]
    if len(set(columns)) < len(columns):
        raise InvalidInputError(
            f"{name} names a column twice: {','.join(columns)}.", remedy="Name each once."
        )
    for line, row in lines:
        if len(row) != len(columns):
            raise InvalidInputError(
                f"{name}, line {line}: {len(row)} values for {len(columns)} columns.",
                remedy=f"Give one value for each of: {','.join(columns)}",
            )
    return [dict(zip(columns, (cell or None for cell in row), strict=True)) for _, row in lines]


def _read_bool(text: str) -> Any:
    return {"true": True, "1": True, "false": False, "0": False}.get(text.lower(), text)


def _read_timespan(text: str) -> Any:
    if text == _EMPTY:
        return [0, 0]
    begin, separator, end = text.partition("/")
    if not separator:
        return text
    return Timespan.from_iso(_read_bound(begin), _read_bound(end))


def _read_bound(text: str) -> str | None:
    return None if text.strip() == "..." else text.strip()


_READERS: Mapping[str, Callable[[str], Any]] = {
    "int": int,
    "float": float,
    "bool": _read_bool,
    "timespan": _read_timespan,
}
