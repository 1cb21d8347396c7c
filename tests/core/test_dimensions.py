"""Universes, groups, data IDs and records: their algebra, against plain sets and dicts, and what is refused."""

from __future__ import annotations

import copy
import pickle
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, strategies as st

from butler_core.errors import ButlerError, ConfigurationError, DataIdError, InvalidInputError
from butler_core.models.data_id import DataCoordinate
from butler_core.models.record import record_shape
from butler_core.models.timespan import Timespan
from butler_core.models.universe import DimensionGroup, DimensionUniverse
from butler_core.testing.universe import TESTING_UNIVERSE, testing_universe

UNIVERSE = testing_universe()
NAMES = [name for name in UNIVERSE.elements if name in UNIVERSE.dimensions]

names = st.sets(st.sampled_from([*NAMES, "htm7"]))
groups = names.map(UNIVERSE.conform)
values = st.fixed_dictionaries(
    {
        name: st.integers(-5, 5)
        if UNIVERSE.dimensions[name].primary_key.type == "int"  # type: ignore[union-attr]
        else st.sampled_from(["a", "b", "ü"])
        for name in [*NAMES, "htm7"]
    }
)


def close(chosen: set[str]) -> set[str]:
    """What conform means, said again: everything that is reached by requirement and implication."""
    reached: set[str] = set()
    todo = set(chosen)
    while todo:
        name = todo.pop()
        reached.add(name)
        element = UNIVERSE.dimensions[name]
        todo |= {*element.required, *element.implied} - reached
    return reached


# -- groups


@given(names)
def test_a_group_is_closed_and_ordered(chosen: set[str]) -> None:
    group = UNIVERSE.conform(chosen)
    assert set(group) == close(chosen)
    assert list(group) == UNIVERSE.sort(group)
    assert set(group.required) | set(group.implied) == set(group)
    assert not set(group.required) & set(group.implied)
    assert UNIVERSE.conform(group.required) == group or any(
        # A dimension that is implied may still be required by another.
        name in close({other})
        for name in group.implied
        for other in group.required
    )
    for name in group:
        element = UNIVERSE.dimensions[name]
        assert set(element.required) <= set(group)
        assert set(element.implied) <= set(group)


@given(groups, groups)
def test_set_operators_give_closed_groups(a: DimensionGroup, b: DimensionGroup) -> None:
    assert set(a | b) == set(a.union(b)) == close(set(a) | set(b))
    assert set(a & b) == set(a.intersection(b)) == close(set(a) & set(b))
    assert set(a - b) == close(set(a) - set(b))
    assert (a <= b) == (set(a) <= set(b))
    assert (a == b) == (set(a) == set(b))
    assert a | b is b | a
    assert a | UNIVERSE.empty is a
    assert a & UNIVERSE.empty is UNIVERSE.empty
    assert hash(a) == hash(frozenset(a.names))


@given(groups)
def test_one_object_stands_for_each_group(group: DimensionGroup) -> None:
    assert UNIVERSE.conform(group) is group
    assert UNIVERSE.conform(list(group)) is group
    assert pickle.loads(pickle.dumps(group)) is group


@given(groups)
def test_records_can_be_looked_up_in_order(group: DimensionGroup) -> None:
    known = set(group.required)
    for name in group.lookup_order:
        element = UNIVERSE.elements[name]
        assert set(element.required) <= known
        known |= set(element.implied)
    assert known == set(group)
    assert set(group.lookup_order) == set(group.elements)


# -- data IDs


@given(groups, values)
def test_a_data_id_knows_what_it_was_given(group: DimensionGroup, given_values: dict[str, Any]) -> None:
    minimal = DataCoordinate.standardize(
        {n: given_values[n] for n in group.required}, dimensions=group, universe=UNIVERSE
    )
    full = DataCoordinate.standardize(
        {n: given_values[n] for n in group}, dimensions=group, universe=UNIVERSE
    )
    assert dict(minimal) == {n: given_values[n] for n in group.required}
    assert dict(full) == {n: given_values[n] for n in group}
    assert minimal == full
    assert hash(minimal) == hash(full)
    assert minimal.is_full == (not group.implied)
    assert full.is_full
    assert not full.is_expanded
    assert pickle.loads(pickle.dumps(full)) == full
    assert dict(full.required) == dict(minimal)


