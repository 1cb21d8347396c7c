"""How a call names the dataset that it is about, and whether what it says holds together."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from butler_core.errors import DataIdError, InvalidInputError
from butler_core.models.checking import read_items
from butler_core.models.data_id import DataCoordinate, DataId
from butler_core.models.dataset_ref import DatasetRef
from butler_core.models.dataset_type import DatasetType
from butler_core.models.names import DataIdValue, DimensionName
from butler_core.models.universe import DimensionGroup


def one_of(
    dataset_type: DatasetRef | DatasetType | str | None, ref: DatasetRef | None
) -> DatasetRef | DatasetType | str:
    """Return what a call names its dataset by: the first argument, be it a dataset type or a ref, or the keyword ``ref``."""
    if dataset_type is not None and ref is None:
        return dataset_type
    if ref is not None and dataset_type is None:
        return ref
    raise InvalidInputError(
        f"A dataset is named by a ref or by its dataset type, and this call gives {'neither' if ref is None else 'both'}.",
        remedy="Give a ref, or a dataset type and a data ID.",
    )


def refuse_more_than(ref: DatasetRef, *others: object) -> None:
    """Refuse arguments that would be ignored beside a ref, which says it all."""
    if any(other is not None for other in others):
        raise InvalidInputError(
            f"{ref} says which dataset it is.", remedy="Give a ref or a data ID, not both."
        )


def listed_refs(refs: Iterable[DatasetRef]) -> list[DatasetRef]:
    """Return the refs that a call gives; `InvalidInputError` if it gives something else."""
    if isinstance(refs, DatasetRef):
        raise InvalidInputError(
            f"{refs} is one ref where several may be given.", remedy="Give a list: [ref]."
        )
    given = list(read_items(refs, "refs"))
    for ref in given:
        if not isinstance(ref, DatasetRef):
            raise InvalidInputError(
                f"{ref!r} is no DatasetRef.", remedy="Find refs: butler.query_datasets()."
            )
    return given


def implied_values(
    dimensions: DimensionGroup, data_id: DataId | None, kwargs: Mapping[str, DataIdValue]
) -> dict[DimensionName, DataIdValue]:
    """Return the values that a user gave for dimensions whose values follow from others; none of what comes from records."""
    if not dimensions.implied or (isinstance(data_id, DataCoordinate) and data_id.is_expanded and not kwargs):
        return {}
    given = {**(data_id or {}), **kwargs}
    return {name: given[name] for name in dimensions.implied if given.get(name) is not None}


def refuse_contradiction(data_id: DataCoordinate, implied: Mapping[DimensionName, DataIdValue]) -> None:
    """Raise `DataIdError` if a value that was given is another than that of the records behind an expanded data ID."""
    for name, value in implied.items():
        known = data_id.get(name)
        if known is not None and known != value:
            raise DataIdError(
                f"The data ID has {name}={value!r}, but the records of {dict(data_id.required)} say {name}={known!r}.",
                remedy=f"Leave {name} out, since it follows from the other values, or correct these.",
                dimension=name,
                value=value,
                known=known,
            )
