"""The kind that changes nothing: baselines and exact repeats."""

from __future__ import annotations

from typing import ClassVar

from vat_bayes.study.interventions.base import Intervention, Prepared, Setting


class NoIntervention(Intervention):
    """No system text and no examples."""

    kind: ClassVar[str] = "none"

    @property
    def changes_nothing(self) -> bool:
        """Always."""
        return True

    def prepare(self, setting: Setting) -> Prepared:
        """Return nothing to put before the judge."""
        return Prepared()
