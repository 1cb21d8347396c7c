"""The command ``butler`` itself: finds the verb, imports it alone, and turns errors into messages and exit codes.

Exit codes, for scripts:

=== =======================================================================
0   done; also where a query finds nothing, and says why on standard error
1   anything else, errors of butler itself included
2   wrong usage or invalid input: mend the command line, the data or the configuration
3   something that was named does not exist
4   what is there contradicts what was asked; nothing was changed
5   a service or place does not answer: try again later
6   not allowed
7   stored content is missing or damaged
8   versions do not fit, or a plugin is missing or broken
9   ``butler verify`` found something that is not mended
130 interrupted (Ctrl-C)
141 whoever read the output went away, as ``butler ... | head`` does
=== =======================================================================
"""

from __future__ import annotations

import difflib
import gc
import inspect
import io
import os
import re
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from importlib import import_module
from typing import IO, Any

import click

from butler_core import errors
from butler_core.cli.remedies import for_command_line
from butler_core.version import __version__

# What `butler --help` shows: verb, module and line.  The module is imported only when the verb is run.
_VERBS: dict[str, tuple[str, str]] = {
    "create": ("create", "Create a repository."),
    "info": ("info", "Show what a repository is made of."),
    "import": ("import_", "Take in an export of another repository."),
    "register-dataset-type": ("register_dataset_type", "Define a kind of dataset."),
    "register-collection": ("register_collection", "Make a collection, or set the children of a chain."),
    "collection-chain": ("collection_chain", "Change the children of a chain."),
    "associate": ("associate", "Put datasets into a TAGGED collection."),
    "disassociate": ("disassociate", "Take datasets out of a TAGGED collection."),
    "certify": ("certify", "Say for which time calibrations are valid."),
    "decertify": ("decertify", "Take validity away from calibrations."),
    "merge-certifications": ("merge_certifications", "Fill a CALIBRATION collection from others."),
    "insert-dimension-records": (
        "insert_dimension_records",
        "Insert rows of a dimension element from a file.",
    ),
    "put": ("put", "Store the content of a file as a new dataset."),
    "get": ("get", "Read a dataset, to the terminal or a file."),
    "ingest": ("ingest", "Take in files as they are."),
    "query-datasets": ("query_datasets", "Find datasets."),
    "query-data-ids": ("query_data_ids", "Find combinations of dimension values."),
    "query-dimension-records": ("query_dimension_records", "Show rows of a dimension element."),
    "query-collections": ("query_collections", "List collections."),
    "query-dataset-types": ("query_dataset_types", "List dataset types."),
    "unstore": ("unstore", "Drop the files of datasets, and keep what is known of them."),
    "remove-datasets": ("remove_datasets", "Remove datasets that a search finds."),
    "remove-runs": ("remove_runs", "Remove RUN collections with all their datasets."),
    "remove-collections": ("remove_collections", "Remove chains, tags and calibrations."),
    "remove-dataset-type": ("remove_dataset_type", "Remove definitions that no dataset uses."),
    "journals": ("journals", "List what is being written or removed, and what was interrupted."),
    "verify": ("verify", "Compare files, journals and registry, and mend what can be."),
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

    def __init__(
        self, problem: str, remedy: str, notes: Sequence[str], exit_code: int, *, usage: str = ""
    ) -> None:
        super().__init__(problem)
        self.usage = usage
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
        if self.usage:
            click.echo(f"usage: {self.usage}", file=file, err=True)
        if self.remedy:
            click.echo(f"remedy: {self.remedy}", file=file, err=True)


_EXAMPLE = re.compile(r"^Example: (.*)", re.MULTILINE)
"""In the help of a verb; shown on a line of its own, which is not broken, so that it can be copied."""

_INTERRUPTED = 130
"""As shells say it: 128 and the number of the signal."""
_PIPE_CLOSED = 141
"""So ends what SIGPIPE kills."""


def _forget_output() -> None:
    """Let nothing more be written where nothing can be, not even what is buffered by the interpreter's end."""
    with suppress(OSError, ValueError, AttributeError):  # it may be no file, or closed
        descriptor = os.open(os.devnull, os.O_WRONLY)
        os.dup2(descriptor, sys.stdout.fileno())
        os.close(descriptor)


def _can_flush() -> bool:
    try:
        sys.stdout.flush()
    except (OSError, ValueError, AttributeError):
        return False
    return True


def _to_failure(error: Exception) -> _Failure:
    if isinstance(error, errors.ButlerError):
        notes = [note for note in getattr(error, "__notes__", []) if not note.startswith("Remedy: ")]
        code = next((code for kind, code in _EXIT_CODES if isinstance(error, kind)), 1)
        return _Failure(str(error), for_command_line(error.remedy, _VERBS), notes, code)
    if isinstance(error, OSError) and error.strerror:
        return _describe_os_error(error)
    remedy = "Run it again as `butler --traceback ...` to see where it happened, and report it if it is ours."
    return _Failure(f"{type(error).__name__}: {error}", remedy, [], 1)


def _describe_os_error(error: OSError) -> _Failure:
    where = "" if error.filename is None else f"{error.filename}: "
    problem = f"{where}{error.strerror}."
    if isinstance(error, FileNotFoundError):
        return _Failure(problem, "Check the path.", [], 3)
    if isinstance(error, PermissionError):
        return _Failure(problem, "Ask for the right to it, or choose another place.", [], 6)
    return _Failure(
        problem, "Mend that and run it again; `butler --traceback ...` shows where it happened.", [], 5
    )


def _describe_usage_error(error: click.UsageError) -> _Failure:
    context = error.ctx
    usage = "" if context is None else " ".join(context.get_usage().split()).removeprefix("Usage: ")
    help_of = "butler" if context is None else context.command_path
    return _Failure(
        error.format_message(), f"`{help_of} --help` describes it.", [], error.exit_code, usage=usage
    )


@contextmanager
def _told_in_our_way(*, with_traceback: bool) -> Iterator[None]:
    """Turn whatever goes wrong into a `_Failure`, which click prints."""
    try:
        yield
    except (_Failure, click.exceptions.Exit, click.Abort):
        raise  # click itself knows what to do with these
    except BrokenPipeError as error:
        _forget_output()
        raise click.exceptions.Exit(_PIPE_CLOSED) from error
    except click.UsageError as error:
        if type(error).__name__ == "NoArgsIsHelpError":  # not in every version of click
            raise
        raise _describe_usage_error(error) from error
    except click.FileError as error:
        raise _to_failure(error.__cause__ if isinstance(error.__cause__, OSError) else error) from error
    except click.ClickException as error:
        raise _Failure(error.format_message(), "", [], error.exit_code) from error
    except KeyboardInterrupt as error:
        remedy = "Run it again.  If it was writing, `butler recover ROOT` clears away what it left half done."
        raise _Failure("Interrupted.", remedy, [], _INTERRUPTED) from error
    except Exception as error:
        if isinstance(error, OSError) and not _can_flush():
            _forget_output()
        if with_traceback:
            raise
        raise _to_failure(error) from error


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
        command.help = _EXAMPLE.sub("\b\nExample:\n  \\1", inspect.cleandoc(command.help or ""))
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the verbs from the table above."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, line) in _VERBS.items()])

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the verb; for a mistyped one name the nearest."""
        if args and args[0] not in _VERBS and not args[0].startswith("-"):
            near = difflib.get_close_matches(args[0], _VERBS, n=1)
            hint = f" Did you mean {near[0]!r}?" if near else ""
            ctx.fail(f"There is no command {args[0]!r}.{hint}")
        return super().resolve_command(ctx, args)

    def make_context(
        self,
        info_name: str | None,
        args: list[str],
        parent: click.Context | None = None,
        **extra: Any,
    ) -> click.Context:
        """Read the options before the verb."""
        with _told_in_our_way(with_traceback=False):
            return super().make_context(info_name, args, parent, **extra)

    def invoke(self, ctx: click.Context) -> Any:
        """Run a verb, and say in our own way what went wrong."""
        with _told_in_our_way(with_traceback=bool(ctx.params.get("traceback"))):
            result = super().invoke(ctx)
            if sys.stdout is not None:
                sys.stdout.flush()  # while what goes wrong can still be told
            return result


@click.group(cls=_Verbs, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="butler")
@click.option("--traceback", is_flag=True, help="Show where in the code an error comes from.")
def command(traceback: bool) -> None:
    """Store and find science data products by what they mean.

    ROOT is a repository: a path, a URI, or a label of the file that BUTLER_REPOSITORY_INDEX names.  KEY=VALUE arguments are a
    data ID, such as: instrument=HSC visit=903334 detector=16

    Exit codes: 1 general, 2 invalid input, 3 not found, 4 conflict, 5 unavailable, 6 forbidden, 7 corrupt, 8 incompatible or
    plugin, 9 findings of verify, 130 interrupted, 141 output not read.
    """


def main() -> None:
    """Run the command line of this process."""
    # Importing makes many objects and no garbage: by default a tenth of the time would go into looking for it.
    gc.set_threshold(20_000, 20, 50)
    if isinstance(sys.stdout, io.TextIOWrapper):  # None: the caller closed it
        sys.stdout.reconfigure(
            errors="backslashreplace"
        )  # what the terminal cannot show is no reason to fail
    command(prog_name="butler")
