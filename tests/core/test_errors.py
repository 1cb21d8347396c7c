"""The tree of errors: its codes, its remedies, and that nothing is lost on the way to another process."""

import copy
import inspect
import json
import pickle
from pathlib import PurePosixPath
from uuid import UUID

import pytest
from hypothesis import given, strategies as st

from butler_core import errors
from butler_core.errors import ButlerError, ForbiddenError, InvalidInputError, NotFoundError, PluginError

# Written out, because programs match on them: whoever renames a class must keep its code.
CODES = {
    "ButlerError": "butler",
    "NotFoundError": "not-found",
    "DatasetNotFoundError": "dataset-not-found",
    "DatasetNotStoredError": "dataset-not-stored",
    "DatasetTypeNotFoundError": "dataset-type-not-found",
    "CollectionNotFoundError": "collection-not-found",
    "ConflictError": "conflict",
    "DatasetExistsError": "dataset-exists",
    "DefinitionConflictError": "definition-conflict",
    "InUseError": "in-use",
    "PreconditionError": "precondition",
    "BatchFencedError": "batch-fenced",
    "InvalidInputError": "invalid-input",
    "DataIdError": "data-id",
    "AmbiguousLookupError": "ambiguous-lookup",
    "QueryError": "query",
    "ConfigurationError": "configuration",
    "UnavailableError": "unavailable",
    "OutcomeUnknownError": "outcome-unknown",
    "ForbiddenError": "forbidden",
    "CorruptError": "corrupt",
    "IncompatibleError": "incompatible",
    "PluginError": "plugin",
    "InternalError": "internal",
}
CLASSES = {
    name: cls for name, cls in vars(errors).items() if inspect.isclass(cls) and issubclass(cls, ButlerError)
}
every_class = pytest.mark.parametrize("cls", CLASSES.values(), ids=CLASSES.keys())

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
details = st.dictionaries(
    st.text(min_size=1).filter(lambda key: key not in ("self", "problem", "remedy", "code")),
    json_values,
    max_size=3,
)


def everything_of(error):
    """All that a handler or a reader can see of an error."""
    return (
        type(error),
        str(error),
        error.args,
        error.code,
        error.remedy,
        error.details,
        getattr(error, "__notes__", []),
    )


def full_example(cls):
    error = cls("No flat of detector 7", remedy="Make one.", uuid=UUID(int=1), valid=["a", "b"])
    error.add_note("While reading raw@{detector: 7}")
    return error


def test_codes_never_change():
    assert {name: cls.code for name, cls in CLASSES.items()} == CODES


def test_the_drawing_shows_each_class_once_below_its_base():
    drawn: dict[str, str | None] = {}
    ancestors: list[str] = []
    for line in errors.__doc__.splitlines():
        words = [word.strip("│├└─") for word in line.split()]
        name = next((word for word in words if word.endswith("Error") and "(" not in word), None)
        if name is None or name not in CLASSES:
            continue
        depth = (line.index(name) - 4) // 4
        ancestors[depth:] = [name]
        assert name not in drawn
        drawn[name] = ancestors[depth - 1] if depth else None
    bases = {name: next(b.__name__ for b in cls.__bases__) for name, cls in CLASSES.items()}
    assert drawn == bases | {"ButlerError": None}


@every_class
def test_each_class_says_in_one_line_what_it_is_for(cls):
    assert cls.__doc__
    if cls is not ButlerError:
        assert "\n" not in cls.__doc__.strip()


def test_python_programmers_can_catch_them_as_built_in_errors():
    assert issubclass(NotFoundError, LookupError)
    assert issubclass(InvalidInputError, ValueError)
    assert not issubclass(NotFoundError, KeyError), "whose text would be shown in quotes"


@every_class
def test_the_remedy_is_an_attribute_and_a_note(cls):
    error = cls("Broken.", remedy="Mend it.")
    assert error.remedy == "Mend it."
    assert error.__notes__ == ["Remedy: Mend it."]
    assert str(error) == "Broken."