@given(groups, groups, values)
def test_subset_undoes_union(a: DimensionGroup, b: DimensionGroup, given_values: dict[str, Any]) -> None:
    first, second = (
        DataCoordinate.standardize({n: given_values[n] for n in g}, dimensions=g, universe=UNIVERSE)
        for g in (a, b)
    )
    both = first.union(second)
    assert both.dimensions is a | b
    assert both == second.union(first)
    assert both.subset(a) == first
    assert both.subset(b) == second
    assert dict(both) == {n: given_values[n] for n in a | b}


@given(groups, values, values)
def test_equality_is_of_group_and_required_values(
    group: DimensionGroup, x: dict[str, Any], y: dict[str, Any]
) -> None:
    first, second = (
        DataCoordinate.standardize({n: v[n] for n in group.required}, dimensions=group, universe=UNIVERSE)
        for v in (x, y)
    )
    assert (first == second) == all(x[n] == y[n] for n in group.required)


def test_data_ids_that_disagree_do_not_unite() -> None:
    a = DataCoordinate.standardize(instrument="A", universe=UNIVERSE)
    b = DataCoordinate.standardize(instrument="B", detector=1, universe=UNIVERSE)
    with pytest.raises(InvalidInputError, match="instrument"):
        a.union(b)


def test_defaults_fill_gaps_only() -> None:
    defaults = DataCoordinate.standardize(instrument="A", detector=1, universe=UNIVERSE)
    made = DataCoordinate.standardize(
        {"exposure": 5}, dimensions=["exposure"], universe=UNIVERSE, defaults=defaults, instrument="B"
    )
    assert dict(made) == {"instrument": "B", "exposure": 5}


@pytest.mark.parametrize(
    ("data_id", "word"),
    [
        ({"instrument": "A"}, "detector"),
        ({"instrument": "A", "detector": True}, "True"),
        ({"instrument": "A", "detector": 2**63}, "64"),
        ({"instrument": "A", "detector": "1"}, "detector"),
        ({"instrument": 5, "detector": 1}, "instrument"),
        ({"instrument": "A\0", "detector": 1}, "NUL"),
        ({"instrument": None, "detector": 1}, "instrument"),
        ({"instrument": "A", "detector": 1, "exposure": 1}, "exposure"),
        ({"instrument": "A", "detector": 1, "colour": 1}, "colour"),
    ],
)
def test_a_wrong_data_id_is_explained(data_id: dict[str, Any], word: str) -> None:
    with pytest.raises(DataIdError, match=word) as caught:
        DataCoordinate.standardize(data_id, dimensions=["detector"], universe=UNIVERSE)
    assert caught.value.remedy


def test_unknown_values_say_so() -> None:
    minimal = DataCoordinate.standardize(instrument="A", exposure=1, universe=UNIVERSE)
    with pytest.raises(KeyError, match="minimal"):
        minimal["band"]
    with pytest.raises(KeyError):
        minimal["tract"]
    with pytest.raises(InvalidInputError, match="records"):
        minimal.records["exposure"]
    with pytest.raises(DataIdError):
        minimal.subset(["tract"])


# -- records


@given(
    st.fixed_dictionaries(
        {"instrument": st.just("A"), "id": st.integers(0, 9)},
        optional={
            "exposure_time": st.floats(allow_nan=False),
            "target_name": st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])),
            "can_see_sky": st.booleans(),
            "timespan": st.builds(Timespan, st.integers(-9, 9), st.integers(-9, 9)) | st.none(),
        },
    )
)
def test_records_survive_their_raw_form(row: dict[str, Any]) -> None:
    import json

    shape = record_shape(UNIVERSE, "exposure")
    record = shape.make(row)
    assert shape.make(json.loads(json.dumps(record.to_raw()))) == record
    assert pickle.loads(pickle.dumps(record)) == record
    assert record.exposure == record.id == record["id"] == row["id"]
    assert all(record[name] == value for name, value in row.items())
    assert dict(record.data_id) == {"instrument": "A", "exposure": row["id"]}


def test_a_key_under_two_names_is_refused() -> None:
    with pytest.raises(InvalidInputError, match="two names"):
        record_shape(UNIVERSE, "exposure").make({"instrument": "A", "id": 1, "exposure": 2})


