"""What is installed, and loading it by name."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from butler_core import discovery
from butler_core.discovery import Plugins
from butler_core.errors import InvalidInputError, NotFoundError, PluginError
from butler_core.hookspecs import RegistryBackend
from butler_core.installed import Announcement, Installed, PluginInfo
from butler_core.models import lookup
from butler_core.version import __version__
from tests.core.distributions import offer, write_distribution

REGISTRIES = "butler.registries"
FORMATTERS = "butler.formatters"


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A directory on sys.path; its modules are forgotten afterwards."""
    before = set(sys.modules)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield tmp_path
    for name in set(sys.modules) - before:
        if str(getattr(sys.modules[name], "__file__", "")).startswith(str(tmp_path)):
            del sys.modules[name]


@pytest.fixture
def plugins() -> Plugins:
    """The plugins of a process that has looked at nothing yet."""
    return Plugins()


def _info(plugins: Plugins, name: str) -> list[PluginInfo]:
    return [info for info in plugins.installed if info.name == name]


def test_a_plugin_is_imported_when_its_name_is_needed_and_not_before(site, plugins):
    source = offer("butler_registries", "RegistryBackend", "fake", "other")
    write_distribution(
        site, "butler-fake", {REGISTRIES: {"fake": "fake_plugin"}}, modules={"fake_plugin": source}
    )

    assert _info(plugins, "fake") == [PluginInfo("registry", "fake", "butler-fake", "1.0", "ok", "")]
    assert "fake_plugin" not in sys.modules

    description = plugins.load("registry", "fake")
    assert isinstance(description, RegistryBackend)
    assert description.name == "fake"
    assert "fake_plugin" in sys.modules
    assert plugins.load("registry", "fake") is description


def test_a_broken_plugin_spoils_only_its_own_names(site, plugins):
    write_distribution(
        site,
        "butler-broken",
        {REGISTRIES: {"bad": "bad_plugin"}},
        modules={"bad_plugin": "import no_such_thing"},
    )
    source = offer("butler_registries", "RegistryBackend", "good")
    write_distribution(
        site, "butler-good", {REGISTRIES: {"good": "good_plugin"}}, modules={"good_plugin": source}
    )

    with pytest.raises(PluginError, match=r"'bad'.*bad_plugin of butler-broken 1.0.*no_such_thing") as caught:
        plugins.load("registry", "bad")
    assert isinstance(caught.value.__cause__, ModuleNotFoundError)
    assert "pip install" in caught.value.remedy
    assert plugins.load("registry", "good").name == "good"


@pytest.mark.parametrize(
    "source",
    [
        "raise RuntimeError('at import')",
        "def (",
        "x = 1",
        offer("butler_registries", "RegistryBackend", "another"),
        offer("butler_registries", "Backend", "bad"),
        "from butler_core.hookspecs import hookimpl\n@hookimpl\ndef butler_registries(unknown): return []",
        "from butler_core.hookspecs import hookimpl\n@hookimpl\ndef butler_registries(): return 1 / 0",
        "from butler_core.hookspecs import hookimpl\n@hookimpl\ndef butler_registries(): return 7",
    ],
    ids=[
        "raises",
        "syntax",
        "no-hook",
        "other-name",
        "wrong-type",
        "wrong-signature",
        "hook-raises",
        "no-list",
    ],
)
def test_whatever_a_plugin_does_wrong_is_a_plugin_error_that_names_it(site, plugins, source):
    write_distribution(
        site, "butler-bad", {REGISTRIES: {"bad": "bad_plugin"}}, modules={"bad_plugin": source}
    )

    with pytest.raises(PluginError, match=r"'bad'.*bad_plugin of butler-bad 1\.0"):
        plugins.load("registry", "bad")
    [checked] = [info for info in plugins.check() if info.name == "bad"]
    assert checked.state == "broken"
    assert "butler-bad" in checked.reason


