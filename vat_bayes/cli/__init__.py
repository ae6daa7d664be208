"""The command line: parse, call, print."""

from vat_bayes.cli.main import main

__all__ = ["main"]
