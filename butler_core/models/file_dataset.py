"""A file to take in, and the datasets that it holds."""

from __future__ import annotations

import os
from collections.abc import Sequence

from butler_core.errors import InvalidInputError
from butler_core.models.dataset_ref import DatasetRef
from butler_core.models.names import FormatterName, Uri, UriExpression


class FileDataset:
    """A file to take in, and the datasets that it holds.

    Parameters
    ----------
    path
        Absolute, or relative to the directory given elsewhere.
    refs
        The datasets in it; more than one if they share the file.
    formatter
        The registered name of the formatter that reads it; None: the one for the storage class.

    Raises
    ------
    InvalidInputError
        If it holds no dataset, or one of them twice.
    """

    __slots__ = ("formatter", "path", "refs")

    def __init__(
        self,
        path: UriExpression,
        refs: Sequence[DatasetRef] | DatasetRef,
        formatter: FormatterName | None = None,
    ) -> None:
        self.path: Uri = os.fspath(path)
        self.refs: list[DatasetRef] = [refs] if isinstance(refs, DatasetRef) else list(refs)
        self.formatter = formatter
        if not self.refs:
            raise InvalidInputError(f"File {self.path} holds no dataset.", remedy="Give at least one ref.")
        if len(self.refs) > 1 and len({ref.uuid for ref in self.refs}) < len(self.refs):
            raise InvalidInputError(f"File {self.path} holds a dataset twice.", remedy="Give each ref once.")

    def with_refs(self, refs: list[DatasetRef]) -> FileDataset:
        """Return the same file with refs of the same datasets that know more."""
        file = object.__new__(FileDataset)
        file.path, file.refs, file.formatter = self.path, refs, self.formatter
        return file

    def __repr__(self) -> str:
        return f"FileDataset({self.path!r}, {self.refs!r}, formatter={self.formatter!r})"