def test_two_distributions_that_claim_one_name_are_refused_naming_both(site, plugins):
    source = offer("butler_registries", "RegistryBackend", "same", "mine")
    write_distribution(
        site,
        "butler-one",
        {REGISTRIES: {"same": "one_plugin", "mine": "one_plugin"}},
        modules={"one_plugin": source},
    )
    write_distribution(
        site, "butler-two", {REGISTRIES: {"same": "two_plugin"}}, modules={"two_plugin": source}
    )

    with pytest.raises(PluginError, match="butler-one and butler-two both claim it") as caught:
        plugins.load("registry", "same")
    assert caught.value.details["state"] == "clash"
    assert caught.value.details["distributions"] == ["butler-one", "butler-two"]
    assert sorted(info.distribution for info in _info(plugins, "same")) == ["butler-one", "butler-two"]
    assert {info.state for info in _info(plugins, "same")} == {"clash"}
    assert not {"one_plugin", "two_plugin"} & set(sys.modules)
    assert plugins.load("registry", "mine").name == "mine"


def test_one_name_of_two_kinds_is_no_clash(site, plugins):
    source = offer("butler_registries", "RegistryBackend", "same") + offer(
        "butler_datastores", "DatastoreBackend", "same"
    )
    write_distribution(
        site,
        "butler-both",
        {REGISTRIES: {"same": "both_plugin"}, "butler.datastores": {"same": "both_plugin"}},
        modules={"both_plugin": source},
    )
    assert plugins.load("registry", "same") != plugins.load("datastore", "same")


@pytest.mark.parametrize(
    ("requires", "state", "remedy"),
    [
        (("butler-core",), "ok", ""),
        ((f"butler-core=={__version__}",), "ok", ""),
        (("butler_core>=0.0.1", "numpy"), "ok", ""),
        ((), "ok", ""),
        (("butler-core<0.0.5",), "too-old", "pip install --upgrade butler-fake"),
        (("butler-core>=99", "numpy"), "too-new", 'pip install --upgrade "butler-core>=99"'),
        (("Butler.Core==99.*",), "too-new", 'pip install --upgrade "butler-core==99.*"'),
        (("butler-core<0.0.5; extra == 'old'",), "ok", ""),
        (("butler-core<0.0.5; python_version < '3'",), "ok", ""),
        (("butler-core ><",), "broken", "pip install --upgrade --force-reinstall butler-fake"),
    ],
)
def test_the_requirement_on_the_core_is_the_range_of_versions(site, plugins, requires, state, remedy):
    source = offer("butler_registries", "RegistryBackend", "fake")
    write_distribution(
        site,
        "butler-fake",
        {REGISTRIES: {"fake": "fake_plugin"}},
        requires=requires,
        modules={"fake_plugin": source},
    )
    [info] = _info(plugins, "fake")
    assert info.state == state
    if state == "ok":
        assert plugins.load("registry", "fake").name == "fake"
        return
    assert remedy in info.reason
    with pytest.raises(PluginError) as caught:
        plugins.load("registry", "fake")
    assert caught.value.remedy == remedy
    assert "fake_plugin" not in sys.modules


def test_an_unknown_name_lists_what_is_installed_and_what_could_be(site, plugins):
    source = offer("butler_datastores", "DatastoreBackend", "cellar")
    write_distribution(
        site,
        "butler-cellar",
        {"butler.datastores": {"cellar": "cellar_plugin"}},
        modules={"cellar_plugin": source},
    )
    with pytest.raises(PluginError, match=r"No datastore is called 'celar' \(installed: .*cellar") as caught:
        plugins.load("datastore", "celar")
    assert caught.value.remedy == "Did you mean 'cellar'?"

    with pytest.raises(PluginError) as caught:
        plugins.load("datastore", "gcs")
    assert caught.value.remedy == "pip install butler-gcs"

    with pytest.raises(PluginError, match="No signer is called 'x' \\(none is installed\\)"):
        plugins.load("signer", "x")


