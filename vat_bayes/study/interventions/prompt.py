"""The kind that puts a text into the system message."""

from __future__ import annotations

from typing import ClassVar

from vat_bayes.study.interventions.base import Intervention, Prepared, Setting
from vat_bayes.study.tables import Text


class PromptIntervention(Intervention):
    """A system text.

    Parameters
    ----------
    text : str
        The text, sent as it is written but for blanks at its ends.
    """

    kind: ClassVar[str] = "prompt"
    text: Text

    def prepare(self, setting: Setting) -> Prepared:
        """Return the text."""
        return Prepared(text=self.text)
