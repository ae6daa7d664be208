"""One check and its verdict, and the file they are kept in."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal, get_args

from vat_bayes.errors import InputError

Verdict = Literal["pass", "warn", "fail", "not-run"]


@dataclass(frozen=True)
class Check:
    """The verdict of one check.

    Parameters
    ----------
    check : str
        Its name.
    verdict : {"pass", "warn", "fail", "not-run"}
    figure : float or None
        What was measured; None when nothing was.
    threshold : float or None
        What it was held against.
    why : str
        One sentence that says what the figure is and what it means here.
    """

    check: str
    verdict: Verdict
    figure: float | None
    threshold: float | None
    why: str


def graded(
    name: str, figure: float, *, warn: float, fail: float | None, why: str, low_is_good: bool = True
) -> Check:
    """Give a verdict by comparing a figure with the limits of a warning and of a failure.

    Parameters
    ----------
    name : str
        Name of the check.
    figure : float
        NaN fails: a diagnostic that cannot be computed vouches for nothing. An infinite one is
        graded and not shown, as no file of JSON can hold it.
    warn, fail : float
        ``fail=None`` for a check that can warn and not fail.
    why : str
        What the figure is and what it means here.
    low_is_good : bool
        Whether small figures are the good ones.

    Returns
    -------
    Check
    """
    sign = 1.0 if low_is_good else -1.0
    verdict: Verdict = "pass"
    if not sign * figure <= sign * warn:
        verdict = "warn"
    if fail is not None and not sign * figure <= sign * fail:
        verdict = "fail"
    shown = float(figure) if math.isfinite(figure) else None
    return Check(name, verdict, shown, warn, why)


def write_checks(path: Path, checks: Sequence[Check]) -> None:
    """Write ``checks.json``; the file appears whole or not at all.

    Parameters
    ----------
    path : Path
    checks : sequence of Check
    """
    partial = path.with_name(f".{path.name}.partial")
    text = json.dumps([asdict(c) for c in checks], indent=2, ensure_ascii=False)
    partial.write_text(text + "\n", encoding="utf-8")
    os.replace(partial, path)


def read_checks(path: Path) -> list[Check]:
    """Read ``checks.json``.

    Parameters
    ----------
    path : Path

    Returns
    -------
    list of Check

    Raises
    ------
    InputError
        When the file is missing or is not a list of checks.
    """
    try:
        checks = [Check(**entry) for entry in json.loads(path.read_text(encoding="utf-8"))]
    except FileNotFoundError:
        raise InputError("there are no checks here", where=str(path)) from None
    except (OSError, ValueError, TypeError) as error:
        raise InputError(f"not a list of checks: {error}", where=str(path)) from None
    for check in checks:
        if check.verdict not in get_args(Verdict):
            raise InputError(
                f"not a list of checks: '{check.check}' has the verdict {check.verdict!r}, "
                f"expected one of {', '.join(get_args(Verdict))}",
                where=str(path),
            )
    return checks
