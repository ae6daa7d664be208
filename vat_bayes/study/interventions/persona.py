"""The kind that has the judge answer as somebody else."""

from __future__ import annotations

from typing import ClassVar

from vat_bayes.study.interventions.base import Intervention, Prepared, Setting
from vat_bayes.study.tables import Text


class PersonaIntervention(Intervention):
    """A person whom the judge is to speak for, described in the system message.

    All personas are introduced by the same words, so that a placebo persona, of whom only what has
    nothing to do with values is told, differs in the description alone.

    Parameters
    ----------
    persona : str
        Who it is, e.g. ``a nurse of forty who looks after her old parents``.
    """

    kind: ClassVar[str] = "persona"
    persona: Text

    def prepare(self, setting: Setting) -> Prepared:
        """Return the introduction."""
        person = self.persona.strip().rstrip(".")
        return Prepared(text=f"You are {person}. Answer every question as this person would.")
