"""A description taken apart again."""

from __future__ import annotations

from butler_core.errors import QueryError
from butler_core.expressions.printer import to_text
from butler_core.expressions.query import QueryDescription
from butler_core.expressions.tree import is_condition
from butler_core.expressions.where import WhereClause
from butler_core.queries.services import Services
from butler_core.queries.specification import Search, Specification


def specification_of(services: Services, description: QueryDescription) -> Specification:
    """Return what a description asks; raises `DatasetTypeNotFoundError` for a type that is not registered."""
    universe = services.universe
    searches = [
        Search(
            services.cache.get_dataset_type(search.dataset_type),
            search.collections,
            search.find_first,
            _fields(description, search.dataset_type),
            search.temporal_join,
        )
        for search in description.searches
    ]
    return Specification(
        dimensions=universe.conform((*description.dimensions, *description.joined_dimensions)).names,
        searches=tuple(searches),
        conditions=_condition(description),
        data_id=description.data_id,
        uploads=description.uploads,
        overlap_policy=description.overlap_policy,
        spatial_joins=description.spatial_joins,
        temporal_joins=description.temporal_joins,
        order_by=description.order_by,
        offset=description.offset,
        limit=description.limit,
        exact=description.exact,
        is_settled=True,
    )


def _condition(description: QueryDescription) -> tuple[WhereClause, ...]:
    tree = description.where
    if tree is None:
        return ()
    text = description.where_text or to_text(tree)
    if not is_condition(tree):
        raise QueryError(
            f"{text!r} is a value and no condition",
            remedy="Compare it with something.",
            text=text,
            position=0,
            valid=[],
        )
    return (WhereClause(tree, text),)


def _fields(description: QueryDescription, dataset_type: str) -> tuple[str, ...]:
    prefix = f"{dataset_type}."
    return tuple(name.removeprefix(prefix) for name in description.columns if name.startswith(prefix))
