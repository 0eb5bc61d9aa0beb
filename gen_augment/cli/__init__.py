"""The command line: ``gen-augment COMMAND``, with one module of this package for each command.

Commands import what they need when they run, so that ``--help`` answers at once.
"""

import io
import os
import sys
import warnings
from typing import Any

import typer

from gen_augment.cli.audit import audit
from gen_augment.cli.bank import bank
from gen_augment.cli.demo import demo
from gen_augment.cli.distill import distill
from gen_augment.cli.fit import fit
from gen_augment.cli.pool import pool
from gen_augment.cli.report import report
from gen_augment.cli.sample import sample
from gen_augment.cli.study import study

__all__ = ["app", "main"]

app = typer.Typer(
    name="gen-augment",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="markdown",
    help="Fit a conditional generator, generate synthetic rows, and learn whether they help a "
    "classifier.",
)
for command in (fit, sample, pool, bank, audit, study, distill, report, demo):
    app.command()(command)

# Typer before 0.20 takes this class from click, and later brings its own.
_UsageError: type[Exception] = typer.BadParameter.__mro__[1]


def main(arguments: list[str] | None = None) -> None:
    """Run the command line; bad input ends in exit code 2 and one line."""
    # Threads that wait for each other would spin, and take the cores of other processes. OpenMP
    # reads this when torch is imported; worker processes inherit it.
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    # Deprecations inside libraries do not concern the user of a command.
    warnings.filterwarnings("ignore", category=FutureWarning)
    warnings.formatwarning = _one_line
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # A label with characters that the terminal's encoding lacks is not an error.
            stream.reconfigure(errors="replace")
    try:
        code = app(arguments, standalone_mode=False)
    except (KeyboardInterrupt, typer.Abort):
        sys.exit(130)
    except _UsageError as error:
        _fail(error.format_message(), 2)  # type: ignore[attr-defined]
    except Exception as error:
        _fail(str(error), _exit_code(error))
    sys.exit(code or 0)


def _one_line(
    message: Warning | str, category: Any, filename: str, lineno: int, line: str | None = None
) -> str:
    """Show a warning without a line of code, since the user of a command wrote none."""
    return f"warning: {' '.join(str(message).split())}\n"


def _exit_code(error: Exception) -> int:
    """Return 2 for bad input and 1 for training that failed; raise what is neither."""
    from gen_augment.errors import DivergedError, GenAugmentError

    if not isinstance(error, (GenAugmentError, OSError)):  # OSError: a full disk, a long name
        raise error
    return 1 if isinstance(error, DivergedError) else 2


def _fail(message: str, code: int) -> None:
    if message:  # there is none if help was shown instead
        print(f"error: {' '.join(message.split())}", file=sys.stderr)  # noqa: T201
    sys.exit(code)
