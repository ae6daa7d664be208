"""Verdicts on a fit: pass, warn, fail, or not run."""

from vat_bayes.checks.check import Check, Verdict, read_checks, write_checks
from vat_bayes.checks.convergence import GATING, gating_failures, has_converged
from vat_bayes.checks.leave_out import NAME as LEAVE_OUT
from vat_bayes.checks.leave_out import check_leave_out
from vat_bayes.checks.run import gate, gating_checks, run_checks

__all__ = [
    "GATING",
    "LEAVE_OUT",
    "Check",
    "Verdict",
    "check_leave_out",
    "gate",
    "gating_checks",
    "gating_failures",
    "has_converged",
    "read_checks",
    "run_checks",
    "write_checks",
]
