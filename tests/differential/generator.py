"""Random questions, made such that about every second one has an answer: literals are values that occur, and most tests
are turned such that they hold for a row that was drawn before.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from fractions import Fraction
from typing import Any, TypeVar

from hypothesis import strategies as st

from tests.differential.answers import Oracle, Row
from tests.differential.evaluation import TooLargeError, evaluate
from tests.differential.leaves import Leaves
from tests.differential.questions import Question, Search, close, needs_sphere, spatial_pairs, split
from tests.differential.trees import Column, Compare, Junction, Literal, Tree
from tests.differential.world import (
    CALIBRATIONS,
    COLUMNS,
    DATASET_TYPES,
    GOVERNORS,
    KEYS,
    REQUIRED,
    TEMPORAL,
)

T = TypeVar("T")

SUBJECTS: tuple[tuple[str, ...], ...] = (
    (), ("instrument",), ("band",), ("physical_filter",), ("detector",), ("visit",), ("exposure",), ("day_obs",), ("group",),
    ("visit_system",), ("skymap",), ("tract",), ("patch",), ("visit", "detector"), ("exposure", "detector"),
    ("physical_filter", "detector"), ("band", "detector"), ("exposure", "visit"), ("visit", "visit_system"),
    ("patch", "band"), ("band", "instrument"), ("exposure", "visit", "detector"), ("day_obs", "detector"),
    ("visit", "patch"), ("visit", "tract"), ("visit", "detector", "tract"), ("visit", "detector", "patch"),
)  # fmt: skip
"""Dimensions that data IDs are asked for."""
EXTRAS: tuple[tuple[str, ...], ...] = (
    (),
    (),
    (),
    ("detector",),
    ("visit",),
    ("exposure",),
    ("physical_filter",),
    ("band",),
    ("tract",),
    ("patch",),
    ("visit", "detector"),
)


# The exports have exposures and visits that belong together and disagree about filter or day.  A query for records of the
# table that joins them gives these rows, as long as it does not mention what they disagree about; it has no data ID for them.
ASKED_FOR = [name for name in COLUMNS if name != "visit_definition"]


class Die:
    """Draws for hypothesis, which shrinks what it gives."""

    def __init__(self, draw: Callable[[st.SearchStrategy[Any]], Any]) -> None:
        self._draw = draw

    def chance(self, percent: int) -> bool:
        """Whether something that happens so often happens."""
        # Of as few numbers as will do: what hypothesis varies then varies the question.
        share = Fraction(percent, 100)
        return self.number(1, share.denominator) > share.denominator - share.numerator

    def number(self, least: int, most: int) -> int:
        """Return an integer."""
        number: int = self._draw(st.integers(least, most))
        return number

    def pick(self, items: Sequence[T]) -> T:
        """Return one of some items."""
        return items[self.number(0, len(items) - 1)]


@st.composite
def questions(draw: Callable[[st.SearchStrategy[Any]], Any], oracle: Oracle, kind: str) -> Question:
    """Make a question of one kind."""
    return _Maker(Die(draw), oracle, kind).question()


class _Maker:
    """Makes one question."""

    def __init__(self, die: Die, oracle: Oracle, kind: str) -> None:
        self._die = die
        self._oracle = oracle
        self._kind = kind

    def question(self) -> Question:
        """Make it."""
        die = self._die
        element = die.pick(ASKED_FOR) if self._kind == "records" else ""
        searches = self._searches()
        if self._kind == "datasets":
            dimensions = DATASET_TYPES[searches[0].dataset_type]
        else:
            dimensions = REQUIRED[element] if element else die.pick(SUBJECTS)
        searches = tuple(self._timed(search, _own(dimensions, searches)) for search in searches)
        group = close([*_own(dimensions, searches), *die.pick(EXTRAS)])
        joins, policy = self._joins(dimensions, searches)
        related = joins or (spatial_pairs(group)[:1] if needs_sphere(group, searches) else [])
        rows = self._oracle.rows(group, searches, related)
        witness = die.pick(rows) if rows else None
        data_id = self._data_id(dimensions, group, witness)
        where = self._where(dimensions, group, searches, witness, element, data_id)
        order = self._order(dimensions, searches)
        return Question(
            kind=self._kind,
            dimensions=dimensions,
            element=element,
            searches=searches,
            columns=self._columns(dimensions, searches) if self._kind == "rows" else (),
            spatial_joins=joins,
            policy=policy,
            where=where,
            data_id=tuple(data_id.items()),
            order=order,
            offset=die.number(0, 3) if order and die.chance(20) else 0,
            limit=die.number(0, 12) if die.chance(25) else None,
        )

    # -- what is asked for

    def _searches(self) -> tuple[Search, ...]:
        die = self._die
        number = {"datasets": 1, "rows": die.number(0, 2)}.get(self._kind, die.chance(30))
        types = dict.fromkeys(die.pick(self._oracle.world.dataset_types) for _ in range(number))
        return tuple(map(self._search, types))

    def _search(self, dataset_type: str) -> Search:
        die = self._die
        world, find_first = self._oracle.world, die.chance(60)
        holding = [name for name in world.collections if world.search(dataset_type, [name], find_first=False)]
        names = [
            die.pick(holding if holding and die.chance(80) else world.collections)
            for _ in range(die.number(1, 3))
        ]
        if dataset_type in CALIBRATIONS and world.calibration_collections and die.chance(70):
            names.insert(0 if die.chance(70) else len(names), die.pick(world.calibration_collections))
        if die.chance(3):
            names = []
        return Search(dataset_type, tuple(dict.fromkeys(names)), find_first)

    def _timed(self, search: Search, own: frozenset[str]) -> Search:
        """Return a search that says whose time validity must overlap, if that matters."""
        if not self._oracle.world.is_timed(search.collections):
            return search
        elements = [name for name in TEMPORAL if name in own]
        return replace(
            search, temporal_join=self._die.pick(("fine", "fine", "fine", "coarse", "cartesian", *elements))
        )

    def _joins(
        self, dimensions: Sequence[str], searches: Sequence[Search]
    ) -> tuple[tuple[tuple[str, str], ...], str]:
        """Return which regions must overlap, and which are to besides."""
        die = self._die
        pairs = spatial_pairs(_own(dimensions, searches))
        joins = (
            tuple(dict.fromkeys(die.pick(pairs) for _ in range(die.number(1, 2))))
            if pairs and die.chance(25)
            else ()
        )
        return joins, die.pick(("fine", "fine", "fine", "coarse", "cartesian"))

    def _columns(self, dimensions: Sequence[str], searches: Sequence[Search]) -> tuple[Column, ...]:
        """Return columns for rows; of datasets only if no others of the same data ID go into the same row."""
        columns = _element_columns(close(dimensions), frozenset(), "")
        columns += _fields(searches)
        known = [column for column in columns if column.type != "region"]
        if not known:
            return ()
        return tuple(dict.fromkeys(self._die.pick(known) for _ in range(self._die.number(0, 3))))

    def _data_id(
        self, dimensions: Sequence[str], group: frozenset[str], witness: Row | None
    ) -> dict[str, Any]:
        die, found = self._die, {}
        for governor in GOVERNORS:
            if governor in group and witness is not None and die.chance(75):
                found[governor] = witness[governor]
        if witness is not None and "instrument" in found and die.chance(25):
            name = die.pick(split(group)[die.chance(30)] or ["instrument"])
            if witness[name] is not None:
                found[name] = witness[name]
        return found

    # -- conditions

    def _where(
        self,
        dimensions: Sequence[str],
        group: frozenset[str],
        searches: Sequence[Search],
        witness: Row | None,
        element: str,
        data_id: dict[str, Any],
    ) -> Tree | None:
        die = self._die
        if die.chance(10):
            return None
        own = _own(dimensions, searches)
        columns = [
            *_dimension_columns(group, die),
            *_element_columns(group, own, element),
            *_fields(searches),
        ]
        tests = Leaves(die, self._oracle, columns, witness)
        leaves = [self._steered(tests.draw(), witness) for _ in range(die.number(1, 4))]
        tree = self._combined(leaves)
        if witness is not None:
            missing = [g for g in GOVERNORS if g in group and g not in data_id and die.chance(90)]
            fixing = [
                Compare("=", Column(g, "string", "dimension", g), Literal(witness[g], "string"))
                for g in missing
            ]
            if fixing:
                parts = [*fixing, tree] if die.chance(50) else [tree, *fixing]
                tree = Junction("AND", tuple(parts))
        return tree

    def _steered(self, test: Tree, witness: Row | None) -> Tree:
        """Turn a test such that it is likely to hold for the witness."""
        if witness is None or not self._die.chance(85):
            return test
        row = witness
        try:
            value = evaluate(test, lambda column: self._oracle.value(row, column))
        except TooLargeError:
            return test
        return Leaves.turned(test, value, inside=self._die.chance(60))

    def _combined(self, trees: list[Tree]) -> Tree:
        die = self._die
        while len(trees) > 1:
            number = die.number(2, min(3, len(trees)))
            op = "OR" if die.chance(35) else "AND"
            joined: Tree = Junction(op, tuple(trees[:number]))
            if die.chance(8):
                joined = Leaves.negated(joined)
            trees = [*trees[number:], joined]
        return trees[0]

    # -- order

    def _order(self, dimensions: Sequence[str], searches: Sequence[Search]) -> tuple[tuple[Tree, bool], ...]:
        die = self._die
        if die.chance(50):
            return ()
        own = close(dimensions)
        # Not bare: the condition may be about elements that have columns of the same name.
        columns = [*_dimension_columns(own, die), *_element_columns(own, frozenset(), "")]
        if self._kind == "datasets":
            is_timed = self._oracle.world.is_timed(searches[0].collections)
            # A dataset may be in several collections, and valid at several times.
            fields = _fields(searches)
            columns += [
                c for c in fields if c.key in ("run", "uuid") or (searches[0].find_first and not is_timed)
            ]
        sortable = [column for column in columns if column.type not in ("timespan", "region")]
        if not sortable:
            return ()
        terms = []
        for _ in range(die.number(1, 3)):
            tests = Leaves(die, self._oracle, sortable, None)
            terms.append((tests.sort_key(), die.chance(50)))
        return tuple(terms)


# -- names


def _dimension_columns(group: frozenset[str], die: Die) -> list[Column]:
    return [
        Column(
            f"{name}.{KEYS[name]}" if die.chance(15) else name,
            "int" if KEYS[name] == "id" else "string",
            "dimension",
            name,
        )
        for name in sorted(group)
    ]


def _element_columns(group: frozenset[str], own: frozenset[str], preferred: str) -> list[Column]:
    elements = [name for name in COLUMNS if set(REQUIRED[name]) <= group]
    found = []
    for element in elements:
        for name, type_ in COLUMNS[element].items():
            others = [other for other in elements if name in COLUMNS[other]]
            is_bare = set(REQUIRED[element]) <= own and (len(others) == 1 or element == preferred)
            text = name if is_bare and len(name) % 2 else f"{element}.{name}"
            found.append(Column(text, type_, element, name))
            if type_ == "timespan":
                found += [
                    Column(f"{text}.{bound}", "time", element, name, bound) for bound in ("begin", "end")
                ]
    return found


def _own(dimensions: Iterable[str], searches: Iterable[Search]) -> frozenset[str]:
    """Return the dimensions that are joined, whatever the condition is about."""
    return close([*dimensions, *(name for search in searches for name in DATASET_TYPES[search.dataset_type])])


def _fields(searches: Iterable[Search]) -> list[Column]:
    found = []
    for search in searches:
        fields = {"run": "string", "uuid": "uuid", "collection": "string"}
        if search.dataset_type in CALIBRATIONS:
            fields["timespan"] = "timespan"
        for name, type_ in fields.items():
            text = f"{search.dataset_type}.{name}"
            found.append(Column(text, type_, search.dataset_type, name))
            if type_ == "timespan":
                found += [
                    Column(f"{text}.{bound}", "time", search.dataset_type, name, bound)
                    for bound in ("begin", "end")
                ]
    return found
