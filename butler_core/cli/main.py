"""The command ``butler`` itself: finds the verb, imports it alone, and turns errors into messages and exit codes.

Exit codes, for scripts:

==  =======================================================================
0   done
1   anything else, errors of butler itself included
2   wrong usage or invalid input: mend the command line, the data or the configuration
3   something that was named does not exist
4   what is there contradicts what was asked; nothing was changed
5   a service or place does not answer: try again later
6   not allowed
7   stored content is missing or damaged
8   versions do not fit, or a plugin is missing or broken
==  =======================================================================
"""

from __future__ import annotations

from importlib import import_module
from typing import IO, Any

import click

from butler_core import errors
from butler_core.version import __version__

# What `butler --help` shows: verb, module and line.  The module is imported only when the verb is run.
_VERBS: dict[str, tuple[str, str]] = {
    "create": ("create", "Create a repository."),
    "info": ("info", "Show what a repository is made of."),
    "import": ("import_", "Take in an export of another repository."),
    "register-dataset-type": ("register_dataset_type", "Define a kind of dataset."),
    "register-collection": ("register_collection", "Make a collection, or set the children of a chain."),
    "put": ("put", "Store the content of a file as a new dataset."),
    "get": ("get", "Read a dataset, to the terminal or a file."),
    "ingest": ("ingest", "Take in files as they are."),
    "query-datasets": ("query_datasets", "Find datasets."),
    "query-data-ids": ("query_data_ids", "Find combinations of dimension values."),
    "query-dimension-records": ("query_dimension_records", "Show rows of a dimension element."),
    "query-collections": ("query_collections", "List collections."),
    "query-dataset-types": ("query_dataset_types", "List dataset types."),
    "recover": ("recover", "Finish or take back what interrupted writers left."),
    "plugins": ("plugins", "List installed plugins."),
}

_EXIT_CODES: tuple[tuple[type[errors.ButlerError], int], ...] = (
    (errors.InvalidInputError, 2),
    (errors.NotFoundError, 3),
    (errors.ConflictError, 4),
    (errors.UnavailableError, 5),
    (errors.ForbiddenError, 6),
    (errors.CorruptError, 7),
    (errors.IncompatibleError, 8),
)


class _Failure(click.ClickException):
    """An error as the command line shows it: what is wrong and what helps, without a traceback."""

    def __init__(self, problem: str, remedy: str, notes: list[str], exit_code: int) -> None:
        super().__init__(problem)
        self.remedy = remedy
        self.notes = notes
        self._exit_code = exit_code

    @property
    def exit_code(self) -> int:  # type: ignore[override]  # click has it as a class variable
        """What the process ends with."""
        return self._exit_code

    def show(self, file: IO[Any] | None = None) -> None:
        """Print it to standard error."""
        click.echo(f"error: {self.message}", file=file, err=True)
        for note in self.notes:
            click.echo(f"note: {note}", file=file, err=True)
        if self.remedy:
            click.echo(f"remedy: {self.remedy}", file=file, err=True)


def _to_failure(error: Exception) -> _Failure:
    if isinstance(error, errors.ButlerError):
        notes = [note for note in getattr(error, "__notes__", []) if not note.startswith("Remedy: ")]
        code = next((code for kind, code in _EXIT_CODES if isinstance(error, kind)), 1)
        return _Failure(str(error), error.remedy, notes, code)
    remedy = "Run it again as `butler --traceback ...` to see where it happened, and report it if it is ours."
    return _Failure(f"{type(error).__name__}: {error}", remedy, [], 1)


class _Verbs(click.Group):
    """A group whose commands are imported when they are run."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the verbs in the order in which one meets them."""
        return list(_VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import one verb."""
        if cmd_name not in _VERBS:
            return None
        command: click.Command = import_module(f"butler_core.cli.{_VERBS[cmd_name][0]}").command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the verbs from the table above."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, line) in _VERBS.items()])

    def invoke(self, ctx: click.Context) -> Any:
        """Run a verb, and say in our own way what went wrong."""
        try:
            return super().invoke(ctx)
        except (click.ClickException, click.exceptions.Exit, click.Abort, BrokenPipeError):
            raise
        except Exception as error:
            if ctx.params.get("traceback"):
                raise
            raise _to_failure(error) from error


@click.group(cls=_Verbs, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="butler")
@click.option("--traceback", is_flag=True, help="Show where in the code an error comes from.")
def command(traceback: bool) -> None:
    """Store and find science data products by what they mean.

    ROOT is a path, a URI or a label of the repository index.  Exit codes: 1 general, 2 invalid input, 3 not found, 4 conflict, 5
    unavailable, 6 forbidden, 7 corrupt, 8 incompatible or plugin.
    """


def main() -> None:
    """Run the command line of this process."""
    command(prog_name="butler")
