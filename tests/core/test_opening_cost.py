"""What opening a repository costs: asserted by what is built and loaded, since times depend on the machine."""

from __future__ import annotations

import importlib
import json
import pkgutil
import subprocess
import sys
import threading
from collections.abc import Iterator

import pytest
from pydantic import BaseModel

import butler_core
from butler_core import Butler, DimensionUniverse
from butler_core.sql.registry import SqlRegistry
from butler_core.sql.schema.tables import _ElementTables
from butler_core.testing.universe import testing_universe

_OPEN = """
import json, sys
from pydantic import BaseModel
from butler_core import Butler
Butler(sys.argv[1]).close()
def below(cls):
    for each in cls.__subclasses__():
        yield each
        yield from below(each)
ours = [each for each in below(BaseModel) if each.__module__.startswith("butler_")]
print(json.dumps([[each.__name__ for each in ours if each.__pydantic_complete__], len(ours), sorted(sys.modules)]))
"""


@pytest.fixture
def root(tmp_path):
    Butler.make_repo(tmp_path / "repo", dimensions=testing_universe())
    return tmp_path / "repo"


def _models() -> Iterator[type[BaseModel]]:
    for module in pkgutil.walk_packages(butler_core.__path__, "butler_core."):
        if not module.name.startswith(("butler_core.testing", "butler_core.cli", "butler_core.__main__")):
            importlib.import_module(module.name)

    def below(cls: type[BaseModel]) -> Iterator[type[BaseModel]]:
        for each in cls.__subclasses__():
            yield each
            yield from below(each)

    return (each for each in below(BaseModel) if each.__module__.startswith("butler_core."))


def test_every_model_can_be_built():
    # They are built when they are first used, so nothing else would tell of an annotation that pydantic cannot follow.
    models = list(_models())
    assert len(models) > 50
    for model in models:
        model.model_rebuild(force=True)
        assert model.__pydantic_complete__


def test_opening_builds_only_the_validators_that_it_uses(root):
    done = subprocess.run(
        [sys.executable, "-c", _OPEN, str(root)], capture_output=True, text=True, check=True
    )
    built, known, modules = json.loads(done.stdout)
    assert known > 50
    assert "RepositoryConfig" in built
    assert not {"RawBatch", "QueryDescription", "RegistrySnapshot", "Journal"}.intersection(built)
    assert len(built) < 30
    assert not {"packaging.requirements", "lark", "rich", "numpy", "click"}.intersection(modules)


def test_opening_again_makes_no_other_universe(root):
    with Butler(root) as first, Butler(root) as second:
        assert second.dimensions is first.dimensions
        assert DimensionUniverse.load(first.dimensions.to_dict()) is first.dimensions


def test_tables_of_elements_are_described_when_they_are_needed_once(root):
    with Butler(root) as butler:
        assert isinstance(butler._registry, SqlRegistry)
        elements = butler._registry._context.schema.elements
        assert isinstance(elements, _ElementTables)
        assert len(elements._made) <= len(butler.dimensions.governor_dimensions)
        together = threading.Barrier(4)
        found = []

        def look() -> None:
            together.wait()
            found.append(elements["exposure"])

        threads = [threading.Thread(target=look) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(found) == 4
        assert len(set(map(id, found))) == 1
        assert set(elements) == {name for name, each in butler.dimensions.elements.items() if each.has_table}
        assert "band" not in elements
