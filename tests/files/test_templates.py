"""Templates: what they say, what they refuse, and that no value leads anywhere else."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, strategies as st

from butler_core.errors import ConfigurationError, InvalidInputError
from butler_core.files.names import check_artifact, join_name
from butler_core.files.templates import Template, default_template
from butler_core.models.data_id import DataCoordinate
from butler_core.models.dataset_ref import DatasetRef, new_uuid
from butler_core.models.dataset_type import DatasetType
from butler_core.testing.datastores.datasets import make_refs
from butler_core.testing.universe import testing_universe

UNIVERSE = testing_universe()
TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=300)


def ref_for(
    dimensions: list[str], values: tuple[Any, ...], run: str = "run", name: str = "flat"
) -> DatasetRef:
    group = UNIVERSE.conform(dimensions)
    dataset_type = DatasetType(name, group, "StructuredDataDict")
    return DatasetRef(new_uuid(), dataset_type, DataCoordinate.from_required(group, values), run)


def stem(template: str, ref: DatasetRef) -> str:
    (made,) = Template(template).compile(ref.dataset_type)([ref])
    return made


def test_the_default_names_every_required_dimension() -> None:
    ref = ref_for(["visit", "detector"], ("HSC", 16, 903334), run="u/me/first")
    template = default_template(ref.dataset_type.dimensions)
    assert stem(template.text, ref) == "u/me/first/flat/HSC/16/flat_HSC_16_903334"
    nothing = ref_for([], ())
    assert stem(default_template(nothing.dataset_type.dimensions).text, nothing) == "run/flat/flat"


EXPANDED = make_refs(1, name="flat.mask", run="u/me")[0]


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("{run}/x", "u/me/x"),
        ("{dataset_type}.{component}/{exposure}", "flat.mask/0"),
        ("{instrument}", "Cam%2F1%20%C3%A9"),
        ("a-{exposure.obs_id}_{exposure.exposure_time}", "a-obs%200_30.5"),
        ("{physical_filter}/{band}", "r~2/r"),
        ("{exposure.day_obs}", "20261123"),
        ("{exposure}_{visit?}", "0"),
        ("{exposure}_{visit?}_{detector}", "0_16"),
        ("{visit?}/{exposure}", "0"),
        ("{exposure}/{visit?}-{tract?}/{detector}", "0/16"),
        ("x_{exposure.target_name?}/{exposure}_{exposure.target_name?}", "x/0"),
        ("{visit?}.x", "%2Ex"),
        ("a_-.{visit?}{detector}", "a16"),
        ("{visit?}/{exposure.target_name?}", "%"),
    ],
)
def test_what_fields_become(template: str, expected: str) -> None:
    assert stem(template, EXPANDED) == expected


def test_the_end_of_a_value_is_no_separator() -> None:
    ref = ref_for(["instrument"], ("a-",))
    assert stem("{instrument}{band?}x{visit?}", ref) == "a-x"
    assert stem("{instrument}_{visit.name?}", ref) == "a-"


@pytest.mark.parametrize(
    "template",
    [
        "",
        "/a",
        "a/",
        "a//b",
        "../a",
        "a/../b",
        "a/.b",
        ".{run}",
        "{run",
        "run}",
        "{}",
        "{{run}}",
        "{run!r}",
        "{run:s}",
        "{run.__class__}",
        "{0}",
        "{run.name}",
        "{visit.name.x}",
        "{visit[name]}",
        "{Visit}",
        "{ run}",
        "a b",
        "a\\b",
        "a%s",
        "é",
        "a\x00",
        "{run}" * 300,
        "{visit?x}",
    ],
)
def test_malformed_templates_are_refused(template: str) -> None:
    with pytest.raises(ConfigurationError):
        Template(template)


@pytest.mark.parametrize(
    ("template", "valid"),
    [
        ("{nonsense}", "exposure"),
        ("{nonsense.name}", "exposure"),
        ("{visit.nonsense?}", "name"),
        ("{visit.region}", "name"),
    ],
)
def test_what_the_universe_does_not_have_is_told_with_what_it_has(template: str, valid: str) -> None:
    with pytest.raises(ConfigurationError, match="nothing called") as caught:
        Template(template).check(UNIVERSE)
    assert valid in caught.value.remedy


def test_a_field_without_a_value_is_refused() -> None:
    with pytest.raises(InvalidInputError, match="visit"):
        Template("{visit}").compile(EXPANDED.dataset_type)
    with pytest.raises(InvalidInputError, match="target_name"):
        stem("{exposure.target_name}", EXPANDED)
    with pytest.raises(InvalidInputError, match="band"):
        stem("{band}", ref_for(["exposure"], ("HSC", 1)))


@given(run=TEXT.filter(bool), instrument=TEXT, exposure=st.integers())
@pytest.mark.parametrize(
    "template",
    [
        None,
        "{run}/{instrument}",
        "{instrument}.{exposure}",
        "{instrument}/x{band?}/{run}",
        "{visit?}.{instrument}",
    ],
)
def test_no_value_leads_out_of_the_root(
    template: str | None, run: str, instrument: str, exposure: int
) -> None:
    ref = ref_for(["exposure"], (instrument, exposure), run=run)
    made = stem(template or default_template(ref.dataset_type.dimensions).text, ref)
    name = join_name(made, "_token.json")
    assert check_artifact(name) == name


@given(
    st.lists(
        st.tuples(TEXT, st.text("a/.%_", min_size=1), st.integers(0, 3)), unique=True, min_size=2, max_size=5
    )
)
def test_different_data_ids_get_different_names(values: list[tuple[str, str, int]]) -> None:
    refs = [ref_for(["exposure"], (instrument, exposure), run=run) for instrument, run, exposure in values]
    template = default_template(refs[0].dataset_type.dimensions)
    names = {join_name(made, "_t") for made in template.compile(refs[0].dataset_type)(refs)}
    assert len(names) == len(refs)
