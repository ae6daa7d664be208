"""The report: a page for people, figures, a summary for programs, and a table for the terminal.

matplotlib and jinja2 are imported when a page is written, not before.
"""

from vat_bayes.report.citation import bibtex
from vat_bayes.report.terminal import format_table
from vat_bayes.report.write import write_report

__all__ = ["bibtex", "format_table", "write_report"]
