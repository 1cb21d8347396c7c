"""Very many datasets as rows, of which refs are made only when somebody looks at them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Set
from itertools import islice
from typing import Any

from butler_core.models.dataset_ref import DatasetRef, refs_from_rows
from butler_core.models.dataset_type import DatasetType

Row = tuple[Any, ...]
"""UUID or its bytes, RUN, then the required values one by one: what pages of datasets consist of."""


class DatasetRows(Set[DatasetRef]):
    """A set of datasets, kept as rows by dataset type and the bytes of the UUID."""

    def __init__(self) -> None:
        self.by_type: dict[DatasetType, dict[bytes, Row]] = {}

    def add_rows(self, dataset_type: DatasetType, rows: Iterable[Row]) -> None:
        """Add datasets of one type."""
        keyed = {row[0] if isinstance(row[0], bytes) else row[0].bytes: row for row in rows}
        if keyed:
            self.by_type.setdefault(dataset_type, {}).update(keyed)

    def add_all(self, other: DatasetRows) -> None:
        """Add other datasets."""
        for dataset_type, rows in other.by_type.items():
            self.by_type.setdefault(dataset_type, {}).update(rows)

    def keys(self) -> Iterator[bytes]:
        """Iterate over the bytes of the UUIDs."""
        for rows in self.by_type.values():
            yield from rows

    def of_type(self, dataset_type: DatasetType) -> DatasetRows:
        """Return those of one type."""
        found = DatasetRows()
        if dataset_type in self.by_type:
            found.by_type[dataset_type] = self.by_type[dataset_type]
        return found

    def select(self, other: DatasetRows) -> DatasetRows:
        """Return those that are in another set too."""
        found = DatasetRows()
        for dataset_type, rows in self.by_type.items():
            both = rows.keys() & other.by_type.get(dataset_type, {}).keys()
            if both:
                found.by_type[dataset_type] = {key: rows[key] for key in both}
        return found

    def without(self, other: DatasetRows) -> DatasetRows:
        """Return those that are not in another set."""
        found = DatasetRows()
        for dataset_type, rows in self.by_type.items():
            rest = rows.keys() - other.by_type.get(dataset_type, {}).keys()
            if rest:
                found.by_type[dataset_type] = {key: rows[key] for key in rest}
        return found

    def pieces(self, size: int) -> Iterator[DatasetRows]:
        """Cut into sets of one size, but for the last; of an empty set there is one piece, which is empty."""
        piece, room = DatasetRows(), size
        for dataset_type, rows in self.by_type.items():
            items = iter(rows.items())
            while part := dict(islice(items, room)):
                piece.by_type[dataset_type] = part
                room -= len(part)
                if not room:
                    yield piece
                    piece, room = DatasetRows(), size
        if piece or not self:
            yield piece

    def __len__(self) -> int:
        return sum(map(len, self.by_type.values()))

    def __iter__(self) -> Iterator[DatasetRef]:
        for dataset_type, rows in self.by_type.items():
            yield from refs_from_rows(dataset_type, rows.values())

    def __contains__(self, ref: object) -> bool:
        return isinstance(ref, DatasetRef) and any(ref.uuid_bytes in rows for rows in self.by_type.values())

    @classmethod
    def _from_iterable(cls, refs: Iterable[DatasetRef]) -> frozenset[DatasetRef]:  # type: ignore[override]
        """Make what the operators of sets give."""
        return frozenset(refs)

    def __repr__(self) -> str:
        return f"<{len(self)} datasets of {len(self.by_type)} types>"
