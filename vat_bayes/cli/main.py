"""The program ``vat-bayes``: every way it can end, as an exit code and one line."""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Sequence

import typer

from vat_bayes.cli.app import app
from vat_bayes.cli.options import Interrupted
from vat_bayes.errors import InputError

DONE, CHECK_FAILED, UNUSABLE, INTERRUPTED = 0, 1, 2, 3
# What a shell reports for a program whose reader went away.
_READER_GONE = 141
# What some versions of typer return, and others raise `typer.Abort` for, after Ctrl-C.
_KEYBOARD = 130
# Some versions of typer carry their own copy of click, so its base class has no fixed address.
_BAD_CALL: type[Exception] = typer.BadParameter.__mro__[2]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the program.

    Parameters
    ----------
    arguments : sequence of str, optional
        The words after the program's name; those of the process when absent.

    Returns
    -------
    int
        0 done, 1 done but a check failed, 2 unusable input, 3 interrupted but resumable.
    """
    command = typer.main.get_command(app)
    told = warnings.formatwarning
    warnings.formatwarning = _one_line
    try:
        code = command.main(
            args=None if arguments is None else list(arguments),
            prog_name="vat-bayes",
            standalone_mode=False,
        )
        sys.stdout.flush()
        if code == _KEYBOARD:
            return _ending(typer.Abort())
        return code if isinstance(code, int) else DONE
    except (InputError, OSError, Interrupted, typer.Abort, _BAD_CALL) as error:
        return _ending(error)
    finally:
        warnings.formatwarning = told


def _ending(error: BaseException) -> int:
    if isinstance(error, BrokenPipeError):
        # The interpreter flushes once more as it ends, which must not complain either.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return _READER_GONE
    if isinstance(error, Interrupted):
        return _say(f"interrupted: {error}", INTERRUPTED)
    if isinstance(error, typer.Abort):
        return _say("interrupted: run the same command again", INTERRUPTED)
    if isinstance(error, OSError):
        return _say(f"error: {_os_sentence(error)}", UNUSABLE)
    if isinstance(error, InputError):
        return _say(f"error: {error}", UNUSABLE)
    message = getattr(error, "format_message", error.__str__)()
    return _say(f"error: {message} (see --help)", UNUSABLE)


def _say(text: str, code: int) -> int:
    print(" ".join(text.split()), file=sys.stderr)
    return code


def _os_sentence(error: OSError) -> str:
    reason = (error.strerror or str(error) or type(error).__name__).lower()
    return f"{error.filename}: {reason}" if error.filename else reason


def _one_line(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    line: str | None = None,
) -> str:
    return f"warning: {' '.join(str(message).split())}\n"
