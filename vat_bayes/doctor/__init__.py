"""What is installed, what of it works here, and what to type to get the rest."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Callable

from vat_bayes.doctor.finding import Diagnosis, Finding
from vat_bayes.doctor.libraries import PACKAGE, libraries, version_of

__all__ = ["Diagnosis", "Finding", "diagnose"]


def diagnose(*, fit: bool = False, say: Callable[[str], None] | None = None) -> Diagnosis:
    """Look at the installation and try what can be tried in seconds.

    Parameters
    ----------
    fit : bool
        Also fit four simulated scenarios by every engine and backend, which takes minutes.
    say : callable, optional
        Takes a sentence before each of these fits.

    Returns
    -------
    Diagnosis
        Nothing is raised for what is missing or broken: that is the answer.
    """
    from vat_bayes.doctor.probes import FITS, PROBES

    findings = libraries()
    findings += [probe.run() for probe in PROBES]
    for probe in FITS if fit else ():
        if say is not None:
            say(f"fitting: {probe.name}")
        findings.append(probe.run())
    return Diagnosis(
        version=version_of(PACKAGE) or "not installed",
        python=f"{platform.python_version()} ({sys.executable})",
        machine=f"{platform.system()} {platform.machine()}, {_cores()} cores",
        findings=tuple(findings),
    )


def _cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