def test_without_remedy_there_is_no_note():
    error = ButlerError("Broken.")
    assert error.remedy == ""
    assert not hasattr(error, "__notes__")


@every_class
@pytest.mark.parametrize("protocol", range(2, pickle.HIGHEST_PROTOCOL + 1))
def test_pickling_changes_nothing(cls, protocol):
    error = full_example(cls)
    assert everything_of(pickle.loads(pickle.dumps(error, protocol))) == everything_of(error)


@every_class
def test_copying_changes_nothing(cls):
    error = full_example(cls)
    assert everything_of(copy.deepcopy(error)) == everything_of(error)


@every_class
def test_crossing_http_changes_nothing(cls):
    error = full_example(cls)
    text = json.dumps(error.to_dict())
    assert everything_of(ButlerError.from_dict(json.loads(text))) == everything_of(error)


@given(
    st.sampled_from(list(CLASSES.values())), st.text(), st.text(), details, st.lists(st.text(), max_size=2)
)
def test_crossing_changes_nothing_whatever_the_content(cls, problem, remedy, details, notes):
    error = cls(problem, remedy=remedy, **details)
    for note in notes:
        error.add_note(note)
    text = json.dumps(error.to_dict())
    assert json.loads(text) == ButlerError.from_dict(json.loads(text)).to_dict()
    assert ButlerError.from_dict(json.loads(text)).details == details
    assert everything_of(pickle.loads(pickle.dumps(error))) == everything_of(error)


def test_a_narrower_code_stays_narrower():
    error = ForbiddenError("The repository is read-only.", code="read-only", root="/data")
    assert error.code == "read-only"
    assert error.details == {"root": "/data"}
    assert ForbiddenError.code == "forbidden"
    assert pickle.loads(pickle.dumps(error)).code == "read-only"
    assert ButlerError.from_dict(error.to_dict()).code == "read-only"


def test_details_become_built_ins_that_json_keeps():
    error = ButlerError(
        "Broken.",
        uuid=UUID(int=5),
        path=PurePosixPath("a/b"),
        names={"b", "a"},
        counts=frozenset({10, 9}),
        mixed={1, "x"},
        pair=(1, None),
        raw=b"\x00\xff",
        nested={3: [UUID(int=6)]},
    )
    assert error.details == {
        "uuid": "00000000-0000-0000-0000-000000000005",
        "path": "a/b",
        "names": ["a", "b"],
        "counts": [9, 10],
        "mixed": [1, "x"],
        "pair": [1, None],
        "raw": "00ff",
        "nested": {"3": ["00000000-0000-0000-0000-000000000006"]},
    }
    assert json.loads(json.dumps(error.details)) == error.details


class WeldingError(PluginError):
    """As a plugin would define it, with a constructor of its own."""

    def __init__(self, torch: int) -> None:
        super().__init__(f"Torch {torch} is cold", torch=torch)


class HTTPGoneError(NotFoundError):
    code = "gone"


class HTTPProxyError(ButlerError):
    pass


def test_a_plugins_class_gets_a_code_and_may_state_one():
    assert WeldingError.code == "welding"
    assert HTTPGoneError.code == "gone"
    assert HTTPProxyError.code == "http-proxy"


def test_a_class_unknown_at_the_other_end_becomes_its_nearest_base():
    error = ButlerError.from_dict(WeldingError(3).to_dict())
    assert type(error) is PluginError
    assert (error.code, str(error), error.details) == ("welding", "Torch 3 is cold", {"torch": 3})
    description = WeldingError(3).to_dict() | {"kinds": ["FromTheFutureError"]}
    assert type(ButlerError.from_dict(description)) is ButlerError


@pytest.mark.parametrize(
    "description",
    [{}, [], None, {"kinds": ["ButlerError"]}, ButlerError("x").to_dict() | {"details": 3}],
    ids=["empty", "list", "nothing", "partial", "ill-typed"],
)
def test_what_describes_no_error_is_refused_and_shown(description):
    with pytest.raises(InvalidInputError, match="does not describe an error") as caught:
        ButlerError.from_dict(description)
    assert repr(description) in str(caught.value)
