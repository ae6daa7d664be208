"""The judgments table: read, validated, summarised, and reduced to the cells that are modelled."""

from vat_bayes.judgments.cells import Cells, Readout, to_cells
from vat_bayes.judgments.importers import IMPORTERS, Imported, import_judgments
from vat_bayes.judgments.load import load_judgments
from vat_bayes.judgments.summary import describe
from vat_bayes.judgments.table import Judgments

__all__ = [
    "IMPORTERS",
    "Cells",
    "Imported",
    "Judgments",
    "Readout",
    "describe",
    "import_judgments",
    "load_judgments",
    "to_cells",
]
