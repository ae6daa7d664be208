"""Verdicts on a fit: pass, warn, fail, or not run."""

from vat_bayes.checks.check import Check, Verdict, read_checks, write_checks
from vat_bayes.checks.convergence import GATING
from vat_bayes.checks.run import gate, run_checks

__all__ = ["GATING", "Check", "Verdict", "gate", "read_checks", "run_checks", "write_checks"]
