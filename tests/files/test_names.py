"""Names of artifacts stay in the root, keep within bounds, and differ where what they stand for differs."""

from __future__ import annotations

from uuid import UUID, uuid4

import pytest
from hypothesis import given, strategies as st

from butler_core.errors import InvalidInputError
from butler_core.files.names import (
    MAX_NAME,
    MAX_PART,
    batch_token,
    check_artifact,
    escape_dots,
    extension_of,
    is_absolute,
    join_name,
    journal_directory,
    quote_part,
    quote_path,
    shorten,
)

NASTY = st.text(alphabet=st.sampled_from("./\\%~ a_-é\0\n:")) | st.text()
STEM = (
    st.lists(st.text("ab_-.%~", min_size=1, max_size=400), min_size=1, max_size=12)
    .map("/".join)
    .map(escape_dots)
)


def test_the_token_never_changes() -> None:
    # Recovery compares tokens in journals that other versions wrote.
    assert batch_token(UUID("01890a5d-ac96-774b-bcce-b302099a8057")) == "868387d7dfa82f6e"
    assert len(batch_token(uuid4())) == 16


@given(NASTY)
def test_quoted_text_is_one_good_part(text: str) -> None:
    quoted = quote_part(text)
    assert "/" not in quoted
    assert not quoted.startswith(".")
    if len(quoted) <= MAX_PART:
        assert check_artifact(quoted) == quoted


@given(NASTY, NASTY)
def test_different_texts_stay_different(one: str, other: str) -> None:
    for quote in (quote_part, quote_path, journal_directory):
        assert (quote(one) == quote(other)) is (one == other)


@given(NASTY)
def test_a_quoted_path_stays_inside(text: str) -> None:
    name = join_name(quote_path(text), "_token.json")
    assert check_artifact(name) == name


@given(STEM, st.sampled_from(["_token", "_aaaaaaaaaaaaaaaa.fits.gz"]))
def test_names_keep_within_bounds(stem: str, tail: str) -> None:
    name = join_name(stem, tail)
    assert check_artifact(name) == name
    assert name.endswith(tail)
    assert len(name) <= max(MAX_NAME, len(tail))
    assert all(len(part) <= MAX_PART for part in name.split("/"))


@given(STEM, STEM)
def test_long_names_differ_still(one: str, other: str) -> None:
    padding = "x" * 300
    names = {join_name(f"{stem}/{padding}{stem}", "_t") for stem in (one, other)}
    assert len(names) == len({one, other})


def test_shortened_text_tells_what_was_cut() -> None:
    assert shorten("short", 20) == "short"
    a, b = shorten("x" * 300 + "a", 255), shorten("x" * 300 + "b", 255)
    assert a != b
    assert len(a) == len(b) == 255
    assert "//" not in shorten("a/" * 200, 100)


@pytest.mark.parametrize(
    "name",
    [
        "",
        "/",
        "/a",
        "a/",
        "a//b",
        ".",
        "..",
        "a/..",
        "../a",
        "a/./b",
        "a\\b",
        "a\x00",
        "a\nb",
        "a\x7f",
        ".butler",
        ".butler/staging/x",
        "file:///etc/passwd",
        "s3://a/b",
        "x" * 256,
        "é" * 128,
        "ab/" * 400 + "a",
    ],
)
def test_bad_names_are_refused(name: str) -> None:
    with pytest.raises(InvalidInputError):
        check_artifact(name)


@pytest.mark.parametrize(
    "name", ["a", "a/b.c", "é/ü x", "a..b", "...", "..a/b", ".butlers/x", "x" * 255, "a:b", "%2e"]
)
def test_good_names_are_not(name: str) -> None:
    assert check_artifact(name) == name


@given(st.text())
def test_a_checked_name_is_below_the_root(name: str) -> None:
    import posixpath

    try:
        check_artifact(name)
    except InvalidInputError:
        return
    assert posixpath.normpath(f"/root/{name}") == f"/root/{name}"
    assert not is_absolute(name)


@pytest.mark.parametrize(
    ("path", "extension"),
    [
        ("/a/b.fits", ".fits"),
        ("b.fits.gz", ".fits.gz"),
        ("b.c.fits.fz", ".fits.fz"),
        ("b.gz", ".gz"),
        ("/a.b/c", ""),
        ("/a.b/.gz", ""),
        (".hidden", ""),
        ("/a/.hidden.gz", ".gz"),
        ("/a.b/c.gz", ".gz"),
        ("a.b c", ""),
        ("a.", ""),
        ("a." + "x" * 40, ""),
        ("", ""),
        ("a.é", ""),
    ],
)
def test_extensions(path: str, extension: str) -> None:
    assert extension_of(path) == extension
