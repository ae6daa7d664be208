"""The kind that puts a text at the beginning of the user's message."""

from __future__ import annotations

from typing import ClassVar

from vat_bayes.study.interventions.base import Intervention, Prepared, Setting
from vat_bayes.study.tables import Text


class InstructionIntervention(Intervention):
    """An instruction before the question, in the same message.

    Parameters
    ----------
    text : str
        The instruction, sent as it is written but for blanks at its ends; a blank line follows.
    """

    kind: ClassVar[str] = "instruction"
    text: Text

    def prepare(self, setting: Setting) -> Prepared:
        """Return the instruction."""
        return Prepared(prefix=self.text)
