"""The demonstration: a study on the embedded judge, whose true effects are known."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from vat_bayes.audit import Audit, Say, audit, silent
from vat_bayes.bundled import data_path, model_path
from vat_bayes.errors import InputError
from vat_bayes.runs import FitOptions
from vat_bayes.study import Study, load_study
from vat_bayes.truth import against_truth

FOLDER = "vat-demo"
"""The run folder, in the working directory."""

_SHOWN = ("shift", "gain", "tax_rms")


@dataclass(frozen=True)
class Demo:
    """The demonstration's audit, with the truth beside it.

    Parameters
    ----------
    audit : Audit
        The finished audit.
    shifts : pandas.DataFrame
        The shifts of every value under every intervention with their true values; see
        `vat_bayes.truth.against_truth`.
    """

    audit: Audit
    shifts: pd.DataFrame

    @property
    def inside(self) -> int:
        """How many of the true shifts lie inside their intervals."""
        return int(self.shifts["inside"].sum())


def run_demo(
    out: str | Path = FOLDER,
    *,
    options: FitOptions | None = None,
    progress: bool = False,
    say: Say = silent,
) -> Demo:
    """Audit the embedded judge and compare the result with its true effects.

    Parameters
    ----------
    out : path
        The run folder. A demonstration that was interrupted goes on from there.
    options : FitOptions, optional
        How the judgments are fitted.
    progress : bool
        Whether progress is shown on the standard error stream.
    say : callable, optional
        Takes a sentence as each step begins.

    Returns
    -------
    Demo
        The audit and the comparison.

    Raises
    ------
    InputError
        When the judge or its true effects are missing, or the folder can't be used.
    """
    study, truth = demo_study(), demo_truth()
    done = audit(study, out=out, options=options, truth=truth, progress=progress, say=say)
    interventions = [c.name for c in study.conditions if c.role == "intervention"]
    shifts = against_truth(done.estimands.table, truth)
    shifts = shifts[shifts["condition"].isin(interventions)].reset_index(drop=True)
    return Demo(done, shifts)


def demo_study() -> Study:
    """Return the study of the demonstration."""
    return load_study(data_path().parent / "examples" / "demo_study.toml")


def demo_truth() -> pd.DataFrame:
    """Return the judge's true effects under the study's texts, in rating points.

    Raises
    ------
    InputError
        When the file is missing.
    """
    path = model_path("judges", "core-judge.truth.csv")
    if not path.is_file():
        raise InputError(
            "the true effects of the embedded judge are missing",
            where=str(path),
            hint="`make judge` trains the judge and writes them",
        )
    truth = pd.read_csv(path, keep_default_na=False)
    return truth[truth["estimand"].isin(_SHOWN)].reset_index(drop=True)