# -- universes


def changed(**changes: Any) -> dict[str, Any]:
    source = copy.deepcopy(TESTING_UNIVERSE)
    source["elements"].update(changes)
    return source


def test_a_universe_comes_back_from_its_text() -> None:
    assert DimensionUniverse.load(UNIVERSE.to_dict()) == UNIVERSE
    assert pickle.loads(pickle.dumps(UNIVERSE)) is UNIVERSE
    assert DimensionUniverse.load(changed(extra={"key": {"name": "id", "type": "int"}})) != UNIVERSE


@pytest.mark.parametrize(
    ("element", "words"),
    [
        ({"requires": ["absent"]}, ["elements.new.requires", "absent"]),
        ({"key": {"name": "id", "type": "int"}, "implies": ["new"]}, ["new -> new"]),
        ({"key": {"name": "id", "type": "float"}}, ["elements.new.key.type"]),
        ({}, ["elements.new", "key"]),
        ({"key": {"name": "id", "type": "int"}, "colour": 1}, ["elements.new.colour"]),
        ({"key": {"name": "id", "type": "int"}, "metadata": [{"name": "region", "type": "int"}]}, ["region"]),
        ({"key": {"name": "id", "type": "int"}, "governor": True, "requires": ["instrument"]}, ["governor"]),
        ({"requires": ["visit_definition"]}, ["visit_definition", "no dimension"]),
        ({"key": {"name": "id", "type": "int"}, "table": False, "requires": ["instrument"]}, ["table"]),
    ],
)
def test_a_wrong_universe_is_explained(element: dict[str, Any], words: list[str]) -> None:
    with pytest.raises(ConfigurationError) as caught:
        DimensionUniverse.load(changed(new=element))
    text = f"{caught.value} {caught.value.remedy}"
    assert all(word in text for word in words), text


def test_an_overlay_adds_extends_and_drops(tmp_path: Path) -> None:
    import yaml

    (tmp_path / "below.yaml").write_text(yaml.safe_dump(TESTING_UNIVERSE))
    above = {
        "extends": "below.yaml",
        "namespace": "site",
        "version": 3,
        "elements": {
            "amplifier": {"key": {"name": "id", "type": "int"}, "requires": ["detector"]},
            "exposure": {"metadata": [{"name": "humidity", "type": "float"}]},
        },
        "drop": ["patch"],
    }
    path = tmp_path / "above.yaml"
    path.write_text(yaml.safe_dump(above))
    universe = DimensionUniverse.load(path)
    assert (universe.namespace, universe.version) == ("site", 3)
    assert universe.conform("amplifier").required == ("instrument", "detector", "amplifier")
    columns = [column.name for column in universe.elements["exposure"].metadata]
    assert columns == ["exposure_time", "target_name", "can_see_sky", "humidity"]
    assert "patch" not in universe.elements
    assert universe.topology["spatial"]["skymap_regions"] == ("tract",)
    assert DimensionUniverse.load(universe.to_dict()) == universe


@pytest.mark.parametrize(
    ("overlay", "word"),
    [
        ({"extends": "absent.yaml", "namespace": "a", "version": 1}, "absent"),
        ({"extends": "below.yaml", "version": 1}, "namespace"),
        ({"extends": "below.yaml", "namespace": "a", "version": 1, "drop": ["absent"]}, "absent"),
        ({"extends": "below.yaml", "namespace": "a", "version": 1, "drop": ["detector"]}, "detector"),
        ({"namespace": "a", "version": 1, "elements": {}, "drop": ["x"]}, "drop"),
        ({"extends": "above.yaml", "namespace": "a", "version": 1}, "circle"),
        ({"extends": 5, "namespace": "a", "version": 1}, "extends"),
    ],
)
def test_a_wrong_overlay_is_explained(tmp_path: Path, overlay: dict[str, Any], word: str) -> None:
    import yaml

    (tmp_path / "below.yaml").write_text(yaml.safe_dump(TESTING_UNIVERSE))
    path = tmp_path / "above.yaml"
    path.write_text(yaml.safe_dump(overlay))
    with pytest.raises(ButlerError) as caught:
        DimensionUniverse.load(path)
    assert word in f"{caught.value} {caught.value.remedy}"
