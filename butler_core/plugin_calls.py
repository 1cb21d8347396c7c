"""Asking one plugin what it offers: imports its module, calls a hook, and blames it by name for whatever goes wrong."""

from __future__ import annotations

from typing import Any, NamedTuple

import pluggy

from butler_core import hookspecs
from butler_core.errors import PluginError
from butler_core.hookspecs import Backend, DatastoreBackend, RegistryBackend, StorageClassDescription
from butler_core.installed import Announcement


class Hook(NamedTuple):
    """How plugins of one kind are asked, and what they answer with."""

    function: str
    answer: type[Any]


_HOOKS: dict[str, Hook] = {
    "registry": Hook("butler_registries", RegistryBackend),
    "datastore": Hook("butler_datastores", DatastoreBackend),
    "formatter": Hook("butler_formatters", Backend),
    "journal": Hook("butler_journals", Backend),
    "universe": Hook("butler_universes", Backend),
    "geometry": Hook("butler_geometries", Backend),
    "reader": Hook("butler_readers", Backend),
}
STORAGE_CLASSES = Hook("butler_storage_classes", StorageClassDescription)


def ask(announcement: Announcement, hook: Hook) -> list[Any]:
    """Import one plugin and call one of its hooks; a hook that it does not implement answers nothing.

    The plugin gets a manager of its own, so that asking it runs nobody else's code.

    Raises `PluginError`, with the cause chained, whatever goes wrong.
    """
    try:
        manager = pluggy.PluginManager("butler")
        manager.add_hookspecs(hookspecs)
        manager.register(announcement.load())
        answers = [
            answer for plugin_answers in getattr(manager.hook, hook.function)() for answer in plugin_answers
        ]
    except Exception as error:
        raise _broken(announcement, f"{type(error).__name__}: {error}") from error
    for answer in answers:
        if not isinstance(answer, hook.answer):
            raise _broken(
                announcement,
                f"{hook.function}() answers with {type(answer).__name__}, not {hook.answer.__name__}",
            )
    return answers


def describe(announcement: Announcement) -> Any:
    """Import a plugin and return its description of the name that it announced."""
    hook = _HOOKS.get(announcement.kind)
    if hook is None:
        raise _broken(announcement, f"butler-core has no use for a {announcement.kind} yet")
    answers = ask(announcement, hook)
    for answer in answers:
        if answer.name == announcement.name:
            return answer
    offered = ", ".join(repr(answer.name) for answer in answers) or "nothing"
    raise _broken(
        announcement, f"{hook.function}() offers {offered}, not the {announcement.name!r} that was announced"
    )


def _broken(announcement: Announcement, problem: str) -> PluginError:
    return PluginError(
        f"The {announcement.kind} {announcement.name!r} cannot be used: in {announcement.target} of "
        f"{announcement.origin}: {problem}.",
        remedy=f"Mend or reinstall it: pip install --upgrade --force-reinstall {announcement.distribution}",
        kind=announcement.kind,
        name=announcement.name,
        state="broken",
        distributions=[announcement.distribution],
    )