def test_what_is_installed_later_can_be_used_at_once(site, plugins):
    with pytest.raises(PluginError):
        plugins.load("registry", "late")
    source = offer("butler_registries", "RegistryBackend", "late")
    write_distribution(
        site, "butler-late", {REGISTRIES: {"late": "late_plugin"}}, modules={"late_plugin": source}
    )
    assert plugins.load("registry", "late").name == "late"


def test_damaged_metadata_spoil_nothing_else(site, plugins):
    write_distribution(site, "butler-damaged", {REGISTRIES: {"x": "y"}})
    [damaged] = site.glob("butler_damaged*/entry_points.txt")
    damaged.write_bytes(b"[butler.registries]\n\xff\xfe")
    source = offer("butler_registries", "RegistryBackend", "good")
    write_distribution(
        site, "butler-good", {REGISTRIES: {"good": "good_plugin"}}, modules={"good_plugin": source}
    )

    [info] = _info(plugins, "")
    assert info.state == "broken"
    assert "butler_damaged" in info.distribution
    assert plugins.load("registry", "good").name == "good"


def test_what_belongs_to_no_repository_is_opened_once(site, plugins):
    source = offer("butler_geometries", "Backend", "flat")
    write_distribution(
        site, "butler-flat", {"butler.geometries": {"flat": "flat_plugin"}}, modules={"flat_plugin": source}
    )
    assert plugins.get_geometry("flat") == "FLAT"
    assert plugins.get_geometry("flat") is plugins.get_geometry("flat")


def test_models_are_answered_by_the_plugins_in_use(site):
    source = offer("butler_geometries", "Backend", "flat")
    write_distribution(
        site, "butler-flat", {"butler.geometries": {"flat": "flat_plugin"}}, modules={"flat_plugin": source}
    )
    with discovery.use(Plugins()):
        flat: object = lookup.geometry("flat")
        assert flat == "FLAT"
        assert id(discovery.get_geometry("flat")) == id(flat)
    with discovery.use(Plugins(lambda: Installed([]))), pytest.raises(PluginError):
        lookup.geometry("flat")


# -- storage classes


def _only(*announcements: tuple[str, str, str]) -> Plugins:
    """Return plugins that see only these formatter entry points: name, module, distribution."""
    return Plugins(
        lambda: Installed(
            [Announcement("formatter", name, target, of, "1.0", ()) for name, target, of in announcements]
        )
    )


def test_a_storage_class_of_the_core_imports_no_other_plugin(site):
    (site / "core_like.py").write_text(offer("butler_storage_classes", "StorageClassDescription", "Mine"))
    plugins = _only(("a", "core_like", "butler-core"), ("b", "other_plugin", "butler-other"))
    assert plugins.get_storage_class("Mine").pytype is dict
    assert "other_plugin" not in sys.modules


def test_storage_classes_of_other_plugins_are_found_beside_broken_ones(site):
    (site / "one_plugin.py").write_text(offer("butler_storage_classes", "StorageClassDescription", "One"))
    (site / "bad_plugin.py").write_text("import no_such_thing")
    plugins = _only(
        ("a", "bad_plugin", "butler-bad"),
        ("b", "one_plugin", "butler-one"),
        ("c", "one_plugin", "butler-one"),
    )

    assert plugins.get_storage_class("One").name == "One"
    assert list(plugins.storage_classes) == ["One"]
    assert "One" in plugins.storage_classes
    assert "Two" not in plugins.storage_classes
    assert plugins.storage_classes.get("Two") is None
    with pytest.raises(NotFoundError, match=r"'Two' \(known: One\)") as caught:
        plugins.get_storage_class("Two")
    assert "butler-bad" in caught.value.__notes__[-1]
    assert isinstance(caught.value.__cause__, PluginError)


