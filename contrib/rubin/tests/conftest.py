"""Small exports, written for a test and read at once."""

import textwrap

import pytest

from butler_core import DimensionUniverse
from butler_rubin.reader import DafButlerYamlReader


@pytest.fixture(scope="module")
def universe():
    return DimensionUniverse.load("rubin")


@pytest.fixture
def read_text(tmp_path, universe):
    """Read a whole file."""

    def read_text(text, into=universe, rows=10_000):
        path = tmp_path / "export.yaml"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return list(DafButlerYamlReader(rows).read(str(path), into))

    return read_text


@pytest.fixture
def read(read_text, universe):
    """Read the entries of ``data``, in a file with a header of four lines."""

    def read(
        data, *, version="1.0.2", universe_version=8, namespace="daf_butler", into=universe, rows=10_000
    ):
        header = [f"version: {version}"]
        if universe_version is not None:
            header += [f"universe_version: {universe_version}", f"universe_namespace: {namespace}"]
        return read_text("\n".join([*header, "data:", textwrap.dedent(data)]), into, rows)

    return read