def test_a_storage_class_that_two_distributions_offer_is_refused(site):
    for name in ("one", "two"):
        (site / f"{name}_plugin.py").write_text(
            offer("butler_storage_classes", "StorageClassDescription", "Same", name)
        )
    plugins = _only(("a", "one_plugin", "butler-one"), ("b", "two_plugin", "butler-two"))

    with pytest.raises(PluginError, match=r"'Same'.*butler-one and butler-two both claim it"):
        plugins.get_storage_class("Same")
    assert plugins.get_storage_class("one").name == "one"
    assert [info.name for info in plugins.check() if info.state == "clash"] == ["Same"]


def test_a_storage_class_that_hides_the_core_s_is_reported(site):
    for name in ("core", "two"):
        (site / f"{name}_like.py").write_text(
            offer("butler_storage_classes", "StorageClassDescription", "Same")
        )
    plugins = _only(("a", "core_like", "butler-core"), ("b", "two_like", "butler-two"))
    assert plugins.get_storage_class("Same").name == "Same"
    [clash] = [info for info in plugins.check() if info.state == "clash"]
    assert clash.distribution == "butler-core, butler-two"


# -- choosing by content


READER = """
from butler_core.hookspecs import Backend, hookimpl

class Reader:
    name = "made up"
    def matches(self, path, header):
        return header.startswith(b"MADE UP")

@hookimpl
def butler_readers():
    return [Backend(name="made-up", summary="", open=lambda config, context: Reader())]
"""


def test_a_foreign_export_finds_its_reader_beside_broken_ones(site, plugins):
    write_distribution(
        site,
        "butler-read",
        {"butler.readers": {"a-broken": "bad_plugin", "made-up": "read_plugin"}},
        modules={"read_plugin": READER, "bad_plugin": "import no_such_thing"},
    )
    assert plugins.find_reader("export.x", b"MADE UP 1.0").name == "made up"
    with pytest.raises(InvalidInputError, match=r"export.x is of no export format.*made-up") as caught:
        plugins.find_reader("export.x", b"else")
    assert "bad_plugin" in caught.value.__notes__[-1]


FORMATTERS_SOURCE = """
from types import SimpleNamespace
from butler_core.hookspecs import Backend, hookimpl

def make(name, ending, *storage_classes):
    abilities = SimpleNamespace(storage_classes=frozenset(storage_classes))
    made = SimpleNamespace(name=name, abilities=abilities, extension=lambda parameters: ending)
    return Backend(name=name, summary="", open=lambda config, context: made)

@hookimpl
def butler_formatters():
    return [make("a", ".x"), make("b", ".x", "Dict"), make("c", ".y", "Dict"), make("d", ".z", "Table")]
"""


def test_a_formatter_is_chosen_by_ending_then_by_storage_class(site):
    (site / "formatters_plugin.py").write_text(FORMATTERS_SOURCE)
    plugins = _only(*((name, "formatters_plugin", "butler-some") for name in "abcd"))
    assert plugins.find_formatter("Dict", ".x") == "b"
    assert plugins.find_formatter("Other", ".x") == "a"
    assert plugins.find_formatter("Dict", ".z") == "d"
    assert plugins.find_formatter("Table", "") == "d"
    with pytest.raises(NotFoundError, match=r"end in '\.w'"):
        plugins.find_formatter("Dict", ".w")


def test_a_storage_class_without_a_choice_is_written_by_the_core_s_formatter_or_the_first(site):
    (site / "formatters_plugin.py").write_text(FORMATTERS_SOURCE)
    others = [(name, "formatters_plugin", "butler-some") for name in "abd"]
    plugins = _only(*others, ("c", "formatters_plugin", "butler-core"))
    assert plugins.default_formatters["Dict"] == "c"
    assert dict(plugins.default_formatters) == {"Dict": "c", "Table": "d"}
    assert plugins.default_formatters.get("None") is None
